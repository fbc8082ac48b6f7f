"""Whole clusters in which one replica is put back to an earlier state of its disk, while nothing else fails; and later,
the leader is cut off."""

from __future__ import annotations

import copy
import random

from twisted.trial.unittest import SynchronousTestCase

from coname.replication.raft import Core
from tests.replication.raft import planted
from tests.replication.raft.disk import Disk
from tests.replication.raft.invariants import Violation
from tests.replication.raft.simulated import Machine, SimulatedReplica
from tests.replication.raft.simulation import TICK, Simulation

RECOGNISED_WITHIN = 12
"""Ticks: every other replica has answered or was heard."""


class RestoringSimulation(Simulation):
    """One replica's storage is kept, and put back later."""

    def _draw_world(self, chance: random.Random) -> None:
        super()._draw_world(chance)
        self.fault_every = self.change_every = 1000
        self.loss = 0
        self.longest_delay = min(self.longest_delay, TICK)
        self.later(chance.randrange(12 * TICK), self._back_up)

    def _back_up(self) -> None:
        replica = self.chance.choice(list(self.replicas.values()))
        backup = copy.deepcopy(replica.disk), copy.deepcopy(replica.machine)
        self.say(f"{replica.id} is backed up: {backup[0].hard_state().term}, {backup[0].last_index()}")
        self.later(self.chance.randrange(12 * TICK), self._put_back, replica, *backup)

    def _put_back(self, replica: SimulatedReplica, disk: Disk, machine: Machine) -> None:
        replica.crash()
        replica.disk, replica.machine = disk, machine
        machine.crash()
        # What it acknowledged in its earlier life may still be counted; it must not help anybody without it to lead.
        replica.has_durably = lambda index, term: True  # type: ignore[method-assign]
        self.say(f"{replica.id} is put back")
        replica.start()
        self.later(RECOGNISED_WITHIN * TICK, self._cut_off_leader, replica)

    def _cut_off_leader(self, replica: SimulatedReplica) -> None:
        self.happened["recognised" if replica.core.restored else "not recognised"] += 1
        for leader in self._leaders():
            links = {(leader.id, other) for other in self.replicas} | {(other, leader.id) for other in self.replicas}
            self._cut(links)

    def _check_restored(self) -> None:
        """Whoever was recognised is gone for good."""


class RestoringTests(SynchronousTestCase):
    def run_seeds(self, core: type[Core], seeds: range) -> tuple[set[str], list[str]]:
        happened: set[str] = set()
        violations = []
        for seed in seeds:
            simulation = RestoringSimulation(seed, ticks=45, core=core)
            simulation.tolerated.append("is said to be acknowledged here")  # one more who notices
            try:
                simulation.run()
            except Violation as violation:
                violations.append(str(violation))
            happened |= set(simulation.happened)
        return happened, violations

    def test_nothing_is_lost(self) -> None:
        happened, violations = self.run_seeds(Core, range(60))
        self.assertEqual(violations, [])
        self.assertIn("recognised", happened)
        self.assertIn("not recognised", happened)

    def test_otherwise_something_would_be(self) -> None:
        _, violations = self.run_seeds(planted.TrustsItsStorage, range(100, 110))
        self.assertTrue([violation for violation in violations if "leader completeness" in violation])
