"""A replica's log: the stored entries, and a tail of them in memory.

Rules of this file:

1. The tail has every entry that is not known to be stored, and as many before those as fit into its bound.
2. An entry counts as stored when the `Ready` that handed it out is, and no entry before or at its place was replaced
   since: otherwise a stored entry that was replaced by another, and that by the first again, would count too early.
3. What is committed is never replaced.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from coname.errors import Corrupt
from coname.messages.raft_pb2 import RaftEntry, RaftSnapshot
from coname.replication.raft.errors import Compacted
from coname.replication.raft.storage import IRaftStorage

ENTRY_OVERHEAD = 32
"""Bytes that an entry is taken to need besides its data."""


def size(entry: RaftEntry) -> int:
    """What an entry counts for against bounds, in bytes."""
    return len(entry.data) + ENTRY_OVERHEAD


@dataclass(slots=True)
class _Handed:
    number: int
    last: int  # all entries up to here are stored when this is


class RaftLog:
    """See the module.

    :param applied: what the database holds the effects of.
    :raises Corrupt: what is stored contradicts itself.
    :ivar committed: entries up to this index are decided for good.
    :ivar stored: entries up to this index are durable here.
    """

    def __init__(self, storage: IRaftStorage, applied: int, tail_bytes: int) -> None:
        start = storage.snapshot()
        self._storage = storage
        self._tail_bytes = tail_bytes
        self.snapshot_index, self.snapshot_term = start.index, start.term
        self.stored = self._given = storage.last_index()
        self._tail: list[RaftEntry] = []
        self._tail_first = self.stored + 1
        self._tail_size = 0
        self._handed: deque[_Handed] = deque()
        self.committed = max(storage.hard_state().committed, applied, start.index)
        self.delivered = applied
        if not start.index <= applied <= self.committed <= self.stored:
            raise Corrupt(
                f"the log holds entries {start.index + 1} to {self.stored}, which does not fit to a database with the "
                f"effects of entries up to {applied}, of which {self.committed} are committed"
            )

    # reading

    @property
    def first_index(self) -> int:
        """The oldest entry that is not compacted, if there is one."""
        return self.snapshot_index + 1

    @property
    def last_index(self) -> int:
        """The newest entry; that of the snapshot if there is none."""
        return self._tail_first + len(self._tail) - 1

    @property
    def last_term(self) -> int:
        """The newest entry's term; 0 if there never was one."""
        return self._tail[-1].term if self._tail else self.term(self.last_index) or 0

    def term(self, index: int) -> int | None:
        """The term of an entry; None if there is no such entry yet.

        :raises Compacted: it is there no longer.
        """
        place = index - self._tail_first
        if place >= 0:
            return self._tail[place].term if place < len(self._tail) else None
        if index == self.snapshot_index:
            return self.snapshot_term
        if index < self.snapshot_index:
            raise Compacted(f"entry {index} is before the snapshot of entry {self.snapshot_index}")
        return self._storage.term(index)

    def entries(self, first: int, last: int, most_bytes: int, most: int) -> list[RaftEntry]:
        """Entries from `first` to `last`, none if there is no such entry, otherwise at least one.

        :param most_bytes: no more after so much, by `size`.
        :param most: no more than so many.
        :raises Compacted: the first is there no longer.
        """
        last = min(last, self.last_index, first + most - 1)
        if first > last:
            return []
        if first < self.first_index:
            raise Compacted(f"entry {first} is before the snapshot of entry {self.snapshot_index}")
        if first < self._tail_first:
            return list(self._storage.entries(first, min(last + 1, self._tail_first), most_bytes))
        place = first - self._tail_first
        return _at_most(self._tail[place : place + last - first + 1], most_bytes)

    def matches(self, index: int, term: int) -> bool:
        """Whether the entry at `index` is of that term; then all before it are the same as well."""
        try:
            return self.term(index) == term
        except Compacted:
            return False

    def is_behind(self, last_index: int, last_term: int) -> bool:
        """Whether another log that ends there is at least as new as this one (Raft, section 5.4.1)."""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    def newest_not_after(self, index: int, term: int) -> tuple[int, int]:
        """The newest entry at or before `index` with no newer term, and its term: what two logs may have in common.

        A compacted entry is reported as the place of the snapshot.
        """
        places = range(self.first_index, min(index, self.last_index) + 1)
        older = bisect_right(places, term, key=self._term_there)  # terms never fall along a log
        index = self.snapshot_index + older
        return index, self._term_there(index)

    def _term_there(self, index: int) -> int:
        return self.term(index) or 0

    # writing

    def append(self, entries: Sequence[RaftEntry]) -> None:
        """Add entries that follow the newest one."""
        self._tail += entries
        self._tail_size += sum(map(size, entries))

    def truncate(self, first: int) -> None:
        """Remove the entries from `first` on, which are not committed."""
        if first <= self.committed:
            raise Corrupt(f"entry {first} would be replaced, though entries up to {self.committed} are committed")
        keep = max(first - self._tail_first, 0)
        self._tail_size -= sum(map(size, self._tail[keep:]))
        del self._tail[keep:]
        self._tail_first = min(self._tail_first, first)
        self.stored = min(self.stored, first - 1)
        self._given = min(self._given, first - 1)
        for handed in self._handed:
            handed.last = min(handed.last, first - 1)

    def hand_out(self, number: int) -> list[RaftEntry]:
        """The entries that are to be stored next, by the `Ready` of that number."""
        entries = self._tail[self._given + 1 - self._tail_first :]
        self._given = self.last_index
        self._handed.append(_Handed(number, self._given))
        return entries

    @property
    def has_unstored(self) -> bool:
        """Whether there are entries that were not handed out to be stored."""
        return self._given < self.last_index

    def stored_up_to(self, number: int) -> None:
        """The `Ready` of that number, and all before, are durable."""
        while self._handed and self._handed[0].number <= number:
            self.stored = max(self.stored, self._handed.popleft().last)
        self._shorten()

    def _shorten(self) -> None:
        """Keep no more in memory than the bound, unless it is not stored yet. A quarter more may stay, so that the
        list is not moved for each entry."""
        if self._tail_size <= self._tail_bytes * 5 // 4:
            return
        drop = 0
        while drop <= self.stored - self._tail_first and self._tail_size > self._tail_bytes:
            self._tail_size -= size(self._tail[drop])
            drop += 1
        del self._tail[:drop]
        self._tail_first += drop

    # commitment

    def commit(self, index: int) -> bool:
        """Entries up to `index` are decided; whether that is news."""
        if index <= self.committed:
            return False
        if index > self.last_index:
            raise Corrupt(f"entry {index} was committed, and the log ends at {self.last_index}")
        self.committed = index
        return True

    @property
    def has_deliverable(self) -> bool:
        """Whether entries are committed, stored here, and not delivered yet."""
        return self.delivered < min(self.committed, self.stored)

    def deliver(self, most_bytes: int, most: int) -> list[RaftEntry]:
        """The next entries to apply. Only what is stored here: a replica must not get ahead of its own disk."""
        entries = self.entries(self.delivered + 1, min(self.committed, self.stored), most_bytes, most)
        self.delivered += len(entries)
        return entries

    # snapshots

    def compact(self, index: int, term: int) -> None:
        """The entries up to `index` are no longer stored."""
        drop = max(0, index - self._tail_first + 1)
        self._tail_size -= sum(map(size, self._tail[:drop]))
        del self._tail[:drop]
        self._tail_first += drop
        self.snapshot_index, self.snapshot_term = index, term

    def reset(self, snapshot: RaftSnapshot) -> None:
        """A snapshot was installed, durably: it stands for the whole log."""
        self._tail.clear()
        self._handed.clear()
        self._tail_size = 0
        self._tail_first = snapshot.index + 1
        self.stored = self._given = self.committed = self.delivered = snapshot.index
        self.snapshot_index, self.snapshot_term = snapshot.index, snapshot.term


def _at_most(entries: list[RaftEntry], most_bytes: int) -> list[RaftEntry]:
    total = 0
    for place, entry in enumerate(entries):
        total += size(entry)
        if total > most_bytes and place:
            return entries[:place]
    return entries
