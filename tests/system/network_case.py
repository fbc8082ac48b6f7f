"""A cluster in a network that is disturbed, with a verifier that looks on, and what must be true afterwards."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from pathlib import Path

from coname.config import load_client
from tests.ports import free_ports
from tests.system.cluster import Cluster
from tests.system.disturbed import DisturbedCase
from tests.system.network import Network, needs_network
from tests.system.processes import VerifierProcess, wait_for
from tests.system.workload import Seen


class NetworkCase(DisturbedCase):
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
