"""What the core may ask the disk for while something is being written there."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.replication.raft import ChangeRefused, Role
from coname.replication.raft_log import RaftLog, RaftLogSettings
from coname.storage.memory import MemoryStore
from tests.replication.raft_case import Table

ENTRIES = 12


class CompactionTests(SynchronousTestCase):
    """A replica by itself, which keeps nothing in memory and little on its disk."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.held: list[Deferred[Any]] | None = None
        self.database = MemoryStore()
        settings = RaftLogSettings(1, (1,), kept_entries=1, core={"tail_bytes": 1, "committed_bytes": 1})
        network = Table(self.clock).place(1)
        self.log = RaftLog(settings, lambda: self.database, network, self.clock, self.run_in_thread, random.Random(0))
        self.successResultOf(self.log.start(0))
        self.drain()
        self.clock.pump([0.1] * 30)
        for number in range(ENTRIES):
            self.log.propose(b"%d" % number)
            self.clock.pump([0.0] * 10)

    def run_in_thread(self, function: Callable[..., Any], *args: object) -> Deferred[Any]:
        """The work is done at once; that it is, nobody hears while `held` is a list."""
        result = function(*args)
        if self.held is None:
            return succeed(result)
        self.held.append(Deferred())
        return self.held[-1]

    def drain(self) -> None:
        self.log.waitCommitted().addCallbacks(lambda _: self.drain(), lambda _: None)

    def test_entries_that_are_being_removed_are_not_asked_for(self) -> None:
        driver = self.log.driver
        assert driver is not None
        self.assertIs(driver.core.role, Role.LEADER)
        self.held = []
        self.log.applied(ENTRIES)
        self.assertEqual(len(self.held), 1)
        with self.assertRaises(ChangeRefused):
            driver.core.describe(3)
        self.assertGreater(driver.core.log.first_index, 3)

    def test_a_second_compaction_during_the_first_is_made_too(self) -> None:
        driver = self.log.driver
        assert driver is not None
        self.held = []
        self.log.applied(5)
        self.log.applied(ENTRIES)
        held, self.held = self.held, None
        held[0].callback(None)
        self.assertGreater(driver.core.log.first_index, 6)
