"""A new replica's folder, like that of another."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
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
from tests.registration import saml_responses
from tests.registration.certificates import authority


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

    def register_by(self, **policy: Any) -> None:
        """Give the model another registration policy."""
        document = json.loads(self.model.read_text())
        document["keyserver_config"]["registration_policy"] = [policy]
        self.model.write_text(json.dumps(document))

    def beside(self, name: str, content: bytes) -> str:
        """A file beside the model's configuration, which only its owner may read."""
        (self.model.parent / name).write_bytes(content)
        (self.model.parent / name).chmod(0o600)
        return name

    def by_certificate(self, crl_file: str) -> None:
        ca = base64.b64encode(authority().certificate.public_bytes(Encoding.DER)).decode()
        self.register_by(
            email_proof_by_client_cert={"allowed_domains": ["example.com"], "ca_cert": ca, "crl_file": crl_file}
        )

    def test_the_secret_at_an_openid_provider_goes_along(self) -> None:
        provider = {"allowed_domains": ["example.com"], "issuer": "https://login.example.com", "clientID": "directory"}
        secret = self.beside("oidc-secret", b"the provider gave it")
        self.register_by(email_proof_by_oidc={"oidc_config": [{**provider, "client_secret_id": secret}]})
        load_replica(self.prepare().config)
        copy = self.target / secret
        self.assertEqual((copy.read_bytes(), copy.stat().st_mode & 0o777), (b"the provider gave it", 0o600))

    def test_so_do_the_key_and_the_metadata_for_an_identity_provider(self) -> None:
        requester = saml_responses.stranger()
        pem = requester.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        der = base64.b64encode(requester.certificate.public_bytes(Encoding.DER)).decode()
        saml = {
            "allowed_domains": ["example.com"],
            "consumer_service_url": saml_responses.CONSUMER,
            "idp_metadata_file": self.beside("idp.xml", saml_responses.metadata()),
            "service_provider_tls": {"certificates": [{"certificate": [der], "key_id": self.beside("saml.pem", pem)}]},
        }
        self.register_by(email_proof_by_saml=saml)
        load_replica(self.prepare().config)
        self.assertEqual((self.target / "saml.pem").stat().st_mode & 0o777, 0o600)

    def test_and_the_list_of_revoked_certificates(self) -> None:
        self.by_certificate(self.beside("revoked.pem", authority().revocations(begins=-1e9, ends=1e10)))
        prepared = self.prepare()
        load_replica(prepared.config)
        (file,) = (file for file in prepared.files if file.path == "revoked.pem")
        self.assertIn("keep it up to date there", file.purpose)

    def test_one_in_another_folder_comes_beside_the_configuration_too(self) -> None:
        crl = authority().revocations(begins=-1e9, ends=1e10)
        (self.folder / "config.json").write_bytes(crl)
        self.by_certificate(os.path.relpath(self.folder / "config.json", self.model.parent))
        policy = load_replica(self.prepare().config).message.keyserver_config.registration_policy[0]
        self.assertEqual(policy.email_proof_by_client_cert.crl_file, "config.json-2")
        self.assertEqual((self.target / "config.json-2").read_bytes(), crl)

    def test_one_with_an_absolute_path_is_there_on_every_machine(self) -> None:
        path = self.folder / "revoked.pem"
        path.write_bytes(authority().revocations(begins=-1e9, ends=1e10))
        self.by_certificate(str(path))
        prepared = self.prepare()
        self.assertNotIn("revoked.pem", [file.path for file in prepared.files])
        policy = load_replica(prepared.config).message.keyserver_config.registration_policy[0]
        self.assertEqual(policy.email_proof_by_client_cert.crl_file, str(path))

    def test_one_that_is_not_there_is_named(self) -> None:
        self.by_certificate("revoked.pem")
        with self.assertRaises(Misconfigured) as refused:
            self.prepare()
        self.assertIn(f"{self.model.parent / 'revoked.pem'}: No such file", str(refused.exception))
        self.assertFalse(self.target.exists())

    def test_one_whose_name_is_the_database_s_gets_another(self) -> None:
        (self.folder / "database").write_bytes(authority().revocations(begins=-1e9, ends=1e10))
        self.by_certificate(os.path.relpath(self.folder / "database", self.model.parent))
        self.assertIn("database-2", [file.path for file in self.prepare().files])

    def test_one_whose_name_none_can_have_is_named(self) -> None:
        self.by_certificate("revoked\0.pem")
        with self.assertRaises(Misconfigured) as refused:
            self.prepare()
        self.assertIn("a registration policy names it", str(refused.exception))

    def test_the_front_for_client_certificates_has_a_port_of_its_own(self) -> None:
        self.by_certificate(self.beside("revoked.pem", authority().revocations(begins=-1e9, ends=1e10)))
        document = json.loads(self.model.read_text()) | {"client_cert_addr": "ks1.example.com:4700"}
        self.model.write_text(json.dumps(document))
        same = load_replica(self.prepare().config).client_cert
        self.target = self.folder / "replica5"
        other = load_replica(self.prepare(host="127.0.0.1", base_port=7000).config).client_cert
        assert same is not None
        assert other is not None
        self.assertEqual((str(same.address), str(other.address)), (":4700", "127.0.0.1:7006"))

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
