"""Time in a simulation: one clock for the world, and a view of it for each life of a machine, which ends with it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
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

    def callLater(  # type: ignore[override]  # the original's names hide each other
        self, when: float, what: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        """See `IReactorTime`. Puts the call in its place, where the original sorts all of them."""
        call = DelayedCall(
            self.rightNow + when, what, args, kw, self._cancelled, lambda _: self._sortCalls(), self.seconds
        )
        if _is_dead(what):
            self.dead.append(call)
        else:
            insort(self.calls, call, key=DelayedCall.getTime)
        return call

    def step(self) -> None:
        """Let the next thing happen."""
        call = self.calls.pop(0)
        self.rightNow = max(self.rightNow, call.getTime())
        if _is_dead(call.func):
            self.dead.append(call)
            return
        call.called = 1
        call.func(*call.args, **call.kw)

    def _cancelled(self, call: DelayedCall) -> None:
        if call in self.calls:
            self.calls.remove(call)


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
