"""Steps are granted in turn, and fewer of them while the reactor is busy."""

from __future__ import annotations

import asyncio

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from coname.protocols import pace
from coname.protocols.pace import AT_ONCE, LEAST, MORE, MOST, Pace


class PaceTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.time = 0.0
        self.patch(pace, "TICK_SECONDS", 0.001)
        self.patch(pace, "LATE_SECONDS", 0.5)
        self.pace = Pace(lambda: self.time)

    def later(self, *wanted: int) -> list[Deferred[int]]:
        return [Deferred.fromFuture(asyncio.ensure_future(self.pace.take(one))) for one in wanted]

    async def spend(self, steps: int) -> None:
        while steps > 0:
            steps -= await Deferred.fromFuture(asyncio.ensure_future(self.pace.take(steps)))

    async def test_no_more_than_is_wanted_or_than_a_turn_has(self) -> None:
        self.assertEqual([await one for one in self.later(3, 1000)], [3, AT_ONCE])

    async def test_a_tick_that_is_on_time_grants_more(self) -> None:
        self.pace._allowance = 100
        await self.spend(MOST + 1)
        self.assertEqual(self.pace.allowance, 100 + MORE)

    async def test_never_more_than_the_most(self) -> None:
        await self.spend(2 * MOST + 1)
        self.assertEqual(self.pace.allowance, MOST)

    async def test_a_tick_that_is_late_grants_half(self) -> None:
        await self.spend(MOST)
        self.time += 1
        await self.spend(1)
        self.assertEqual(self.pace.allowance, MOST // 2)

    async def test_never_less_than_the_least(self) -> None:
        for _ in range(8):
            await self.spend(self.pace._left)
            self.time += 1
            await self.spend(1)
        self.assertEqual(self.pace.allowance, LEAST)

    async def test_each_has_its_turn(self) -> None:
        await self.spend(MOST)
        order: list[int] = []

        async def stream(number: int) -> None:
            left = 200
            while left:
                left -= await self.pace.take(left)
                order.append(number)
                await asyncio.sleep(0)  # what is granted is sent

        await Deferred.fromFuture(asyncio.ensure_future(asyncio.gather(*(stream(number) for number in range(10)))))
        for place in range(0, len(order) - 20, 10):
            counts = [order[:place].count(number) for number in range(10)]
            self.assertLessEqual(max(counts) - min(counts), 3)

    async def test_whoever_gives_up_passes_the_turn_on(self) -> None:
        await self.spend(MOST)
        tasks = [asyncio.ensure_future(self.pace.take(1)) for _ in range(20)]
        await Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0)))
        for task in tasks[::2]:
            task.cancel()
        self.pace._wake()
        tasks[1].cancel()  # in the moment of its turn
        for task in tasks[3::2]:
            self.assertEqual(await Deferred.fromFuture(task), 1)
