"""A cluster that is disturbed under load: how long updates stand still, and lookups at those that are not concerned."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.system.cluster import Cluster, ReplicaProcess
from tests.system.processes import wait_for
from tests.system.workload import Seen, Workload

RESUME_SECONDS = 3.0
"""From the loss of a leader until an update that was begun after it is acknowledged, with heartbeats of 100 ms."""

GAP_SECONDS = 1.5
"""Between two answers to lookups, at a replica that nothing has happened to."""

HOLD_SECONDS = 2.5
"""A disturbance lasts at least this long."""

FOREIGN_SHARE = 0.2
"""Of all processors: if others took so much, the machine was too busy for times to mean something."""


class DisturbedCase(SynchronousTestCase):
    """Tests with a cluster, and what its clients have seen."""

    cluster: Cluster
    seen: Seen

    def roles(self) -> list[tuple[str, Callable[[], ReplicaProcess]]]:
        """Whom something may happen to: what it is, and how to find it at that moment."""
        return [("leader", self.cluster.leader), ("follower", lambda: self.cluster.followers()[0])]

    def others(self, replica: ReplicaProcess) -> list[ReplicaProcess]:
        """All replicas but this."""
        return [other for other in self.cluster.replicas if other is not replica]

    def disturb(
        self,
        what: str,
        disturbance: Callable[[], None],
        undo: Callable[[], None],
        rest: Sequence[ReplicaProcess],
        during: Callable[[Workload], None] = lambda load: None,
    ) -> None:
        """Let `disturbance` happen under load: updates resume in time, and lookups never stop at the `rest`.

        Once more, if others have kept the machine busy meanwhile.
        """
        for last in (False, True):
            mistakes, foreign = self._disturbed(what, disturbance, rest, during)
            undo()
            if not mistakes:
                return
            if last or foreign < FOREIGN_SHARE:
                self.fail(f"{what}: {'; '.join(mistakes)}")
            self.cluster.wait_until_agreed()

    def _disturbed(
        self,
        what: str,
        disturbance: Callable[[], None],
        rest: Sequence[ReplicaProcess],
        during: Callable[[Workload], None],
    ) -> tuple[list[str], float]:
        with Workload(self.seen, self.cluster.replicas) as load:
            wait_for(lambda: len(load.writes) >= len(self.cluster.replicas), "updates are acknowledged")
            use = MachineUse(self.cluster)
            moment = time.monotonic()
            disturbance()
            done = time.monotonic()
            wait_for(lambda: load.resumed_after(done) is not None, "updates are acknowledged again")
            foreign = use.foreign_share()
            time.sleep(max(0.0, moment + HOLD_SECONDS - time.monotonic()))
            until = time.monotonic()
            during(load)
        resumed = done - moment + (load.resumed_after(done) or 0.0)
        gap = max(load.longest_gap(replica, moment, until) for replica in rest)
        print(f"{what}: updates resumed after {resumed:.2f} s, longest gap between lookups {gap:.2f} s")
        mistakes = [words for replica in rest for words in load.failed(replica, moment, until)]
        if resumed > RESUME_SECONDS:
            mistakes.append(f"updates resumed after {resumed:.2f} s; others took {foreign:.0%} of the machine")
        if gap > GAP_SECONDS:
            mistakes.append(f"{gap:.2f} s without an answer to a lookup; others took {foreign:.0%} of the machine")
        return mistakes, foreign


class MachineUse:
    """How busy others keep this machine, from now on."""

    def __init__(self, cluster: Cluster) -> None:
        self._processes = [one.process.pid for one in cluster.replicas if one.process is not None]
        self._begun = time.monotonic()
        self._all, self._own = _busy(), self._own_seconds()

    def foreign_share(self) -> float:
        """The part of all processors that other processes than the test's have taken."""
        own = self._own_seconds()
        known = self._own.keys() & own.keys()
        foreign = _busy() - self._all - sum(own[pid] - self._own[pid] for pid in known)
        return foreign / ((time.monotonic() - self._begun) * (os.cpu_count() or 1))

    def _own_seconds(self) -> dict[int, float]:
        found = {os.getpid(): time.process_time()}
        for pid in self._processes:
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            found[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return found


def _busy() -> float:
    """Seconds that all processors together have worked."""
    user, nice, system, _idle, _waiting, *more = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    return (user + nice + system + sum(more)) / os.sysconf("SC_CLK_TCK")
