"""A replica whose storage was put back to an earlier state is recognised, and nobody else is."""

from __future__ import annotations

import copy

from twisted.trial.unittest import SynchronousTestCase

from coname.messages.raft_pb2 import RaftMessage, RaftRecollection, RaftVoteRequest
from coname.replication.raft import Change, ChangeKind, Membership, Role
from coname.replication.raft.recollection import MOST_TERMS, OwnWord, Recollections
from tests.replication.raft.cluster import INCARNATION, Cluster, Replica
from tests.replication.raft.disk import Disk


def recalled(term: int, index: int) -> RaftRecollection:
    return RaftRecollection(incarnation=1, term=term, index=index)


class OwnWordTests(SynchronousTestCase):
    def test_what_was_stored_at_the_start_is_covered(self) -> None:
        self.assertTrue(OwnWord(5, 10).covers(recalled(5, 10)))

    def test_more_than_that_in_the_same_term_is_not(self) -> None:
        self.assertFalse(OwnWord(5, 10).covers(recalled(5, 11)))

    def test_a_newer_term_is_not(self) -> None:
        self.assertFalse(OwnWord(5, 10).covers(recalled(6, 0)))

    def test_an_older_term_is_whatever_was_said_in_it(self) -> None:
        """Entries that were acknowledged then may have been replaced since."""
        self.assertTrue(OwnWord(5, 10).covers(recalled(4, 99)))

    def test_what_was_said_since_is(self) -> None:
        word = OwnWord(5, 10)
        word.entered(7)
        word.acknowledged(7, 12)
        self.assertTrue(word.covers(recalled(7, 12)))
        self.assertFalse(word.covers(recalled(7, 13)))
        self.assertFalse(word.covers(recalled(6, 1)))

    def test_a_term_that_was_entered_later_than_it_was_lost_in_does_not_hide_it(self) -> None:
        """The old copy heard of the term again before it heard what it had acknowledged in it."""
        word = OwnWord(5, 10)
        word.entered(8)
        self.assertFalse(word.covers(recalled(8, 1)))

    def test_no_more_than_some_terms_are_remembered(self) -> None:
        word = OwnWord(1, 0)
        for term in range(2, 1000):
            word.entered(term)
        self.assertTrue(word.covers(recalled(999 - MOST_TERMS, 99)))
        self.assertFalse(word.covers(recalled(999, 1)))


class RecollectionTests(SynchronousTestCase):
    def test_the_newest_term_and_the_most_in_it(self) -> None:
        recollections = Recollections([])
        recollections.heard(2, 7, 3)
        recollections.acknowledged(2, 7, 3, 10)
        recollections.acknowledged(2, 7, 3, 9)
        self.assertEqual(recollections.of(2), RaftRecollection(incarnation=7, term=3, index=10))
        recollections.heard(2, 7, 4)
        self.assertEqual(recollections.of(2), RaftRecollection(incarnation=7, term=4))

    def test_an_older_term_is_old_news(self) -> None:
        recollections = Recollections([])
        recollections.heard(2, 7, 3)
        recollections.heard(2, 7, 2)
        self.assertEqual(recollections.of(2), RaftRecollection(incarnation=7, term=3))

    def test_another_storage_begins_anew(self) -> None:
        recollections = Recollections([])
        recollections.heard(2, 7, 3)
        recollections.heard(2, 8, 1)
        self.assertEqual(recollections.of(2), RaftRecollection(incarnation=8, term=1))

    def test_they_outlive_a_restart(self) -> None:
        recollections = Recollections([])
        recollections.heard(2, 7, 3)
        recollections.acknowledged(2, 7, 3, 10)
        self.assertEqual(Recollections(recollections.stored()).of(2), recollections.of(2))

    def test_strangers_are_forgotten(self) -> None:
        recollections = Recollections([])
        recollections.heard(2, 7, 3)
        recollections.heard(3, 8, 3)
        recollections.keep([3, 4])
        self.assertIsNone(recollections.of(2))
        self.assertIsNotNone(recollections.of(3))


def restore(replica: Replica, backup: Disk) -> None:
    """Stop a replica, and start it with an old copy of its disk."""
    replica.disk = backup
    replica.applied = replica.applied[: backup.last_index()]
    replica.sent.clear()
    replica.start()


