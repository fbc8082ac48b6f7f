"""Committed entries on their way from the follower to whoever applies them, one batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred

from coname.interfaces import CommittedEntry

MOST_BYTES = 16 * 1024 * 1024
"""Entries that wait to be applied. With more, nothing is read from etcd until they are taken."""


class Outbox:
    """Entries that wait to be taken, or somebody who waits for entries."""

    def __init__(self) -> None:
        self._entries: list[CommittedEntry] = []
        self._bytes = 0
        self._taker: Deferred[Sequence[CommittedEntry]] | None = None
        self._room: Deferred[None] | None = None
        self._ended: Exception | None = None

    async def put(self, entries: Sequence[CommittedEntry]) -> None:
        """Let `entries` be taken. Done when there is room for more."""
        if self._ended is not None:
            return
        self._entries.extend(entries)
        self._bytes += sum(len(entry.data) for entry in entries)
        self._hand_over()
        if self._bytes > MOST_BYTES:
            self._room = Deferred()
            await self._room

    def take(self) -> Deferred[Sequence[CommittedEntry]]:
        """All entries that wait, at least one. Fails with what `end` was called with."""
        if self._taker is not None and not self._taker.called:
            raise RuntimeError("waitCommitted was called while an earlier call waits")
        taker: Deferred[Sequence[CommittedEntry]] = Deferred()
        self._taker = taker
        if self._ended is not None:
            taker.errback(self._ended)
        else:
            self._hand_over()
        return taker

    def end(self, reason: Exception | None) -> None:
        """Nothing more is taken, for that reason; None: since it was asked for. The first reason stays."""
        self._ended = self._ended or reason or CancelledError()
        if self._taker is not None and not self._taker.called:
            self._taker.errback(self._ended)

    def _hand_over(self) -> None:
        taker = self._taker
        if not self._entries or taker is None or taker.called:
            return
        entries, self._entries, self._bytes = self._entries, [], 0
        if self._room is not None:
            room, self._room = self._room, None
            room.callback(None)
        taker.callback(entries)
