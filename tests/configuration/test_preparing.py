"""A new replica's folder, like that of another."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.config import load_replica
from coname.configuration import certificates
from coname.configuration.describing import read_description
from coname.configuration.init import InitOptions, initialise
from coname.configuration.preparing import NewReplica, Prepared, prepare
from coname.core.signatures import public_key_message
from coname.errors import Misconfigured
from coname.messages.config_pb2 import Replica
from coname.protocols.replication_identity import replica_of


class PreparingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        hosts = ("ks1.example.com", "ks2.example.com", "ks3.example.com")
        options = InitOptions(realm="example", domains=("example.com",), replicas=3, hosts=hosts)
        self.model = initialise(self.folder / "realm", options).replicas[0]
        self.target = self.folder / "replica4"

    def prepare(self, **more: Any) -> Prepared:
        wanted = NewReplica(self.model, self.folder / "realm", **{"host": "ks4.example.com", **more})
        return prepare(self.target, wanted, certificates.utc_now())

    def test_the_configuration_is_one(self) -> None:
        prepared = self.prepare()
        settings, model = load_replica(prepared.config), load_replica(self.model)
        self.assertTrue(settings.message.joining)
        self.assertEqual(settings.replica_id, settings.signing_key.key_id)
        self.assertEqual(settings.message.keyserver_config, model.message.keyserver_config)
        self.assertEqual(settings.vrf_secret, model.vrf_secret)
        self.assertNotEqual(settings.signing_key.secret, model.signing_key.secret)
        self.assertEqual(list(settings.message.known_replicas), list(model.message.keyserver_config.initial_replicas))

    def test_its_certificate_speaks_for_it_and_is_for_its_host(self) -> None:
        settings = load_replica(self.prepare().config)
        assert settings.raft is not None
        (credential,) = settings.raft.tls.credentials
        self.assertEqual(replica_of(credential.chain[0]), settings.replica_id)
        self.assertTrue(credential.covers("ks4.example.com"))

    def test_it_listens_everywhere_at_the_ports_of_its_model(self) -> None:
        settings = load_replica(self.prepare().config)
        assert settings.raft is not None
        assert settings.public is not None
        self.assertEqual((str(settings.raft.address), str(settings.public.address)), (":9807", ":4625"))

    def test_or_at_others(self) -> None:
        prepared = self.prepare(host="127.0.0.1", base_port=7000)
        self.assertEqual(prepared.replica.raft_addr, "127.0.0.1:7002")
        settings = load_replica(prepared.config)
        assert settings.public is not None
        assert settings.manhole is not None
        self.assertEqual((str(settings.public.address), settings.manhole.address.port), ("127.0.0.1:7000", 7005))

    def front(self, url: str = "") -> str:
        """Where browsers reach the new one's HTTPS front, the model's being at `url`."""
        if url:
            document = json.loads(self.model.read_text()) | {"httpfront_url": url}
            self.model.write_text(json.dumps(document))
        return load_replica(self.prepare().config).httpfront_url

    def test_browsers_reach_it_at_its_own_host(self) -> None:
        self.assertEqual(load_replica(self.model).httpfront_url, "https://ks1.example.com:25519")
        self.assertEqual(self.front(), "https://ks4.example.com:25519")

    def test_or_at_the_balancer_before_all(self) -> None:
        self.assertEqual(self.front("https://keys.example.com"), "https://keys.example.com")

    def test_at_its_own_host_too_if_it_is_modelled_on_one_that_came_later(self) -> None:
        self.model = self.prepare().config
        self.target = self.folder / "replica5"
        settings = load_replica(self.prepare(host="ks5.example.com", base_port=7000).config)
        self.assertEqual(settings.httpfront_url, "https://ks5.example.com:7003")

    def test_the_description_holds_no_secret_and_is_read_again(self) -> None:
        prepared = self.prepare()
        self.assertEqual(read_description(prepared.description), ("example", prepared.replica))
        settings = load_replica(prepared.config)
        expected = Replica(
            id=settings.replica_id,
            public_keys=[public_key_message(settings.signing_key.public)],
            raft_addr="ks4.example.com:9807",
        )
        self.assertEqual(prepared.replica, expected)

    def test_whom_it_asks_is_as_was_told(self) -> None:
        known = [Replica(id=9, raft_addr="ks9.example.com:9807")]
        settings = load_replica(self.prepare(known=known).config)
        self.assertEqual(list(settings.message.known_replicas), known)

    def test_secrets_are_its_owners_only(self) -> None:
        prepared = self.prepare()
        for file in prepared.files:
            mode = (self.target / file.path).stat().st_mode & 0o077
            self.assertEqual(mode == 0, file.secret, file.path)

    def test_it_may_be_the_model_of_the_next(self) -> None:
        self.model = self.prepare().config
        self.target = self.folder / "replica5"
        settings = load_replica(self.prepare(host="ks5.example.com").config)
        self.assertEqual(len(settings.message.known_replicas), 3)

    def test_nothing_is_overwritten(self) -> None:
        self.prepare()
        with self.assertRaises(Misconfigured):
            self.prepare()

    def test_the_place_of_another(self) -> None:
        with self.assertRaises(Misconfigured) as refused:
            self.prepare(host="ks1.example.com")
        self.assertIn("another replica's", str(refused.exception))
        self.assertFalse(self.target.exists())

    def test_no_authority(self) -> None:
        wanted = NewReplica(self.model, self.folder, "ks4.example.com")
        with self.assertRaises(Misconfigured):
            prepare(self.target, wanted, certificates.utc_now())

    def test_the_configuration_of_one_of_the_first_describes_it(self) -> None:
        message = load_replica(self.model).message
        self.assertEqual(read_description(self.model), ("example", message.keyserver_config.initial_replicas[0]))

    def test_that_of_a_later_one_does_not(self) -> None:
        with self.assertRaises(Misconfigured) as refused:
            read_description(self.prepare().config)
        self.assertIn("replica.json", str(refused.exception))

    def test_a_description_that_is_none(self) -> None:
        path = self.folder / "description"
        path.write_text('{"format": "another"}')
        with self.assertRaises(Misconfigured):
            read_description(path)
