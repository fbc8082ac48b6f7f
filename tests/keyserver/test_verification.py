"""The verifier log as it is shown, and the ratifications that verifiers push."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.core import heads
from coname.core.signatures import SigningKey
from coname.core.times import timestamp
from coname.core.types import Epoch
from coname.errors import (
    ConameError,
    Corrupt,
    EpochUnknown,
    HeadDiffers,
    InvalidRequest,
    NotPermitted,
    Overloaded,
    QuorumUnmet,
    Refused,
    TimedOut,
    Unavailable,
)
from coname.interfaces import Delete, IKeyValueStore, IVerification
from coname.keyserver import frontier, tables, verification
from coname.messages.client_pb2 import LookupRequest, SignedEpochHead
from coname.messages.config_pb2 import Limits
from coname.messages.replication_pb2 import LogEntry
from coname.messages.verification_pb2 import VerifierStep
from coname.replication.single import SingleLog
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Fault, TracingStore
from tests.keyserver.harness import LIMITS, REALM, START, Owner, Realm, World, at_once


class StubbornLog(SingleLog):
    """Loses the next proposals, as many as it is told."""

    losing = 0

    def propose(self, data: bytes) -> Deferred[None]:
        if self.losing:
            self.losing -= 1
            return Deferred()
        return super().propose(data)


def stubborn(store: IKeyValueStore) -> StubbornLog:
    return StubbornLog(store, at_once)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Realm()
        self.key = SigningKey.generate()
        self.realm.listed[self.key.key_id] = [self.key.public]
        self.begin(World(self.realm))

    def begin(self, world: World) -> None:
        self.world = world
        self.verification = world.replica.verification
        world.begin()
        world.settle()

    def signed(self, epoch: int, key: SigningKey | None = None, **changes: Any) -> SignedEpochHead:
        key = key or self.key
        epoch_head = changes.get("head") or tables.read_epoch(self.world.store, Epoch(epoch)).head
        head = heads.timestamped(epoch_head, timestamp(START))
        return SignedEpochHead(head=head, signatures={changes.get("signer", key.key_id): key.sign(head)})

    def push(self, signed: SignedEpochHead, verifier: int | None = None) -> Deferred[None]:
        return self.verification.pushRatification(verifier or self.key.key_id, signed)


class LogTests(Case):
    def register(self, count: int) -> None:
        for number in range(count):
            self.world.replica.update(self.realm.request(Owner(f"user{number}@example.com")))

    def test_provides_the_interface(self) -> None:
        verifyObject(IVerification, self.verification)

    def test_before_the_start_there_is_nothing(self) -> None:
        fresh = World(self.realm).replica.verification
        self.assertEqual(fresh.published(), 0)
        self.assertEqual(fresh.read(0, 100), [])
        self.failureResultOf(fresh.whenPublished(0), Unavailable)

    def test_shows_updates_and_ratified_heads(self) -> None:
        self.register(3)
        self.world.settle(1)
        kinds = [VerifierStep.FromString(step).WhichOneof("type") for step in self.verification.read(0, 1 << 20)]
        self.assertEqual(kinds, ["Epoch", "Update", "Update", "Update", "Epoch"])
        self.assertEqual(self.verification.published(), 5)

    def test_stops_before_a_head_that_is_not_ratified(self) -> None:
        world = World(self.realm, make_log=stubborn)
        self.begin(world)
        assert isinstance(world.log, StubbornLog)
        self.register(2)
        world.settle()
        self.assertEqual(self.verification.published(), 3)
        world.settle(0.9)
        sent = self.patch_signature()
        world.settle(0.1)
        self.register_late()
        self.assertEqual(world.replica.state.closed_epoch, 2)
        self.assertEqual(world.replica.state.ratified_epoch, 1)
        self.assertEqual(world.replica.state.verifier_log_length, 5)
        self.assertEqual(self.verification.published(), 3)
        self.assertEqual(len(self.verification.read(0, 1 << 20)), 3)
        sent()
        world.settle(5)
        self.assertGreaterEqual(self.verification.published(), 5)

    def patch_signature(self) -> Callable[[], None]:
        """Hold the replica's signatures back until what is returned is called."""
        proposer = self.world.replica._proposer
        propose = proposer.propose

        def withheld(step: Any) -> None:
            if not step.HasField("replica_signed"):
                propose(step)

        proposer.propose = withheld  # type: ignore[method-assign]
        return lambda: setattr(proposer, "propose", propose)

    def register_late(self) -> None:
        self.world.replica.update(self.realm.request(Owner("late@example.com")))
        self.world.settle()

    def test_reads_by_bytes_and_at_least_one(self) -> None:
        self.register(10)
        self.world.settle(1)
        whole = self.verification.read(0, 1 << 20)
        self.assertEqual(len(whole), 12)
        self.assertEqual(self.verification.read(3, 1), whole[3:4])
        self.assertEqual(self.verification.read(3, len(whole[3]) + 1), whole[3:5])
        self.assertEqual(self.verification.read(12, 1), [])
        self.assertEqual(self.verification.read(2**64 - 1, 1), [])

    def test_a_step_that_is_missing_is_reported(self) -> None:
        self.register(3)
        self.world.settle(1)
        self.world.store.write([Delete(tables.step_key(2))], False)
        self.assertEqual(len(self.verification.read(0, 1)), 1)
        for start in (0, 1, 2):
            with self.assertRaises(Corrupt):
                self.verification.read(start, 1 << 20)

    def test_whoever_waits_is_told(self) -> None:
        now, next_, later = (self.verification.whenPublished(index) for index in (0, 1, 2))
        self.successResultOf(now)
        self.assertNoResult(next_)
        self.world.settle(60)
        self.successResultOf(next_)
        self.assertNoResult(later)

    def test_whoever_waits_no_longer_is_forgotten(self) -> None:
        waiting = [self.verification.whenPublished(7) for _ in range(3)]
        for one in waiting:
            one.cancel()
            self.failureResultOf(one)
        self.assertEqual(self.verification._readers, {})

    def test_whoever_waits_is_told_of_the_end(self) -> None:
        waiting = self.verification.whenPublished(7)
        stopped = Deferred.fromCoroutine(self.world.replica.stop())
        self.world.settle()
        self.successResultOf(stopped)
        self.failureResultOf(waiting, Unavailable)
        self.failureResultOf(self.verification.whenPublished(7), Unavailable)
        self.failureResultOf(self.push(self.signed(1)), Unavailable)

    def test_after_a_restart_it_shows_the_same(self) -> None:
        self.register(3)
        self.world.settle(1)
        before = self.verification.read(0, 1 << 20)
        again = self.world.crash()
        self.assertEqual(again.replica.verification.read(0, 1 << 20)[: len(before)], before)


