"""A store in memory, for tests: it can lose what was not synced, as a machine that loses power does.

Rules it keeps:

1. a batch is applied as a whole or not at all;
2. what a crash leaves is a prefix of the batches that were written, and never less than the last synced one;
3. iteration shows the store as it was when `MemoryStore.iterate` was called.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from threading import Lock
from typing import TYPE_CHECKING

from zope.interface import implementer

from coname.errors import Unavailable
from coname.interfaces import IKeyValueStore, Put, Write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@implementer(IKeyValueStore)
class MemoryStore:
    """`IKeyValueStore` in a dictionary and a sorted list of its keys."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._closed = False
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []  # the keys of _values, ascending
        self._undo: list[list[tuple[bytes, bytes | None]]] = []  # of each unsynced batch: what it replaced, in order

    def get(self, key: bytes) -> bytes | None:
        """See `IKeyValueStore`."""
        self._check_open()
        return self._values.get(key)

    def iterate(self, start: bytes, stop: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """See `IKeyValueStore`. The records are copied at once."""
        self._check_open()
        with self._lock:
            keys = self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, stop)]
            records = [(key, self._values[key]) for key in keys]
        return reversed(records) if reverse else iter(records)

    def write(self, writes: Sequence[Write], sync: bool) -> None:
        """See `IKeyValueStore`."""
        with self._lock:
            self._check_open()
            self._undo.append([self._apply(write) for write in writes])
            if sync:
                self._undo.clear()

    def close(self) -> None:
        """See `IKeyValueStore`."""
        self._closed = True

    @property
    def unsynced(self) -> int:
        """How many batches a crash could take back."""
        return len(self._undo)

    def crash(self, survivors: int = 0) -> MemoryStore:
        """Lose power: this store is closed, and what the disk holds afterwards is returned as another.

        :param survivors: how many of the `unsynced` batches, from the oldest, happened to reach the disk.
        :raises ValueError: fewer batches than that are unsynced.
        """
        if not 0 <= survivors <= len(self._undo):
            raise ValueError(f"{survivors} batches cannot survive: {len(self._undo)} are unsynced")
        self.close()
        found = MemoryStore()
        found._values = dict(self._values)
        for batch in reversed(self._undo[survivors:]):
            for key, old in reversed(batch):
                if old is None:
                    found._values.pop(key, None)
                else:
                    found._values[key] = old
        found._keys = sorted(found._values)
        return found

    def _apply(self, write: Write) -> tuple[bytes, bytes | None]:
        old = self._values.get(write.key)
        if isinstance(write, Put):
            if old is None:
                insort(self._keys, write.key)
            self._values[write.key] = write.value
        elif old is not None:
            del self._values[write.key]
            del self._keys[bisect_left(self._keys, write.key)]
        return write.key, old

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the store is closed")
