"""The database fails or the machine stops, at any write of a short story: the verifier goes on where it was, has never
let two signatures on one epoch out, and its evidence arrives."""

from __future__ import annotations

from collections import defaultdict

from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads
from coname.errors import ConameError, Corrupt, Unavailable
from coname.interfaces import IKeyValueStore
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.evidence_pb2 import EvidenceBundle
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Event, Fault, TracingStore
from coname.verifier import tables
from coname.verifier.replay import Replay
from tests.verifier.harness import KEY, NOW, Verifier, nanoseconds
from tests.verifier.lying import LIES, LyingKeyserver, honest

EPOCHS = 4


class Story:
    """A verifier's life: it reads a few steps at a time, pushes what it signed, signs an old epoch, and is lied to.

    :param trace: what is written is noted here, and what leaves.
    :ivar left: the signatures that left, by epoch.
    :ivar evidence: the bundles that left.
    """

    def __init__(self, trace: list[Event] | None = None) -> None:
        self.keyserver = honest(LyingKeyserver(), EPOCHS)
        LIES["unauthorised change"].tell(self.keyserver)
        self.settings = Verifier(self.keyserver, sign_within_ns=nanoseconds(NOW)).settings
        self.trace: list[Event] = [] if trace is None else trace
        self.left: dict[int, set[bytes]] = defaultdict(set)
        self.evidence: list[EvidenceBundle] = []
        self.now = NOW

    def tell(self, store: IKeyValueStore) -> Replay:
        replay = Replay(store, self.settings, KEY, self.receive)
        replay.begin()
        while fresh := self.keyserver.steps[replay.steps :][:3]:
            self.now += 1
            for taken in replay.take_many(fresh, nanoseconds(self.now)):
                if taken.signed is not None:
                    self.push(taken.epoch, taken.signed)
            for epoch, signed in list(replay.unacknowledged()):
                self.push(epoch, signed)
                replay.acknowledged(epoch)
        replay.sign_newest(nanoseconds(self.now))
        return replay

    def push(self, epoch: int, signed: SignedEpochHead) -> None:
        self.trace.append(("left", epoch))
        self.left[epoch].add(signed.SerializeToString(deterministic=True))

    def receive(self, bundle: EvidenceBundle) -> None:
        self.trace.append(("evidence", bundle.rule))
        self.evidence.append(bundle)


class CrashTests(SynchronousTestCase):
    def writes_of_the_story(self) -> int:
        store = TracingStore(MemoryStore(), [])
        Story().tell(store)
        return store.writes

    def crash_everywhere(self, fault: Fault, survive_all: bool) -> None:
        writes = self.writes_of_the_story()
        self.assertGreater(writes, EPOCHS)
        for nth in range(1, writes + 1):
            self.crash_at(nth, fault, survive_all)

    def crash_at(self, nth: int, fault: Fault, survive_all: bool) -> None:
        story, inner = Story(), MemoryStore()
        store = TracingStore(inner, [])
        store.fail_at(nth, fault, crash=True)
        self.assertRaises(ConameError, story.tell, store)
        replay = story.tell(inner.crash(inner.unsynced if survive_all else 0))
        self.check(story, replay, f"crash at write {nth}")

    def check(self, story: Story, replay: Replay, when: str) -> None:
        self.assertEqual(replay.verified, EPOCHS, when)
        self.assertEqual({epoch: len(signed) for epoch, signed in story.left.items()}, dict.fromkeys(range(1, 5), 1))
        self.assertEqual(list(replay.unacknowledged()), [], when)
        assert replay.violation is not None
        self.assertEqual(replay.violation.rule, "unauthorised_update", when)
        self.assertIn(len(story.evidence), (1, 2), when)
        self.assertEqual({bundle.rule for bundle in story.evidence}, {"unauthorised_update"}, when)

    def test_dies_before_any_write(self) -> None:
        self.crash_everywhere(Fault.FAIL, survive_all=True)

    def test_dies_before_any_write_and_loses_what_was_not_synced(self) -> None:
        self.crash_everywhere(Fault.FAIL, survive_all=False)

    def test_dies_after_any_write(self) -> None:
        self.crash_everywhere(Fault.KEEP, survive_all=True)

    def test_dies_after_any_write_and_loses_what_was_not_synced(self) -> None:
        self.crash_everywhere(Fault.KEEP, survive_all=False)

    def test_without_a_crash(self) -> None:
        story, store = Story(), MemoryStore()
        story.tell(store)
        self.check(story, story.tell(store), "told twice")


