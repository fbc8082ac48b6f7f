"""What survives a simulated machine's crash, and what of it a crash takes."""

from __future__ import annotations

import random

from coname.interfaces import IKeyValueStore
from coname.messages.raft_pb2 import RaftEntry, RaftSnapshot
from coname.replication.raft_store import SNAPSHOT_KEY, entry_key, reset
from coname.storage.memory import MemoryStore


class Disks:
    """The databases of one replica.

    :ivar state: the state's. :ivar log: Raft's.
    :ivar installing: a database that was decided to take the place of `state`, and where the log begins after it.
    """

    def __init__(self) -> None:
        self.state = MemoryStore()
        self.log = MemoryStore()
        self.installing: tuple[RaftSnapshot, MemoryStore] | None = None

    def crash(self, chance: random.Random) -> None:
        """Lose what was not synced, or some of it."""
        self.state = self.state.crash(chance.randint(0, self.state.unsynced))
        self.log = self.log.crash(chance.randint(0, self.log.unsynced))

    def reopen(self) -> None:
        """The process ends, the machine goes on."""
        self.state, self.log = _reopened(self.state), _reopened(self.log)

    def finish(self) -> bool:
        """Before anything is opened: finish what was begun, as `coname.replication.raft_folders` does."""
        if self.installing is None:
            return False
        start, self.state = self.installing
        reset(self.log, start)
        self.installing = None
        return True

    def has_durably(self, index: int, term: int) -> bool:
        """Whether a crash would leave that log entry, or a database that holds its effects."""
        start = durable(self.log, SNAPSHOT_KEY)
        begins = max(
            self.installing[0].index if self.installing else 0,
            RaftSnapshot.FromString(start).index if start else 0,
        )
        if index <= begins:
            return True
        entry = durable(self.log, entry_key(index))
        return entry is not None and RaftEntry.FromString(entry).term == term


def durable(store: MemoryStore, key: bytes) -> bytes | None:
    """What is under `key` after a crash that takes all that it can."""
    for batch in store._undo:
        for changed, before in batch:
            if changed == key:
                return before
    return store._values.get(key)


def contents(store: IKeyValueStore) -> list[tuple[bytes, bytes]]:
    """All records."""
    return list(store.iterate(b"\x00", b"\xff"))


def _reopened(store: MemoryStore) -> MemoryStore:
    found = MemoryStore()
    found._values, found._keys, found._undo = store._values, store._keys, store._undo
    store.close()
    return found
