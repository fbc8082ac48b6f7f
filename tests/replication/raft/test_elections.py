"""Who leads, who may vote for whom, and what does not disturb a leader."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.messages.raft_pb2 import RaftMessage, RaftVoteRequest
from coname.replication.raft import ProposalRefused, Role
from tests.replication.raft.cluster import INCARNATION, Cluster


def vote_request(term: int, **fields: object) -> RaftMessage:
    """Replica 3 asks replica 1 for its vote in a term."""
    request = RaftVoteRequest(term=term, last_index=100, last_term=1, **fields)  # type: ignore[arg-type]
    asked_in = term - request.trial
    return RaftMessage(sender=3, recipient=1, incarnation=INCARNATION + 3, term=asked_in, vote_request=request)


class ElectionTests(SynchronousTestCase):
    def test_time_brings_one_leader(self) -> None:
        cluster = Cluster(3)
        cluster.tick(25)
        self.assertEqual(len(cluster.leaders()), 1)
        leader = cluster.leaders()[0]
        self.assertEqual({replica.core.leader for replica in cluster.replicas.values()}, {leader})

    def test_a_lone_replica_elects_itself(self) -> None:
        cluster = Cluster(1)
        cluster.tick(25)
        cluster.propose(1, b"one")
        self.assertEqual(cluster[1].data, [b"one"])

    def test_candidates_that_split_the_votes_ask_again_soon(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(1)
        for id in (2, 3):
            cluster[id].core._node.timeout = 15
        cluster.tick(15, 2, 3)
        self.assertEqual([cluster[id].core.role for id in (2, 3)], [Role.CANDIDATE] * 2)
        cluster.tick(5, 2, 3)
        self.assertEqual({cluster[id].core.role for id in (2, 3)}, {Role.LEADER, Role.FOLLOWER})

    def test_however_short_the_timeout_is_they_do_not_ask_at_the_same_time_for_ever(self) -> None:
        for ticks in (2, 3, 5, 8):
            cluster = Cluster(4, election_ticks=ticks)
            cluster.isolate(4)
            for id in (1, 2):
                cluster[id].core._node.timeout = 15
            cluster.tick(15, 1, 2)
            cluster.tick(60, 1, 2, 3)
            self.assertEqual(len(cluster.leaders()), 1)

    def test_a_minority_elects_nobody(self) -> None:
        cluster = Cluster(5)
        cluster.isolate(1, 2)
        cluster.tick(100, 1, 2)
        self.assertEqual(cluster.leaders(), [])

    def test_a_trial_that_fails_leaves_the_term_as_it_was(self) -> None:
        cluster = Cluster(3)
        cluster.tick(2)
        cluster.isolate(1)
        cluster.tick(100)
        self.assertEqual(cluster[1].core.role, Role.PRE_CANDIDATE)
        self.assertEqual(cluster[1].core.term, 1)

    def test_an_older_log_is_not_elected(self) -> None:
        cluster = Cluster(3).with_logs({1: [1], 2: [1, 1], 3: [1, 1]})
        cluster.tick(3)
        for _ in range(40):
            cluster[1].core.tick()
            cluster.settle()
        self.assertEqual(cluster.leaders(), [])
        self.assertEqual(cluster[1].core.term, 1)

    def test_a_newer_last_term_counts_more_than_a_longer_log(self) -> None:
        cluster = Cluster(3).with_logs({1: [2], 2: [1, 1, 1], 3: [1, 1, 1]})
        cluster.elect(1)
        self.assertEqual(cluster[2].terms, [2, 3])

    def test_a_replica_that_comes_back_does_not_disturb(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(3)
        cluster.tick(50)
        term = cluster[1].core.term
        cluster.heal()
        cluster.tick(30)
        self.assertEqual((cluster.leaders(), cluster[3].core.term), ([1], term))

    def test_the_lease_stands_against_a_candidate(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.deliver(vote_request(9))
        cluster.settle()
        self.assertEqual((cluster.leaders(), cluster[1].core.term), ([1], 2))

    def test_the_lease_stands_against_a_trial(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.deliver(vote_request(3, trial=True))
        cluster[1].work()
        self.assertEqual([message for message in cluster[1].sent if message.HasField("vote_answer")], [])

    def test_the_lease_does_not_stand_against_the_leaders_own_heir(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.deliver(vote_request(3, forced=True))
        self.assertEqual(cluster[1].core.term, 3)

    def test_a_leader_without_a_majority_steps_down(self) -> None:
        cluster = Cluster(5)
        cluster.elect(1)
        cluster.isolate(1, 2)
        cluster.tick(20, 1)
        self.assertNotEqual(cluster[1].core.role, Role.LEADER)
        self.assertEqual(cluster[1].core.leader, 0)

    def test_a_leader_with_a_majority_stays(self) -> None:
        cluster = Cluster(5)
        cluster.elect(1)
        cluster.isolate(4, 5)
        cluster.tick(100)
        self.assertEqual(cluster.leaders(), [1])

    def test_a_leader_that_is_cut_off_is_replaced(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(1)
        cluster.tick(40)
        self.assertEqual(len(cluster.leaders()), 1)
        self.assertNotEqual(cluster.leaders(), [1])

    def test_a_leader_that_hears_nobody_is_replaced_though_all_hear_it(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.cut = {(2, 1), (3, 1)}
        cluster.tick(60)
        self.assertEqual(len(cluster.leaders()), 1)
        self.assertNotEqual(cluster.leaders(), [1])

    def test_a_replica_with_a_newer_term_gets_in_again(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[3].core._node.enter(7)
        cluster.tick(60)
        self.assertEqual(len(cluster.leaders()), 1)
        self.assertEqual({replica.core.term for replica in cluster.replicas.values()}, {cluster[1].core.term})
        self.assertGreater(cluster[1].core.term, 6)

    def test_one_vote_a_term(self) -> None:
        cluster = Cluster(3)
        cluster.tick(2)
        cluster[1].core._node.term, cluster[1].core._node.vote = 3, 2
        cluster.deliver(vote_request(3))
        cluster[1].work()
        self.assertEqual([message.vote_answer.granted for message in cluster[1].sent], [False])

    def test_a_vote_that_was_given_is_given_again(self) -> None:
        cluster = Cluster(3)
        cluster.tick(2)
        cluster.deliver(vote_request(3))
        cluster.deliver(vote_request(3))
        cluster[1].work()
        self.assertEqual([message.vote_answer.granted for message in cluster[1].sent], [True, True])

    def test_a_vote_outlives_a_crash(self) -> None:
        cluster = Cluster(3)
        cluster.tick(2)
        cluster.deliver(vote_request(3))
        cluster[1].work()
        cluster[1].crash()
        self.assertEqual((cluster[1].core.term, cluster[1].core._node.vote), (3, 3))


class TransferTests(SynchronousTestCase):
    def test_leadership_is_handed_over_at_once(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[1].core.transfer_leadership(2)
        cluster.settle()
        self.assertEqual((cluster.leaders(), cluster[2].core.term), ([2], 3))

    def test_the_heir_gets_the_whole_log_first(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(2)
        cluster.propose(1, b"one", b"two")
        cluster.heal()
        cluster[1].core.transfer_leadership(2)
        cluster.tick(3)
        self.assertEqual(cluster.leaders(), [2])
        self.assertEqual(cluster[2].data, [b"one", b"two"])

    def test_nothing_is_proposed_meanwhile(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(2)
        cluster.propose(1, b"one")
        cluster[1].core.transfer_leadership(2)
        self.assertRaises(ProposalRefused, cluster[1].core.propose, b"two")

    def test_after_an_election_timeout_the_leader_stays(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(2)
        cluster.propose(1, b"one")
        cluster[1].core.transfer_leadership(2)
        cluster.tick(11)
        cluster.propose(1, b"two")
        self.assertEqual(cluster[3].data, [b"one", b"two"])

    def test_only_the_leader_hands_over(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        self.assertRaises(ProposalRefused, cluster[2].core.transfer_leadership, 3)

    def test_a_word_to_stand_from_somebody_else_is_ignored(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.deliver(RaftMessage(sender=3, recipient=2, incarnation=INCARNATION + 3, term=9, timeout_now={}))
        cluster.settle()
        self.assertEqual(cluster.leaders(), [1])
