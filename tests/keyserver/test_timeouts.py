"""One time limit for many Deferreds."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import TimedOut
from coname.keyserver.timeouts import TimeLimit


class TimeLimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limit = TimeLimit(self.clock, 3, lambda: TimedOut("too long"))

    def watched(self) -> Deferred[str]:
        return self.limit.watch(Deferred())

    def test_what_takes_too_long_fails_when_its_time_is_over(self) -> None:
        waiting = self.watched()
        self.clock.advance(2.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        self.failureResultOf(waiting, TimedOut)

    def test_each_has_its_own_time(self) -> None:
        first = self.watched()
        self.clock.advance(2)
        second = self.watched()
        self.clock.advance(1)
        self.failureResultOf(first, TimedOut)
        self.assertNoResult(second)
        self.clock.advance(2)
        self.failureResultOf(second, TimedOut)

    def test_what_is_done_in_time_keeps_its_result(self) -> None:
        waiting = self.watched()
        waiting.callback("done")
        self.clock.advance(10)
        self.assertEqual(self.successResultOf(waiting), "done")

    def test_whoever_cancels_it_sees_a_cancellation(self) -> None:
        waiting = self.watched()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.clock.advance(10)

    def test_nothing_is_left_to_do_when_all_are_done(self) -> None:
        for waiting in [self.watched() for _ in range(3)]:
            waiting.callback("done")
        self.clock.advance(3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_zero_is_no_limit(self) -> None:
        waiting = TimeLimit(self.clock, 0, lambda: TimedOut("too long")).watch(Deferred())
        self.clock.advance(1e9)
        self.assertNoResult(waiting)
