"""Calls that have begun and whose message has not arrived: each is given so many seconds, and then its stream's memory
(some 17 kB) to somebody else.

gRPC waits for a message for as long as the connection lasts. So the methods take a stream, on the wire the same as
one message, and read that one themselves. All deadlines are kept by one sweep each second, which costs a call no more
than an entry in a dict that is removed again at once. Time is counted in sweeps: while the process is too busy to take
messages up, it does not pass.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from coname.errors import InvalidRequest, TimedOut

if TYPE_CHECKING:
    import grpc

    Context = grpc.aio.ServicerContext[bytes, bytes]

PATIENCE_SECONDS = 30.0
"""For a message to arrive: as long as an HTTP body may take."""

CROWD, CROWDED_SECONDS = 2000, 3.0
"""While more calls than the first number wait for their messages, each has so many seconds. An honest client sends the
message right behind the call; thousands of such calls are there only for moments."""

SWEEP_SECONDS = 1.0
"""Between two looks at all deadlines."""


class Arrivals:
    """Receives the messages of all calls of a front."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Task[Any] | None, float] = {}
        """Since when, as `_now` was then; oldest first."""
        self._now = 0.0
        self._sweeping: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch."""
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._next_sweep, loop)

    def stop(self) -> None:
        """Watch no longer."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    async def message(self, context: Context) -> bytes:
        """The message of the call that the current task serves.

        :raises TimedOut: it has not arrived in time. :raises InvalidRequest: the call ended without one.
        """
        task = asyncio.current_task()
        self._waiting[task] = self._now
        try:
            data: Any = await context.read()
        except asyncio.CancelledError:
            if task in self._waiting:  # it was not us: the client is gone
                raise
            raise TimedOut("the request's message did not arrive in time") from None
        finally:
            self._waiting.pop(task, None)
        if not isinstance(data, bytes):  # but gRPC's mark of the end
            raise InvalidRequest("the call ended without a message")
        return data

    def sweep(self, seconds: float) -> None:
        """After so many `seconds`, end the calls that have waited for too long."""
        self._now += seconds
        patience = CROWDED_SECONDS if len(self._waiting) > CROWD else PATIENCE_SECONDS
        late = []
        for task, since in self._waiting.items():
            if since > self._now - patience:
                break
            late.append(task)
        for task in late:
            del self._waiting[task]
            if task is not None:
                task.cancel()

    def _next_sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self.sweep(SWEEP_SECONDS)
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._next_sweep, loop)
