"""How fast steps are sent to all verifiers together: as fast as the process has time for.

To send a step costs some 40 µs of the reactor's thread, and hundreds of verifiers that catch up, or follow a busy
realm, would have it all. So steps are granted in ticks, in turn among those who want some. A tick that comes late says
that the reactor has other things to do, and the next one grants half as many; one that is on time grants a few more.

Between `LEAST` and `MOST` a tick, it is 3,000 to 25,000 steps a second in all. The least keeps 300 verifiers going at
ten updates a second, whatever else there is to do: lookups need their signatures.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

TICK_SECONDS = 0.01
LATE_SECONDS = 0.005
LEAST, MOST, MORE = 30, 250, 5
"""Steps in a tick, and by how many their number grows."""

AT_ONCE = 16
"""Steps granted to one stream before it is another's turn."""


class Pace:
    """Grants steps.

    :param now: a monotonic clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._allowance = MOST
        self._left = MOST
        self._due = now() - TICK_SECONDS  # when the last tick was due, or the next one is
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def allowance(self) -> int:
        """How many steps a tick grants at the moment."""
        return self._allowance

    async def take(self, wanted: int) -> int:
        """How many steps may be sent now, of so many that are `wanted`: at least one. Waits for its turn."""
        if self._waiting:
            await self._turn()
        while self._left <= 0:
            await self._turn()
        granted = min(wanted, self._left, AT_ONCE)
        self._left -= granted
        if self._left <= 0 and self._timer is None:
            self._schedule(asyncio.get_running_loop())
        elif self._left > 0:
            self._wake()
        return granted

    async def _turn(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # it was this one's turn, and is the next one's now
            raise

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._now()
        self._due = max(now, self._due + TICK_SECONDS)
        self._timer = loop.call_later(self._due - now, self._tick)

    def _tick(self) -> None:
        late = self._now() - self._due > LATE_SECONDS
        self._allowance = max(LEAST, self._allowance // 2) if late else min(MOST, self._allowance + MORE)
        self._left = self._allowance
        self._timer = None
        self._wake()

    def _wake(self) -> None:
        """It is the turn of whoever has waited for the longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
