"""Replicas with a mistake in them, which the simulation must bring to light. Those of the core are beside its tests."""

from __future__ import annotations

from contextlib import suppress

from twisted.internet.defer import Deferred

from coname.core.types import Epoch, KeyId
from coname.interfaces import ILogMembership, Put
from coname.keyserver import tables
from coname.keyserver.admission import Admitted
from coname.keyserver.machine import Applied
from coname.keyserver.proposals import new_uid
from coname.keyserver.replica import Parts, Replica
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.replication_pb2 import KeyserverStep
from coname.messages.stored_pb2 import EpochRecord
from tests.simulation.disks import DiskFull
from tests.simulation.host import Host


class EffectsBeforeTheWrite(Host):
    """What an entry comes to is told while it is being written."""

    class kind(Replica):
        async def _write(self, applied: Applied, log_bytes: int) -> None:
            Deferred.fromCoroutine(super()._write(applied, log_bytes))


class SignsBeforeTheWrite(Host):
    """A head is signed as soon as it is computed."""

    class kind(Replica):
        async def _write(self, applied: Applied, log_bytes: int) -> None:
            epoch = Epoch(applied.state.closed_epoch)
            for write in applied.writes:
                if write.key == tables.epoch_key(epoch) and isinstance(write, Put):
                    self._sign(epoch, EpochRecord.FromString(write.value).timestamped_head)
            await super()._write(applied, log_bytes)

        def _sign(self, epoch: Epoch, head: bytes) -> None:
            signature = self._parts.signing_key.sign(head)
            signed = SignedEpochHead(head=head, signatures={self._epochs.signer(epoch): signature})
            self._proposer.propose(KeyserverStep(UID=new_uid(), replica_signed=signed))


class AnswersBeforeTheCommit(Host):
    """An update is taken for applied as soon as it is proposed."""

    class kind(Replica):
        async def _commit(self, admitted: Admitted) -> Epoch:
            self._proposer.propose(KeyserverStep(UID=new_uid(), update=admitted.update))
            return Epoch(self.state.closed_epoch + 1)


class SyncsNothing(Host):
    """The log is told that effects are durable which are not: it forgets entries that are still needed."""

    class kind(Replica):
        async def _write(self, applied: Applied, log_bytes: int) -> None:
            await self._parts.run_in_thread(self._parts.store.write, applied.writes, False)
            self._parts.log.applied(applied.index)


class IgnoresFullDisks(Host):
    """What could not be written is taken for written."""

    class kind(Replica):
        async def _write(self, applied: Applied, log_bytes: int) -> None:
            with suppress(DiskFull):
                await super()._write(applied, log_bytes)


class PoliciesMove(Host):
    """One replica judges epochs by the policy of the one before, or after."""

    by = 0

    def _parts(self) -> Parts:
        parts = super()._parts()
        if self.id == 2:
            members = parts.machine.members
            policy = members.policy
            members.policy = lambda epoch: policy(Epoch(epoch + self.by))  # type: ignore[method-assign]
        return parts


class PoliciesTooEarly(PoliciesMove):
    """A new policy is applied an epoch early at one replica."""

    by = 1


class PoliciesTooLate(PoliciesMove):
    """A new policy is applied an epoch late at one replica."""

    by = -1


class SignsUnasked(Host):
    """Who is a learner still, or no replica any more, signs what it has."""

    class kind(Replica):
        def __init__(self, parts: Parts) -> None:
            super().__init__(parts)
            self._epochs.signer = lambda epoch: KeyId(parts.replica)  # type: ignore[method-assign]


class HastySteward(Host):
    """Whoever leads changes the log's members whether or not the change before is committed, if the core lets it."""

    class kind(Replica):
        def __init__(self, parts: Parts) -> None:
            super().__init__(parts)
            members = ILogMembership(parts.log)
            members.changedAt = lambda: 0  # type: ignore[method-assign]
