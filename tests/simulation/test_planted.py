"""Each mistake that is planted shows within a few seeds, for the reason that it should."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.replication.raft import Core
from tests.replication.raft import planted as planted_cores
from tests.replication.raft.invariants import Violation
from tests.simulation import planted
from tests.simulation.host import Host
from tests.simulation.simulation import Simulation

SEEDS = 20


class PlantedTests(SynchronousTestCase):
    def check(self, words: str, host: type[Host] = Host, core: type[Core] = Core) -> None:
        """Some seed fails, with these words, and says how to see it again."""
        failed: list[str] = []
        self.addCleanup(self.flushLoggedErrors)
        for seed in range(SEEDS):
            try:
                Simulation(seed, core=core, host=host).run()
            except Violation as violation:
                failed.append(str(violation))
                if words in failed[-1]:
                    self.assertIn(f"again by: python -m tests.simulation {seed} --trace", failed[-1])
                    return
        self.fail(f"not noticed: {failed}")

    def test_a_vote_that_is_not_synced(self) -> None:
        self.check("this replica's database is an old copy", core=planted_cores.VoteNotSynced)

    def test_an_entry_of_an_older_term_committed_by_counting(self) -> None:
        self.check("and commits an entry of term", core=planted_cores.CommitsOlderTerms)

    def test_messages_before_the_write(self) -> None:
        self.check("is committed, and durable on", core=planted_cores.MessagesBeforeTheWrite)

    def test_votes_for_older_logs(self) -> None:
        self.check("leader completeness", core=planted_cores.VotesForOlderLogs)

    def test_two_votes_in_a_term(self) -> None:
        self.check("votes twice", core=planted_cores.VotesTwice)

    def test_an_effect_before_its_write(self) -> None:
        self.check("for applied, and its database holds", host=planted.EffectsBeforeTheWrite)

    def test_a_signature_before_its_head_is_written(self) -> None:
        self.check("signs what its database does not hold", host=planted.SignsBeforeTheWrite)

    def test_an_answer_before_the_commit(self) -> None:
        self.check("before", host=planted.AnswersBeforeTheCommit)

    def test_a_log_that_is_forgotten_too_early(self) -> None:
        self.check("does not fit to a database", host=planted.SyncsNothing)

    def test_two_changes_of_membership_at_once(self) -> None:
        self.check("which may yet go", core=planted_cores.ChangesTwoAtOnce, host=planted.HastySteward)

    def test_a_learner_that_counts_in_a_majority(self) -> None:
        self.check("is committed, and durable on", core=planted_cores.CountsLearners)

    def test_a_backup_that_takes_part(self) -> None:
        self.check("does not find out", core=planted_cores.TrustsItsStorage)

    def test_a_policy_an_epoch_early_at_one_replica(self) -> None:
        self.check("comes to other writes", host=planted.PoliciesTooEarly)

    def test_a_policy_an_epoch_late_at_one_replica(self) -> None:
        self.check("comes to other writes", host=planted.PoliciesTooLate)

    def test_a_signature_that_nobody_asked_for(self) -> None:
        self.check("and was not asked to", host=planted.SignsUnasked)

    def test_a_full_disk_that_is_ignored(self) -> None:
        self.check("for applied, and its database holds", host=planted.IgnoresFullDisks)
