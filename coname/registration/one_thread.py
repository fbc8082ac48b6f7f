"""Work that strangers can cause, done one piece after the other in a thread of its own.

Checking a large SAML response takes some hundredths of a second, and signing a request with a large key takes one. In
the reactor everybody would wait for that, and in the threads that write to the disk, updates would. Here only those
wait who bring such work; beyond some of it, the next are turned away. Whoever goes away meanwhile makes no room before
the turn has come: otherwise coming and going would pile up work without end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from coname.errors import Overloaded, Unavailable

Result = TypeVar("Result")

WAITING = 50
"""The most pieces that wait or are worked on: a second or two."""


class OneThread:
    """The thread; there is one from the first piece of work on.

    :param what: what the work is, for those who are turned away.
    """

    def __init__(self, reactor: Any, what: str) -> None:
        self._reactor = reactor
        self._what = what
        self._pool: ThreadPool | None = None
        self._waiting = 0
        self._stopped = False

    def __call__(self, function: Callable[..., Result], *arguments: object) -> Deferred[Result]:
        """What `function` returns or raises. Fails with `Overloaded` if too much is waiting, with `Unavailable` after
        the end.

        It is not called any more if nobody waits for it when its turn comes.
        """
        if self._stopped:
            return fail(Unavailable("the server is stopping"))
        if self._waiting >= WAITING:
            return fail(Overloaded(f"too many {self._what} are waiting; try again in a moment"))
        if self._pool is None:
            self._pool = ThreadPool(0, 1, self._what)
            self._pool.start()
        self._waiting += 1
        awaited: Deferred[Result] = Deferred()
        work = deferToThreadPool(self._reactor, self._pool, _if_awaited, awaited, function, *arguments)
        work.addBoth(self._done, awaited)
        return awaited

    def stop(self) -> None:
        """End the thread, after what it is doing."""
        self._stopped = True
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()

    def _done(self, result: Any, awaited: Deferred[Any]) -> None:
        self._waiting -= 1
        if not awaited.called:
            awaited.callback(result)


def _if_awaited(awaited: Deferred[Result], function: Callable[..., Result], *arguments: object) -> Result | None:
    return None if awaited.called else function(*arguments)
