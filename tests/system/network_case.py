"""A cluster in a network, disturbed under load: what is measured meanwhile, and what must be true afterwards."""

from __future__ import annotations

import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from coname.config import load_client
from tests.ports import free_ports
from tests.system.cluster import Cluster, ReplicaProcess
from tests.system.network import Network, needs_network
from tests.system.processes import VerifierProcess, wait_for
from tests.system.workload import Seen, Workload

RESUME_SECONDS = 3.0
"""From the loss of a leader until an update that was begun after it is acknowledged, with heartbeats of 100 ms."""

GAP_SECONDS = 1.5
"""Between two answers to lookups, at a replica that nothing has happened to."""

HOLD_SECONDS = 2.5
"""A disturbance lasts at least this long."""

FOREIGN_SHARE = 0.2
"""Of all processors: if others took so much, the machine was too busy for times to mean something."""


class NetworkCase(SynchronousTestCase):
    """A cluster of `size` replicas, each on a machine of its own, and a verifier that follows one of them."""

    timeout = 200
    size = 3

    def setUp(self) -> None:
        needs_network()
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.network = Network(self.size)
        self.addCleanup(self.network.clean_up)
        self.cluster = Cluster(folder, self.size, self.configure, self.network, verifiers=1)
        self.addCleanup(self.cluster.clean_up)
        # Clients ask for the replicas' signatures: the verifier only looks on.
        realm = load_client(self.cluster.folder / "client" / "config.json").realms[0]
        realm.verification_policy.CopyFrom(self.cluster.replicas[0].settings.replica_policy)
        self.cluster.realm = realm
        self.seen = Seen(realm)
        self.prepare()
        self.cluster.start()
        self.verifier = Witness(self.cluster)
        self.addCleanup(self.verifier.clean_up)

    def configure(self, content: dict[str, object]) -> None:
        """Change the configuration of a replica."""

    def prepare(self) -> None:
        """Before the replicas start."""

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
            wait_for(lambda: len(load.writes) >= self.size, "updates are acknowledged")
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

    def check_agreement(self) -> None:
        """Nothing acknowledged is lost anywhere, nothing has forked, and the verifier has found nothing wrong."""
        self.cluster.wait_until_agreed()
        for replica in self.cluster.replicas:
            self.assertEqual(self.seen.lost(replica), [], replica.folder.name)
        self.assertEqual(self.seen.wrong, [])
        self.assertEqual(self.seen.forks(), {})
        newest = max(self.seen.heads)
        wait_for(lambda: self.verifier.number("verified_epoch") >= newest, "the verifier has seen it all")
        self.assertEqual(self.verifier.number("signing"), 1)
        self.cluster.stop()
        first, *others = (list(epochs.items()) for epochs in self.cluster.epochs())
        self.assertGreaterEqual(len(first), newest)
        for other in others:
            common = min(len(first), len(other))
            self.assertEqual(first[:common], other[:common])
            self.assertLessEqual(abs(len(first) - len(other)), 1)


class Witness(VerifierProcess):
    """A verifier that follows the cluster's first replica, on the test's own machine."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster, 1)
        self._metrics = f"127.0.0.1:{free_ports()}"
        content = json.loads(self.config.read_text())
        self.config.write_text(json.dumps(content | {"metrics_addr": self._metrics}))
        self.start()

    def number(self, name: str) -> float:
        """One of its numbers; -1 while it does not answer."""
        self.check_alive()
        try:
            with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return -1
        numbers = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return float(numbers[f"coname_verifier_{name}"])


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
