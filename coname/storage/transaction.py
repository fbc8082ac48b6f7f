"""Writes that are collected first and given to a store as one batch later.

The state machine computes on a transaction; nothing reaches the store until its caller hands over `Transaction.writes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.interfaces import Delete, IKeyValueStore, Put, Write

if TYPE_CHECKING:
    from collections.abc import Iterable


class Transaction:
    """Reads from a store and sees its own writes; changes nothing itself.

    Only the last write to a key is kept: a batch is applied as a whole, so nobody could see the ones before.
    """

    __slots__ = ("_pending", "_store")

    def __init__(self, store: IKeyValueStore) -> None:
        self._store = store
        self._pending: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value under `key` as it will be once the writes are applied; None if there will be none.

        :raises coname.errors.Corrupt: as the store does.
        """
        if key in self._pending:
            return self._pending[key]
        return self._store.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set `key` to `value`."""
        self._pending[key] = value

    def delete(self, key: bytes) -> None:
        """Remove `key`; it need not be there."""
        self._pending[key] = None

    def add(self, writes: Iterable[Write]) -> None:
        """Take over writes that somebody else has computed, such as the tree's new nodes."""
        for write in writes:
            self._pending[write.key] = write.value if isinstance(write, Put) else None

    @property
    def writes(self) -> list[Write]:
        """Everything that was written, as one batch for `IKeyValueStore.write`; each key once."""
        return [Delete(key) if value is None else Put(key, value) for key, value in self._pending.items()]

    def __len__(self) -> int:
        """How many keys the batch changes."""
        return len(self._pending)
