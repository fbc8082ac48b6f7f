"""Several things awaited at once, on Twisted and on asyncio: what ends first is told first."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from coname.client.framework import framework

K = TypeVar("K")


@dataclass(frozen=True)
class Ended(Generic[K]):
    """One that has ended.

    :ivar runner: which, as it was started.
    :ivar value: what it came to, or what it failed with, an exception.
    :ivar failed: whether it did.
    """

    runner: K
    value: Any
    failed: bool


class Race(Generic[K]):
    """Those under way, and those that have ended but were not told yet."""

    def __init__(self) -> None:
        self._running: dict[K, Any] = {}
        self._ended: deque[Ended[K]] = deque()
        self._bell: Any = None
        self._late = False

    @property
    def running(self) -> bool:
        """Whether anything is under way, or has ended and was not told."""
        return bool(self._running or self._ended)

    def start(self, runner: K, job: Callable[[], Awaitable[Any]]) -> None:
        """Begin `job`, under that name."""
        future = self._running[runner] = framework.as_future(job)
        framework.add_callbacks(
            future,
            lambda value: self._end(Ended(runner, value, failed=False)),
            lambda failure: self._end(Ended(runner, failure.value, failed=True)),
        )

    async def next(self, seconds: float | None) -> Ended[K] | None:
        """The next one that ends; None if none does within `seconds`. Without a number, as long as it takes."""
        if not self._ended:
            self._bell = framework.create_future()
            timer = None if seconds is None else framework.call_later(seconds, self._give_up)
            try:
                await self._bell
            finally:
                self._bell = None
                if timer is not None and not self._late:
                    timer.cancel()
                self._late = False
        return self._ended.popleft() if self._ended else None

    def cancel(self) -> None:
        """Break off what is under way. Nothing more is told of it."""
        running, self._running = self._running, {}
        for future in running.values():
            framework.cancel(future)

    def _end(self, ended: Ended[K]) -> None:
        if self._running.pop(ended.runner, None) is not None:
            self._ended.append(ended)
            self._ring()

    def _give_up(self) -> None:
        self._late = True
        self._ring()

    def _ring(self) -> None:
        if self._bell is not None and not framework.is_called(self._bell):
            framework.resolve(self._bell, None)
