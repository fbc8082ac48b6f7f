"""The etcd cluster that the log is kept in: where, as whom, and what cannot be meant."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from coname.configuration.authority import Authority
from coname.configuration.settings import EtcdSettings
from tests.configuration.realms import NOW, RealmCase, put


class EtcdTests(RealmCase):
    def setUp(self) -> None:
        super().setUp()
        authority = Authority.create("etcd", NOW)
        self.issued = authority.issue("coname", (), NOW)
        self.write("ca.pem", authority.certificate.public_bytes(Encoding.PEM))
        self.write("client.pem", self.issued.chain_pem())
        self.write("client.key", self.issued.key_pem())
        self.write("password", b"word\n")
        self.etcd: dict[str, Any] = {
            "endpoints": ["etcd1.example.com:2379", "[2001:db8::2]:2379"],
            "authority": "ca.pem",
            "certificate": "client.pem",
            "key_id": "client.key",
        }

    def write(self, name: str, content: bytes) -> None:
        path = self.replica / name
        path.write_bytes(content)
        path.chmod(0o600)

    def settings(self, **changes: Any) -> EtcdSettings:
        self.edit(put(etcd=self.etcd | changes))
        settings = self.load().etcd
        assert settings is not None
        return settings

    def one(self, expected: str, **changes: Any) -> None:
        """There is one mistake with these changes, and it begins like this."""
        mistakes = self.mistakes_of(put(etcd=self.etcd | changes))
        self.assertEqual(len(mistakes), 1, mistakes)
        self.assertTrue(mistakes[0].startswith(expected), mistakes[0])

    def test_without_it_the_log_is_not_in_etcd(self) -> None:
        self.assertIsNone(self.load().etcd)

    def test_everything_is_read_once(self) -> None:
        settings = self.settings(username="coname", password_id="password", accepted_cluster="7", begin_after=8)
        self.assertEqual(settings.endpoints, ("etcd1.example.com:2379", "[2001:db8::2]:2379"))
        self.assertEqual(settings.prefix, "/coname/example.com")
        self.assertEqual(settings.authority, (self.replica / "ca.pem").read_bytes())
        self.assertEqual(settings.certificate, self.issued.chain_pem())
        self.assertEqual(settings.key, self.issued.key_pem())
        self.assertEqual((settings.username, settings.password), ("coname", "word"))
        self.assertEqual((settings.accepted_cluster, settings.begin_after), (7, 8))
        self.assertFalse(settings.compacted_by_others)

    def test_secrets_do_not_show(self) -> None:
        shown = repr(self.settings(username="coname", password_id="password"))
        self.assertNotIn("word", shown.replace("password", ""))
        self.assertNotIn("PRIVATE", shown)

    def test_a_prefix_of_ones_own(self) -> None:
        self.assertEqual(self.settings(prefix="/ours/").prefix, "/ours")

    def test_a_prefix_that_does_not_show(self) -> None:
        self.one("etcd.prefix: holds characters", prefix="/o\u0000urs")

    def test_no_endpoint(self) -> None:
        self.one("etcd.endpoints: missing", endpoints=[])

    def test_an_endpoint_with_a_scheme(self) -> None:
        self.one("etcd.endpoints[0]: 'https://a:2379': host:port is expected", endpoints=["https://a:2379"])

    def test_an_endpoint_without_a_port(self) -> None:
        self.one("etcd.endpoints[1]: 'b' has no port", endpoints=["a:2379", "b"])

    def test_an_endpoint_that_is_every_interface(self) -> None:
        self.one("etcd.endpoints[0]: ':2379' names no member", endpoints=[":2379"])

    def test_no_tls_on_this_very_machine(self) -> None:
        self.edit(put(etcd={"endpoints": ["127.0.0.1:2379", "localhost:2380"]}))
        settings = self.load().etcd
        assert settings is not None
        self.assertIsNone(settings.authority)

    def test_no_tls_to_others(self) -> None:
        self.one("etcd.authority: missing: without TLS only", authority="", certificate="", key_id="")

    def test_an_authority_that_is_not_there(self) -> None:
        self.one(f"etcd.authority: {self.replica}/none.pem: No such file", authority="none.pem")

    def test_an_authority_that_is_none(self) -> None:
        self.one("etcd.authority: ", authority="password")

    def test_a_certificate_without_its_key(self) -> None:
        self.one("etcd.key_id: missing", key_id="")

    def test_a_key_without_its_certificate(self) -> None:
        self.one("etcd.certificate: missing", certificate="")

    def test_a_key_of_another_certificate(self) -> None:
        self.write("client.key", Authority.create("other", NOW).issue("coname", (), NOW).key_pem())
        self.one(f"etcd.key_id: {self.replica}/client.key is not the key of the certificate")

    def test_a_key_with_a_passphrase(self) -> None:
        encrypted = BestAvailableEncryption(b"secret")
        self.write("client.key", self.issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted))
        self.one(f"etcd.key_id: {self.replica}/client.key is encrypted")

    def test_a_key_that_is_none(self) -> None:
        self.write("client.key", b"nonsense")
        self.one(f"etcd.key_id: {self.replica}/client.key is not a private key")

    def test_a_key_that_others_can_read(self) -> None:
        (self.replica / "client.key").chmod(0o644)
        warnings = self.warnings_of(put(etcd=self.etcd))
        self.assertTrue(warnings[0].startswith(f"etcd.key_id: {self.replica}/client.key is a secret"), warnings)

    def test_a_name_without_a_password(self) -> None:
        self.one("etcd.password_id: missing", username="coname")

    def test_a_password_without_a_name(self) -> None:
        self.one("etcd.username: missing", password_id="password")

    def test_a_password_that_is_no_text(self) -> None:
        self.write("password", b"\xff\xff")
        self.one("etcd.password_id: the password is not UTF-8", username="coname", password_id="password")

    def test_updates_that_are_larger_than_etcd_takes(self) -> None:
        self.edit(put(limits={"request_bytes": 1024 * 1024}))
        self.one("etcd: limits.request_bytes is 1048576; with the log in etcd, 524288 is the most")
