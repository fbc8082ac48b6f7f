"""A value that somebody else has, fetched when it is needed and used again for a while.

Many may wait for one fetch, and whoever stops waiting does not stop it for the others. While it fails, the last value
is used for some time longer; after a failure, nobody tries again for some seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import Generic, NamedTuple, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from coname.errors import ConameError, Unavailable

Value = TypeVar("Value")

PAUSE = 5.0
"""Seconds after a failed fetch in which nobody tries again: an outage costs whoever comes no more than an answer."""

STALE = 24 * 3600.0
"""Seconds for which a value is used on, past its time, while a new one cannot be had. An outage of the provider's keys
need not be one of registrations; a key that it has withdrawn is not believed for longer."""

RENEWAL = 30.0
"""Seconds between two fetches that somebody asked for before the value's time: whoever makes up names of keys must not
have the provider asked once for each."""


class Fresh(NamedTuple, Generic[Value]):
    """A value as it was fetched, and for how many seconds it may be used again."""

    value: Value
    lifetime: float


class Cached(Generic[Value]):
    """One such value.

    :param what: what it is, for the log.
    :param fetch: gets it; fails with a `ConameError`.
    :ivar fetched_at: when that was, by `clock`.
    """

    _log = Logger()

    def __init__(self, what: str, fetch: Callable[[], Awaitable[Fresh[Value]]], clock: IReactorTime) -> None:
        self._what = what
        self._fetch = fetch
        self._clock = clock
        self._value: Value | None = None
        self.fetched_at = -inf
        self._fresh_until = self._tried_at = self._failed_at = -inf
        self._failure: ConameError | None = None
        self._waiting: list[Deferred[None]] | None = None  # for the fetch under way; None: there is none

    async def get(self) -> Value:
        """The value.

        :raises Unavailable: it cannot be had, nor is there one of late.
        """
        if self._clock.seconds() >= self._fresh_until and not self._paused():
            await self._join()
        return self._present()

    async def renewed(self) -> Value:
        """The value, fetched anew unless that was done a moment ago.

        :raises Unavailable: it may be tried again only later, or cannot be had.
        """
        if self._waiting is None and self._clock.seconds() < self._tried_at + RENEWAL:
            rest = self._tried_at + RENEWAL - self._clock.seconds()
            raise Unavailable(f"{self._what} were fetched a moment ago; try again in {rest:.0f} seconds")
        await self._join()
        if self._failure is not None:
            raise self._failure
        return self._present()

    def _paused(self) -> bool:
        return self._waiting is None and self._clock.seconds() < self._failed_at + PAUSE

    def _present(self) -> Value:
        if self._value is not None and self._clock.seconds() < self._fresh_until + STALE:
            return self._value
        raise self._failure or Unavailable(f"{self._what} could not be fetched")

    async def _join(self) -> None:
        """Wait for the end of a fetch, whichever; begin one if there is none."""
        if self._waiting is None:
            self._waiting = []
            Deferred.fromCoroutine(self._run()).addErrback(self._broken)
            if self._waiting is None:
                return  # it has ended already
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        await waiting

    async def _run(self) -> None:
        self._tried_at = self._clock.seconds()
        try:
            fresh = await self._fetch()
        except ConameError as error:
            self._failed(error)
            self._log.warn("{what} could not be fetched: {error}", what=self._what, error=error)
        else:
            self._value, self._failure = fresh.value, None
            self.fetched_at = self._clock.seconds()
            self._fresh_until = self.fetched_at + fresh.lifetime
        self._release()

    def _failed(self, error: ConameError) -> None:
        self._failure, self._failed_at = error, self._clock.seconds()

    def _broken(self, failure: Failure) -> None:
        self._failed(Unavailable(f"{self._what} could not be fetched"))
        self._log.failure("{what} could not be fetched", failure, what=self._what)
        self._release()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for each in waiting:
            if not each.called:
                each.callback(None)
