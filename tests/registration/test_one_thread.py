"""Work in a thread of its own, and who is turned away from it."""

from __future__ import annotations

from threading import Event, current_thread

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from coname.errors import Overloaded, Unavailable
from coname.registration.one_thread import WAITING, OneThread


class OneThreadTests(TestCase):
    def setUp(self) -> None:
        self.thread = OneThread(reactor, "letters")
        self.addCleanup(self.thread.stop)

    async def test_another_thread_than_this(self) -> None:
        names = {await self.thread(lambda: current_thread().name) for _ in range(3)}
        self.assertEqual(len(names), 1)
        self.assertNotIn(current_thread().name, names)

    async def test_after_the_end_there_is_none(self) -> None:
        """Another one would keep the process from ending."""
        self.thread.stop()
        with self.assertRaises(Unavailable):
            await self.thread(int, "1")

    async def test_what_goes_wrong_comes_back(self) -> None:
        with self.assertRaises(ValueError):
            await self.thread(int, "x")

    async def test_too_much(self) -> None:
        go = Event()
        held = [self.thread(go.wait, 20) for _ in range(WAITING)]
        with self.assertRaises(Overloaded) as caught:
            await self.thread(go.wait, 20)
        self.assertIn("too many letters", str(caught.exception))
        go.set()
        await gatherResults(held)
        self.assertEqual(await self.thread(int, "1"), 1)

    async def test_who_goes_away_makes_no_room(self) -> None:
        """Otherwise coming and going would pile up work without end."""
        go, done = Event(), []
        first = self.thread(go.wait, 20)
        for _ in range(WAITING - 1):
            leaving = self.thread(done.append, "left")
            leaving.cancel()
            await self.assertFailure(leaving, CancelledError)
        with self.assertRaises(Overloaded):
            await self.thread(int, "1")
        go.set()
        await first
        while True:
            try:
                self.assertEqual(await self.thread(int, "1"), 1)
                break
            except Overloaded:
                await deferLater(reactor, 0.01)
        self.assertEqual(done, [])

    async def test_stopped_twice(self) -> None:
        await self.thread(int, "1")
        self.thread.stop()
        self.thread.stop()
