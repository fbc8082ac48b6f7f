"""What an operator asks about the replicas of the realm, and has changed: by the network between them, or the console.

Any replica that takes part will do: a change is a step in the log, and who leads sees to the rest. Requests and answers
are those of ``cluster.proto``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from google.protobuf.message import DecodeError
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from coname.errors import ConameError, InvalidRequest, Refused, Unavailable
from coname.interfaces import ILogReplicator, LogMember
from coname.keyserver import membership
from coname.keyserver.own_steps import OwnSteps
from coname.keyserver.steward import Steward
from coname.messages.cluster_pb2 import ClusterAnswer, ClusterError, ClusterMember, ClusterRequest, ClusterStatus
from coname.messages.replication_pb2 import ReplicaChange
from coname.messages.stored_pb2 import JOINING, LEARNER, VOTER, ReplicaRecord, ReplicaState

ALONE = (
    "the log of this realm is that of one replica alone, to which no other can be added: stop it, and call "
    "`coname cluster convert`"
)

KEPT_ELSEWHERE = (
    "with the log in etcd, the replicas are those of the configuration: none can be added or removed while it runs"
)


class Owner(Protocol):
    """The replica that is asked."""

    realm: str
    steps: OwnSteps
    steward: Steward

    @property
    def state(self) -> ReplicaState:
        """Where the durable state stands."""


class ClusterDesk:
    """See the module.

    :param shared: whether others append to the log, too.
    """

    _log = Logger()

    def __init__(self, owner: Owner, log: ILogReplicator, shared: bool) -> None:
        self._owner = owner
        self._replicator = log
        self._shared = shared

    def answer(self, request: bytes) -> Deferred[bytes]:
        """The answer to an encoded request. Never fails."""
        return Deferred.fromCoroutine(self._answer(request))

    async def _answer(self, request: bytes) -> bytes:
        try:
            answer = ClusterAnswer(status=await self._asked(request))
        except ConameError as error:
            answer = ClusterAnswer(error=ClusterError(code=error.code, message=str(error)))
        return answer.SerializeToString()

    async def _asked(self, request: bytes) -> ClusterStatus:
        try:
            asked = ClusterRequest.FromString(request)
        except DecodeError as error:
            raise InvalidRequest("the question does not decode") from error
        kind = asked.WhichOneof("request")
        if kind == "change":
            await self.change(asked.change)
        elif kind != "status":
            raise InvalidRequest("this version does not know such a question")
        return self.status()

    async def change(self, change: ReplicaChange) -> None:
        """Have the set of replicas changed. What that takes goes on afterwards; `status` shows how far it is.

        :raises Refused: it is not permitted. :raises InvalidRequest: it is malformed.
        :raises Unavailable: not now. :raises TimedOut: whether it was taken is not known.
        """
        if self._owner.steward.members is None:
            raise Refused(KEPT_ELSEWHERE if self._shared else ALONE)
        if self._owner.steward.why_not:
            raise Unavailable(f"this replica does not take part: {self._owner.steward.why_not}")
        if change.WhichOneof("change") == "add" and not change.add.raft_addr:
            raise InvalidRequest("where the others reach the new replica is missing")
        change = self._prudent(change)
        self._log.info("An operator changes the replicas: {change}", change=str(change).replace("\n", " "))
        await self._owner.steps.change(change)

    def _prudent(self, change: ReplicaChange) -> ReplicaChange:
        """What is to be proposed instead of `change`, which might end in a majority that is not there: nothing would
        ever be ratified again, and so nothing changed back.

        A learner that is to sign joins, and signs once it has caught up.

        :raises Refused: too few of those who would sign are there.
        """
        kind, records = change.WhichOneof("change"), self._owner.steward.records
        if kind == "promote":
            learner = membership.find(records, change.promote)
            if learner is not None and learner.role in (LEARNER, JOINING):
                return ReplicaChange(add=learner.replica)
        if kind == "remove":
            leaving = membership.find(records, change.remove)
            if leaving is not None and leaving.role == VOTER:
                self._check_majority([one for one in records if one.role == VOTER and one is not leaving])
        return change

    def _check_majority(self, signing: Sequence[ReplicaRecord]) -> None:
        members = [] if self._owner.steward.members is None else self._owner.steward.members.members()
        there = {member.replica for member in members if member.connected}
        away = [one.replica.id for one in signing if one.replica.id not in there]
        if signing and 2 * len(away) >= len(signing):
            names = ", ".join(f"{one:016x}" for one in away)
            raise Refused(
                f"of the {len(signing)} replicas that would sign then, {len(away)} are not connected to this one "
                f"({names}): nothing would be ratified any more; start them first, or add others"
            )

    def status(self) -> ClusterStatus:
        """The cluster as it stands, as far as it is known here."""
        steward, state = self._owner.steward, self._owner.state
        members = {} if steward.members is None else {one.replica: one for one in steward.members.members()}
        leader = steward.own if self._replicator.leading else 0
        if steward.members is not None:
            leader = steward.members.leader()
        records = sorted(steward.records, key=lambda record: record.replica.id)
        return ClusterStatus(
            realm=self._owner.realm,
            answered_by=steward.own,
            leader=leader,
            epoch=state.ratified_epoch,
            applied=state.applied_index,
            standing=steward.why_not,
            members=[_member(record, members) for record in records],
        )


def _member(record: ReplicaRecord, members: Mapping[int, LogMember]) -> ClusterMember:
    found = ClusterMember(replica=record.replica, role=record.role, behind=-1)
    member = members.get(record.replica.id)
    if member is not None:
        found.known = True
        found.connected = member.connected
        found.in_log = member.votes is not None
        found.votes = bool(member.votes)
        found.behind = -1 if member.behind is None else member.behind
    return found
