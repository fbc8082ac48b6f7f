"""Nothing is answered, signed or published before it is durable, and a replica that dies anywhere carries on."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads, transcripts
from coname.core.hashes import summary_hash
from coname.core.signatures import SigningKey
from coname.core.transcripts import signed_bytes
from coname.core.types import Epoch
from coname.errors import ConameError
from coname.keyserver import tables
from coname.messages.client_pb2 import LookupRequest
from coname.messages.replication_pb2 import LogEntry
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Fault, TracingStore
from tests.keyserver.harness import Owner, Realm, World


class SpiedKey(SigningKey):
    """A signing key that tells what it signs."""

    __slots__ = ("signed",)

    def __init__(self, secret: bytes, public: bytes) -> None:
        super().__init__(secret, public)
        self.signed: list[bytes] = []

    def sign(self, message: bytes) -> bytes:
        self.signed.append(message)
        return super().sign(message)


def spied_realm() -> Realm:
    realm = Realm()
    realm.key = SpiedKey.from_secret(realm.key.secret)
    return realm


class OrderTests(SynchronousTestCase):
    """The trace of a store, with what became visible outside written into it at the moment it did."""

    def setUp(self) -> None:
        self.trace: list[tuple[Any, ...]] = []
        self.realm = Realm()
        test = self

        class TracedKey(SigningKey):
            def sign(self, message: bytes) -> bytes:
                if not message.startswith(signed_bytes(b"")):
                    test.trace.append(("signed", message))
                return super().sign(message)

        self.realm.key = TracedKey.from_secret(self.realm.key.secret)
        self.world = World(self.realm, TracingStore(MemoryStore(), self.trace))
        self.world.begin()
        for number in range(5):
            owner = Owner(f"user{number}@example.com")
            for version in range(2):
                answered = self.world.replica.update(self.realm.request(owner, version))
                answered.addCallback(lambda answer: self.trace.append(("answered", answer)))
                self.world.settle(1)
                self.successResultOf(answered)

    def durable_steps(self, before: int) -> list[Any]:
        """The steps of the log that were synced to disk before the trace's event number `before`."""
        synced = next((number for number in range(before, -1, -1) if self.trace[number][0] == "durable"), 0)
        writes = [write for event in self.trace[:synced] if event[0] == "write" for write in event[1]]
        entries = [write.value for write in writes if write.key[:1] == b"l" and hasattr(write, "value")]
        return [step for entry in entries for step in LogEntry.FromString(entry).steps]

    def test_the_trace_is_not_empty(self) -> None:
        kinds = {event[0] for event in self.trace}
        self.assertLessEqual({"write", "durable", "signed", "answered"}, kinds)

    def test_a_head_is_signed_after_its_delimiter_and_updates_are_durable(self) -> None:
        for number, event in enumerate(self.trace):
            if event[0] == "signed":
                epoch = heads.parse(event[1]).epoch
                closed = [step.epoch_delimiter.epoch_number for step in self.durable_steps(number)]
                self.assertIn(epoch, closed)

    def test_an_update_is_answered_after_it_and_the_signatures_are_durable(self) -> None:
        for number, event in enumerate(self.trace):
            if event[0] == "answered":
                durable = self.durable_steps(number)
                self.assertIn(event[1].entry, [step.update.update.new_entry for step in durable])
                signed = [heads.parse(step.replica_signed.head).epoch for step in durable if step.replica_signed.head]
                self.assertIn(event[1].epoch, signed)

    def test_a_state_write_implies_the_log_before_it(self) -> None:
        durable = 0
        for event in self.trace:
            if event[0] != "write":
                continue
            for write in event[1]:
                if write.key[:1] == b"l" and event[2]:
                    durable = int.from_bytes(write.key[1:], "big")
                if write.key == tables.STATE_KEY:
                    self.assertLessEqual(tables.ReplicaState.FromString(write.value).applied_index, durable)


class Story:
    """Owners who register and update, on a store that dies at its nth write; then the disk is started again."""

    def __init__(self, test: SynchronousTestCase, realm: Realm) -> None:
        self.test = test
        self.realm = realm
        self.owners = [Owner(f"user{number}@example.com") for number in range(3)]
        self.acknowledged: dict[str, tuple[int, int]] = {}

    def tell(self, world: World) -> None:
        for version in range(3):
            waiting = []
            for owner in self.owners:
                answered = world.replica.update(self.realm.request(owner, version))
                answered.addCallbacks(self._note, self._refused)
                waiting.append(answered)
                world.settle(0.1)
            world.settle(1)

    def _note(self, answer: Any) -> None:
        verified = tables.decode(tables_entry(), answer.entry, "entry")
        self.acknowledged[answer.user_id] = (answer.epoch, verified.version)

    def _refused(self, failure: Any) -> None:
        failure.trap(ConameError)

    def check(self, world: World) -> None:
        """What must hold of the disk that is left, once it is at work again."""
        world.settle(70)
        newest = world.replica.state.ratified_epoch
        self.test.assertGreaterEqual(newest, 1)
        for user_id, (epoch, version) in self.acknowledged.items():
            request = LookupRequest(user_id=user_id, quorum_requirement=self.realm.quorum)
            found = world.verified(world.replica.lookup(request).message(), user_id)
            self.test.assertGreaterEqual(found.epoch, epoch)
            assert found.entry is not None
            self.test.assertGreaterEqual(found.entry.version, version)
        self.check_chain(world, newest)

    def check_chain(self, world: World, newest: int) -> None:
        previous = None
        for epoch in range(1, newest + 1):
            record = tables.read_epoch(world.store, Epoch(epoch))
            head = heads.parse(record.timestamped_head)
            self.test.assertEqual(head.previous_summary_hash, summary_hash(previous) if previous else b"")
            previous = record.head


