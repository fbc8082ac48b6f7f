"""Entries in memory and on disk."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt
from coname.messages.raft_pb2 import RaftEntry, RaftSnapshot
from coname.replication.raft import Membership, Ready
from coname.replication.raft.errors import Compacted
from coname.replication.raft.log import ENTRY_OVERHEAD, RaftLog
from tests.replication.raft.disk import Disk


def entries(first: int, terms: Sequence[int]) -> list[RaftEntry]:
    return [RaftEntry(index=index, term=term, data=b"x" * 10) for index, term in enumerate(terms, first)]


class LogTests(SynchronousTestCase):
    """The log has entry 1, of term 1, stored; more are appended."""

    def setUp(self) -> None:
        self.disk = Disk(Membership({1: 1}))
        self.log = RaftLog(self.disk, 1, tail_bytes=1000)
        self.number = 0

    def hand_out(self) -> int:
        self.number += 1
        self.disk.write(Ready(self.number, entries=self.log.hand_out(self.number)))
        return self.number

    def store(self, *terms: int) -> None:
        self.log.append(entries(self.log.last_index + 1, terms))
        self.log.stored_up_to(self.hand_out())

    def terms(self) -> list[int | None]:
        return [self.log.term(index) for index in range(self.log.first_index, self.log.last_index + 1)]

    def test_what_was_appended_is_there(self) -> None:
        self.log.append(entries(2, [1, 2]))
        self.assertEqual((self.log.last_index, self.log.last_term, self.log.stored), (3, 2, 1))

    def test_there_is_nothing_after_the_end(self) -> None:
        self.assertIsNone(self.log.term(2))
        self.assertEqual(self.log.entries(2, 9, 100, 9), [])

    def test_what_was_handed_out_is_not_handed_out_again(self) -> None:
        self.log.append(entries(2, [1]))
        self.assertEqual([entry.index for entry in self.log.hand_out(1)], [2])
        self.log.append(entries(3, [1]))
        self.assertEqual([entry.index for entry in self.log.hand_out(2)], [3])

    def test_writes_are_acknowledged_in_order(self) -> None:
        self.log.append(entries(2, [1]))
        self.hand_out()
        self.log.append(entries(3, [1]))
        second = self.hand_out()
        self.log.stored_up_to(1)
        self.assertEqual(self.log.stored, 2)
        self.log.stored_up_to(second)
        self.assertEqual(self.log.stored, 3)

    def test_what_was_replaced_is_handed_out_again(self) -> None:
        self.store(1, 1)
        self.log.truncate(3)
        self.log.append(entries(3, [2]))
        self.assertEqual([(entry.index, entry.term) for entry in self.log.hand_out(9)], [(3, 2)])
        self.assertEqual(self.log.stored, 2)

    def test_what_was_replaced_while_it_was_written_does_not_count_as_stored(self) -> None:
        """Even if it was put back since: the disk has what replaced it."""
        self.log.append(entries(2, [1]))
        first = self.hand_out()
        self.log.truncate(2)
        self.log.append(entries(2, [2]))
        second = self.hand_out()
        self.log.truncate(2)
        self.log.append(entries(2, [1]))
        third = self.hand_out()
        for number, stored in ((first, 1), (second, 1), (third, 2)):
            self.log.stored_up_to(number)
            self.assertEqual(self.log.stored, stored)

    def test_what_is_committed_is_not_replaced(self) -> None:
        self.store(1, 1)
        self.log.commit(2)
        self.assertRaises(Corrupt, self.log.truncate, 2)

    def test_what_is_not_there_is_not_committed(self) -> None:
        self.assertRaises(Corrupt, self.log.commit, 2)

    def test_the_end_is_kept_in_memory_up_to_a_bound(self) -> None:
        for _ in range(100):
            self.store(1)
        self.assertLessEqual(self.log._tail_size, 1250)
        self.assertEqual(self.terms(), [1] * 101)

    def test_what_is_not_stored_is_kept_in_any_case(self) -> None:
        self.log.append(entries(2, [1] * 100))
        self.hand_out()
        self.assertEqual(len(self.log._tail), 100)

    def test_entries_come_from_the_disk_and_then_from_memory(self) -> None:
        for _ in range(100):
            self.store(1)
        found: list[int] = []
        while len(found) < 101:
            found += [entry.index for entry in self.log.entries(len(found) + 1, 101, 300, 1000)]
        self.assertEqual(found, list(range(1, 102)))

    def test_no_more_entries_than_the_bound(self) -> None:
        self.log.append(entries(2, [1] * 9))
        self.assertEqual(len(self.log.entries(2, 10, 3 * (10 + ENTRY_OVERHEAD), 9)), 3)
        self.assertEqual(len(self.log.entries(2, 10, 10_000, 4)), 4)

    def test_one_entry_at_least(self) -> None:
        self.log.append(entries(2, [1]))
        self.assertEqual(len(self.log.entries(2, 2, 1, 9)), 1)

    def test_what_was_compacted_is_gone(self) -> None:
        self.store(1, 2, 2)
        self.log.compact(3, 2)
        self.assertRaises(Compacted, self.log.term, 2)
        self.assertRaises(Compacted, self.log.entries, 3, 4, 100, 9)
        self.assertEqual((self.log.term(3), self.log.term(4), self.log.first_index), (2, 2, 4))

    def test_what_was_compacted_matches_nothing(self) -> None:
        self.store(1, 2, 2)
        self.log.compact(3, 2)
        self.assertFalse(self.log.matches(2, 1))
        self.assertTrue(self.log.matches(3, 2))

    def test_a_snapshot_stands_for_all(self) -> None:
        self.store(1, 2, 2)
        self.log.reset(RaftSnapshot(index=50, term=7))
        self.assertEqual((self.log.last_index, self.log.last_term, self.log.committed), (50, 7, 50))
        self.log.append(entries(51, [8]))
        self.assertEqual(self.log.last_term, 8)

    def test_the_newest_entry_of_no_newer_term(self) -> None:
        self.store(1, 2, 2, 5, 5)
        self.assertEqual(self.log.newest_not_after(99, 4), (4, 2))
        self.assertEqual(self.log.newest_not_after(3, 9), (3, 2))
        self.assertEqual(self.log.newest_not_after(99, 1), (2, 1))
        self.assertEqual(self.log.newest_not_after(99, 0), (0, 0))

    def test_a_newer_term_is_newer_than_a_longer_log(self) -> None:
        self.store(1, 1, 2)
        self.assertTrue(self.log.is_behind(2, 3))
        self.assertFalse(self.log.is_behind(99, 1))
        self.assertTrue(self.log.is_behind(4, 2))
        self.assertFalse(self.log.is_behind(3, 2))

    def test_nothing_is_delivered_that_is_not_stored(self) -> None:
        self.log.append(entries(2, [1, 1]))
        self.log.commit(3)
        self.assertEqual(self.log.deliver(1000, 9), [])
        self.log.stored_up_to(self.hand_out())
        self.assertEqual([entry.index for entry in self.log.deliver(1, 9)], [2])
        self.assertEqual([entry.index for entry in self.log.deliver(1000, 9)], [3])
