"""Crashes of the store in memory: what the simulated machine's disk keeps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Unavailable
from coname.interfaces import Delete, Put
from coname.storage.memory import MemoryStore

KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
WRITES = st.one_of(st.builds(Put, KEYS, st.binary(max_size=2)), st.builds(Delete, KEYS))
BATCHES = st.lists(st.tuples(st.lists(WRITES, max_size=4), st.booleans()), max_size=12)


def everything(store: MemoryStore) -> dict[bytes, bytes]:
    return dict(store.iterate(b"", b"\xff"))


class CrashTests(SynchronousTestCase):
    @settings(derandomize=True, max_examples=300, deadline=None)
    @given(BATCHES, st.data())
    def test_a_prefix_survives_that_holds_all_that_was_synced(self, batches: list, data: st.DataObject) -> None:
        store = MemoryStore()
        states = [everything(store)]
        synced = 0
        for number, (writes, sync) in enumerate(batches, 1):
            store.write(writes, sync)
            states.append(everything(store))
            synced = number if sync else synced
        self.assertEqual(store.unsynced, len(batches) - synced)
        survivors = data.draw(st.integers(0, store.unsynced))
        self.assertEqual(everything(store.crash(survivors)), states[synced + survivors])

    def test_what_survived_a_crash_survives_the_next(self) -> None:
        store = MemoryStore()
        store.write([Put(b"a", b"1")], sync=False)
        found = store.crash(survivors=1)
        self.assertEqual((found.unsynced, everything(found.crash())), (0, {b"a": b"1"}))

    def test_the_dead_processs_store_takes_nothing_more(self) -> None:
        store = MemoryStore()
        found = store.crash()
        self.assertRaises(Unavailable, store.write, [Put(b"a", b"1")], True)
        self.assertEqual(everything(found), {})

    def test_more_survivors_than_unsynced_batches_make_no_sense(self) -> None:
        store = MemoryStore()
        store.write([], sync=True)
        self.assertRaises(ValueError, store.crash, 1)
