"""What the operator of a replica sees and may do, for the manhole's console."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from coname import __version__
from coname.core import heads
from coname.core.types import Epoch, KeyId
from coname.errors import Unavailable
from coname.interfaces import IAdministration, IKeyValueStore, ILogReplicator, ILogStatus
from coname.keyserver import tables
from coname.keyserver.answers import Answer
from coname.keyserver.membership import describe
from coname.keyserver.replica import Replica
from coname.messages.client_pb2 import LookupRequest
from coname.messages.cluster_pb2 import ClusterStatus
from coname.messages.replication_pb2 import ReplicaChange

MOST_NAMED = 8
"""Signers of an epoch that are named in its row; the others are counted."""


class VerifierStream(Protocol):
    """A verifier that is being sent the verifier log.

    :ivar verifier: its id.
    :ivar peer: its address.
    :ivar position: the index of the next step that it is sent.
    """

    verifier: KeyId
    peer: str
    position: int


@implementer(IAdministration)
class Administration:
    """`IAdministration` for one replica.

    :param streams: the verifiers that are connected now.
    """

    def __init__(
        self,
        replica: Replica,
        store: IKeyValueStore,
        log: ILogReplicator,
        streams: Callable[[], Iterable[VerifierStream]] = tuple,
    ) -> None:
        self._replica = replica
        self._streams = streams
        self._store = store
        self._log = log

    def status(self) -> Mapping[str, object]:
        """See `IAdministration`."""
        replica, state = self._replica, self._replica.state
        return {
            "realm": replica.realm,
            "version": __version__,
            "in rotation": "yes" if replica.inRotation else "no",
            "leading": "yes" if self._log.leading else "no",
            "failure": str(replica.failure) if replica.failure else "none",
            "replicas": describe(replica.steward.records, state),
            "newest epoch": f"{state.ratified_epoch} ratified, {state.closed_epoch} closed",
            "registered users": state.users,
            "changes for the next epoch": replica.pending,
            "updates waiting for an answer": replica.serving,
            "verifier log": f"{state.verifier_log_length} steps",
            "verifiers": self._verifier_counts(),
            "log entries applied": state.applied_index,
            **(self._log.status() if ILogStatus.providedBy(self._log) else {}),
            "memory at most": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB",
        }

    def epochs(self, count: int) -> Sequence[Mapping[str, object]]:
        """See `IAdministration`."""
        newest = self._replica.state.closed_epoch
        return [self._row(Epoch(epoch)) for epoch in range(newest, max(0, newest - count), -1)]

    def verifiers(self) -> Sequence[Mapping[str, object]]:
        """See `IAdministration`."""
        connected = self._connected()
        signed = self._replica.verification.progress()
        known = sorted({*signed, *connected}, key=lambda verifier: (signed.get(verifier, 0), verifier))
        return [self._verifier(verifier, signed.get(verifier), connected.get(verifier)) for verifier in known]

    def cluster(self) -> ClusterStatus:
        """See `IAdministration`."""
        return self._replica.cluster.status()

    def changeReplicas(self, change: ReplicaChange) -> Deferred[None]:
        """See `IAdministration`."""
        return Deferred.fromCoroutine(self._replica.cluster.change(change))

    def lookup(self, user_id: str) -> Answer:
        """See `IAdministration`."""
        return self._replica.lookup(LookupRequest(user_id=user_id))

    def setRotation(self, inRotation: bool) -> None:
        """See `IAdministration`."""
        self._replica.inRotation = inRotation

    def proposeEpoch(self) -> Deferred[int]:
        """See `IAdministration`."""
        epoch = Epoch(self._replica.state.closed_epoch + 1)
        if not self._replica.propose_epoch():
            return fail(Unavailable(f"epoch {epoch - 1} is not ratified yet; no other can be closed before"))
        return self._replica.when_ratified(epoch).addCallback(lambda _: epoch)

    def _connected(self) -> dict[KeyId, VerifierStream]:
        """The furthest stream of each verifier that has one."""
        found: dict[KeyId, VerifierStream] = {}
        for stream in self._streams():
            if stream.verifier not in found or found[stream.verifier].position < stream.position:
                found[stream.verifier] = stream
        return found

    def _verifier_counts(self) -> str:
        signed = self._replica.verification.progress()
        newest = self._replica.state.ratified_epoch
        kept_up = sum(epoch == newest for epoch in signed.values())
        connected = len(self._connected())
        return f"{len(signed)} known, {connected} connected, {kept_up} have signed the newest epoch"

    def _verifier(self, verifier: KeyId, signed: Epoch | None, stream: VerifierStream | None) -> Mapping[str, object]:
        published = self._replica.verification.published()
        return {
            "verifier": f"{verifier:016x}",
            "connected": stream.peer if stream else "no",
            "steps to send": max(0, published - stream.position) if stream else None,
            "newest epoch signed": signed or "none",
            "epochs behind": self._replica.state.ratified_epoch - (signed or 0),
        }

    def _row(self, epoch: Epoch) -> Mapping[str, object]:
        record = tables.read_epoch(self._store, epoch)
        head = heads.parse(record.timestamped_head)
        signers = sorted(tables.read_signers(self._store, epoch))
        named = ", ".join(f"{signer:016x}" for signer in signers[:MOST_NAMED])
        more = f" and {len(signers) - MOST_NAMED} more" if len(signers) > MOST_NAMED else ""
        return {
            "epoch": epoch,
            "issued": datetime.fromtimestamp(head.issue_time, UTC).isoformat(" ", "seconds"),
            "ratified": "yes" if epoch <= self._replica.state.ratified_epoch else "no",
            "signed by": named + more or "nobody",
            "root": head.root_hash.hex()[:16] + "…",
        }
