"""How fast transfers go: never so fast that a heartbeat waits for them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

WINDOW_CHUNKS = 16
"""The most chunks under way, and the most that a receiver keeps in memory: 1 MiB for each transfer."""

BURST_SECONDS = 0.05
"""A sender that was idle for as long may send as much at once."""


class Rate:
    """A bound on bytes a second, shared by whoever takes from it.

    :param most: bytes a second; 0: no bound.
    """

    def __init__(self, clock: IReactorTime, most: float) -> None:
        self._clock = clock
        self._most = most
        self._paid_until = clock.seconds()

    def take(self, size: int) -> Deferred[None]:
        """Fires when `size` bytes may be sent."""
        if not self._most:
            return succeed(None)
        now = self._clock.seconds()
        wait = self._paid_until - now
        self._paid_until = max(self._paid_until, now - BURST_SECONDS) + size / self._most
        return deferLater(self._clock, wait) if wait > 0 else succeed(None)


class Window:
    """The chunks of one transfer that are not acknowledged yet.

    While acknowledgements come within `target` seconds, there may be one more under way with each of them; when one
    takes longer, half as many, but one. So a slow link, whose buffers would hold seconds' worth of chunks in front of
    every heartbeat, holds little more than one.
    """

    def __init__(self, clock: IReactorTime, target: float, start: int) -> None:
        self.acknowledged = start
        self.sent = start
        self.chunks = 2
        self._clock = clock
        self._target = target
        self._under_way: deque[tuple[int, float]] = deque()  # where each ends, and when it was sent
        self._waiter: Deferred[None] | None = None

    def room(self) -> Deferred[None]:
        """Fires when one more chunk may be sent."""
        if len(self._under_way) < self.chunks:
            return succeed(None)
        self._waiter = Deferred()
        return self._waiter

    def send(self, end: int) -> None:
        """A chunk that ends there has been sent."""
        self.sent = end
        self._under_way.append((end, self._clock.seconds()))

    def acknowledge(self, end: int) -> bool:
        """All before `end` is written at the other side. False if that cannot be."""
        if not self.acknowledged <= end <= self.sent:
            return False
        self.acknowledged = end
        while self._under_way and self._under_way[0][0] <= end:
            self._adapt(self._clock.seconds() - self._under_way.popleft()[1])
        waiter = self._waiter
        if waiter is not None and len(self._under_way) < self.chunks:
            self._waiter = None
            waiter.callback(None)
        return True

    def _adapt(self, took: float) -> None:
        self.chunks = min(self.chunks + 1, WINDOW_CHUNKS) if took <= self._target else max(self.chunks // 2, 1)
