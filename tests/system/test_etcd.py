"""A realm whose log is in etcd, as twistd runs it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from coname.messages.client_pb2 import LookupRequest
from tests.needs import needs
from tests.replication.etcd_cluster import EtcdCluster
from tests.system.processes import KeyserverProcess, Stub, wait_for


class EtcdProcessTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        needs("etcd")
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.cluster = EtcdCluster(1, folder / "etcd")
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.keyserver = KeyserverProcess(folder)
        self.addCleanup(self.keyserver.clean_up)
        self.configure()

    def configure(self, **changes: object) -> None:
        files = {"authority": "ca.pem", "certificate": "client.pem", "key_id": "client.key"}
        etcd = {"endpoints": self.cluster.endpoints} | {
            name: str(self.cluster.folder / file) for name, file in files.items()
        }
        self.keyserver.configure(etcd=etcd | changes)

    def update(self, user_id: str) -> None:
        with self.keyserver.channel() as channel:
            proof = Stub(channel).update(self.keyserver.owner(user_id).update(0))
        self.assertIsNotNone(self.keyserver.verified(proof, user_id).entry)

    def is_there(self, user_id: str) -> bool:
        with self.keyserver.channel() as channel:
            proof = Stub(channel).lookup(LookupRequest(user_id=user_id))
        return self.keyserver.verified(proof, user_id).entry is not None

    def test_updates_survive_the_death_of_everything_at_once(self) -> None:
        self.keyserver.start()
        self.update("alice@example.com")
        self.keyserver.kill()
        self.cluster.stop()
        self.cluster.start()
        self.keyserver.start()
        self.assertTrue(self.is_there("alice@example.com"))
        self.update("bob@example.com")
        self.keyserver.stop()
        self.assertIn("has stopped", self.keyserver.log.read_text().splitlines()[-2:][0])

    def test_an_etcd_that_was_put_back_is_refused_while_lookups_go_on(self) -> None:
        self.keyserver.start()
        self.update("alice@example.com")
        data, backup = self.cluster.folder / "m0", self.cluster.folder / "backup"
        self.cluster.stop()
        shutil.copytree(data, backup)
        self.cluster.start()
        self.update("bob@example.com")
        self.cluster.stop()
        shutil.rmtree(data)
        backup.rename(data)
        self.cluster.start()
        wait_for(lambda: "is followed no further" in self.keyserver.log.read_text(), "it is noticed")
        self.assertTrue(self.is_there("bob@example.com"))
        self.keyserver.stop()
        with self.assertRaises(AssertionError) as caught:
            self.keyserver.start()
        self.assertRegex(str(caught.exception), "could not start: the log in etcd ends at entry .*, but it had")

    def test_mistakes_in_the_configuration_are_named(self) -> None:
        self.configure(endpoints=["https://etcd.example.com:2379"], key_id="")
        with self.assertRaises(AssertionError) as caught:
            self.keyserver.start()
        self.assertIn("etcd.endpoints[0]: ", str(caught.exception))
        self.assertIn("etcd.key_id: missing", str(caught.exception))
