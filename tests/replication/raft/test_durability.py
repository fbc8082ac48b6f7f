"""What leaves before a write is done, and what does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.messages.raft_pb2 import RaftMessage
from coname.replication.raft import Role
from tests.replication.raft.cluster import Cluster


def bodies(messages: list[RaftMessage]) -> set[str]:
    return {message.WhichOneof("body") or "" for message in messages}


class DurabilityTests(SynchronousTestCase):
    def test_a_candidate_asks_for_votes_after_its_own_is_durable(self) -> None:
        cluster = Cluster(3)
        cluster.tick(2)
        cluster[1].held_back = []
        cluster[1].core._elections.campaign(forced=True)
        cluster.settle()
        self.assertEqual(cluster[2].core.term, 1)
        cluster[1].release()
        cluster.settle()
        self.assertEqual(cluster.leaders(), [1])

    def test_a_candidate_counts_its_own_vote_when_it_is_durable(self) -> None:
        cluster = Cluster(1)
        cluster.tick(2)
        cluster[1].held_back = []
        cluster[1].core._elections.campaign(forced=True)
        cluster.settle()
        self.assertEqual(cluster[1].core.role, Role.CANDIDATE)
        cluster[1].release()
        self.assertEqual(cluster[1].core.role, Role.LEADER)

    def test_a_term_and_a_vote_must_be_synced(self) -> None:
        cluster = Cluster(3)
        cluster.tick(2)
        cluster[1].core._elections.campaign(forced=True)
        ready = cluster[1].core.ready()
        self.assertTrue(ready.must_sync)
        assert ready.hard_state is not None
        self.assertEqual((ready.hard_state.term, ready.hard_state.vote), (2, 1))

    def test_a_leaders_appends_leave_before_its_own_write(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[1].held_back = []
        cluster.propose(1, b"one")
        self.assertEqual(cluster[2].core.log.last_index, 3)

    def test_its_own_entry_counts_after_its_write(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(3)
        cluster[1].held_back = []
        cluster.propose(1, b"one")
        self.assertEqual(cluster[1].core.log.committed, 2)
        cluster[1].release()
        cluster.settle()
        self.assertEqual(cluster[2].data, [b"one"])

    def test_the_others_may_commit_what_the_leader_has_not_stored(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[1].held_back = []
        cluster.propose(1, b"one")
        self.assertEqual(cluster[2].data, [b"one"])

    def test_nobody_applies_what_is_not_on_its_own_disk(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[1].held_back = []
        cluster.propose(1, b"one")
        self.assertEqual(cluster[1].core.log.committed, 3)
        self.assertEqual(cluster[1].data, [])
        cluster[1].release()
        cluster.settle()
        self.assertEqual(cluster[1].data, [b"one"])

    def test_a_follower_acknowledges_what_is_durable(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        for id in (2, 3):
            cluster[id].held_back = []
        cluster.propose(1, b"one")
        self.assertEqual(cluster[1].core.log.committed, 2)
        cluster[2].release()
        cluster.settle()
        self.assertEqual(cluster[1].data, [b"one"])

    def test_only_leaders_send_anything_at_once(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        for id in (2, 3):
            cluster[id].held_back = []
            cluster[id].core.tick()
        cluster.propose(1, b"one")
        held_back = (cluster[2].held_back or []) + (cluster[3].held_back or [])
        self.assertEqual([message for ready in held_back for message in ready.messages], [])
        self.assertEqual(bodies(cluster[2].sent + cluster[3].sent), set())

    def test_a_commit_index_alone_need_not_be_synced(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[2].held_back = []
        cluster.propose(1, b"one")
        readies = cluster[2].held_back
        self.assertEqual([ready.must_sync for ready in readies if not ready.entries], [False] * (len(readies) - 1))

    def test_without_deliveries_nothing_is_left_to_do(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[2].deliver = False
        cluster.propose(1, b"one")
        self.assertEqual(cluster[2].data, [])
        self.assertTrue(cluster[2].core.has_ready())
        cluster[2].deliver = True
        cluster.settle()
        self.assertEqual(cluster[2].data, [b"one"])
