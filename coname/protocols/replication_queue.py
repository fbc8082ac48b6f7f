"""The messages that wait for a connection, in order, and the calls that they go in.

Small messages share a call, large ones go in parts. A message that does not fit is dropped, the newest first: those who
send (Raft) send again, and what came first is what the peer needs first.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from coname.protocols.replication_wire import BATCH_MESSAGES, MAX_MESSAGE_BYTES, PIECE_BYTES

OVERHEAD_BYTES = 64
"""What an empty message takes in memory."""


class Call(NamedTuple):
    """One call to the peer.

    :ivar messages: how many messages it completes; :ivar size: their bytes in it.
    """

    method: str
    arguments: tuple[int | bytes, ...]
    messages: int
    size: int


class MessageQueue:
    """
    :param most_bytes: that may wait, with `OVERHEAD_BYTES` for each message.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._offset = 0  # how much of the first has been taken, in parts

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, message: bytes) -> bool:
        """Whether there was room for it."""
        size = len(message) + OVERHEAD_BYTES
        if len(message) > MAX_MESSAGE_BYTES or self._bytes + size > self._most:
            return False
        self._waiting.append(message)
        self._bytes += size
        return True

    def clear(self) -> int:
        """Drop all of them; how many there were."""
        count = len(self._waiting)
        self._waiting.clear()
        self._bytes = self._offset = 0
        return count

    def take(self) -> Call | None:
        """The next call; None if there is nothing to say."""
        if not self._waiting:
            return None
        return self._part() if len(self._waiting[0]) > PIECE_BYTES else self._batch()

    def _batch(self) -> Call:
        batch: list[bytes] = []
        size = 0
        while self._waiting and len(batch) < BATCH_MESSAGES and size < PIECE_BYTES:
            if len(self._waiting[0]) > PIECE_BYTES:
                break
            batch.append(self._pop())
            size += len(batch[-1])
        return Call("receive", tuple(batch), len(batch), size)

    def _part(self) -> Call:
        message = self._waiting[0]
        piece = message[self._offset : self._offset + PIECE_BYTES]
        self._offset += len(piece)
        left = len(message) - self._offset
        if not left:
            self._pop()
            self._offset = 0
        return Call("part", (left, piece), 0 if left else 1, len(piece))

    def _pop(self) -> bytes:
        message = self._waiting.popleft()
        self._bytes -= len(message) + OVERHEAD_BYTES
        return message
