"""Reading the tree into memory after a start, beside everything else."""

from __future__ import annotations

from collections.abc import Generator

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt
from coname.keyserver.warming import BUSY_PAUSE, PAUSE, SLICE, Warming


class BusyClock(Clock):
    """On which work takes time."""

    def work(self, steps: int, seconds: float) -> Generator[None, None, int]:
        for _ in range(steps):
            self.rightNow += seconds
            yield
        return steps


class WarmingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = BusyClock()

    def test_it_takes_no_more_than_a_slice_at_a_time(self) -> None:
        warming = Warming(self.clock.work(100, SLICE / 4), self.clock)
        warming.start()
        self.assertLess(self.clock.seconds(), 1.3 * SLICE)
        self.clock.advance(PAUSE)
        self.assertLess(self.clock.seconds(), 2.6 * SLICE + PAUSE)

    def test_it_steps_back_while_others_are_busy(self) -> None:
        warming = Warming(self.clock.work(10**9, SLICE / 4), self.clock)
        warming.start()
        self.clock.advance(PAUSE + SLICE)  # the pause ended late
        (later,) = self.clock.getDelayedCalls()
        self.assertAlmostEqual(later.getTime() - self.clock.seconds(), BUSY_PAUSE)
        self.clock.advance(BUSY_PAUSE)
        (later,) = self.clock.getDelayedCalls()
        self.assertAlmostEqual(later.getTime() - self.clock.seconds(), PAUSE)

    def test_it_comes_to_an_end(self) -> None:
        warming = Warming(self.clock.work(100, SLICE / 4), self.clock)
        warming.start()
        self.clock.pump([PAUSE] * 40)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_ends_it(self) -> None:
        warming = Warming(self.clock.work(10**9, SLICE / 4), self.clock)
        warming.start()
        self.successResultOf(warming.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_damage_is_logged_and_ends_it(self) -> None:
        def damaged() -> Generator[None, None, int]:
            yield
            raise Corrupt("tree node 7 is missing")

        warming = Warming(damaged(), self.clock)
        warming.start()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(warming.stop())
