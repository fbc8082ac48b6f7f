"""Replicas that crash and are cut off at random, while all propose: what they deliver is one log."""

from __future__ import annotations

import random
from collections.abc import Sequence

from twisted.internet.task import deferLater

from coname.errors import ConameError
from coname.interfaces import CommittedEntry
from coname.storage.memory import MemoryStore
from tests.replication.engine_suite import soon, until
from tests.replication.raft_case import RaftCase


class TroubleTests(RaftCase):
    size = 3
    steps = 120

    def setUp(self) -> None:
        super().setUp()
        self.settings = {"heartbeat": 0.02, "kept_entries": 1000}
        self.delivered: list[list[CommittedEntry]] = [[] for _ in range(self.size)]
        self.proposed = 0

    async def go(self, seed: int) -> None:
        self.chance = random.Random(seed)
        await self.make_logs(self.size)
        for place in range(self.size):
            await self.begin(place)
        for _ in range(self.steps):
            await self.step()
            await deferLater(self.reactor, self.chance.random() * 0.04)
        self.table.heal()
        await self.settle()
        self.check()

    async def begin(self, place: int) -> None:
        await soon(self.logs[place].start(len(self.delivered[place])))
        self.follow(place)

    def follow(self, place: int) -> None:
        log, delivered = self.logs[place], self.delivered[place]

        def deliver(entries: Sequence[CommittedEntry]) -> None:
            delivered.extend(entries)
            self.follow(place)

        log.waitCommitted().addCallbacks(deliver, lambda _: None)

    async def step(self) -> None:
        chance = self.chance.random()
        if chance < 0.06:
            await self.crash(self.chance.randrange(self.size))
        elif chance < 0.12:
            self.table.isolate(self.chance.randrange(self.size) + 1)
        elif chance < 0.2:
            self.table.heal()
        else:
            for _ in range(self.chance.randrange(20)):
                self.propose(self.chance.randrange(self.size))

    def propose(self, place: int) -> None:
        self.proposed += 1
        taken = self.logs[place].propose(b"entry %d" % self.proposed)
        taken.addErrback(lambda failure: failure.trap(ConameError))

    async def crash(self, place: int) -> None:
        """The process ends, with a write under way, and of what was not synced any prefix survives."""
        store: MemoryStore = self.stores[place]
        self.stores[place] = store.crash(self.chance.randrange(store.unsynced + 1))
        old = self.logs[place]
        self.table.places[place + 1].stopService()
        await soon(old.stop())
        self.logs[place] = self.make_log(place)
        await self.begin(place)

    async def settle(self) -> None:
        """Until an entry that is proposed now is delivered everywhere."""
        last = b"the last one"

        def done() -> bool:
            if not any(entry.data == last for entry in self.delivered[0]):
                self.logs[0].propose(last).addErrback(lambda failure: failure.trap(ConameError))
            return all(any(entry.data == last for entry in delivered) for delivered in self.delivered)

        await until(done, "all deliver what is proposed now")

    def check(self) -> None:
        least = min(map(len, self.delivered))
        for delivered in self.delivered:
            self.assertEqual([entry.index for entry in delivered], list(range(1, len(delivered) + 1)))
            self.assertEqual(delivered[:least], self.delivered[0][:least])
        data = [entry.data for entry in self.delivered[0] if entry.data.startswith(b"entry")]
        self.assertEqual(len(data), len(set(data)))
        self.assertGreater(len(data), self.proposed // 10)

    async def test_three(self) -> None:
        await self.go(1)

    async def test_three_otherwise(self) -> None:
        await self.go(2)

    async def test_five(self) -> None:
        self.size = 5
        self.delivered = [[] for _ in range(self.size)]
        await self.go(3)
