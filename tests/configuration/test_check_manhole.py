"""The console's files: whoever is let in may do everything."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from tests.configuration.realms import RealmCase, put


class ManholeTests(RealmCase):
    def one(self, change: Any, expected: str) -> None:
        mistakes = self.mistakes_of(change)
        self.assertEqual(len(mistakes), 1, mistakes)
        self.assertTrue(mistakes[0].startswith(expected), mistakes[0])

    def authorize(self, content: bytes) -> None:
        (self.replica / "authorized_keys").write_bytes(content)

    def test_nobody_is_authorized_yet(self) -> None:
        found = [line for line in self.load().warnings if line.startswith("manhole.authorized_keys: ")]
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].endswith("holds no key yet: nobody can log in"))

    def test_authorized_key(self) -> None:
        public = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        self.authorize(b"# us\n\n" + public + b" me@here\n")
        self.assertFalse([line for line in self.load().warnings if line.startswith("manhole.authorized_keys: ")])

    def test_line_that_is_no_key_is_named(self) -> None:
        self.authorize(b"# us\nssh-ed25519 nonsense\n")
        self.one(put(), f"manhole.authorized_keys: {self.replica}/authorized_keys, line 2: not an SSH public key")

    def test_arbitrary_lines_are_only_ever_mistakes(self) -> None:
        self.authorize(b"ssh-rsa AAAA\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n\xff\xff\nssh-dss ====\nx\n")
        self.assertEqual(len(self.mistakes()), 5)

    def test_file_that_others_can_write(self) -> None:
        (self.replica / "authorized_keys").chmod(0o666)
        self.one(put(), f"manhole.authorized_keys: {self.replica}/authorized_keys can be written by other users")

    def test_files_missing(self) -> None:
        mistakes = self.mistakes_of(put(manhole={"addr": ":25522"}))
        self.assertEqual(
            [line.partition(": m")[0] for line in mistakes], ["manhole.host_key_id", "manhole.authorized_keys"]
        )

    def test_address_missing(self) -> None:
        self.one(put(manhole__addr=None), "manhole.addr: missing")

    def test_reachable_from_elsewhere(self) -> None:
        warnings = self.warnings_of(put(manhole__addr="192.0.2.1:25522"))
        self.assertTrue(warnings[0].startswith("manhole.addr: the console can be reached from other machines"))

    def test_host_key_that_is_none(self) -> None:
        (self.replica / "manhole_host_key").write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
        self.one(put(), f"manhole.host_key_id: {self.replica}/manhole_host_key is not an SSH private key")

    def test_public_host_key(self) -> None:
        self.one(put(manhole__host_key_id="manhole_host_key.pub"), "manhole.host_key_id: ")

    def test_encrypted_host_key(self) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        content = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"x"))
        (self.replica / "manhole_host_key").write_bytes(content)
        self.one(put(), f"manhole.host_key_id: {self.replica}/manhole_host_key is encrypted with a passphrase")
