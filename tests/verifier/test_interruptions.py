"""However a log comes, in whatever pieces, with breaks and new processes between them: the same is verified."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.storage.leveldb import LevelDBStore
from coname.storage.memory import MemoryStore
from tests.core.cases import each
from tests.storage.folders import new_path
from tests.verifier.harness import NOW, Verifier, nanoseconds
from tests.verifier.lying import LIES, LyingKeyserver, honest

KEYSERVER = honest(LyingKeyserver(), 6)
PIECES = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["go on", "reconnect", "restart", "lose power"])))


class Pieces(SynchronousTestCase):
    @settings(derandomize=True, max_examples=100, deadline=None)
    @given(PIECES)
    def test_the_same_is_verified(self, pieces: list[tuple[int, str]]) -> None:
        verifier = Verifier(KEYSERVER)
        signed: dict[int, bytes] = {}
        for size, then in pieces:
            taken = verifier.replay.take_many(KEYSERVER.steps[verifier.replay.steps :][:size], nanoseconds(NOW))
            self.note(signed, verifier)
            self.assertLessEqual({each.epoch for each in taken}, set(signed))
            verifier = self.interrupt(verifier, then)
        verifier.read()
        self.note(signed, verifier)
        self.assertEqual(sorted(signed), [1, 2, 3, 4, 5, 6])
        self.assertEqual(verifier.replay.violation, None)

    def interrupt(self, verifier: Verifier, then: str) -> Verifier:
        if then == "reconnect":
            verifier.replay.begin()
        elif then == "restart":
            verifier.open()
        elif then == "lose power":
            assert isinstance(verifier.store, MemoryStore)
            return Verifier(KEYSERVER, verifier.store.crash(0))
        return verifier

    def note(self, signed: dict[int, bytes], verifier: Verifier) -> None:
        """Each epoch's signature stays what it was."""
        for epoch, own in verifier.replay.unacknowledged():
            self.assertEqual(signed.setdefault(epoch, own.head), own.head)


@each(LIES.items(), lambda case: case[0])
class LiesInPieces(SynchronousTestCase):
    """A step at a time, with a new process after each: the same is noticed, once."""

    def check(self, case: tuple[str, object]) -> None:
        lie = LIES[case[0]]
        keyserver = honest(LyingKeyserver())
        verifier = Verifier(keyserver)
        verifier.read()
        lie.tell(keyserver)
        if lie.reconnect:
            verifier.reconnect()
        while fresh := keyserver.steps[verifier.replay.steps :][:1]:
            verifier.replay.take_many(fresh, nanoseconds(NOW))
        verifier.open()
        verifier.reconnect()
        made = [str(bundle) for bundle in verifier.evidence if bundle.rule == lie.rule]
        self.assertGreaterEqual(len(made), 1)
        self.assertEqual(len(made), len(set(made)))
        self.assertEqual(verifier.replay.verified, 3)


class OnDisk(SynchronousTestCase):
    def test_in_LevelDB(self) -> None:
        path = new_path(self)
        keyserver = honest(LyingKeyserver())
        for epochs in range(4):
            store = LevelDBStore(path, create=not epochs)
            verifier = Verifier(keyserver, store)
            verifier.read()
            self.assertEqual(verifier.replay.verified, 3 + epochs)
            self.assertEqual(len(list(verifier.replay.unacknowledged())), 3 + epochs)
            store.close()
            keyserver.set("somebody new", epochs)
            keyserver.close()

    def test_evidence_in_LevelDB(self) -> None:
        path = new_path(self)
        keyserver = honest(LyingKeyserver())
        LIES["version going down"].tell(keyserver)
        store = LevelDBStore(path, create=True)
        verifier = Verifier(keyserver, store)
        verifier.read()
        store.close()
        store = LevelDBStore(path, create=False)
        self.addCleanup(store.close)
        again = Verifier(keyserver, store)
        again.read()
        self.assertEqual((verifier.rules, again.rules), (["version_decreased"], []))
        assert again.replay.violation is not None
        self.assertEqual(again.replay.violation, verifier.replay.violation)
