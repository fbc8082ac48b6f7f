"""Transactions see their own writes, and nobody else does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.interfaces import Delete, Put
from coname.storage.memory import MemoryStore
from coname.storage.transaction import Transaction

KEYS = st.sampled_from([b"a", b"b", b"c"])
WRITES = st.lists(st.one_of(st.builds(Put, KEYS, st.binary(max_size=1)), st.builds(Delete, KEYS)))


class TransactionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryStore()
        self.store.write([Put(b"a", b"1"), Put(b"b", b"2")], sync=True)
        self.transaction = Transaction(self.store)

    def test_reads_see_own_writes(self) -> None:
        self.transaction.put(b"a", b"new")
        self.transaction.delete(b"b")
        seen = [self.transaction.get(key) for key in (b"a", b"b", b"c")]
        self.assertEqual(seen, [b"new", None, None])

    def test_the_store_is_not_changed(self) -> None:
        self.transaction.put(b"a", b"new")
        self.assertEqual(self.store.get(b"a"), b"1")

    def test_writes_name_each_key_once(self) -> None:
        self.transaction.put(b"a", b"x")
        self.transaction.add([Put(b"c", b"y"), Delete(b"a")])
        self.assertEqual(self.transaction.writes, [Delete(b"a"), Put(b"c", b"y")])
        self.assertEqual(len(self.transaction), 2)

    @settings(derandomize=True, max_examples=200, deadline=None)
    @given(WRITES, WRITES)
    def test_the_batch_has_the_effect_of_the_writes_one_by_one(self, before: list, writes: list) -> None:
        one, other = MemoryStore(), MemoryStore()
        for store in (one, other):
            store.write(before, sync=True)
        transaction = Transaction(one)
        transaction.add(writes)
        other.write(writes, sync=True)
        for key in (b"a", b"b", b"c"):
            self.assertEqual(transaction.get(key), other.get(key))
        one.write(transaction.writes, sync=True)
        self.assertEqual(list(one.iterate(b"", b"z")), list(other.iterate(b"", b"z")))
