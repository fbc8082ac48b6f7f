"""A store whose writes wait: they are seen at once, and durable together."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt, Unavailable
from coname.interfaces import Delete, Put, Write
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Event, Fault, TracingStore
from coname.verifier.waiting_store import WaitingStore
from tests.storage.test_stores import StoreContract

KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])
WRITES: st.SearchStrategy[Write] = st.one_of(st.builds(Put, KEYS, st.binary(max_size=2)), st.builds(Delete, KEYS))
BATCHES = st.lists(st.tuples(st.lists(WRITES, max_size=4), st.booleans()), max_size=6)


class WaitingStoreContract(StoreContract, SynchronousTestCase):
    def makeStore(self) -> WaitingStore:
        return WaitingStore(MemoryStore())


class WaitingStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.trace: list[Event] = []
        self.inner = TracingStore(MemoryStore(), self.trace)
        self.store = WaitingStore(self.inner)

    @settings(derandomize=True, max_examples=100)
    @given(BATCHES, st.booleans())
    def test_reads_as_a_dictionary(self, batches: list[tuple[list[Write], bool]], reverse: bool) -> None:
        store, held = WaitingStore(MemoryStore()), dict[bytes, bytes]()
        for writes, flush in batches:
            store.write(writes)
            for write in writes:
                held.pop(write.key, None)
                if isinstance(write, Put):
                    held[write.key] = write.value
            if flush:
                store.flush()
            self.assertEqual(list(store.iterate(b"a", b"e", reverse)), sorted(held.items(), reverse=reverse))
            self.assertEqual({key: store.get(key) for key in held}, held)
            self.assertEqual(list(store.iterate(b"b", b"d")), sorted((k, held[k]) for k in held if b"b" <= k < b"d"))

    def test_nothing_is_written_before_it_is_flushed_and_then_as_one_synced_batch(self) -> None:
        self.store.put(b"a", b"1")
        self.store.write([Put(b"b", b"2"), Delete(b"a")])
        self.store.delete(b"c")
        self.assertEqual(self.trace, [])
        self.assertEqual(self.store.size, 4)
        self.store.flush()
        self.assertEqual(self.trace[0], ("write", [Delete(b"a"), Put(b"b", b"2"), Delete(b"c")], True))
        self.assertEqual(self.store.size, 0)

    def test_without_writes_nothing_is_flushed(self) -> None:
        self.store.flush()
        self.assertEqual(self.trace, [])

    def test_a_synced_write_takes_everything_along(self) -> None:
        self.store.put(b"a", b"1")
        self.store.write([Put(b"b", b"2")], sync=True)
        self.assertEqual(self.inner.get(b"a"), b"1")

    def test_what_the_database_raises_goes_through(self) -> None:
        self.inner.fail_at(1, Fault.FAIL)
        self.store.put(b"a", b"1")
        self.assertRaises(Corrupt, self.store.flush)

    def test_closing_loses_what_waits(self) -> None:
        self.store.put(b"a", b"1")
        self.store.close()
        self.assertRaises(Unavailable, self.store.flush)
