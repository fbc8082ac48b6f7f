"""What survives a simulated machine's crash, and what of it a crash takes."""

from __future__ import annotations

import random
from collections.abc import Sequence

from coname.errors import Corrupt
from coname.interfaces import IKeyValueStore, Write
from coname.messages.raft_pb2 import RaftEntry, RaftHardState, RaftSnapshot
from coname.replication.raft_store import HARD_STATE_KEY, IDENTITY_KEY, SNAPSHOT_KEY, entry_key, reset
from coname.storage.memory import MemoryStore


class DiskFull(Corrupt):
    """What a store raises that cannot write."""

    def __init__(self) -> None:
        super().__init__("No space left on device")


class Store(MemoryStore):
    """A database on a disk that can be full. As the real one, it writes nothing more after a write that failed."""

    def __init__(self, disks: Disks, contents: MemoryStore | None = None) -> None:
        super().__init__()
        self._disks = disks
        self._failed = False
        if contents is not None:
            self._values, self._keys, self._undo = contents._values, contents._keys, contents._undo

    def write(self, writes: Sequence[Write], sync: bool) -> None:
        """See `IKeyValueStore`."""
        self._failed = self._failed or self._disks.full
        if self._failed:
            raise DiskFull
        super().write(writes, sync)


class Disks:
    """The databases of one replica.

    :ivar state: the state's. :ivar log: Raft's.
    :ivar installing: a database that was decided to take the place of `state`, and where the log begins after it.
    :ivar full: whether nothing more can be written.
    """

    def __init__(self) -> None:
        self.full = False
        self.state: MemoryStore = Store(self)
        self.log: MemoryStore = Store(self)
        self.installing: tuple[RaftSnapshot, MemoryStore] | None = None

    @property
    def begun(self) -> bool:
        """Whether there is anything on them."""
        return durable(self.log, IDENTITY_KEY) is not None

    def copy(self) -> Disks:
        """A backup of the whole machine."""
        found = Disks()
        found.state, found.log = (Store(found, _copied(store)) for store in (self.state, self.log))
        found.installing = self.installing
        return found

    def crash(self, chance: random.Random) -> None:
        """Lose what was not synced, or some of it."""
        self.state = Store(self, self.state.crash(chance.randint(0, self.state.unsynced)))
        self.log = Store(self, self.log.crash(chance.randint(0, self.log.unsynced)))

    def reopen(self) -> None:
        """The process ends, the machine goes on."""
        self.state.close()
        self.log.close()
        self.state, self.log = Store(self, self.state), Store(self, self.log)

    def finish(self) -> bool:
        """Before anything is opened: finish what was begun, as `coname.replication.raft_folders` does."""
        if self.installing is None:
            return False
        start, built = self.installing
        self.state, self.log = Store(self, built), Store(self, self.log)
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

    def newest(self) -> tuple[int, int]:
        """The newest term and the newest entry of the log."""
        hard_state = RaftHardState.FromString(self.log.get(HARD_STATE_KEY) or b"")
        start = RaftSnapshot.FromString(self.log.get(SNAPSHOT_KEY) or b"")
        last = next(self.log.iterate(entry_key(0), b"f", reverse=True), None)
        return hard_state.term, max(start.index, int.from_bytes(last[0][1:], "big") if last else 0)


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


def _copied(store: MemoryStore) -> MemoryStore:
    found = MemoryStore()
    found._values, found._keys = dict(store._values), list(store._keys)
    return found
