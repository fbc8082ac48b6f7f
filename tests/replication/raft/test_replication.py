"""Followers' logs become the leader's, and what a majority has is committed."""

from __future__ import annotations

from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import TooLarge
from coname.messages.raft_pb2 import RaftMessage
from coname.replication.raft import Core, Feed, ProposalRefused
from tests.replication.raft import planted
from tests.replication.raft.cluster import Cluster


class ReplicationTests(SynchronousTestCase):
    def test_entries_reach_everybody(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one", b"two")
        for id in (1, 2, 3):
            self.assertEqual(cluster[id].data, [b"one", b"two"])

    def test_followers_learn_at_once_what_is_committed(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one")
        self.assertEqual(cluster[3].core.log.committed, cluster[1].core.log.committed)

    def test_every_index_is_delivered_once_in_order(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one", b"two")
        self.assertEqual([entry.index for entry in cluster[2].applied], [1, 2, 3, 4])

    def test_what_waits_shares_an_append(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        for data in (b"one", b"two", b"three"):
            cluster[1].core.propose(data)
        cluster[1].work()
        self.assertEqual([len(message.append.entries) for message in cluster[1].sent], [3, 3])

    def test_appends_are_cut_at_their_bound(self) -> None:
        cluster = Cluster(3, append_bytes=100)
        cluster.elect(1)
        for _ in range(4):
            cluster[1].core.propose(b"x" * 40)
        cluster[1].work()
        sizes = [len(message.append.entries) for message in cluster[1].sent if message.recipient == 2]
        self.assertEqual(sizes, [1, 1, 1, 1])

    def test_a_follower_that_is_cut_off_catches_up(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(3)
        cluster.propose(1, *(b"%d" % number for number in range(50)))
        cluster.heal()
        cluster.tick(3)
        self.assertEqual(len(cluster[3].data), 50)

    def test_a_lost_append_is_sent_again_after_a_heartbeat(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.filter = lambda message: not message.HasField("append")
        cluster.propose(1, b"one")
        cluster.filter = lambda message: True
        self.assertEqual(cluster[2].data, [])
        cluster.tick(2)
        self.assertEqual((cluster[2].data, cluster[3].data), ([b"one"], [b"one"]))

    def test_a_follower_restarts_and_goes_on(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one")
        cluster[3].crash()
        cluster.propose(1, b"two")
        cluster.tick(3)
        self.assertEqual(cluster[3].data, [b"one", b"two"])

    def test_all_restart_and_nothing_is_lost(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(1, b"one")
        for replica in cluster.replicas.values():
            replica.crash()
        cluster.tick(30)
        cluster.propose(cluster.leaders()[0], b"two")
        self.assertEqual(cluster[2].data, [b"one", b"two"])

    def test_old_entries_are_read_from_the_disk(self) -> None:
        cluster = Cluster(3, tail_bytes=1)
        cluster.elect(1)
        cluster.isolate(3)
        cluster.propose(1, *(b"%d" % number for number in range(20)))
        cluster.heal()
        cluster.tick(3)
        self.assertEqual(cluster[3].data, cluster[1].data)


class Figure7Tests(SynchronousTestCase):
    """The followers' logs of figure 7 in the Raft paper; entry 1 is the first membership, of term 1."""

    LEADER: ClassVar = [1, 1, 4, 4, 5, 5, 6, 6, 6]
    FOLLOWERS: ClassVar = {
        "a": [1, 1, 4, 4, 5, 5, 6, 6],
        "b": [1, 1, 4],
        "c": [1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        "d": [1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        "e": [1, 1, 4, 4, 4, 4],
        "f": [1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    }

    def cluster(self) -> Cluster:
        logs = dict(enumerate([self.LEADER, *self.FOLLOWERS.values()], 1))
        cluster = Cluster(7).with_logs(logs, term=7)
        cluster.elect(1)
        return cluster

    def check(self, follower: str) -> None:
        cluster = self.cluster()
        id = 2 + list(self.FOLLOWERS).index(follower)
        self.assertEqual(cluster[id].terms, [*self.LEADER, 8])
        self.assertEqual(cluster[id].data, cluster[1].data)

    def test_a_lacks_an_entry(self) -> None:
        self.check("a")

    def test_b_lacks_many(self) -> None:
        self.check("b")

    def test_c_has_one_too_many(self) -> None:
        self.check("c")

    def test_d_has_some_of_a_newer_term(self) -> None:
        self.check("d")

    def test_e_has_others_of_the_same_term(self) -> None:
        self.check("e")

    def test_f_has_others_for_long(self) -> None:
        self.check("f")

    def test_one_question_for_each_term_that_differs(self) -> None:
        refusals: list[RaftMessage] = []
        newest = [1] * 5 + [6] * 40
        cluster = Cluster(3).with_logs({1: newest, 2: newest, 3: [1] * 5 + [2] * 10 + [5] * 60}, term=6)

        def watch(message: RaftMessage) -> bool:
            refusals.extend([message] if message.append_answer.refused else [])
            return True

        cluster.filter = watch
        cluster.elect(1)
        cluster.tick(2)
        self.assertEqual(cluster[3].terms, cluster[1].terms)
        self.assertLessEqual(len({message.append_answer.index for message in refusals}), 2)


class CommitTests(SynchronousTestCase):
    def figure_8(self, core: type[Core]) -> Cluster:
        """Up to (c): replica 1 leads again, in term 4, and a majority has its entry of term 2; none of term 4."""
        cluster = Cluster(5, core, append_bytes=1).with_logs({1: [2], 2: [2], 3: [], 4: [], 5: [3]}, term=3)
        cluster.filter = lambda message: (
            not (
                any(entry.term == 4 for entry in message.append.entries)
                and cluster[message.recipient].core.log.last_index >= message.append.previous_index
            )
        )
        cluster.elect(1)
        cluster.tick(3)
        self.assertEqual((cluster[1].core.term, cluster[3].terms), (4, [2]))
        return cluster

    def test_an_entry_of_an_older_term_is_not_committed_by_a_majority(self) -> None:
        self.assertEqual(self.figure_8(Core)[1].core.log.committed, 1)

    def test_it_is_committed_along_with_one_of_the_own_term(self) -> None:
        cluster = self.figure_8(Core)
        cluster.filter = lambda message: True
        cluster.tick(3)
        self.assertEqual((cluster[1].core.log.committed, cluster[5].terms), (3, [2, 4]))

    def test_as_it_is_nothing_was_applied_that_another_leader_replaces(self) -> None:
        cluster = self.figure_8(Core)
        self.assertEqual(cluster[1].data, [])
        cluster.isolate(1)
        cluster.elect(5)
        self.assertEqual(cluster[5].data, [b"2 of term 3"])

    def test_otherwise_something_would_have_been(self) -> None:
        cluster = self.figure_8(planted.CommitsOlderTerms)
        self.assertEqual(cluster[1].data, [b"2 of term 2"])
        cluster.isolate(1)
        cluster.elect(5)
        self.assertEqual(cluster[5].terms[0], 3)

    def test_a_term_begins_with_an_empty_entry(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        self.assertEqual(cluster[1].core.log.committed, 2)

    def test_a_minority_commits_nothing(self) -> None:
        cluster = Cluster(5)
        cluster.elect(1)
        cluster.isolate(1, 2)
        cluster.propose(1, b"one")
        self.assertEqual(cluster[1].data, [])


class FlowTests(SynchronousTestCase):
    def test_a_follower_is_probed_until_the_logs_agree(self) -> None:
        cluster = Cluster(3)
        cluster.isolate(3)
        cluster.elect(1)
        self.assertEqual(cluster[1].core.peers[3].feed, Feed.PROBE)
        self.assertEqual(cluster[1].core.peers[2].feed, Feed.REPLICATE)

    def test_one_append_at_a_time_while_probing(self) -> None:
        cluster = Cluster(3)
        cluster.isolate(3)
        cluster.elect(1)
        cluster.lost.clear()
        cluster.propose(1, b"one")
        cluster.propose(1, b"two")
        self.assertEqual([message for message in cluster.lost if message.HasField("append")], [])

    def test_the_window_bounds_what_is_on_the_way(self) -> None:
        cluster = Cluster(3, inflight_appends=4, append_bytes=1)
        cluster.elect(1)
        cluster.isolate(3)
        cluster.lost.clear()
        cluster.propose(1, *(b"%d" % number for number in range(20)))
        self.assertEqual(len([message for message in cluster.lost if message.append.entries]), 4)

    def test_the_windows_bytes_bound_what_is_on_the_way(self) -> None:
        cluster = Cluster(3, inflight_bytes=1000, append_bytes=1)
        cluster.elect(1)
        cluster.isolate(3)
        cluster.lost.clear()
        cluster.propose(1, *[b"x" * 300] * 20)
        self.assertEqual(len([message for message in cluster.lost if message.append.entries]), 4)

    def test_a_full_window_that_was_lost_does_not_last(self) -> None:
        cluster = Cluster(3, inflight_appends=4, append_bytes=1)
        cluster.elect(1)
        cluster.filter = lambda message: message.recipient != 3 or not message.HasField("append")
        cluster.propose(1, *(b"%d" % number for number in range(20)))
        cluster.filter = lambda message: True
        cluster.tick(4)
        self.assertEqual(len(cluster[3].data), 20)

    def test_a_report_of_loss_makes_the_leader_ask_again(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster[1].core.report_unreachable(3)
        self.assertEqual(cluster[1].core.peers[3].feed, Feed.PROBE)

    def test_a_follower_that_refuses_what_it_acknowledged_is_not_asked_again_and_again(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        progress = cluster[1].core.peers[3]
        progress.probe()
        progress.waiting = True
        refused = RaftMessage(
            sender=3,
            recipient=1,
            incarnation=1003,
            term=2,
            append_answer={"refused": True, "index": 2},  # type: ignore[arg-type]
        )
        cluster.deliver(refused)
        self.assertFalse(cluster[1].core.has_ready())

    def test_a_heartbeat_says_no_more_than_the_follower_has(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.isolate(3)
        cluster.propose(1, b"one")
        cluster.lost.clear()
        cluster.tick(1)
        beats = [message.heartbeat.committed for message in cluster.lost if message.recipient == 3]
        self.assertEqual(set(beats), {2})


class ProposalTests(SynchronousTestCase):
    def test_a_proposal_to_a_follower_reaches_the_leader(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        cluster.propose(2, b"one", b"two")
        self.assertEqual(cluster[3].data, [b"one", b"two"])

    def test_without_a_leader_it_is_refused(self) -> None:
        self.assertRaises(ProposalRefused, Cluster(3)[1].core.propose, b"one")

    def test_an_entry_over_the_bound_is_refused(self) -> None:
        cluster = Cluster(3, entry_bytes=10)
        cluster.elect(1)
        self.assertRaises(TooLarge, cluster[1].core.propose, b"x" * 11)

    def test_too_much_that_waits_for_a_majority_is_refused(self) -> None:
        cluster = Cluster(3, uncommitted_bytes=1000)
        cluster.elect(1)
        cluster.isolate(1)
        for _ in range(9):
            cluster[1].core.propose(b"x" * 80)
        self.assertRaises(ProposalRefused, cluster[1].core.propose, b"x")

    def test_what_was_committed_no_longer_counts(self) -> None:
        cluster = Cluster(3, uncommitted_bytes=1000)
        cluster.elect(1)
        for _ in range(50):
            cluster.propose(1, b"x" * 80)
        self.assertEqual(len(cluster[2].data), 50)

    def test_too_much_to_pass_on_is_refused(self) -> None:
        cluster = Cluster(3, forwarded_bytes=1000)
        cluster.elect(1)
        cluster[2].core.propose(b"x" * 1000)
        self.assertRaises(ProposalRefused, cluster[2].core.propose, b"x")

    def test_nobody_passes_on_what_was_passed_on(self) -> None:
        cluster = Cluster(3)
        cluster.elect(1)
        message = RaftMessage(
            sender=3,
            recipient=2,
            incarnation=1003,
            term=2,
            proposal={"data": [b"one"]},  # type: ignore[arg-type]
        )
        cluster.deliver(message)
        cluster.settle()
        self.assertEqual(cluster[1].data, [])
