"""Replicas whose certificates do not name them: that is told, and `coname certify` mends it."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding

from coname.client.cli import cli
from coname.config import load_replica
from coname.configuration.authority import Authority, key_pem, replica_name
from coname.configuration.certifying import certify
from coname.configuration.init import InitOptions
from coname.errors import Misconfigured
from coname.messages.config_pb2 import REQUIRE_AND_VERIFY_CLIENT_CERT
from tests.configuration.realms import NOW, RealmCase

HOSTS = ("ks1.example.com", "ks2.example.com", "ks3.example.com")


def as_the_original(config: Path, issuer: Authority, host: str) -> None:
    """Give a replica a raft_tls of the original's kind: a certificate for its host, and none asked of others."""
    credential = issuer.issue(host, [host], NOW)
    der, authority = (
        base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in (credential.chain[0], issuer.certificate)
    )
    (config.parent / "host-key.pem").write_bytes(key_pem(credential.key))
    (config.parent / "host-key.pem").chmod(0o600)
    document = json.loads(config.read_text())
    document["raft_tls"] = {
        "certificates": [{"certificate": [der], "key_id": "host-key.pem"}],
        "root_cas": [authority],
    }
    config.write_text(json.dumps(document))


class OriginalCase(RealmCase):
    options = InitOptions(realm="example.com", replicas=3, hosts=HOSTS, vrf_suite="2017")

    def setUp(self) -> None:
        super().setUp()
        self.configs = [self.folder / f"replica{number}" / "config.json" for number in (1, 2, 3)]
        issuer = Authority.create("hosts", NOW)
        for config, host in zip(self.configs, HOSTS, strict=True):
            as_the_original(config, issuer, host)
        self.realm_folder = self.folder / "new"


class RefusalTests(OriginalCase):
    def test_it_is_said_what_is_wrong_and_what_to_do(self) -> None:
        with self.assertRaises(Misconfigured) as caught:
            self.load()
        id = json.loads(self.config.read_text())["replica_id"]
        self.assertEqual(
            caught.exception.mistakes,
            [
                "raft_tls.certificates[0]: it is for CN=ks1.example.com, and other replicas know this one by the name "
                f"'{replica_name(int(id))}'",
                "raft_tls.client_cas: empty: the authority that all replicas' certificates are of",
                "raft_tls: `coname certify` issues certificates for replication to all replicas (how-to: moving an "
                "older realm)",
            ],
        )

    def test_a_lone_replicas_is_not_looked_at(self) -> None:
        document = json.loads(self.config.read_text())
        del document["keyserver_config"]["initial_replicas"][1:]
        self.config.write_text(json.dumps(document))
        self.assertIsNone(self.load().raft)


class CertifyTests(OriginalCase):
    def test_replicas_are_named_by_one_authority(self) -> None:
        before = [json.loads(path.read_text()) for path in self.configs]
        done = certify(self.realm_folder, self.configs, NOW)
        self.assertTrue(done.made)
        authorities = set()
        for path, old, key, backup in zip(self.configs, before, done.keys, done.backups, strict=True):
            settings = load_replica(path, NOW)
            assert settings.raft is not None
            tls = settings.raft.tls
            self.assertEqual(
                tls.credentials[0].chain[0].subject.rfc4514_string(), f"CN={replica_name(settings.replica_id)}"
            )
            self.assertEqual(tls.client_auth, REQUIRE_AND_VERIFY_CLIENT_CERT)
            authorities |= {*tls.root_cas, *tls.client_cas}
            self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600)
            self.assertEqual(json.loads(backup.read_text()), old)
            new = json.loads(path.read_text())
            self.assertEqual({name for name in new if new[name] != old[name]}, {"raft_tls"})
        self.assertEqual(len(authorities), 1)

    def test_the_realms_authority_is_used_and_keys_are_never_overwritten(self) -> None:
        first = certify(self.folder, self.configs, NOW)
        second = certify(self.folder, self.configs, NOW)
        self.assertFalse(first.made or second.made)
        self.assertEqual([key.name for key in (first.keys[0], second.keys[0])], ["raft-key.pem", "raft-key-2.pem"])
        load_replica(self.config, NOW)

    def check_refused(self, configs: list[Path], words: str) -> None:
        with self.assertRaises(Misconfigured) as caught:
            certify(self.realm_folder, configs, NOW)
        self.assertIn(words, str(caught.exception))
        self.assertFalse(self.realm_folder.exists())
        self.assertFalse((self.replica / "raft-key.pem").exists())

    def test_all_replicas_change_together(self) -> None:
        self.check_refused(self.configs[:2], "are missing: all change together")

    def test_a_replica_is_named_once(self) -> None:
        self.check_refused([*self.configs, self.config], "of the same replica")

    def test_it_is_a_command(self) -> None:
        words = ["certify", "--realm-dir", str(self.realm_folder), *map(str, self.configs)]
        result = CliRunner().invoke(cli, words)
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertIn("start all replicas anew together", result.output)
        for path in self.configs:
            load_replica(path, NOW)
