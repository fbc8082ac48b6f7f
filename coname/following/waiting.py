"""Waiting by a clock that is passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

T = TypeVar("T")


def repeat(
    seconds: float, function: Callable[[], Any], clock: IReactorTime, failed: Callable[[Failure], object]
) -> LoopingCall:
    """Calls `function`, which may be a coroutine's, every `seconds` until it is stopped; never twice at a time.

    :param failed: is told of a call that fails. The next is made all the same.
    """
    loop = LoopingCall(lambda: maybeDeferred(function).addErrback(lambda failure: failed(failure) and None))
    loop.clock = clock
    loop.start(seconds, now=False)
    return loop


class Awaited(Generic[T]):
    """A Deferred that is waited for a while, and then perhaps for another.

    :ivar outcome: the Deferred, to be awaited in the end, or cancelled.
    """

    def __init__(self, deferred: Deferred[T]) -> None:
        self._settled = False
        self._wake: Deferred[None] | None = None
        self.outcome: Deferred[T] = Deferred(lambda _: deferred.cancel())
        deferred.addBoth(self._settle)

    async def within(self, seconds: float, clock: IReactorTime) -> bool:
        """Whether it fires within `seconds`, well or with a failure. One call at a time."""
        if self._settled:
            return True
        wake: Deferred[None] = Deferred()
        self._wake = wake
        timer = clock.callLater(seconds, wake.callback, None)
        try:
            await wake
        finally:
            self._wake = None
            if timer.active():
                timer.cancel()
        return self._settled

    def _settle(self, result: Any) -> None:
        self._settled = True
        if not self.outcome.called:
            self.outcome.callback(result)  # or the failure
        if self._wake is not None:
            self._wake.callback(None)