class RestoredTests(SynchronousTestCase):
    def cluster(self) -> tuple[Cluster, Disk]:
        """Replica 3 has acknowledged entries that are not in the backup."""
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one")
        backup = copy.deepcopy(cluster[3].disk)
        cluster.propose(1, b"two")
        return cluster, backup

    def test_it_is_recognised_and_says_so(self) -> None:
        cluster, backup = self.cluster()
        restore(cluster[3], backup)
        cluster[3].core.tick()
        cluster.settle()
        self.assertIn("join anew", cluster[3].core.restored or "")

    def test_it_does_nothing_any_more(self) -> None:
        cluster, backup = self.cluster()
        restore(cluster[3], backup)
        cluster.tick(2)
        cluster[3].sent.clear()
        cluster.tick(60)
        cluster[3].core.receive(cluster[1].core.snapshot_message(3, 3))
        self.assertFalse(cluster[3].core.has_ready())

    def test_it_tells_its_driver_once(self) -> None:
        cluster, backup = self.cluster()
        restore(cluster[3], backup)
        cluster.move(cluster[1])
        cluster[1].core.tick()
        cluster[1].work()
        cluster.move(cluster[1])
        ready = cluster[3].core.ready()
        self.assertIsNotNone(ready.soft and ready.soft.restored)
        self.assertEqual((ready.messages, ready.messages_after, ready.entries, ready.hard_state), ((), (), (), None))
        self.assertIsNone(cluster[3].core.ready().soft)

    def test_the_first_that_it_hears_of_its_leader_ends_it(self) -> None:
        """Though the leader has heard an answer of the life before after it knew that the connection had broken: each
        direction has a connection of its own."""
        cluster, backup = self.cluster()
        leader = cluster[1].core
        leader.propose(b"three")
        cluster[1].work()
        cluster.move(cluster[1])
        cluster[3].work()
        late = list(cluster[3].sent)
        restore(cluster[3], backup)
        leader.report_unreachable(3)
        for answer in late:
            leader.receive(answer)
        leader.propose(b"four")
        cluster[1].work()
        cluster.deliver(next(message for message in cluster[1].sent if message.recipient == 3))
        self.assertIn("old copy", cluster[3].core.restored or "")

    def test_it_is_recognised_by_a_leader_that_restarted_and_follows_now(self) -> None:
        cluster, backup = self.cluster()
        cluster.propose(1, b"three")
        cluster[1].crash()
        cluster.isolate(3)
        cluster.elect(2)
        cluster.heal()
        restore(cluster[3], backup)
        cluster.tick(2)
        self.assertIsNotNone(cluster[3].core.restored)

    def test_a_leader_is_recognised_by_what_it_said_to_have_stored_itself(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one")
        backup = copy.deepcopy(cluster[1].disk)
        cluster.propose(1, b"two")
        restore(cluster[1], backup)
        cluster.tick(2)
        self.assertIsNotNone(cluster[1].core.restored)

    def test_it_is_recognised_by_its_term_alone(self) -> None:
        cluster = Cluster(3)
        backup = copy.deepcopy(cluster[3].disk)
        cluster.elect(1)
        restore(cluster[3], backup)
        cluster.tick(1)
        self.assertIsNotNone(cluster[3].core.restored)

    def test_it_does_not_vote_before_it_has_asked(self) -> None:
        cluster, backup = self.cluster()
        restore(cluster[3], backup)
        request = RaftVoteRequest(term=9, last_index=99, last_term=8)
        cluster.deliver(RaftMessage(sender=2, recipient=3, incarnation=INCARNATION + 2, term=9, vote_request=request))
        cluster[3].work()
        self.assertEqual([message for message in cluster[3].sent if message.HasField("vote_answer")], [])

    def test_a_candidates_recollection_ends_it_as_well(self) -> None:
        cluster, backup = self.cluster()
        restore(cluster[3], backup)
        cluster.cut = {(3, 1), (3, 2)}
        cluster[1].core._node.follow(2)
        cluster[1].core._elections.campaign(forced=True)
        cluster.settle()
        self.assertIsNotNone(cluster[3].core.restored)

    def test_a_backup_of_all_that_was_said_is_as_good_as_the_original(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one")
        restore(cluster[3], copy.deepcopy(cluster[3].disk))
        cluster.tick(2)
        cluster.propose(1, b"two")
        self.assertEqual((cluster[3].core.restored, cluster[3].data), (None, [b"one", b"two"]))

    def test_late_answers_of_an_earlier_session_do_not_confirm(self) -> None:
        cluster = Cluster(3)
        cluster[3].core.tick()
        cluster[3].work()
        cluster.move(cluster[3])
        cluster[1].work()
        cluster[3].crash()
        cluster.move(cluster[1])
        self.assertFalse(cluster[3].core.confirmed)

    def test_a_cluster_that_lost_power_starts(self) -> None:
        cluster, _ = self.cluster()
        for replica in cluster.replicas.values():
            replica.crash()
        cluster.tick(40)
        self.assertEqual(len(cluster.leaders()), 1)

    def test_with_a_majority_it_starts(self) -> None:
        cluster, _ = self.cluster()
        for replica in cluster.replicas.values():
            replica.crash()
        cluster.isolate(3)
        cluster.tick(40)
        self.assertEqual(len(cluster.leaders()), 1)

    def test_alone_it_does_not_vote(self) -> None:
        cluster, _ = self.cluster()
        cluster[3].crash()
        cluster.isolate(3)
        cluster.tick(40, 3)
        self.assertEqual((cluster[3].core.confirmed, cluster[3].core.role), (False, Role.FOLLOWER))


class EmptiedTests(SynchronousTestCase):
    """A replica that lost its storage altogether, and begins as at the first start."""

    def restarted(self, membership: Membership) -> Cluster:
        cluster = Cluster(3)
        cluster.membership = membership
        for id in (1, 2, 3):
            cluster.add(id, Disk(membership))
        cluster.elect(1)
        cluster.propose(1, b"one")
        cluster.add(3, Disk(membership), incarnation=77)
        return cluster

    def test_it_is_recognised_where_the_storages_were_not_named(self) -> None:
        cluster = self.restarted(Membership({1: 0, 2: 0, 3: 0}))
        cluster.tick(2)
        self.assertIn("another database", cluster[3].core.restored or "")

    def test_what_it_acknowledges_does_not_count(self) -> None:
        cluster = self.restarted(Membership({id: INCARNATION + id for id in (1, 2, 3)}))
        cluster.isolate(2)
        cluster.tick(2)
        cluster.propose(1, b"two")
        self.assertEqual(cluster[1].data, [b"one"])
        self.assertIn("with the storage 77", str(cluster.refused[-1]))

    def test_its_vote_does_not_count(self) -> None:
        cluster = self.restarted(Membership({id: INCARNATION + id for id in (1, 2, 3)}))
        cluster.isolate(1)
        cluster.tick(60)
        self.assertEqual([id for id in cluster.leaders() if id != 1], [])

    def joined_anew(self, joined: bool) -> Cluster:
        """Replica 3 was replaced, and reads the log from its beginning; replica 4 remembers the former one still."""
        cluster = Cluster(4, append_bytes=1)
        cluster.membership = Membership(dict.fromkeys((1, 2, 3, 4), 0))
        for id in (1, 2, 3, 4):
            cluster.add(id, Disk(cluster.membership))
        cluster.elect(1)
        cluster.propose(1, b"one")
        cluster.elect(4)
        cluster.elect(1)
        cluster.isolate(4)
        cluster[1].core.propose_membership(Change(ChangeKind.REMOVE, 3))
        cluster.settle()
        cluster.add(3, Disk(), incarnation=77, joined=joined)
        cluster.filter = lambda message: (
            not (message.HasField("roll_call") or (message.append.previous_index and message.append.entries))
        )
        cluster[1].core.propose_membership(Change(ChangeKind.ADD_LEARNER, 3, 77))
        cluster.tick(2)
        cluster.heal()
        cluster.filter = lambda message: message.sender != 1
        cluster.tick(2, 3)
        return cluster

    def test_who_joined_anew_is_not_taken_for_it(self) -> None:
        cluster = self.joined_anew(True)
        self.assertEqual((cluster[3].core.log.last_index > 0, cluster[3].core.restored), (True, None))
        cluster.filter = lambda message: True
        cluster.tick(40)
        self.assertEqual(cluster[3].data, [b"one"])

    def test_otherwise_it_would_be(self) -> None:
        self.assertIn("another database", self.joined_anew(False)[3].core.restored or "")
