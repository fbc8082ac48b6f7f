from __future__ import annotations

import threading

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from coname.replication.raft_thread import OwnThread


class OwnThreadTests(TestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.thread = OwnThread(reactor)
        self.addCleanup(self.thread.stop)

    async def test_everything_is_called_in_one_thread_that_is_not_the_reactors_in_order(self) -> None:
        seen: list[tuple[int, int]] = []
        calls = [
            self.thread(lambda number=number: seen.append((number, threading.get_ident()))) for number in range(50)
        ]
        await gatherResults(calls)
        self.assertEqual([number for number, _ in seen], list(range(50)))
        self.assertEqual(len({thread for _, thread in seen}), 1)
        self.assertNotEqual(seen[0][1], threading.get_ident())

    async def test_gives_what_is_returned_and_what_is_raised(self) -> None:
        self.assertEqual(await self.thread(max, 1, 2), 2)
        await self.assertFailure(self.thread(lambda: 1 // 0), ZeroDivisionError)

    def test_one_that_was_never_used_stops_as_well(self) -> None:
        self.thread.stop()
