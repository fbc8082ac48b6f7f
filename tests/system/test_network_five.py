"""Five replicas in a network: the loss of two, and a network in pieces."""

from __future__ import annotations

import time

import pytest

from tests.system.cluster import ReplicaProcess
from tests.system.disturbed import GAP_SECONDS, HOLD_SECONDS
from tests.system.network_case import NetworkCase
from tests.system.processes import wait_for
from tests.system.workload import Workload


def numbers(replicas: list[ReplicaProcess]) -> list[int]:
    return [replica.number for replica in replicas]


@pytest.mark.xdist_group("network")
class FiveTests(NetworkCase):
    size = 5

    def test_the_leader_and_another_are_killed_at_once(self) -> None:
        lost = [self.cluster.leader(), self.cluster.followers()[0]]
        rest = [replica for replica in self.cluster.replicas if replica not in lost]

        def kill() -> None:
            for replica in lost:
                replica.kill()

        def begin() -> None:
            for replica in lost:
                replica.begin()

        self.disturb("two of five killed", kill, begin, rest)
        self.check_agreement()

    def test_the_leader_is_among_two_that_are_cut_off_and_then_the_network_is_in_pieces(self) -> None:
        few, many = self.halves()
        self.disturb(
            "two of five cut off",
            lambda: self.network.part(numbers(few), numbers(many)),
            self.network.mend,
            self.cluster.replicas,
            lambda load: self.assertLess(few[0].newest_epoch(), many[0].newest_epoch()),
        )
        self.cluster.wait_until_agreed()
        self.break_into_pieces()
        self.check_agreement()

    def halves(self) -> tuple[list[ReplicaProcess], list[ReplicaProcess]]:
        """The leader and another, and all others."""
        followers = self.cluster.followers()
        return [self.cluster.leader(), followers[0]], followers[1:]

    def break_into_pieces(self) -> None:
        """Two, two, and one: no updates anywhere, lookups everywhere, and all goes on when the links are back."""
        two, (third, fourth, fifth) = self.halves()
        pieces = [numbers(two), numbers([third, fourth]), numbers([fifth])]
        with Workload(self.seen, self.cluster.replicas) as load:
            wait_for(lambda: len(load.writes) >= self.size, "updates are acknowledged")
            for place, piece in enumerate(pieces):
                for other in pieces[:place]:
                    self.network.part(piece, other)
            broken = time.monotonic()
            time.sleep(HOLD_SECONDS)
            self.assertIsNone(load.resumed_after(broken), "nobody has a majority")
            mended = time.monotonic()
            self.network.mend()
            wait_for(lambda: load.resumed_after(mended) is not None, "updates are acknowledged again")
            resumed = load.resumed_after(mended)
        print(f"five replicas in pieces: updates resumed {resumed:.2f} s after the network was mended")
        for replica in self.cluster.replicas:
            self.assertEqual(load.failed(replica, broken, mended), [])
            self.assertLess(load.longest_gap(replica, broken, mended), 2 * GAP_SECONDS)