class PushTests(Case):
    def test_fires_once_it_is_in_lookups(self) -> None:
        pushed = self.push(self.signed(1))
        self.assertNoResult(pushed)
        self.world.settle()
        self.successResultOf(pushed)
        request = LookupRequest(user_id="alice@example.com")
        request.quorum_requirement.threshold = 1
        request.quorum_requirement.candidates.append(self.key.key_id)
        proof = self.world.replica.lookup(request).message()
        self.assertEqual([list(head.signatures) for head in proof.ratifications], [[self.key.key_id]])

    def test_again_it_fires_at_once_and_proposes_nothing(self) -> None:
        self.push(self.signed(1))
        self.world.settle()
        before = self.world.replica.state.applied_index
        self.successResultOf(self.push(self.signed(1)))
        self.world.settle()
        self.assertEqual(self.world.replica.state.applied_index, before)

    def test_two_at_once_share_a_proposal(self) -> None:
        before = self.world.replica.state.applied_index
        pushed = [self.push(self.signed(1)) for _ in range(2)]
        self.world.settle()
        for one in pushed:
            self.successResultOf(one)
        self.assertEqual(self.world.replica.state.applied_index, before + 1)
        self.assertFalse(any(self.world.replica._proposer._wanted))

    def test_is_durable_before_it_fires(self) -> None:
        trace: list[tuple[Any, ...]] = []
        self.begin(World(self.realm, TracingStore(MemoryStore(), trace)))
        self.push(self.signed(1)).addCallback(lambda _: trace.append(("fired",)))
        self.world.settle()
        fired = trace.index(("fired",))
        synced = [place for place, event in enumerate(trace[:fired]) if event[0] == "durable"]
        entries = [
            write.value
            for event in trace[: synced[-1] + 1]
            if event[0] == "write"
            for write in event[1]
            if write.key[:1] == b"l" and hasattr(write, "value")
        ]
        steps = [step for entry in entries for step in LogEntry.FromString(entry).steps]
        self.assertIn(self.signed(1), [step.verifier_signed for step in steps])

    def test_survives_a_crash(self) -> None:
        pushed = self.push(self.signed(1))
        self.world.settle()
        self.successResultOf(pushed)
        again = self.world.crash()
        self.assertIn(self.key.key_id, tables.read_ratifications(again.store, Epoch(1)))

    def test_is_proposed_again_until_it_is_there(self) -> None:
        self.begin(World(self.realm, make_log=stubborn))
        assert isinstance(self.world.log, StubbornLog)
        self.world.log.losing = 1
        pushed = self.push(self.signed(1))
        self.world.settle()
        self.world.replica._proposer._in_flight = False  # the log took it, and lost it
        self.assertNoResult(pushed)
        self.world.settle(5)
        self.successResultOf(pushed)

    def test_waits_no_longer_than_client_timeout(self) -> None:
        self.begin(World(self.realm, make_log=stubborn, client_timeout=3))
        assert isinstance(self.world.log, StubbornLog)
        self.world.log.losing = 100
        pushed = self.push(self.signed(1))
        self.world.settle(3)
        self.failureResultOf(pushed, TimedOut)
        self.assertEqual(self.verification._pushes, {})
        self.assertEqual(self.verification._waiting, {})
        self.assertFalse(any(self.world.replica._proposer._wanted))

    def test_progress_of_each_verifier(self) -> None:
        idle = SigningKey.generate()
        self.realm.listed[idle.key_id] = [idle.public]
        self.begin(World(self.realm))
        self.push(self.signed(1))
        self.world.settle()
        self.assertEqual(self.verification.progress(), {self.key.key_id: 1, idle.key_id: 0})


