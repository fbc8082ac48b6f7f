"""A replica's disk in memory, which forgets in a crash what was not synced."""

from __future__ import annotations

from collections.abc import Sequence

from coname.errors import Corrupt
from coname.messages.raft_pb2 import RaftEntry, RaftHardState, RaftSnapshot
from coname.replication.raft import IRaftStorage, Membership, Ready, bootstrap
from coname.replication.raft.log import size


class Contents:
    """What is on a disk."""

    def __init__(self) -> None:
        self.hard_state = RaftHardState()
        self.snapshot = RaftSnapshot()
        self.entries: list[RaftEntry] = []
        self.applied: list[bytes] = []  # the state machine's database: the data of every entry from 1 on

    def copy(self) -> Contents:
        other = Contents()
        other.hard_state, other.snapshot = self.hard_state, self.snapshot
        other.entries, other.applied = list(self.entries), self.applied
        return other


class Disk(IRaftStorage):
    """`IRaftStorage`, and what a driver writes.

    :ivar now: with everything that was written.
    :ivar durable: without what a crash would take.
    """

    def __init__(self, membership: Membership | None = None) -> None:
        self.now = Contents()
        if membership is not None:
            self.now.hard_state, entry = bootstrap(membership)
            self.now.entries.append(entry)
        self.sync()

    def hard_state(self) -> RaftHardState:
        return self.now.hard_state

    def snapshot(self) -> RaftSnapshot:
        return self.now.snapshot

    def last_index(self) -> int:
        return self.now.snapshot.index + len(self.now.entries)

    def term(self, index: int) -> int:
        return self._entry(index).term

    def entries(self, first: int, end: int, most_bytes: int) -> Sequence[RaftEntry]:
        found: list[RaftEntry] = []
        total = 0
        for index in range(first, end):
            entry = self._entry(index)
            total += size(entry)
            if found and total > most_bytes:
                break
            found.append(entry)
        return found

    def _entry(self, index: int) -> RaftEntry:
        place = index - self.now.snapshot.index - 1
        if not 0 <= place < len(self.now.entries):
            raise Corrupt(f"entry {index} is not stored")
        return self.now.entries[place]

    # writing

    def write(self, ready: Ready) -> None:
        """The hard state and the entries; not synced."""
        if ready.hard_state is not None:
            self.now.hard_state = ready.hard_state
        if ready.entries:
            keep = ready.entries[0].index - self.now.snapshot.index - 1
            if not 0 <= keep <= len(self.now.entries):
                raise Corrupt(f"entry {ready.entries[0].index} does not follow")
            del self.now.entries[keep:]
            self.now.entries += ready.entries

    def compact(self, start: RaftSnapshot) -> None:
        del self.now.entries[: start.index - self.now.snapshot.index]
        self.now.snapshot = start

    def install(self, start: RaftSnapshot, applied: list[bytes]) -> None:
        self.now.snapshot, self.now.entries, self.now.applied = start, [], applied
        self.sync()

    def sync(self) -> None:
        self.durable = self.now.copy()

    def crash(self) -> None:
        self.now = self.durable.copy()
