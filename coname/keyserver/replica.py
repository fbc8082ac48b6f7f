"""One replica at work: takes committed entries from the log, and everything else follows from them.

The way of an entry, which `_apply` walks: the state machine computes it (in slices), the writes go to the database (in
a thread), and only then its effects happen. Everything owed is derived from the stored state, so a replica that was
killed anywhere catches up when it starts: entries that the log holds and the database does not are applied again, and
a head that was closed and not signed is signed.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from zope.interface import implementer

from coname.core.types import Epoch
from coname.errors import ConameError, Overloaded, TimedOut, Unavailable, UpdateInvalid
from coname.interfaces import CommittedEntry, IKeyserver
from coname.keyserver.admission import Admitted
from coname.keyserver.answers import Answer
from coname.keyserver.barrier import Barrier
from coname.keyserver.cluster import ClusterDesk
from coname.keyserver.effects import Effect, EpochClosed, HeadSigned, Reached, UpdateApplied, UpdateRejected
from coname.keyserver.epoch_duties import EpochDuties
from coname.keyserver.machine import Applied
from coname.keyserver.own_steps import OwnSteps
from coname.keyserver.parts import Parts, Timing
from coname.keyserver.policy_changes import PolicyAnswer, PolicyChanges
from coname.keyserver.proposals import Proposer, new_uid
from coname.keyserver.slices import run_in_slices
from coname.keyserver.steward import Steward
from coname.keyserver.timeouts import TimeLimit
from coname.keyserver.verification import Verification
from coname.keyserver.waiting import RatificationWaiters, StepWaiters
from coname.messages.client_pb2 import LookupRequest, PolicyChangesRequest, UpdateRequest
from coname.messages.replication_pb2 import KeyserverStep, ReplicaChange
from coname.messages.stored_pb2 import ReplicaState
from coname.registration.registrar import log_registration

__all__ = ["CHECKPOINT_BYTES", "Parts", "Replica", "Timing"]

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""After so much log, the database is synced, so that the log may be trimmed and a start replays little."""


