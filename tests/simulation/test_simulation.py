"""Whole replicas under faults, from seeds; and what makes a seed worth anything: that it runs the same way again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.simulation import Simulation

SEEDS = 48
PARTS = 8
CHANGING = 16
"""A seed in which replicas come and go, and a verifier follows them."""

ROOT = Path(__file__).parents[2]

HASH = "from tests.simulation.simulation import Simulation as S; s = S({}); s.run(); print(s.trace_hash)"


class SimulationCase(SynchronousTestCase):
    """What is logged is judged by the simulation itself: full disks, for one, have replicas fail that must."""

    def setUp(self) -> None:
        self.addCleanup(self.flushLoggedErrors)


class SeedTests(SimulationCase):
    """More of them by ``make simulate``."""

    def run_part(self, part: int) -> None:
        for seed in range(part, SEEDS, PARTS):
            Simulation(seed).run()


def _add_parts() -> None:
    for part in range(PARTS):
        setattr(SeedTests, f"test_seeds_{part}", lambda self, part=part: self.run_part(part))


_add_parts()


class ReplayTests(SimulationCase):
    def test_the_same_seed_runs_the_same_way(self) -> None:
        self.assertTrue(Simulation(CHANGING).story.change_every and Simulation(CHANGING).story.verifiers)
        first, second = Simulation(CHANGING), Simulation(CHANGING)
        first.run()
        second.run()
        self.assertEqual(first.trace_hash, second.trace_hash)
        self.assertEqual(first.happened, second.happened)
        self.assertTrue(first.happened["verified under another policy"])

    def test_another_seed_runs_another_way(self) -> None:
        first, second = Simulation(5), Simulation(6)
        first.run()
        second.run()
        self.assertNotEqual(first.trace_hash, second.trace_hash)

    def test_nothing_depends_on_the_hashes_of_strings(self) -> None:
        self.assertEqual(self.elsewhere("1"), self.elsewhere("2"))

    def elsewhere(self, hash_seed: str) -> str:
        """The trace hash of a seed in another process."""
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", HASH.format(CHANGING)]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    def test_seeds_are_run_on_all_cores(self) -> None:
        command = [sys.executable, "-m", "tests.simulation", "2", "--first", "3"]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        self.assertIn("2 seeds from 3 hold", done.stdout)

    def test_everything_happens_that_is_meant_to_happen(self) -> None:
        happened = set()
        for seed in range(24):
            simulation = Simulation(seed)
            simulation.run()
            happened |= set(simulation.happened)
        faults = {"crash", "stop", "cut", "slow disk", "full disk", "jump", "restored"}
        consequences = {"install", "recognised", "learner", "voter", "removed"}
        seen = {"update", "lookup", "verified", "verified under another policy"}
        self.assertEqual(happened, faults | consequences | seen)
