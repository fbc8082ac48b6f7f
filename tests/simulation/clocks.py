"""Time in a simulation: one clock for the world, and a view of it for each life of a machine, which ends with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer


class WorldClock(Clock):
    """Twisted's clock for tests, which goes from one thing that is due to the next.

    What is due at the same time happens in the order in which it was asked for.

    :ivar dead: what lives that have ended were waiting for. It is kept, as coroutines that are thrown away wake up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dead: list[DelayedCall] = []
        self._queue: list[tuple[float, int, DelayedCall]] = []
        self._numbers = count()

    def callLater(  # type: ignore[override]  # the original's names hide each other
        self, when: float, what: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """See `IReactorTime`."""
        call = DelayedCall(self.rightNow + when, what, args, kw, _ignore, self._put, self.seconds)
        if _is_dead(what):
            self.dead.append(call)
        else:
            self._put(call)
        return call

    def _put(self, call: DelayedCall) -> None:
        """Into its place; for one whose time has changed, that is another one."""
        heappush(self._queue, (call.getTime(), next(self._numbers), call))

    def step(self, end: float) -> bool:
        """Let the next thing happen; False if there is none before `end`."""
        while self._queue and self._queue[0][0] < end:
            due, _, call = heappop(self._queue)
            if call.cancelled or call.called:
                continue
            if call.getTime() > due:  # it was put off
                self._put(call)
                continue
            self.rightNow = max(self.rightNow, due)
            if _is_dead(call.func):
                self.dead.append(call)
            else:
                call.called = 1
                call.func(*call.args, **call.kw)
            return True
        return False


def _ignore(call: DelayedCall) -> None:
    """One that was cancelled is passed over when its time comes."""


def _is_dead(what: object) -> bool:
    life = getattr(what, "__self__", None)
    return isinstance(life, LifeClock) and not life.alive


@implementer(IReactorTime)
class LifeClock:
    """What one life of a machine has of the world's time: nothing happens in it after its end.

    :param after: called after each thing that happened.
    """

    def __init__(self, world: Clock, after: Callable[[], None]) -> None:
        self.alive = True
        self._world = world
        self._after = after

    def seconds(self) -> float:
        """See `IReactorTime`."""
        return self._world.seconds()

    def callLater(  # type: ignore[override]  # the interface's names hide each other
        self, when: float, what: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """See `IReactorTime`."""
        return self._world.callLater(when, self.happen, what, args, kw)

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """See `IReactorTime`."""
        return self._world.getDelayedCalls()

    def happen(self, what: Callable[..., object], args: Any = (), kw: Any = None) -> None:
        """Let something happen in this life, if it lasts."""
        if self.alive:
            what(*args, **(kw or {}))
            self._after()


class Threads:
    """Threads that take their time on a clock: a function runs a while after it was given, and what it returns is
    known a while after that. A crash may come before, between, and after.

    :param delay: how long either takes this time, for a call with these arguments.
    """

    def __init__(self, clock: LifeClock, delay: Callable[[tuple[object, ...]], float]) -> None:
        self._clock = clock
        self._delay = delay

    def run(self, function: Callable[..., Any], *args: object) -> Deferred[Any]:
        """Like `twisted.internet.threads.deferToThread`."""
        done: Deferred[Any] = Deferred()
        self._clock.callLater(self._delay(args), self._run, done, function, args)
        return done

    def _run(self, done: Deferred[Any], function: Callable[..., Any], args: tuple[object, ...]) -> None:
        try:
            result = function(*args)
        except Exception:  # whatever it is, it is known where the function was called
            self._clock.callLater(self._delay(args), done.errback, Failure())
        else:
            self._clock.callLater(self._delay(args), _give, done, result)


def _give(done: Deferred[Any], result: object) -> None:
    if not done.called:
        done.callback(result)