@implementer(IKeyserver)
class Replica:
    """A keyserver's replica.

    :ivar failure: why this replica stopped applying entries, or None while all is well. It goes on answering lookups
        from what is stored.
    :ivar verification: what the front for verifiers is given.
    :ivar steps: changes of the set of replicas.
    :ivar steward: who the replicas are, and whether this one takes part.
    :ivar cluster: the same for operators, and has it changed.
    """

    _log = Logger()

    def __init__(self, parts: Parts) -> None:
        self.realm = parts.realm
        self.inRotation = False
        self.failure: BaseException | None = None
        self._parts = parts
        self._clock = parts.timing.clock
        self._lookups = parts.lookups
        self._changes = PolicyChanges(parts.store, parts.machine.members)
        self._durable: Applied = parts.machine.resumed()
        self._unsynced = 0  # bytes of log whose effects are written but not synced
        self._updates: StepWaiters[Epoch] = StepWaiters()
        self._ratifications = RatificationWaiters()
        self._taking = False  # updates: from start to stop, or to a failure
        self._serving = 0  # updates taken in and not answered
        timeout = parts.timing.client_timeout
        self._time_limit = TimeLimit(self._clock, timeout, partial(_timed_out, timeout))
        self._proposer = Proposer(parts.log, self._clock, parts.timing.intervals.retry)
        self.steps = OwnSteps(self._proposer, self._time_limit, parts.verifiers)
        self.verification = Verification(
            parts.store,
            parts.verifiers,
            self._proposer,
            TimeLimit(self._clock, timeout, partial(_not_durable, timeout)),
            parts.most_pending,
        )
        self.steward = Steward(parts.replica, parts.machine.members.configured, parts.log, self._clock, self)
        self._epochs = EpochDuties(parts, self, self._proposer, self.steward, self._fail)
        self.cluster = ClusterDesk(self, parts.log, parts.shared)
        self._barrier = Barrier(self._proposer, self._clock) if parts.shared else None
        self._running: Deferred[None] | None = None
        self._releasing = self._release_again = False
        self._left: Deferred[None] | None = None

    # life

    async def start(self) -> None:
        """Take part in the log. Lookups are answered from what is stored at once, updates once the log runs."""
        self._lookups.start(self.state, self._durable.frontier)
        self._epochs.prepare()
        self.steward.tell()
        await self._parts.log.start(self.state.applied_index)
        self._parts.log.onLeaderChange(self._leader_changed)
        self._running = Deferred.fromCoroutine(self._run())
        self.verification.start(self._durable)
        self._epochs.begin()
        self.inRotation = self._taking = True
        self.steward.start()
        if self.steward.members is not None:
            self.steward.members.onRequest(self.cluster.answer)

    async def stop(self) -> None:
        """Stop taking part. Whoever still waits is told to try elsewhere."""
        self._retire()
        await self._leave()
        if self._running is not None:
            await self._running
        self._fail_waiters(Unavailable("this replica is stopping; the update may still take effect"))
        self.verification.stop(Unavailable("this replica is stopping"))

    # what the fronts use

    def lookup(self, request: LookupRequest) -> Answer:
        """See `IKeyserver`."""
        self._parts.admission.check_lookup(request)
        return self._lookups.lookup(request)

    def update(self, request: UpdateRequest, certificate: bytes = b"") -> Deferred[Answer]:
        """See `IKeyserver`."""
        return self._time_limit.watch(Deferred.fromCoroutine(self._update(request, certificate)))

    def policyChanges(self, request: PolicyChangesRequest) -> PolicyAnswer:
        """See `IKeyserver`."""
        return self._changes.after(request.after, self.state)

    # what the operator sees

    @property
    def state(self) -> ReplicaState:
        """Where the durable state stands."""
        return self._durable.state

    @property
    def pending(self) -> int:
        """How many indices the next epoch will change."""
        return self._durable.pending

    @property
    def serving(self) -> int:
        """How many updates were taken in and are not answered yet."""
        return self._serving

    def propose_epoch(self) -> bool:
        """Propose to close an epoch now, whatever the intervals say. False if the last one is not ratified yet."""
        if not self._epochs.ratified:
            return False
        self._epochs.propose_delimiter()
        return True

    def propose_promotion(self, replica: int) -> None:
        """Propose that a learner is to sign. What comes of it shows in the state."""
        self._proposer.propose(KeyserverStep(UID=new_uid(), replica_change=ReplicaChange(promote=replica)))

    def standing_changed(self, takes_part: bool) -> None:
        """Whether this replica takes part has changed: one that does not is out of rotation."""
        self.inRotation = takes_part and self._taking

    def when_ratified(self, epoch: Epoch) -> Deferred[None]:
        """Fires once `epoch` is ratified here; fails with `Unavailable` if this replica stops before."""
        return self._ratifications.wait(epoch, None)

    # updates

    async def _update(self, request: UpdateRequest, certificate: bytes) -> Answer:
        if not self._taking:
            raise Unavailable("this replica does not take updates at the moment")
        if self.steward.why_not:
            raise Unavailable(f"this replica does not take part: {self.steward.why_not}")
        if self._serving >= self._parts.most_pending:
            raise Overloaded(f"{self._serving} updates are waiting already; try again in a moment")
        self._serving += 1
        try:
            admitted = await self._admit(request, certificate)
            if not self._taking:
                raise Unavailable("this replica does not take updates any more")
            epoch = await self._commit(admitted) if admitted.update else admitted.epoch
            parameters = request.lookup_parameters
            quorum = parameters.quorum_requirement if parameters.HasField("quorum_requirement") else None
            if not self._lookups.satisfied(epoch, quorum):
                await self._ratifications.wait(epoch, quorum)
            # an update that was there before is answered from the newest epoch: its own may be long ago
            asked = epoch if admitted.update else 0
            return self._lookups.lookup(
                LookupRequest(user_id=parameters.user_id, epoch=asked, quorum_requirement=quorum)
            )
        finally:
            self._serving -= 1

    async def _admit(self, request: UpdateRequest, certificate: bytes) -> Admitted:
        """What the state here refuses may be in order by the newest one: so it is refused by that."""
        try:
            return await self._parts.admission.admit(request, certificate)
        except UpdateInvalid:
            if self._barrier is None:
                raise
        await self._barrier.wait()
        return await self._parts.admission.admit(request, certificate)

    async def _commit(self, admitted: Admitted) -> Epoch:
        step = KeyserverStep(UID=new_uid(), update=admitted.update)
        epoch = await self._proposer.until(step, self._updates.wait(step.UID))
        if admitted.registers:
            log_registration(self._log, step.update, epoch)
        return epoch

    # the log

    async def _run(self) -> None:
        try:
            while True:
                for entry in await self._parts.log.waitCommitted():
                    await self._apply(entry)
        except CancelledError:
            pass
        except Exception as error:  # whatever it is, going on would mean computing something else than the others
            self._fail(error)

    def _leader_changed(self) -> None:
        """What was on its way to an earlier leader may be lost; waiting for the usual time would stop the epochs."""
        if self._taking:
            self._proposer.hurry()
            self._epochs.leader_changed()

    async def _apply(self, entry: CommittedEntry) -> None:
        applied = await run_in_slices(self._parts.machine.apply(entry), self._clock)
        await self._write(applied, len(entry.data))
        for updated in applied.trees:
            self._parts.tree.remember(updated)
        self._durable = applied
        self.verification.advance(applied)
        self.steward.tell()
        await run_in_slices(self._perform(applied), self._clock)
        self._epochs.reevaluate()

    async def _write(self, applied: Applied, log_bytes: int) -> None:
        self._unsynced += log_bytes
        checkpoint = self._unsynced >= CHECKPOINT_BYTES
        # Without a checkpoint nothing is synced: the log is, and the same writes can be computed from it again.
        await self._parts.run_in_thread(self._parts.store.write, applied.writes, checkpoint)
        if checkpoint:
            self._unsynced = 0
            self._parts.log.applied(applied.index)

    def _perform(self, applied: Applied) -> Generator[None, None, None]:
        for effect in applied.effects:
            self._perform_one(effect)
            yield

    def _perform_one(self, effect: Effect) -> None:
        if isinstance(effect, UpdateApplied):
            self._updates.applied(effect.uid, effect.epoch)
        elif isinstance(effect, UpdateRejected):
            self._updates.rejected(effect.uid, effect.error)
        elif isinstance(effect, EpochClosed):
            self._epochs.closed()
        elif isinstance(effect, HeadSigned):
            self._lookups.advance(self.state, self._durable.frontier, effect)
            self._changes.signed(effect.epoch)
            self.verification.signed(effect)
            self._release()
        else:
            if self._barrier is not None and isinstance(effect, Reached):
                self._barrier.reached(effect.uid)
            self.steps.perform(effect)

    def _release(self) -> None:
        self._release_again = True
        if not self._releasing:
            self._releasing = True
            releasing = Deferred.fromCoroutine(self._release_waiters())
            releasing.addErrback(lambda failure: self._log.failure("Waiters were not released", failure=failure))

    async def _release_waiters(self) -> None:
        try:
            while self._release_again:
                self._release_again = False
                await run_in_slices(self._ratifications.release(self._lookups.satisfied), self._clock)
        finally:
            self._releasing = False

    def _retire(self) -> None:
        """Take no updates and propose nothing any more."""
        self.inRotation = self._taking = False
        self._epochs.stop()
        self.steward.stop()
        self._proposer.stop()

    def _leave(self) -> Deferred[None]:
        """Leave the log, once."""
        if self._left is None:
            self._left = self._parts.log.stop()
        return self._left

    def _fail(self, error: Exception) -> None:
        """Take no part any more. The log too is left: if this replica led, nobody would close epochs."""
        self.failure = error
        self._retire()
        self._leave()
        self._log.failure("This replica stopped applying the log; it answers lookups from what is stored")
        self._fail_waiters(Unavailable("this replica has failed; the update may still take effect"))
        self.verification.stop(Unavailable("this replica has failed"))

    def _fail_waiters(self, error: ConameError) -> None:
        self._updates.fail_all(error)
        self._ratifications.fail_all(error)
        self.steps.fail_all(error)
        if self._barrier is not None:
            self._barrier.fail_all(error)


def _timed_out(timeout: float) -> TimedOut:
    return TimedOut(
        f"the update was not signed by the requested quorum within {timeout:g} seconds; it may still take effect, "
        "and sending it again is safe"
    )


def _not_durable(timeout: float) -> TimedOut:
    return TimedOut(f"the ratification was not stored within {timeout:g} seconds; sending it again is safe")
