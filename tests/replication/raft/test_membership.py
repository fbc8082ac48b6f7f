"""Who takes part changes one by one, and majorities of before and after always meet."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.messages.raft_pb2 import RaftMembershipEntry
from coname.replication.raft import Change, ChangeKind, ChangeRefused, Core, Membership, ProposalRefused, Role
from coname.replication.raft.membership import changed, check_step, from_message, to_message
from tests.replication.raft import planted
from tests.replication.raft.cluster import INCARNATION, Cluster


def add(member: int, context: bytes = b"") -> Change:
    return Change(ChangeKind.ADD_LEARNER, member, INCARNATION + member, context)


def promote(member: int) -> Change:
    return Change(ChangeKind.PROMOTE, member)


def remove(member: int) -> Change:
    return Change(ChangeKind.REMOVE, member)


class ChangeTests(SynchronousTestCase):
    NOW = Membership({1: 11, 2: 12}, {3: 13})

    def test_a_learner_is_added(self) -> None:
        self.assertEqual(changed(self.NOW, add(4)), Membership({1: 11, 2: 12}, {3: 13, 4: 1004}))

    def test_a_learner_becomes_a_voter(self) -> None:
        self.assertEqual(changed(self.NOW, promote(3)), Membership({1: 11, 2: 12, 3: 13}, {}))

    def test_a_voter_goes(self) -> None:
        self.assertEqual(changed(self.NOW, remove(1)), Membership({2: 12}, {3: 13}))

    def test_a_learner_goes(self) -> None:
        self.assertEqual(changed(self.NOW, remove(3)), Membership({1: 11, 2: 12}, {}))

    def test_a_member_is_not_added_again(self) -> None:
        self.assertRaises(ChangeRefused, changed, self.NOW, add(1))

    def test_a_member_needs_a_storage(self) -> None:
        self.assertRaises(ChangeRefused, changed, self.NOW, Change(ChangeKind.ADD_LEARNER, 9))

    def test_a_voter_is_not_promoted(self) -> None:
        self.assertRaises(ChangeRefused, changed, self.NOW, promote(1))

    def test_a_stranger_is_not_removed(self) -> None:
        self.assertRaises(ChangeRefused, changed, self.NOW, remove(9))

    def test_the_last_voter_stays(self) -> None:
        self.assertRaises(ChangeRefused, changed, Membership({1: 11}, {2: 12}), remove(1))

    def test_there_is_a_most(self) -> None:
        many = Membership({id: id for id in range(1, 65)})
        self.assertRaises(ChangeRefused, changed, many, add(99))

    def test_two_steps_at_once_are_none(self) -> None:
        self.assertRaises(ChangeRefused, check_step, Membership({1: 1}), Membership({1: 1, 2: 2, 3: 3}))

    def test_one_voter_for_another_is_two_steps(self) -> None:
        self.assertRaises(ChangeRefused, check_step, Membership({1: 1, 2: 2}), Membership({1: 1, 3: 3}))

    def test_another_storage_is_no_step(self) -> None:
        self.assertRaises(ChangeRefused, check_step, Membership({1: 1, 2: 2}), Membership({1: 1, 2: 3}))

    def test_as_a_message_it_stays_the_same(self) -> None:
        self.assertEqual(from_message(to_message(self.NOW)), self.NOW)

    def test_a_majority_of_voters_decides(self) -> None:
        membership = Membership({1: 0, 2: 0, 3: 0, 4: 0}, {5: 0})
        self.assertTrue(membership.decided([1, 2, 3]))
        self.assertFalse(membership.decided([1, 2, 5]))

    def test_what_a_majority_has_is_agreed(self) -> None:
        membership = Membership({1: 0, 2: 0, 3: 0, 4: 0}, {5: 0})
        self.assertEqual(membership.agreed({1: 9, 2: 7, 3: 5, 5: 9}), 5)

    def test_nobody_decides_nothing(self) -> None:
        self.assertFalse(Membership().decided([]))


class ClusterTests(SynchronousTestCase):
    def led(self, size: int = 3, core: type[Core] = Core) -> Cluster:
        cluster = Cluster(size, core)
        cluster.elect(1)
        return cluster

    def with_learner(self) -> Cluster:
        cluster = self.led()
        cluster.add(4)
        self.change(cluster, add(4))
        return cluster

    def change(self, cluster: Cluster, change: Change) -> None:
        cluster[1].core.propose_membership(change)
        cluster.settle()
        cluster.tick(2)

    def test_a_learner_gets_everything(self) -> None:
        cluster = self.with_learner()
        cluster.propose(1, b"one")
        self.assertEqual(cluster[4].data, [b"one"])
        self.assertEqual(cluster[4].core.membership, cluster[1].core.membership)

    def test_a_learner_does_not_count(self) -> None:
        cluster = self.with_learner()
        cluster.isolate(2, 3)
        cluster.propose(1, b"one")
        self.assertEqual((cluster[4].core.log.last_index, cluster[1].data), (4, []))

    def test_a_learner_is_no_candidate(self) -> None:
        cluster = self.with_learner()
        cluster.isolate(4)
        cluster.tick(100, 4)
        self.assertEqual((cluster[4].core.role, cluster[4].core.term), (Role.FOLLOWER, 2))

    def test_a_learner_is_not_asked_for_votes(self) -> None:
        cluster = self.with_learner()
        cluster.isolate(1)
        cluster.isolate(2)
        asked = []
        cluster.filter = lambda message: not (message.HasField("vote_request") and asked.append(message.recipient))
        cluster.tick(60)
        self.assertNotIn(4, asked)

    def test_learners_do_not_keep_a_leader_in_office(self) -> None:
        cluster = self.with_learner()
        cluster.isolate(2, 3)
        cluster.tick(20, 1, 4)
        self.assertNotIn(1, cluster.leaders())

    def test_a_promoted_learner_counts(self) -> None:
        cluster = self.with_learner()
        self.change(cluster, promote(4))
        cluster.isolate(3)
        cluster.propose(1, b"one")
        cluster.isolate(2, 3)
        cluster.propose(1, b"two")
        self.assertEqual(cluster[4].data, [b"one"])

    def test_a_learner_that_is_not_there_is_not_promoted(self) -> None:
        cluster = self.led()
        self.change(cluster, add(4))
        self.assertRaises(ChangeRefused, cluster[1].core.propose_membership, promote(4))

    def test_a_promoted_learner_that_does_not_know_it_is_asked_for_its_vote(self) -> None:
        cluster = Cluster(1)
        cluster.elect(1)
        cluster.add(2)
        self.change(cluster, add(2))
        cluster.cut = {(1, 2)}
        cluster[1].core.propose_membership(promote(2))
        cluster.settle()
        cluster[1].crash()
        cluster.heal()
        cluster.tick(40)
        self.assertEqual(len(cluster.leaders()), 1)
        self.assertEqual(set(cluster[2].core.membership.voters), {1, 2})

    def test_it_is_in_force_before_it_is_committed(self) -> None:
        cluster = self.led()
        cluster.isolate(1)
        cluster[1].core.propose_membership(add(4))
        self.assertIn(4, cluster[1].core.membership)
        self.assertFalse(cluster[1].core.membership_committed)

    def test_it_is_taken_back_with_the_log(self) -> None:
        cluster = self.led()
        cluster.isolate(1)
        cluster[1].core.propose_membership(add(4))
        cluster.settle()
        cluster.elect(2)
        cluster.heal()
        cluster.tick(20)
        self.assertEqual(cluster[1].core.membership, cluster.membership)

    def test_it_outlives_a_restart(self) -> None:
        cluster = self.with_learner()
        cluster[2].crash()
        self.assertIn(4, cluster[2].core.membership)

    def test_whoever_applies_it_gets_the_proposers_context(self) -> None:
        cluster = self.led()
        self.change(cluster, add(4, b"context"))
        self.assertEqual(RaftMembershipEntry.FromString(cluster[2].applied[-1].data).context, b"context")

    def test_who_is_there_is_not_removed_in_favour_of_who_is_not(self) -> None:
        cluster = self.led()
        cluster.isolate(3)
        cluster.tick(25)
        self.assertRaises(ChangeRefused, cluster[1].core.propose_membership, remove(2))
        cluster[1].core.propose_membership(remove(3))

    def test_only_the_leader_changes_it(self) -> None:
        self.assertRaises(ProposalRefused, self.led()[2].core.propose_membership, add(4))

    def test_one_at_a_time(self) -> None:
        cluster = self.led()
        cluster.isolate(1)
        cluster[1].core.propose_membership(remove(3))
        self.assertRaises(ChangeRefused, cluster[1].core.propose_membership, remove(2))

    def test_not_before_the_own_term_has_begun(self) -> None:
        """Otherwise a change of an earlier leader may be in force elsewhere (the flaw found in 2015)."""
        cluster = Cluster(3)
        cluster.filter = lambda message: not message.HasField("append")
        cluster.elect(1)
        self.assertRaises(ChangeRefused, cluster[1].core.propose_membership, add(4))

    def two_at_once(self, core: type[Core]) -> Cluster:
        """A leader that is cut off with one follower of four tries to get rid of the others."""
        cluster = self.led(5, core)
        cluster.isolate(1, 2)
        for gone in (3, 4):
            try:
                cluster[1].core.propose_membership(remove(gone))
            except ChangeRefused:
                break
            cluster.settle()
        cluster.propose(1, b"one")
        cluster.elect(5)
        cluster.propose(5, b"two")
        return cluster

    def test_as_it_is_only_one_side_goes_on(self) -> None:
        cluster = self.two_at_once(Core)
        self.assertEqual((cluster[1].data, cluster[5].data), ([], [b"two"]))

    def test_two_changes_at_once_would_let_both_sides_go_on(self) -> None:
        cluster = self.two_at_once(planted.ChangesTwoAtOnce)
        self.assertEqual((cluster[1].data, cluster[5].data), ([b"one"], [b"two"]))

    def test_a_removed_follower_gets_nothing_more(self) -> None:
        cluster = self.led()
        self.change(cluster, remove(3))
        cluster.propose(1, b"one")
        self.assertEqual((cluster[2].data, cluster[3].data), ([b"one"], []))

    def test_a_removed_follower_does_not_disturb(self) -> None:
        cluster = self.led()
        self.change(cluster, remove(3))
        cluster.tick(60)
        self.assertEqual((cluster.leaders(), cluster[1].core.term), ([1], 2))

    def test_a_leader_removes_itself_and_another_leads_at_once(self) -> None:
        cluster = self.led()
        cluster[1].core.propose_membership(remove(1))
        cluster.settle()
        self.assertEqual(len(cluster.leaders()), 1)
        self.assertNotIn(1, cluster[cluster.leaders()[0]].core.membership)
        self.assertTrue(cluster[1].core.membership_committed)

    def test_a_leader_that_removes_itself_does_not_count(self) -> None:
        cluster = self.led()
        cluster.isolate(3)
        cluster[1].core.propose_membership(remove(1))
        cluster.settle()
        self.assertEqual((cluster.leaders(), cluster[1].core.membership_committed), ([1], False))

    def test_every_replica_can_be_replaced(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        for old, new in ((1, 4), (2, 5), (3, 6)):
            cluster.add(new)
            for change in (add(new), promote(new), remove(old)):
                cluster.tick(3)
                cluster[cluster.leaders()[0]].core.propose_membership(change)
                cluster.settle()
            cluster.propose(cluster.leaders()[0], b"%d" % new)
        self.assertEqual(cluster[6].data, [b"4", b"5", b"6"])
        self.assertEqual(cluster[6].core.membership, Membership({4: 1004, 5: 1005, 6: 1006}))
