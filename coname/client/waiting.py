"""Work that blocks, waited for in whichever framework the program has."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any, Generic, TypeVar

from coname.client.framework import framework

Result = TypeVar("Result")

PAUSE = 0.05
"""Seconds between two looks: nobody notices, and it costs nothing."""


async def in_thread(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises. If nobody waits any more, it goes on to its end all the same."""
    running = _Work(work)
    running.start()
    while running.is_alive():
        await framework.sleep(PAUSE)
    return running.outcome()


class _Work(Thread, Generic[Result]):
    def __init__(self, work: Callable[[], Result]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # whatever it is, it is raised where somebody waits for it
            self._error = error

    def outcome(self) -> Result:
        """Once it has ended."""
        if self._error is not None:
            raise self._error
        result: Result = self._result
        return result
