from __future__ import annotations

import itertools
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt, Misconfigured
from coname.interfaces import Delete, Put
from coname.messages.raft_pb2 import RaftEntry, RaftHardState, RaftSnapshot
from coname.replication.raft import Membership
from coname.replication.raft_store import RaftStore, entry_key, reset
from coname.storage.memory import MemoryStore

MEMBERS = Membership({1: 0, 2: 0, 3: 0})


def numbers() -> Callable[[], int]:
    return itertools.count(77).__next__


def entry(index: int, term: int = 1, data: bytes = b"data") -> RaftEntry:
    return RaftEntry(index=index, term=term, data=data)


class StoreCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryStore()
        self.log = self.opened()

    def opened(self, replica: int = 1, applied: int = 0, members: Membership | None = MEMBERS) -> RaftStore:
        return RaftStore(self.store, replica, members, applied, numbers())

    def append(self, *entries: RaftEntry) -> None:
        self.store.write(self.log.writes(None, entries, self.log.last_index()), True)
        self.log.written(entries)

    def compact(self, index: int) -> None:
        start = RaftSnapshot(index=index, term=1)
        self.store.write(self.log.compaction(start), True)
        self.log.compacted(start)


class StoreTests(StoreCase):
    def test_a_new_one_says_who_takes_part(self) -> None:
        self.assertEqual((self.log.last_index(), self.log.term(1), self.log.hard_state().committed), (1, 1, 1))

    def test_one_that_joins_begins_with_nothing(self) -> None:
        self.store = MemoryStore()
        log = self.opened(members=None)
        self.assertEqual((log.last_index(), log.hard_state()), (0, RaftHardState()))

    def test_it_knows_for_good_that_it_has_joined(self) -> None:
        store = MemoryStore()
        for _ in range(2):
            self.assertTrue(RaftStore(store, 1, None, 0, lambda: 7).joined)
        self.assertFalse(RaftStore(MemoryStore(), 1, Membership({1: 0}), 0, lambda: 7).joined)

    def test_the_identity_is_drawn_once_for_each_database(self) -> None:
        self.assertEqual(self.log.incarnation, 77)
        again = RaftStore(self.store.crash(), 1, MEMBERS, 0, lambda: 5)
        self.assertEqual(again.incarnation, 77)

    def test_entries_come_back(self) -> None:
        self.append(entry(2), entry(3), entry(4))
        self.assertEqual([one.index for one in self.opened().entries(2, 5, 1 << 20)], [2, 3, 4])

    def test_at_least_one_entry_comes_whatever_the_bound(self) -> None:
        self.append(entry(2), entry(3))
        self.assertEqual([one.index for one in self.log.entries(2, 4, 0)], [2])

    def test_entries_replace_all_that_followed(self) -> None:
        self.append(entry(2), entry(3), entry(4))
        self.append(entry(3, term=2))
        again = self.opened()
        self.assertEqual((again.last_index(), again.term(3)), (3, 2))

    def test_several_replacements_in_one_write(self) -> None:
        self.append(entry(2), entry(3), entry(4))
        writes = self.log.writes(None, [entry(3, 2), entry(4, 2), entry(5, 2)], 4)
        writes += self.log.writes(None, [entry(4, 3)], 5)
        self.store.write(writes, True)
        again = self.opened()
        self.assertEqual([again.term(index) for index in range(1, again.last_index() + 1)], [1, 1, 2, 3])

    def test_compacted_entries_are_gone_and_the_beginning_is_known(self) -> None:
        self.append(entry(2), entry(3), entry(4))
        self.compact(3)
        again = self.opened(applied=3)
        self.assertEqual((again.snapshot().index, again.last_index(), len(again)), (3, 4, 1))
        self.assertIsNone(self.store.get(entry_key(3)))

    def test_its_size_is_that_of_its_entries(self) -> None:
        self.append(entry(2, data=bytes(1000)), entry(3), entry(4))
        self.append(entry(3, term=2))
        self.compact(2)
        self.assertEqual(self.log.total_bytes, self.opened(applied=2).total_bytes)

    def test_what_is_too_much_goes_by_number(self) -> None:
        self.append(*[entry(index) for index in range(2, 11)])
        self.assertEqual(self.log.excess(4, 1 << 20, 100), 6)
        self.assertEqual(self.log.excess(4, 1 << 20, 2), 2)

    def test_what_is_too_much_goes_by_size(self) -> None:
        self.append(*[entry(index, data=bytes(968)) for index in range(2, 11)])
        self.assertEqual(self.log.excess(100, 5000, 100), 5)

    def test_a_reset_leaves_the_identity_the_vote_and_a_beginning(self) -> None:
        self.append(entry(2), entry(3))
        self.store.write(self.log.writes(RaftHardState(term=4, vote=2), (), 3), True)
        for _ in range(2):
            reset(self.store, RaftSnapshot(index=9, term=3))
        again = self.opened(applied=9)
        self.assertEqual((again.last_index(), again.incarnation, again.hard_state().vote), (9, 77, 2))