class OrderTests(SynchronousTestCase):
    """What leaves is durable: seen in the order of writes."""

    def setUp(self) -> None:
        self.trace: list[Event] = []
        self.story = Story(self.trace)
        self.story.tell(TracingStore(MemoryStore(), self.trace))

    def durable_before(self, place: int) -> set[bytes]:
        """The keys of the synced writes before a place in the trace."""
        synced = [event[1] for event in self.trace[:place] if event[0] == "write" and event[2]]
        return {write.key for writes in synced for write in writes}

    def test_the_trace_is_not_empty(self) -> None:
        self.assertLessEqual({"write", "left", "evidence"}, {event[0] for event in self.trace})

    def test_a_signature_leaves_after_its_epoch_is_durable(self) -> None:
        for place, event in enumerate(self.trace):
            if event[0] == "left":
                self.assertIn(tables.epoch_key(event[1]), self.durable_before(place))

    def test_evidence_leaves_after_it_and_the_violation_are_durable(self) -> None:
        for place, event in enumerate(self.trace):
            if event[0] == "evidence":
                durable = self.durable_before(place)
                self.assertIn(tables.VIOLATION_KEY, durable)
                self.assertTrue([key for key in durable if key[:1] == b"x"])

    def test_an_epoch_is_one_batch(self) -> None:
        for event in self.trace:
            if event[0] == "write":
                keys = [write.key for write in event[1]]
                epochs = [key for key in keys if key[:1] == b"e"]
                self.assertEqual(bool(epochs), any(key[:1] in b"ut" for key in keys))


class FailureTests(SynchronousTestCase):
    """The database fails and the process goes on: the object is of no use, another one is."""

    def check(self, fault: Fault) -> None:
        story, inner = Story(), MemoryStore()
        store = TracingStore(inner, [])
        replay = Replay(store, story.settings, KEY, story.receive)
        replay.begin()
        store.fail_at(1, fault)
        first = story.keyserver.steps[:4]
        self.assertRaises(Corrupt, replay.take_many, first, nanoseconds(NOW))
        for call in (replay.begin, lambda: replay.take_many([], 0), lambda: replay.sign_newest(0)):
            self.assertRaises(Unavailable, call)
        story.tell(store)
        self.assertEqual({len(signed) for signed in story.left.values()}, {1})

    def test_nothing_was_written(self) -> None:
        self.check(Fault.FAIL)

    def test_it_was_written_all_the_same(self) -> None:
        self.check(Fault.KEEP)


class EvidenceTests(SynchronousTestCase):
    """Whoever takes the evidence may fail: it is handed over again, and nothing else suffers."""

    def setUp(self) -> None:
        self.story = Story()
        self.full = True
        self.received: list[EvidenceBundle] = []
        self.store = MemoryStore()
        self.replay = Replay(self.store, self.story.settings, KEY, self.receive)
        self.replay.begin()
        with self.assertRaises(OSError):
            self.replay.take_many(self.story.keyserver.steps, nanoseconds(NOW))

    def receive(self, bundle: EvidenceBundle) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.received.append(bundle)

    def test_what_was_verified_is_durable(self) -> None:
        self.assertEqual(self.replay.verified, EPOCHS)
        self.assertEqual(len(list(self.replay.unacknowledged())), EPOCHS)
        assert self.replay.violation is not None

    def test_it_is_handed_over_once_there_is_room(self) -> None:
        self.full = False
        self.replay.begin()
        self.replay.begin()
        self.assertEqual([bundle.rule for bundle in self.received], ["unauthorised_update"])

    def test_it_is_handed_over_by_the_next_process(self) -> None:
        self.full = False
        again = Replay(self.store.crash(0), self.story.settings, KEY, self.receive)
        again.begin()
        self.assertEqual(len(self.received), 1)


class SigningTests(SynchronousTestCase):
    """What is too old is checked and not signed, but for the newest once the stream has run dry."""

    def setUp(self) -> None:
        self.keyserver = honest(LyingKeyserver())
        self.verifier = Verifier(self.keyserver, sign_within_ns=nanoseconds(60))
        self.verifier.now = self.keyserver.issued + 60.5
        self.verifier.read()

    def test_old_epochs_are_not_signed(self) -> None:
        self.assertEqual([taken.signed for taken in self.verifier.taken], [None, None, None])
        self.assertEqual(list(self.verifier.replay.unacknowledged()), [])

    def test_epochs_that_are_just_young_enough_are(self) -> None:
        verifier = Verifier(self.keyserver, sign_within_ns=nanoseconds(60))
        verifier.now = self.keyserver.issued + 60
        verifier.read()
        self.assertEqual([taken.signed is not None for taken in verifier.taken], [False, False, True])

    def test_the_newest_is_signed_on_demand_once(self) -> None:
        signed = self.verifier.replay.sign_newest(nanoseconds(self.verifier.now))
        assert signed is not None
        self.assertEqual(heads.parse(signed.head).epoch, 3)
        self.assertEqual(list(self.verifier.replay.unacknowledged()), [(3, signed)])
        self.assertIsNone(self.verifier.replay.sign_newest(nanoseconds(self.verifier.now + 1)))
        self.verifier.open()
        self.assertIsNone(self.verifier.replay.sign_newest(nanoseconds(self.verifier.now + 2)))

    def test_there_may_be_none(self) -> None:
        self.assertIsNone(Verifier(self.keyserver).replay.sign_newest(nanoseconds(NOW)))

    def test_it_is_durable_before_it_leaves(self) -> None:
        assert isinstance(self.verifier.store, MemoryStore)
        signed = self.verifier.replay.sign_newest(nanoseconds(self.verifier.now))
        again = Verifier(self.keyserver, self.verifier.store.crash(0))
        self.assertEqual(list(again.replay.unacknowledged()), [(3, signed)])
