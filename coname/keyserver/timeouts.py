"""A time limit that is the same for many Deferreds, with one timer for all of them.

`Deferred.addTimeout` makes a timer for each, which costs as much as a fifth of an update when thousands wait. With one
limit for all, they are due in the order in which they came: a dictionary in that order, and a timer for its first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from coname.errors import ConameError
from coname.keyserver.epochs import Reevaluated

Result = TypeVar("Result")


class TimeLimit:
    """Cancels what takes longer than `seconds`.

    :param seconds: 0: nothing ever does.
    :param error: makes what such a Deferred fails with.
    """

    def __init__(self, clock: IReactorTime, seconds: float, error: Callable[[], ConameError]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._error = error
        self._running: dict[Deferred[Any], float] = {}  # when each is due, in that order
        self._timer = Reevaluated(clock, self._due, self._cancel)

    def watch(self, deferred: Deferred[Result]) -> Deferred[Result]:
        """Put the limit on `deferred`, which is also returned."""
        if self._seconds and not deferred.called:
            self._running[deferred] = self._clock.seconds() + self._seconds
            deferred.addBoth(self._finished, deferred)
            if len(self._running) == 1:
                self._timer.reevaluate()
        return deferred

    def _finished(self, result: Result | Failure, deferred: Deferred[Any]) -> Result | Failure:
        due = self._running.pop(deferred, None)
        if not self._running:
            self._timer.reevaluate()
        if due is None and isinstance(result, Failure) and result.check(CancelledError):
            raise self._error()
        return result

    def _due(self) -> float | None:
        oldest = next(iter(self._running.values()), None)
        return None if oldest is None else max(0.0, oldest - self._clock.seconds())

    def _cancel(self) -> None:
        now = self._clock.seconds()
        for deferred in [each for each, due in self._running.items() if due <= now]:
            del self._running[deferred]  # which tells `_finished` who cancelled it
            deferred.cancel()