class DamageTests(StoreCase):
    def test_a_missing_entry(self) -> None:
        self.append(entry(2), entry(3), entry(4))
        self.store.write([Delete(entry_key(3))], True)
        self.assertRaises(Corrupt, self.opened)
        self.assertRaises(Corrupt, self.log.term, 3)
        self.assertRaises(Corrupt, self.log.entries, 2, 5, 1 << 20)

    def test_missing_oldest_entries(self) -> None:
        self.append(entry(2), entry(3))
        self.store.write([Delete(entry_key(1))], True)
        self.assertRaises(Corrupt, self.opened)

    def test_missing_newest_entries_are_noticed_when_they_are_read(self) -> None:
        self.append(entry(2), entry(3))
        self.store.write([Delete(entry_key(3))], True)
        self.assertRaises(Corrupt, self.log.entries, 2, 4, 1 << 20)

    def test_an_entry_in_the_place_of_another(self) -> None:
        self.append(entry(2), entry(3))
        self.store.write([Put(entry_key(3), entry(4).SerializeToString())], True)
        self.assertRaises(Corrupt, self.opened)

    def test_an_entry_that_does_not_decode(self) -> None:
        self.append(entry(2))
        self.store.write([Put(entry_key(2), b"\xff")], True)
        self.assertRaises(Corrupt, self.opened)

    def test_a_missing_vote(self) -> None:
        self.store.write([Delete(b"h")], True)
        self.assertRaises(Corrupt, self.opened().hard_state)

    def test_a_vote_that_does_not_decode(self) -> None:
        self.store.write([Put(b"h", b"\xff")], True)
        self.assertRaises(Corrupt, self.opened().hard_state)

    def test_a_beginning_that_does_not_decode(self) -> None:
        self.store.write([Put(b"s", b"\xff")], True)
        self.assertRaises(Corrupt, self.opened)

    def test_a_missing_identity(self) -> None:
        self.store.write([Delete(b"i")], True)
        self.assertRaises(Corrupt, self.opened)

    def test_an_identity_that_is_cut_short(self) -> None:
        self.store.write([Put(b"i", b"short")], True)
        self.assertRaises(Corrupt, self.opened)

    def test_another_replicas_log(self) -> None:
        self.assertRaises(Misconfigured, self.opened, 2)

    def test_a_log_that_is_gone_while_the_database_is_there(self) -> None:
        self.store = MemoryStore()
        error = self.assertRaises(Misconfigured, self.opened, applied=5)
        self.assertIn("must not vote again", str(error))
        self.assertEqual(list(self.store.iterate(b"\x00", b"\xff")), [])

    def test_a_reset_of_nothing(self) -> None:
        self.assertRaises(Corrupt, reset, MemoryStore(), RaftSnapshot(index=9))
