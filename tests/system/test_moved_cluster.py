"""Three replicas with the original's configurations: refused with the reason, and certified by name, a realm."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from google.protobuf.descriptor import Descriptor
from twisted.trial.unittest import SynchronousTestCase

from coname.configuration.authority import Authority
from coname.configuration.certificates import utc_now
from coname.messages.config_pb2 import ReplicaConfig
from tests.configuration.test_certifying import as_the_original
from tests.system.cluster import Cluster
from tests.system.processes import program


class MovedClusterTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.cluster = Cluster(Path(self.enterContext(tempfile.TemporaryDirectory())), vrf_suite="2017")
        self.addCleanup(self.cluster.clean_up)
        issuer = Authority.create("hosts", utc_now())
        for replica in self.cluster.replicas:
            as_the_original(replica.config, issuer, "localhost")

    def test_they_are_refused_until_certified_and_then_keep_a_realm(self) -> None:
        for replica in self.cluster.replicas:
            check_fields(ReplicaConfig.DESCRIPTOR, json.loads(replica.config.read_text()))
        first = self.cluster.replicas[0]
        first.begin()
        assert first.process is not None
        self.assertEqual(first.process.wait(30), 1)
        self.assertIn("`coname certify` issues certificates", first.log.read_text())

        configs = [str(replica.config) for replica in self.cluster.replicas]
        words = [program("coname"), "certify", "--realm-dir", str(self.cluster.folder), *configs]
        subprocess.run(words, check=True, capture_output=True)
        self.cluster.start()
        for replica in self.cluster.replicas:
            self.cluster.register(replica)
        others = self.cluster.followers()
        self.cluster.leader().kill()
        self.cluster.register(others[0])
        for replica in others:
            self.assertEqual(self.cluster.missing(replica), [])


def check_fields(message: Descriptor, document: dict[str, object]) -> None:
    """Make sure that there is no field that the original does not know."""
    for name, value in document.items():
        field = message.fields_by_name[name]
        if field.number >= 100:
            raise AssertionError(f"{message.name}.{name} is a field of ours")
        for one in value if isinstance(value, list) else [value]:
            if field.message_type is not None and isinstance(one, dict):
                check_fields(field.message_type, one)
