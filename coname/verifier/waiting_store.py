"""Writes of several epochs that become durable together.

A synced write takes a hundred times as long as what one small epoch writes. While catching up, the writes of many
epochs wait here, are read as if they were in the database, and reach it as one synced batch. Nothing that depends on
them may leave before `flush`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zope.interface import implementer

from coname.errors import Unavailable
from coname.interfaces import Delete, IKeyValueStore, Put, Write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@implementer(IKeyValueStore)
class WaitingStore:
    """`IKeyValueStore` around another, whose writes wait in memory until `flush`.

    :ivar size: bytes that wait, keys included.
    """

    def __init__(self, inner: IKeyValueStore) -> None:
        self._inner = inner
        self._waiting: dict[bytes, Write] = {}
        self._closed = False
        self.size = 0

    def get(self, key: bytes) -> bytes | None:
        """See `IKeyValueStore`."""
        write = self._waiting.get(key)
        if write is None:
            return self._inner.get(key)
        return write.value if isinstance(write, Put) else None

    def iterate(self, start: bytes, stop: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """See `IKeyValueStore`. While writes wait, the records are copied at once."""
        if not self._waiting:
            return self._inner.iterate(start, stop, reverse)
        found = dict(self._inner.iterate(start, stop))
        for key, write in self._waiting.items():
            if start <= key < stop:
                if isinstance(write, Put):
                    found[key] = write.value
                else:
                    found.pop(key, None)
        return iter(sorted(found.items(), reverse=reverse))

    def write(self, writes: Sequence[Write], sync: bool = False) -> None:
        """Let `writes` wait; `sync` makes them durable at once, with all that waits."""
        if self._closed:
            raise Unavailable("the store is closed")
        self._waiting.update([(write.key, write) for write in writes])
        self.size += sum([len(write.key) + len(write.value) for write in writes if isinstance(write, Put)])
        if sync:
            self.flush()

    def put(self, key: bytes, value: bytes) -> None:
        """Let one record wait."""
        self._waiting[key] = Put(key, value)
        self.size += len(key) + len(value)

    def delete(self, key: bytes) -> None:
        """Let one removal wait."""
        self._waiting[key] = Delete(key)

    def flush(self) -> None:
        """Make everything that waits durable, as one batch.

        :raises Corrupt, Unavailable: the database failed. What waits may be there or not: give up this object.
        """
        if self._waiting:
            self._inner.write(list(self._waiting.values()), True)
            self._waiting = {}
            self.size = 0

    def close(self) -> None:
        """See `IKeyValueStore`. What waits is lost."""
        self._closed = True
        self._inner.close()