def tables_entry() -> Any:
    from coname.messages.client_pb2 import Entry

    return Entry


class CrashTests(SynchronousTestCase):
    """Each write of a short story × each fault × each outcome of the unsynced writes."""

    def writes_of_the_story(self) -> int:
        realm = Realm()
        store = TracingStore(MemoryStore(), [])
        world = World(realm, store)
        world.begin()
        Story(self, realm).tell(world)
        return store.writes

    def crash_everywhere(self, fault: Fault, survive_all: bool) -> None:
        for nth in range(1, self.writes_of_the_story() + 1):
            self.crash_at(nth, fault, survive_all)

    def crash_at(self, nth: int, fault: Fault, survive_all: bool) -> None:
        realm = spied_realm()
        inner = MemoryStore()
        store = TracingStore(inner, [])
        store.fail_at(nth, fault, crash=True)
        world = World(realm, store)
        story = Story(self, realm)
        try:
            world.begin()
            story.tell(world)
        except ConameError:
            pass  # the store is gone: so is the process
        disk = inner.crash(inner.unsynced if survive_all else 0)
        again = World(realm, disk, start=world.now)
        again.begin()
        try:
            story.check(again)
        except BaseException:
            print(f"crash at write {nth}: {fault.name}, unsynced writes {'kept' if survive_all else 'lost'}")
            raise
        self.check_signed_once(realm)
        self.flushLoggedErrors()

    def check_signed_once(self, realm: Realm) -> None:
        heads_by_epoch: dict[int, set[bytes]] = {}
        transcripts_by_epoch: dict[int, set[bytes]] = {}
        prefix = signed_bytes(b"")
        for signed in realm.key.signed:
            if signed.startswith(prefix):
                transcript = transcripts.parse(signed.removeprefix(prefix))
                transcripts_by_epoch.setdefault(transcript.epoch, set()).add(signed)
            else:
                heads_by_epoch.setdefault(heads.parse(signed).epoch, set()).add(signed)
        for epoch, signed_heads in heads_by_epoch.items():
            self.assertEqual(len(signed_heads), 1, f"two heads were signed for epoch {epoch}")
        for epoch, signed_transcripts in transcripts_by_epoch.items():
            self.assertEqual(len(signed_transcripts), 1, f"two transcripts were signed for epoch {epoch}")

    def test_dies_before_any_write(self) -> None:
        self.crash_everywhere(Fault.FAIL, survive_all=True)

    def test_dies_before_any_write_and_loses_what_was_not_synced(self) -> None:
        self.crash_everywhere(Fault.FAIL, survive_all=False)

    def test_dies_after_any_write(self) -> None:
        self.crash_everywhere(Fault.KEEP, survive_all=True)

    def test_dies_after_any_write_and_loses_what_was_not_synced(self) -> None:
        self.crash_everywhere(Fault.KEEP, survive_all=False)


class FailureTests(SynchronousTestCase):
    """The disk fails, and the process goes on."""

    def setUp(self) -> None:
        self.store = TracingStore(MemoryStore(), [])
        self.world = World(store=self.store)
        self.world.begin()
        self.owner = Owner("alice@example.com")
        answered = self.world.replica.update(self.world.realm.request(self.owner))
        self.world.settle(1)
        self.successResultOf(answered)

    def fail(self, fault: Fault, nth: int) -> None:
        self.store.fail_at(nth, fault)
        answered = self.world.replica.update(self.world.realm.request(self.owner, 1))
        self.world.settle(1)
        self.failureResultOf(answered, ConameError)
        self.assertFalse(self.world.replica.inRotation)
        self.assertIsNotNone(self.world.replica.failure)
        request = LookupRequest(user_id=self.owner.user_id)
        self.assertIsNotNone(self.world.replica.lookup(request).entry)
        self.failureResultOf(self.world.replica.update(self.world.realm.request(self.owner, 1)), ConameError)
        self.flushLoggedErrors()

    def test_of_the_log(self) -> None:
        self.fail(Fault.FAIL, 1)

    def test_of_the_log_though_written(self) -> None:
        self.fail(Fault.KEEP, 1)

    def test_of_the_state(self) -> None:
        self.fail(Fault.FAIL, 2)

    def test_of_the_state_though_written(self) -> None:
        self.fail(Fault.KEEP, 2)


class RestartTests(SynchronousTestCase):
    def test_signs_what_was_closed_and_not_signed(self) -> None:
        """The original never signs again after this: it stops making epochs for ever."""
        realm = Realm()
        store = TracingStore(MemoryStore(), [])
        world = World(realm, store)
        world.begin()
        # the delimiter's entry and its state, then the signature's entry, which is lost with the process
        store.fail_at(3, Fault.FAIL, crash=True)
        world.settle(60)
        assert isinstance(store.inner, MemoryStore)
        found = World(realm, store.inner.crash(store.inner.unsynced), start=world.now)
        self.assertEqual(found.replica.state.closed_epoch, 2)
        self.assertEqual(found.replica.state.ratified_epoch, 1)
        found.begin()
        self.assertEqual(found.replica.state.ratified_epoch, 2)
        self.flushLoggedErrors()

    def test_wall_clock_that_went_back_does_not_stop_epochs(self) -> None:
        world = World()
        world.begin()
        world.settle(60)
        again = World(world.realm, world.store.crash(0), start=world.now - 86400)
        again.begin()
        again.settle(120)
        times = []
        for epoch in range(1, again.replica.state.ratified_epoch + 1):
            times.append(heads.parse(tables.read_epoch(again.store, Epoch(epoch)).timestamped_head).issue_time_ns)
        self.assertGreaterEqual(len(times), 3)
        self.assertEqual(times, sorted(times))