class RefusedTests(Case):
    """Everything is checked before anything is proposed."""

    def refused(self, error: type[Exception], signed: SignedEpochHead, pattern: str, verifier: int = 0) -> None:
        before = self.world.replica.state.applied_index
        failure = self.failureResultOf(self.push(signed, verifier), error)
        self.assertRegex(str(failure.value), pattern)
        self.world.settle()
        self.assertEqual(self.world.replica.state.applied_index, before)

    def test_an_epoch_of_the_future(self) -> None:
        head = heads.build(REALM, Epoch(2**64 - 1), bytes(32), timestamp(START), bytes(64))
        self.refused(EpochUnknown, self.signed(1, head=head), "epoch 18446744073709551615 has not been ratified")

    def test_epoch_zero(self) -> None:
        head = heads.build(REALM, Epoch(0), bytes(32), timestamp(START), b"")
        self.refused(InvalidRequest, self.signed(1, head=head), "number 0")

    def test_another_head(self) -> None:
        head = heads.build(REALM, Epoch(1), bytes(32), timestamp(START), b"")
        self.refused(HeadDiffers, self.signed(1, head=head), "not the one that this replica has")

    def test_no_head(self) -> None:
        signed = SignedEpochHead(head=b"\xff", signatures={self.key.key_id: bytes(64)})
        self.refused(InvalidRequest, signed, "malformed")

    def test_a_signature_that_does_not_verify(self) -> None:
        self.refused(InvalidRequest, self.signed(1, SigningKey.generate(), signer=self.key.key_id), "does not verify")

    def test_no_signature(self) -> None:
        signed = self.signed(1)
        signed.signatures.clear()
        self.refused(InvalidRequest, signed, "exactly one signature")

    def test_two_signatures(self) -> None:
        signed = self.signed(1)
        signed.signatures[7] = bytes(64)
        self.refused(InvalidRequest, signed, "this has 2")

    def test_another_id_than_the_certificates(self) -> None:
        self.refused(NotPermitted, self.signed(1), "the certificate is that of verifier 7, the signature that of", 7)

    def test_a_verifier_that_is_not_listed(self) -> None:
        other = SigningKey.generate()
        self.refused(NotPermitted, self.signed(1, other), "not among the verifiers", other.key_id)

    def test_a_replica(self) -> None:
        key = self.realm.key
        self.refused(NotPermitted, self.signed(1, key), "id of a replica", key.key_id)

    def test_a_signer_too_many(self) -> None:
        self.patch(frontier, "MOST_SIGNERS", 1)
        self.refused(Refused, self.signed(1), "all that this realm can have")


