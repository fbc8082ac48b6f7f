"""Who leads, and who may vote for whom."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.replication.raft import Role
from tests.replication.raft.cluster import Cluster


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

    def test_entries_reach_everybody(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one", b"two")
        for id in (1, 2, 3):
            self.assertEqual(cluster[id].data, [b"one", b"two"])

    def test_a_proposal_to_a_follower_reaches_the_leader(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(2, b"one")
        self.assertEqual(cluster[3].data, [b"one"])

    def test_a_leader_that_is_cut_off_is_replaced_and_steps_down(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(1)
        cluster.tick(40)
        self.assertEqual(cluster[1].core.role, Role.PRE_CANDIDATE)
        self.assertEqual(len(cluster.leaders()), 1)
