"""One replica at work: takes committed entries from the log, and everything else follows from them.

The way of an entry, which `_apply` walks: the state machine computes it (in slices), the writes go to the database (in
a thread), and only then its effects happen. Everything owed is derived from the stored state, so a replica that was
killed anywhere catches up when it starts: entries that the log holds and the database does not are applied again, and
a head that was closed and not signed is signed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import partial
from math import inf

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from coname.core import heads
from coname.core.signatures import SigningKey
from coname.core.times import NANOSECONDS, timestamp
from coname.core.transcripts import signed_bytes
from coname.core.types import Epoch, KeyId
from coname.errors import ConameError, Overloaded, TimedOut, Unavailable
from coname.interfaces import CommittedEntry, IKeyserver, IKeyValueStore, ILogReplicator
from coname.keyserver import tables
from coname.keyserver.admission import Admission, Admitted
from coname.keyserver.answers import Answer
from coname.keyserver.effects import Effect, EpochClosed, HeadSigned, UpdateApplied, UpdateRejected
from coname.keyserver.epochs import EpochInputs, EpochIntervals, Reevaluated, delimiter_due, signature_due
from coname.keyserver.lookups import Lookups
from coname.keyserver.machine import Applied, StateMachine
from coname.keyserver.membership import signer_of
from coname.keyserver.own_steps import OwnSteps
from coname.keyserver.proposals import Proposer, new_uid
from coname.keyserver.slices import run_in_slices
from coname.keyserver.timeouts import TimeLimit
from coname.keyserver.verification import Verification
from coname.keyserver.verifiers import Verifiers
from coname.keyserver.waiting import RatificationWaiters, StepWaiters
from coname.messages.client_pb2 import LookupRequest, SignedEpochHead, UpdateRequest
from coname.messages.replication_pb2 import EpochDelimiter, KeyserverStep
from coname.messages.stored_pb2 import ReplicaState
from coname.messages.verification_pb2 import SignedTranscript
from coname.registration.registrar import log_registration
from coname.storage.tree import MerkleTree

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""After so much log, the database is synced, so that the log may be trimmed and a start replays little."""

Blocking = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Timing:
    """A replica's clocks and intervals.

    :ivar clock: monotonic, for intervals and time limits.
    :ivar wall: nanoseconds since 1970, for the times that epochs bear.
    :ivar client_timeout: seconds that an update may wait for its signatures; 0: for ever.
    """

    clock: IReactorTime
    wall: Callable[[], int]
    intervals: EpochIntervals
    client_timeout: float


@dataclass(frozen=True, slots=True)
class Parts:
    """What a replica is made of; `coname.service` puts them together."""

    realm: str
    store: IKeyValueStore
    log: ILogReplicator
    tree: MerkleTree
    machine: StateMachine
    lookups: Lookups
    admission: Admission
    verifiers: Verifiers
    signing_key: SigningKey
    timing: Timing
    run_in_thread: Blocking
    most_pending: int


