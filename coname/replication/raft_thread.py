"""A thread for the log alone: a write on which elections and updates wait does not queue behind what others read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool


class OwnThread:
    """Calls functions in one thread, one after the other. The thread is made at the first call."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, 1, "raft log")

    def __call__(self, function: Callable[..., Any], *arguments: object) -> Deferred[Any]:
        """What `function` returns, or raises."""
        if not self._pool.started:
            self._pool.start()
        return deferToThreadPool(self._reactor, self._pool, function, *arguments)

    def stop(self) -> None:
        """End the thread, which has nothing left to do."""
        if self._pool.started:
            self._pool.stop()
