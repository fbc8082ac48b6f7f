"""A log that was compacted, and replicas that need what is no longer in it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt
from coname.messages.raft_pb2 import RaftEntry, RaftHardState, RaftSnapshot
from coname.replication.raft import ChangeRefused, Feed, ProposalRefused, Role
from tests.replication.raft.cluster import INCARNATION, Cluster, Replica
from tests.replication.raft.test_membership import add


def compact(replica: Replica, index: int) -> None:
    start = replica.core.describe(index)
    replica.disk.compact(start)
    replica.disk.sync()
    replica.core.compacted(start)


class SnapshotTests(SynchronousTestCase):
    def behind(self) -> Cluster:
        """Replica 3 has entries up to 2; the leader those from 22 on."""
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(3)
        cluster.propose(1, *(b"%d" % number for number in range(20)))
        compact(cluster[1], 21)
        cluster.heal()
        return cluster

    def test_the_log_goes_on_after_it_is_compacted(self) -> None:
        cluster = self.behind()
        cluster.propose(1, b"more")
        self.assertEqual(cluster[2].data[-1], b"more")

    def test_who_is_too_far_behind_needs_a_snapshot(self) -> None:
        cluster = self.behind()
        cluster.tick(3)
        self.assertEqual((cluster[1].snapshots, cluster[1].core.peers[3].feed), ([3], Feed.SNAPSHOT))

    def test_it_is_asked_for_once(self) -> None:
        cluster = self.behind()
        cluster.tick(9)
        cluster.propose(1, b"more")
        self.assertEqual(cluster[1].snapshots, [3])

    def test_who_has_everything_and_was_not_heard_needs_none(self) -> None:
        """It would not take one: without its acknowledgement, nothing would ever be committed again."""
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.filter = lambda message: message.sender != 3
        cluster.propose(1, *(b"%d" % number for number in range(20)))
        cluster.tick(2)
        compact(cluster[1], 22)
        cluster.filter = lambda message: True
        cluster[1].core.report_unreachable(3)
        cluster.isolate(2)
        cluster.propose(1, b"more")
        cluster.tick(3)
        self.assertEqual((cluster[3].data[-1], cluster[1].snapshots), (b"more", []))

    def test_who_is_not_there_is_sent_none(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(3)
        cluster.propose(1, b"one", b"two")
        cluster.tick(25)
        compact(cluster[1], 4)
        cluster[1].core.report_unreachable(3)
        cluster.tick(25)
        self.assertEqual(cluster[1].snapshots, [])
        self.assertFalse(cluster[1].core.has_ready())

    def test_a_snapshot_brings_it_back(self) -> None:
        cluster = self.behind()
        cluster.tick(3)
        cluster.send_snapshots(1)
        cluster.propose(1, b"more")
        self.assertEqual(cluster[3].data, cluster[1].data)
        self.assertEqual(cluster[3].core.log.snapshot_index, 22)

    def test_a_snapshot_that_could_not_be_sent_is_asked_for_again(self) -> None:
        cluster = self.behind()
        cluster.tick(3)
        cluster[1].core.snapshot_sent(3, 0)
        cluster.tick(3)
        self.assertEqual(cluster[1].snapshots, [3, 3])

    def test_heartbeats_go_on_meanwhile(self) -> None:
        cluster = self.behind()
        cluster.tick(60)
        self.assertEqual((cluster.leaders(), cluster[1].core.term), ([1], 2))

    def test_while_it_is_installed_nothing_is_appended(self) -> None:
        cluster = self.installing()
        cluster[1].core.snapshot_sent(3, 22)
        cluster.propose(1, b"more")
        cluster.tick(3)
        self.assertEqual(cluster[3].core.log.last_index, 2)
        cluster.install(3, cluster[1].applied[:22])
        cluster.tick(3)
        self.assertEqual(cluster[3].data, cluster[1].data)

    def installing(self) -> Cluster:
        cluster = self.behind()
        cluster.tick(3)
        cluster.deliver(cluster[1].core.snapshot_message(3, 22))
        cluster.settle()
        return cluster

    def test_while_it_is_installed_a_replica_votes(self) -> None:
        cluster = self.installing()
        cluster.isolate(1)
        cluster.elect(2)
        self.assertEqual(cluster[3].core.leader, 2)

    def test_while_it_is_installed_a_replica_is_no_candidate(self) -> None:
        cluster = self.installing()
        cluster.isolate(3)
        cluster.tick(60, 3)
        self.assertEqual(cluster[3].core.role, Role.FOLLOWER)

    def test_a_crash_half_way_leaves_the_old_state(self) -> None:
        cluster = self.installing()
        cluster[3].install = None
        cluster[3].crash()
        self.assertEqual(cluster[3].core.log.last_index, 2)
        cluster[1].core.snapshot_sent(3, 0)
        cluster.tick(3)
        cluster.send_snapshots(1)
        self.assertEqual(cluster[3].data, cluster[1].data)

    def test_a_snapshot_of_what_the_log_has_is_not_installed(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one", b"two")
        cluster.deliver(cluster[1].core.snapshot_message(3, 3))
        cluster.settle()
        self.assertIsNone(cluster[3].install)
        self.assertEqual(cluster[3].core.log.last_index, 4)

    def test_a_snapshot_of_uncommitted_entries_that_the_log_has_commits_them(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.filter = lambda message: message.recipient != 3 or not message.append.committed > 2
        cluster[1].core.propose(b"one")
        cluster.settle()
        self.assertEqual((cluster[3].core.log.last_index, cluster[3].core.log.committed), (3, 2))
        cluster.deliver(cluster[1].core.snapshot_message(3, 3))
        cluster.settle()
        self.assertIsNone(cluster[3].install)
        self.assertEqual(cluster[3].data, [b"one"])

    def test_another_than_the_wanted_one_is_not_installed(self) -> None:
        cluster = self.installing()
        self.assertRaises(ChangeRefused, cluster[3].core.installed, RaftSnapshot(index=9, term=1))

    def test_only_a_leader_sends_one(self) -> None:
        cluster = self.behind()
        self.assertRaises(ProposalRefused, cluster[2].core.snapshot_message, 3, 22)

    def test_what_was_not_applied_is_not_described(self) -> None:
        self.assertRaises(ChangeRefused, self.behind()[1].core.describe, 99)

    def test_what_was_compacted_is_not_described(self) -> None:
        self.assertRaises(ChangeRefused, self.behind()[1].core.describe, 5)

    def test_the_membership_is_that_of_the_index(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[1].core.propose_membership(add(4))
        cluster.settle()
        self.assertEqual(len(cluster[1].core.describe(2).membership.members), 3)
        self.assertEqual(len(cluster[1].core.describe(3).membership.members), 4)

    def test_a_membership_outlives_compaction_and_restart(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[1].core.propose_membership(add(4))
        cluster.settle()
        cluster.propose(1, b"one")
        compact(cluster[2], 4)
        cluster[2].crash()
        self.assertIn(4, cluster[2].core.membership)

    def test_a_new_replica_gets_the_membership_with_the_snapshot(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, *(b"%d" % number for number in range(20)))
        compact(cluster[1], 22)
        cluster.add(4)
        cluster[1].core.propose_membership(add(4))
        cluster.settle()
        cluster.tick(3)
        cluster.send_snapshots(1)
        cluster.tick(3)
        self.assertEqual(cluster[4].data, cluster[1].data)
        self.assertEqual(cluster[4].core.membership.incarnation(4), INCARNATION + 4)


class StoredTests(SynchronousTestCase):
    def test_a_log_that_ends_before_what_was_applied_is_damage(self) -> None:
        cluster = Cluster(3)
        cluster[1].applied = [RaftEntry()] * 5
        self.assertRaises(Corrupt, cluster[1].start)

    def test_a_log_that_ends_before_what_was_committed_is_damage(self) -> None:
        cluster = Cluster(3)
        cluster[1].disk.now.hard_state = RaftHardState(term=1, committed=9)
        self.assertRaises(Corrupt, cluster[1].start)

    def test_a_log_that_begins_after_what_was_applied_is_damage(self) -> None:
        cluster = Cluster(3)
        cluster[1].disk.now.snapshot = RaftSnapshot(index=5, term=1)
        settings = cluster[1].core._node.settings
        self.assertRaises(Corrupt, type(cluster[1].core), settings, cluster[1].disk, 3, cluster[1].core._node._random)
