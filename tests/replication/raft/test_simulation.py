"""Whole clusters under faults, from seeds; and mistakes planted in the core, which that must bring to light."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.replication.raft import Core
from tests.replication.raft import planted
from tests.replication.raft.invariants import Violation
from tests.replication.raft.simulation import ChangingSimulation, Simulation

SEEDS = 200
PARTS = 8


class SimulationTests(SynchronousTestCase):
    def run_part(self, part: int) -> None:
        for seed in range(part, SEEDS, PARTS):
            Simulation(seed).run()
            ChangingSimulation(seed).run()

    def test_a_long_run(self) -> None:
        Simulation(1_000_000, ticks=600).run()

    def test_the_same_seed_runs_the_same_way(self) -> None:
        def last_words(seed: int) -> tuple[int, object, object]:
            simulation = Simulation(seed)
            simulation.run()
            return simulation.now, simulation.invariants.decided, simulation.happened

        self.assertEqual(last_words(12), last_words(12))

    def test_everything_happens_that_is_meant_to_happen(self) -> None:
        happened = set()
        for seed in range(30):
            simulation = Simulation(seed)
            simulation.run()
            happened |= set(simulation.happened)
        self.assertEqual(happened, {"change", "crash", "install", "transfer"})


def _add_parts() -> None:
    for part in range(PARTS):
        setattr(SimulationTests, f"test_seeds_{part}", lambda self, part=part: self.run_part(part))


_add_parts()


class PlantedTests(SynchronousTestCase):
    """Each of these mistakes shows within a few seeds. Two rare ones have tests of their own in test_planted.py."""

    def check(self, core: type[Core], words: str = "", kind: type[Simulation] = Simulation, seeds: int = 40) -> None:
        """Some seed fails, with these words, and says how to see it again."""
        failed: list[str] = []
        for seed in range(seeds):
            try:
                kind(seed, core=core).run()
            except Violation as violation:
                failed.append(str(violation))
                if words in failed[-1]:
                    self.assertIn("again by: python -m tests.replication.raft.simulation", failed[-1])
                    return
        self.fail(f"not noticed: {failed}")

    def test_a_vote_that_is_not_synced(self) -> None:
        self.check(planted.VoteNotSynced)

    def test_messages_before_the_write(self) -> None:
        self.check(planted.MessagesBeforeTheWrite)

    def test_own_entries_that_are_not_stored(self) -> None:
        self.check(planted.CountsItsUnstoredEntries)

    def test_votes_for_older_logs(self) -> None:
        self.check(planted.VotesForOlderLogs)

    def test_two_votes_in_a_term(self) -> None:
        self.check(planted.VotesTwice)

    def test_a_learner_that_counts_in_a_majority(self) -> None:
        self.check(planted.CountsLearners, "is committed, and durable on")

    def test_a_learner_whose_vote_counts(self) -> None:
        self.check(planted.CountsLearnersVotes, "with the votes of", ChangingSimulation)

    def test_a_removed_replica_whose_vote_counts(self) -> None:
        self.check(planted.CountsVotesOfRemoved, "with the votes of", ChangingSimulation)

    def test_a_leader_that_counts_itself_after_it_was_removed(self) -> None:
        self.check(planted.CountsItselfWhenRemoved, "is committed, and durable on")

    def test_two_changes_of_membership_at_once(self) -> None:
        self.check(planted.ChangesTwoAtOnce, "membership: ", ChangingSimulation)