class BoundTests(Case):
    def setUp(self) -> None:
        super().setUp()
        for _ in range(5):
            self.world.settle(60)
        self.other = SigningKey.generate()
        self.realm.listed[self.other.key_id] = [self.other.public]

    def test_of_one_verifier(self) -> None:
        self.patch(verification, "MOST_PUSHES", 2)
        pushed = [self.push(self.signed(epoch)) for epoch in (1, 2, 3)]
        self.failureResultOf(pushed.pop(), Overloaded)
        others = self.push(self.signed(3, self.other), self.other.key_id)
        self.world.settle()
        for one in [*pushed, others, self.push(self.signed(1))]:
            self.successResultOf(one)

    def test_in_all(self) -> None:
        limits = Limits()
        limits.CopyFrom(LIMITS)
        limits.pending_updates = 2
        again = World(self.realm, self.world.store, limits=limits, start=self.world.now)
        self.begin(again)
        pushed = [self.push(self.signed(epoch)) for epoch in (1, 2, 3)]
        self.failureResultOf(pushed.pop(), Overloaded)
        self.world.settle()
        for one in pushed:
            self.successResultOf(one)
        self.assertEqual(self.verification._pushing, 0)


class WaitingUpdateTests(Case):
    """Updates whose quorum has verifiers in it."""

    def update(self, signer: int) -> Deferred[Any]:
        request = self.realm.request(Owner("alice@example.com"))
        request.lookup_parameters.quorum_requirement.threshold = 2
        request.lookup_parameters.quorum_requirement.candidates.append(signer)
        return self.world.replica.update(request)

    def test_is_answered_when_the_verifier_has_signed(self) -> None:
        answered = self.update(self.key.key_id)
        self.world.settle(1)
        self.assertNoResult(answered)
        self.push(self.signed(2))
        self.world.settle()
        proof = self.successResultOf(answered).message()
        self.assertEqual(len(proof.ratifications), 2)
        self.world.verified(proof, "alice@example.com")

    def test_of_nobody_who_is_listed_is_refused_at_once(self) -> None:
        self.failureResultOf(self.update(77), QuorumUnmet)

    def test_without_a_list_a_verifier_is_known_once_it_has_signed(self) -> None:
        self.realm.listed.clear()
        self.begin(World(self.realm))
        self.failureResultOf(self.update(self.key.key_id), QuorumUnmet)
        self.push(self.signed(1))
        self.world.settle()
        self.assertNoResult(self.update(self.key.key_id))


class CrashTests(Case):
    """The process dies at each write of a story in which a verifier signs what there is."""

    def tell(self, world: World) -> list[int]:
        """The epochs whose signatures were acknowledged."""
        acknowledged: list[int] = []
        self.world, self.verification = world, world.replica.verification
        try:
            world.begin()
            for _ in range(3):
                world.settle(60)
                for epoch in range(1, world.replica.state.ratified_epoch + 1):
                    pushed = self.push(self.signed(epoch))
                    pushed.addCallback(lambda _, epoch=epoch: acknowledged.append(epoch))
                    pushed.addErrback(lambda failure: failure.trap(ConameError))
                world.settle()
        except ConameError:
            pass  # the store is gone: so is the process
        return acknowledged

    def test_what_was_acknowledged_is_there_and_the_log_is_what_was_shown(self) -> None:
        store = TracingStore(MemoryStore(), [])
        self.assertEqual(set(self.tell(World(self.realm, store))), {1, 2, 3, 4})
        for nth in range(1, store.writes + 1):
            for fault, keep in ((Fault.FAIL, False), (Fault.FAIL, True), (Fault.KEEP, False), (Fault.KEEP, True)):
                self.crash_at(nth, fault, keep)

    def crash_at(self, nth: int, fault: Fault, keep: bool) -> None:
        inner = MemoryStore()
        store = TracingStore(inner, [])
        store.fail_at(nth, fault, crash=True)
        world = World(self.realm, store)
        acknowledged = self.tell(world)
        shown = world.replica.verification.published()
        steps = [inner.get(tables.step_key(position)) for position in range(shown)]
        again = World(self.realm, inner.crash(inner.unsynced if keep else 0), start=world.now)
        again.begin()
        again.settle(1)
        for epoch in acknowledged:
            self.assertIn(self.key.key_id, tables.read_ratifications(again.store, Epoch(epoch)), (nth, fault, keep))
        self.assertEqual(list(again.replica.verification.read(0, 1 << 30))[:shown], steps, (nth, fault, keep))
        self.flushLoggedErrors()
