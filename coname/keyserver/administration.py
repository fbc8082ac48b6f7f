"""What the operator of a replica sees and may do, for the manhole's console."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from coname import __version__
from coname.core import heads
from coname.core.types import Epoch
from coname.errors import Unavailable
from coname.interfaces import IAdministration, IKeyValueStore, ILogReplicator
from coname.keyserver import tables
from coname.keyserver.answers import Answer
from coname.keyserver.replica import Replica
from coname.messages.client_pb2 import LookupRequest


@implementer(IAdministration)
class Administration:
    """`IAdministration` for one replica."""

    def __init__(self, replica: Replica, store: IKeyValueStore, log: ILogReplicator) -> None:
        self._replica = replica
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
            "newest epoch": f"{state.ratified_epoch} ratified, {state.closed_epoch} closed",
            "registered users": state.users,
            "changes for the next epoch": replica.pending,
            "updates waiting for an answer": replica.serving,
            "verifier log": f"{state.verifier_log_length} steps",
            "log entries applied": state.applied_index,
            "memory at most": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB",
        }

    def epochs(self, count: int) -> Sequence[Mapping[str, object]]:
        """See `IAdministration`."""
        newest = self._replica.state.closed_epoch
        return [self._row(Epoch(epoch)) for epoch in range(newest, max(0, newest - count), -1)]

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

    def _row(self, epoch: Epoch) -> Mapping[str, object]:
        record = tables.read_epoch(self._store, epoch)
        head = heads.parse(record.timestamped_head)
        signers = tables.read_ratifications(self._store, epoch)
        return {
            "epoch": epoch,
            "issued": datetime.fromtimestamp(head.issue_time, UTC).isoformat(" ", "seconds"),
            "ratified": "yes" if epoch <= self._replica.state.ratified_epoch else "no",
            "signed by": ", ".join(f"{signer:016x}" for signer in signers) or "nobody",
            "root": head.root_hash.hex()[:16] + "…",
        }
