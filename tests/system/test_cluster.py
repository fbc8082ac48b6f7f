"""Three real replicas: each of them, and two at once, are lost, stopped and emptied, and nothing acknowledged is."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc
import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.system.cluster import Cluster, ReplicaProcess
from tests.system.disturbed import DisturbedCase
from tests.system.processes import wait_for
from tests.system.workload import Seen


class ClusterCase(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.cluster = Cluster(Path(self.enterContext(tempfile.TemporaryDirectory())), 3, self.configure)
        self.addCleanup(self.cluster.clean_up)
        self.cluster.start()

    def configure(self, content: dict[str, object]) -> None:
        """Change the configuration of a replica."""

    def check_agreement(self) -> None:
        """Nothing acknowledged is lost anywhere, and all have the same epochs."""
        self.cluster.wait_until_agreed()
        for replica in self.cluster.replicas:
            self.assertEqual(self.cluster.missing(replica), [], replica.folder.name)
        self.cluster.stop()
        one, two, three = self.cluster.epochs()
        common = min(len(one), len(two), len(three))
        self.assertGreater(common, 1)
        self.assertEqual(list(one.items())[:common], list(two.items())[:common])
        self.assertEqual(list(one.items())[:common], list(three.items())[:common])
        self.assertLessEqual(max(len(one), len(two), len(three)) - common, 1)


class RestartTests(ClusterCase):
    def test_each_replica_takes_updates_and_each_may_be_killed(self) -> None:
        for replica in self.cluster.replicas:
            self.cluster.register(replica)
        for killed in self.cluster.replicas:
            killed.kill()
            other = next(replica for replica in self.cluster.replicas if replica is not killed)
            self.cluster.register(other)
            killed.begin()
            wait_for(killed.is_up, "it answers again")
            self.cluster.register(killed)
        self.check_agreement()

    def test_with_one_of_three_left_updates_stop_and_lookups_go_on(self) -> None:
        one, two, three = self.cluster.replicas
        self.cluster.register(one)
        two.kill()
        three.kill()
        with self.assertRaises(grpc.RpcError):
            self.cluster.register(one, timeout=2)
        self.assertEqual(self.cluster.missing(one), [])
        one.kill()  # and started alone, it answers lookups as well
        one.begin()
        wait_for(one.is_up, "it answers alone")
        two.begin()
        self.cluster.register(one)
        three.begin()
        self.check_agreement()


@pytest.mark.xdist_group("network")  # which measures too
class LeaderTests(ClusterCase, DisturbedCase):
    def setUp(self) -> None:
        super().setUp()
        self.seen = Seen(self.cluster.realm)

    def lose_leader(self, number: int, undo: Callable[[ReplicaProcess], None]) -> None:
        leader = self.cluster.leader()
        what = f"leader gets signal {number}"
        self.disturb(what, partial(leader.signal, number), partial(undo, leader), self.others(leader))
        self.cluster.wait_until_agreed()
        for replica in self.cluster.replicas:
            self.assertEqual(self.seen.lost(replica), [])
        self.assertEqual((self.seen.wrong, self.seen.forks()), ([], {}))
        self.check_agreement()

    def test_killed_leader(self) -> None:
        def start(leader: ReplicaProcess) -> None:
            leader.kill()
            leader.begin()

        self.lose_leader(signal.SIGKILL, start)

    def test_stopped_leader_that_goes_on_later(self) -> None:
        self.lose_leader(signal.SIGSTOP, lambda leader: leader.signal(signal.SIGCONT))


class LostDiskTests(ClusterCase):
    def test_a_replica_whose_folders_are_gone_is_told_to_join_anew_and_harms_nobody(self) -> None:
        lost, *others = self.cluster.replicas
        self.cluster.register(lost)
        lost.kill()
        for folder in lost.folder.glob("database*"):
            shutil.rmtree(folder)
        lost.begin()
        wait_for(lambda: "let it join anew" in lost.log.read_text(), "it is told to join anew")
        self.cluster.register(others[0])
        self.assertEqual(lost.newest_epoch(), 0)

    def test_a_replica_whose_log_is_gone_does_not_start(self) -> None:
        lost, *others = self.cluster.replicas
        self.cluster.register(lost)
        lost.stop()
        shutil.rmtree(lost.folder / "database-log")
        lost.begin()
        assert lost.process is not None
        self.assertEqual(lost.process.wait(30), 1)
        self.assertIn("its Raft log is missing", lost.log.read_text())
        self.cluster.register(others[0])


class CopyTests(ClusterCase):
    """Replicas keep so little of the log that one that was away needs a copy of the database."""

    def configure(self, content: dict[str, object]) -> None:
        content["limits"] = {"raft_log_entries": 10}

    def test_a_replica_that_was_away_for_long_gets_a_copy_and_goes_on_with_it(self) -> None:
        away, *others = self.cluster.replicas
        self.cluster.register(away)
        away.kill()
        large = {"note": b"x" * 60_000}
        with ThreadPoolExecutor(40) as pool:
            list(pool.map(lambda number: self.cluster.register(others[number % 2], keys=large), range(160)))
        away.begin()
        wait_for(lambda: "The database is another replica's now" in away.log.read_text(), "it has got a copy")
        wait_for(away.is_up, "it answers from the copy")
        self.assertEqual(self.cluster.missing(away), [])
        self.cluster.register(away)
        self.check_agreement()
