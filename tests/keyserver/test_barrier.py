"""Waiting for what the others had committed: shared, one at a time, with pauses."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Unavailable
from coname.keyserver.barrier import PAUSE_SECONDS, Barrier
from coname.messages.replication_pb2 import KeyserverStep


class Wishes:
    """As much of a proposer as a barrier sees."""

    def __init__(self) -> None:
        self.wanted: list[int] = []
        self.forgotten: list[int] = []

    def want(self, step: KeyserverStep) -> None:
        self.wanted.append(step.UID)

    def forget(self, uid: int) -> None:
        self.forgotten.append(uid)


class BarrierTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.proposer = Wishes()
        self.barrier = Barrier(self.proposer, self.clock)  # type: ignore[arg-type]

    def turn(self) -> None:
        self.clock.advance(0)

    def assert_waiting(self, *all_of_them: Deferred[None]) -> None:
        for one in all_of_them:
            self.assertNoResult(one)

    def test_it_fires_when_the_step_comes_back(self) -> None:
        waiting = self.barrier.wait()
        self.turn()
        (uid,) = self.proposer.wanted
        self.barrier.reached(uid + 1)
        self.assert_waiting(waiting)
        self.barrier.reached(uid)
        self.successResultOf(waiting)
        self.assertEqual(self.proposer.forgotten, [uid])

    def test_those_who_ask_at_the_same_time_share_one(self) -> None:
        waiting = [self.barrier.wait() for _ in range(1000)]
        self.turn()
        (uid,) = self.proposer.wanted
        self.barrier.reached(uid)
        for one in waiting:
            self.successResultOf(one)

    def test_who_comes_later_waits_for_the_next_one(self) -> None:
        self.barrier.wait()
        self.turn()
        later = self.barrier.wait()
        self.turn()
        self.assertEqual(len(self.proposer.wanted), 1)
        self.barrier.reached(self.proposer.wanted[0])
        self.assert_waiting(later)
        self.clock.advance(PAUSE_SECONDS)
        self.assertEqual(len(self.proposer.wanted), 2)
        self.barrier.reached(self.proposer.wanted[1])
        self.successResultOf(later)

    def test_no_more_than_ten_a_second_whatever_is_asked(self) -> None:
        for _ in range(1000):
            self.barrier.wait()
            self.clock.advance(0.001)
            if self.proposer.wanted:
                self.barrier.reached(self.proposer.wanted[-1])
        self.assertLessEqual(len(self.proposer.wanted), 1 / PAUSE_SECONDS + 1)

    def test_who_waits_no_longer_is_not_told(self) -> None:
        given_up, other = self.barrier.wait(), self.barrier.wait()
        self.turn()
        given_up.addErrback(lambda _: None)
        given_up.cancel()
        self.barrier.reached(self.proposer.wanted[0])
        self.successResultOf(other)

    def test_nobody_waits_for_ever(self) -> None:
        first = self.barrier.wait()
        self.turn()
        second = self.barrier.wait()
        self.barrier.fail_all(Unavailable("stopping"))
        self.failureResultOf(first, Unavailable)
        self.failureResultOf(second, Unavailable)
        self.clock.advance(1)
        self.assertEqual(len(self.proposer.wanted), 1)
