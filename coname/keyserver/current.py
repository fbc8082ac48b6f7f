"""The replica as the fronts see it, for as long as the process lives.

A replica that gets another's database begins anew with it: the one before ends, and a new one starts on the new
database. The fronts hold on to what is here, and for the moment between the two they hear `Unavailable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from coname.errors import Unavailable
from coname.interfaces import IAdministration, IKeyserver, IVerification
from coname.keyserver.answers import Answer
from coname.keyserver.policy_changes import PolicyAnswer
from coname.keyserver.replica import Replica
from coname.messages.client_pb2 import LookupRequest, PolicyChangesRequest, SignedEpochHead, UpdateRequest
from coname.messages.cluster_pb2 import ClusterStatus
from coname.messages.replication_pb2 import ReplicaChange

BETWEEN = "this replica begins anew with another database; try again in a moment"


@implementer(IKeyserver)
class CurrentReplica:
    """`IKeyserver` over whichever replica there is.

    :ivar replica: as it was `set`; None in between.
    :ivar verification: the same for verifiers.
    """

    def __init__(self, realm: str) -> None:
        self.realm = realm
        self.replica: Replica | None = None
        self.verification = CurrentVerification(self)
        self._out = False

    @property
    def inRotation(self) -> bool:
        """See `IKeyserver`."""
        return not self._out and self.replica is not None and self.replica.inRotation

    @inRotation.setter
    def inRotation(self, inRotation: bool) -> None:
        self._out = not inRotation
        if self.replica is not None:
            self.replica.inRotation = inRotation

    def set(self, replica: Replica | None) -> None:
        """This is the one from now on. What the operator said about rotation holds for it too."""
        self.replica = replica
        if replica is not None and self._out:
            replica.inRotation = False

    def present(self) -> Replica:
        """The replica.

        :raises Unavailable: there is none at the moment.
        """
        if self.replica is None:
            raise Unavailable(BETWEEN)
        return self.replica

    def lookup(self, request: LookupRequest) -> Answer:
        """See `IKeyserver`."""
        return self.present().lookup(request)

    def update(self, request: UpdateRequest, certificate: bytes = b"") -> Deferred[Answer]:
        """See `IKeyserver`."""
        return fail(Unavailable(BETWEEN)) if self.replica is None else self.replica.update(request, certificate)

    def policyChanges(self, request: PolicyChangesRequest) -> PolicyAnswer:
        """See `IKeyserver`."""
        return self.present().policyChanges(request)


@implementer(IVerification)
class CurrentVerification:
    """`IVerification` over whichever replica there is."""

    def __init__(self, current: CurrentReplica) -> None:
        self._current = current

    def published(self) -> int:
        """See `IVerification`; nothing, in between."""
        replica = self._current.replica
        return 0 if replica is None else replica.verification.published()

    def read(self, start: int, most_bytes: int) -> Sequence[bytes]:
        """See `IVerification`."""
        return self._current.present().verification.read(start, most_bytes)

    def whenPublished(self, index: int) -> Deferred[None]:
        """See `IVerification`."""
        replica = self._current.replica
        return fail(Unavailable(BETWEEN)) if replica is None else replica.verification.whenPublished(index)

    def pushRatification(self, verifier: int, signed: SignedEpochHead) -> Deferred[None]:
        """See `IVerification`."""
        replica = self._current.replica
        if replica is None:
            return fail(Unavailable(BETWEEN))
        return replica.verification.pushRatification(verifier, signed)


@implementer(IAdministration)
class CurrentAdministration:
    """`IAdministration` over whichever replica there is.

    :param present: gives it, or raises `Unavailable`.
    """

    def __init__(self, current: CurrentReplica, present: Callable[[], IAdministration]) -> None:
        self._current = current
        self._present = present

    def status(self) -> Mapping[str, object]:
        """See `IAdministration`."""
        return self._present().status()

    def epochs(self, count: int) -> Sequence[Mapping[str, object]]:
        """See `IAdministration`."""
        return self._present().epochs(count)

    def verifiers(self) -> Sequence[Mapping[str, object]]:
        """See `IAdministration`."""
        return self._present().verifiers()

    def cluster(self) -> ClusterStatus:
        """See `IAdministration`."""
        return self._present().cluster()

    def changeReplicas(self, change: ReplicaChange) -> Deferred[None]:
        """See `IAdministration`."""
        return self._present().changeReplicas(change)

    def lookup(self, user_id: str) -> Answer:
        """See `IAdministration`."""
        return self._present().lookup(user_id)

    def setRotation(self, inRotation: bool) -> None:
        """See `IAdministration`. It outlives the present replica."""
        self._current.inRotation = inRotation

    def proposeEpoch(self) -> Deferred[int]:
        """See `IAdministration`."""
        return self._present().proposeEpoch()