@implementer(IKeyserver)
class Replica:
    """A keyserver's replica.

    :ivar failure: why this replica stopped applying entries, or None while all is well. It goes on answering lookups
        from what is stored.
    :ivar verification: what the front for verifiers is given.
    :ivar steps: changes of the set of replicas, and barriers.
    """

    _log = Logger()

    def __init__(self, parts: Parts) -> None:
        self.realm = parts.realm
        self.inRotation = False
        self.failure: BaseException | None = None
        self._parts = parts
        self._clock = parts.timing.clock
        self._lookups = parts.lookups
        self._durable: Applied = parts.machine.resumed()
        self._closed_at = -inf
        self._delimiter_proposed_at = -inf
        self._signature_proposed_at = -inf
        self._unsynced = 0  # bytes of log whose effects are written but not synced
        self._updates: StepWaiters[Epoch] = StepWaiters()
        self._ratifications = RatificationWaiters()
        self._taking = False  # updates: from start to stop, or to a failure
        self._serving = 0  # updates taken in and not answered
        timeout = parts.timing.client_timeout
        self._time_limit = TimeLimit(self._clock, timeout, partial(_timed_out, timeout))
        self._proposer = Proposer(parts.log, self._clock, parts.timing.intervals.retry)
        self.steps = OwnSteps(self._proposer, self._time_limit)
        self.verification = Verification(
            parts.store,
            parts.verifiers,
            self._proposer,
            TimeLimit(self._clock, timeout, partial(_not_durable, timeout)),
            parts.most_pending,
        )
        self._delimiter = Reevaluated(self._clock, self._delimiter_due, self._propose_delimiter, self._fail)
        self._signature = Reevaluated(self._clock, self._signature_due, self._propose_signature, self._fail)
        self._running: Deferred[None] | None = None
        self._releasing = self._release_again = False
        self._left: Deferred[None] | None = None

    # life

    async def start(self) -> None:
        """Take part in the log. Lookups are answered from what is stored at once, updates once the log runs."""
        self._lookups.start(self.state, self._durable.frontier)
        self._closed_at = self._when_closed()
        await self._parts.log.start(self.state.applied_index)
        self._parts.log.onLeaderChange(self._leader_changed)
        self._running = Deferred.fromCoroutine(self._run())
        self.verification.start(self._durable)
        self._delimiter.reevaluate()
        self._signature.reevaluate()
        self.inRotation = self._taking = True

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
        if not self._is_ratified():
            return False
        self._propose_delimiter()
        return True

    def when_ratified(self, epoch: Epoch) -> Deferred[None]:
        """Fires once `epoch` is ratified here; fails with `Unavailable` if this replica stops before."""
        return self._ratifications.wait(epoch, None)

    # updates

    async def _update(self, request: UpdateRequest, certificate: bytes) -> Answer:
        if not self._taking:
            raise Unavailable("this replica does not take updates at the moment")
        if self._serving >= self._parts.most_pending:
            raise Overloaded(f"{self._serving} updates are waiting already; try again in a moment")
        self._serving += 1
        try:
            admitted = await self._parts.admission.admit(request, certificate)
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

    async def _commit(self, admitted: Admitted) -> Epoch:
        step = KeyserverStep(UID=new_uid(), update=admitted.update)
        applied = self._updates.wait(step.UID)
        self._proposer.want(step)
        try:
            epoch = await applied
        finally:
            self._proposer.forget(step.UID)
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
            self._delimiter_proposed_at = self._signature_proposed_at = -inf
            self._proposer.hurry()
            self._delimiter.reevaluate()
            self._signature.reevaluate()

    async def _apply(self, entry: CommittedEntry) -> None:
        applied = await run_in_slices(self._parts.machine.apply(entry), self._clock)
        await self._write(applied, len(entry.data))
        for updated in applied.trees:
            self._parts.tree.remember(updated)
        self._durable = applied
        self.verification.advance(applied)
        await run_in_slices(self._perform(applied), self._clock)
        self._delimiter.reevaluate()

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
            self._closed_at = self._clock.seconds()
            self._delimiter_proposed_at = self._signature_proposed_at = -inf
            self._signature.reevaluate()
        elif isinstance(effect, HeadSigned):
            self._lookups.advance(self.state, self._durable.frontier, effect)
            self.verification.signed(effect)
            self._release()
        else:
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
        self._delimiter.stop()
        self._signature.stop()
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

    # epochs

    def _is_ratified(self) -> bool:
        return self.state.ratified_epoch == self.state.closed_epoch

    def _when_closed(self) -> float:
        """When the newest epoch was closed, by the monotonic clock, as far as the wall clock can be believed."""
        if not self.state.closed_epoch:
            return -inf
        age = (self._parts.timing.wall() - self._last_issue_time()) / 1e9
        return self._clock.seconds() - max(0.0, age)

    def _last_issue_time(self) -> int:
        if not self.state.closed_epoch:
            return 0
        record = tables.read_epoch(self._parts.store, Epoch(self.state.closed_epoch))
        return heads.parse(record.timestamped_head).issue_time_ns

    def _delimiter_due(self) -> float | None:
        inputs = EpochInputs(
            now=self._clock.seconds(),
            leading=self._parts.log.leading,
            ratified=self._is_ratified(),
            changed=self.pending > 0,
            closed_at=self._closed_at,
            proposed_at=self._delimiter_proposed_at,
        )
        return delimiter_due(inputs, self._parts.timing.intervals)

    def _propose_delimiter(self) -> None:
        self._delimiter_proposed_at = self._clock.seconds()
        issued = max(self._parts.timing.wall(), self._last_issue_time())
        delimiter = EpochDelimiter(
            epoch_number=self.state.closed_epoch + 1, timestamp=timestamp(divmod(issued, NANOSECONDS))
        )
        self._proposer.propose(KeyserverStep(UID=new_uid(), epoch_delimiter=delimiter))

    def _signature_due(self) -> float | None:
        closed = Epoch(self.state.closed_epoch)
        signer = self._signer(closed)
        owed = bool(closed and signer) and self._parts.store.get(tables.ratification_key(closed, signer)) is None
        return signature_due(
            self._clock.seconds(), owed, self._signature_proposed_at, self._parts.timing.intervals.retry
        )

    def _signer(self, epoch: Epoch) -> KeyId:
        """What this replica's signature on `epoch` is filed under; 0 if none is asked for: it is a learner then."""
        return signer_of(self._parts.machine.members.policy(epoch), self._parts.signing_key.public) or KeyId(0)

    def _propose_signature(self) -> None:
        self._signature_proposed_at = self._clock.seconds()
        closed = Epoch(self.state.closed_epoch)
        record = tables.read_epoch(self._parts.store, closed)
        key, signer = self._parts.signing_key, self._signer(closed)
        head = SignedEpochHead(head=record.timestamped_head, signatures={signer: key.sign(record.timestamped_head)})
        step = KeyserverStep(UID=new_uid(), replica_signed=head)
        if record.transcript:
            signature = key.sign(signed_bytes(record.transcript))
            step.transcript.CopyFrom(SignedTranscript(transcript=record.transcript, signatures={signer: signature}))
        self._proposer.propose(step)


def _timed_out(timeout: float) -> TimedOut:
    return TimedOut(
        f"the update was not signed by the requested quorum within {timeout:g} seconds; it may still take effect, "
        "and sending it again is safe"
    )


def _not_durable(timeout: float) -> TimedOut:
    return TimedOut(f"the ratification was not stored within {timeout:g} seconds; sending it again is safe")
