"""What is done from time to time, by a clock that is turned by hand."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.following.waiting import repeat


class RepeatTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.failures: list[Any] = []
        self.calls = 0
        self.outcome: Any = None

    async def call(self) -> None:
        self.calls += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        await self.outcome

    def begin(self) -> None:
        self.outcome = self.outcome or Deferred()
        loop = repeat(10.0, self.call, self.clock, self.failures.append)
        self.addCleanup(lambda: loop.running and loop.stop())

    def test_first_call_is_not_at_once(self) -> None:
        self.begin()
        self.clock.advance(9)
        self.assertEqual(self.calls, 0)

    def test_goes_on_after_a_failure_and_tells_of_each(self) -> None:
        self.outcome = ValueError("no")
        self.begin()
        self.clock.pump([10, 10, 10])
        self.assertEqual((self.calls, [failure.value for failure in self.failures]), (3, [self.outcome] * 3))

    def test_never_twice_at_a_time(self) -> None:
        self.begin()
        self.clock.pump([10, 10, 10])
        self.assertEqual(self.calls, 1)
        waiting, self.outcome = self.outcome, Deferred()
        waiting.callback(None)
        self.clock.advance(10)
        self.assertEqual(self.calls, 2)
