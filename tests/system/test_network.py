"""Three replicas in a network: processes that die or stop, links that break or are slow, and nothing is lost."""

from __future__ import annotations

import signal
from functools import partial
from itertools import product

import pytest

from tests.system.cluster import ReplicaProcess
from tests.system.network_case import NetworkCase
from tests.system.workload import Workload

SLOW_KILOBITS = 400
"""A hundredth of what a poor link between two machines carries, and still more than this load needs."""


@pytest.mark.xdist_group("network")
class ProcessTests(NetworkCase):
    def test_the_leader_and_then_a_follower_are_killed(self) -> None:
        for role, choose in self.roles():
            victim = choose()
            self.disturb(f"{role} killed", victim.kill, victim.begin, self.others(victim))
            self.cluster.wait_until_agreed()
        self.check_agreement()

    def test_the_leader_and_then_a_follower_are_stopped_and_go_on_later(self) -> None:
        for role, choose in self.roles():
            victim = choose()
            stop, go_on = (partial(victim.signal, number) for number in (signal.SIGSTOP, signal.SIGCONT))
            self.disturb(f"{role} stopped", stop, go_on, self.others(victim))
        self.check_agreement()


@pytest.mark.xdist_group("network")
class LinkTests(NetworkCase):
    def cut(self, senders: list[ReplicaProcess], receivers: list[ReplicaProcess]) -> None:
        """What these send to those is lost."""
        for sender, receiver in product(senders, receivers):
            self.network.cut(sender.number, receiver.number)

    def test_the_leader_is_cut_off_and_answers_lookups_and_no_updates(self) -> None:
        leader = self.cluster.leader()

        def during(load: Workload) -> None:
            self.assertLess(leader.newest_epoch(), self.others(leader)[0].newest_epoch())

        self.disturb(
            "leader cut off",
            lambda: self.network.part([leader.number], [one.number for one in self.others(leader)]),
            self.network.mend,
            self.cluster.replicas,
            during,
        )
        self.check_agreement()

    def test_what_the_leader_sends_is_lost_and_then_what_it_is_sent(self) -> None:
        leader = self.cluster.leader()
        self.disturb(
            "nothing leaves the leader",
            lambda: self.cut([leader], self.others(leader)),
            self.network.mend,
            self.cluster.replicas,
        )
        leader = self.cluster.leader()
        self.disturb(
            "nothing reaches the leader",
            lambda: self.cut(self.others(leader), [leader]),
            self.network.mend,
            self.cluster.replicas,
        )
        self.check_agreement()

    def test_the_leader_and_then_a_follower_has_a_slow_link(self) -> None:
        for role, choose in self.roles():
            slow = choose()
            self.disturb(
                f"the {role}'s link is slow",
                partial(self.network.slow, slow.number, SLOW_KILOBITS),
                partial(self.network.quicken, slow.number),
                self.others(slow),
            )
        self.check_agreement()
