"""What the page says of keys, against the programs whose keys they are."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pysequoia import Cert, Profile

from coname.client.openpgp import certificate
from coname.core import openpgp_framing
from coname.errors import InvalidRequest
from tests.needs import needs
from tests.page.node import BridgeCase, Refused


def _packet(kind: int, body: bytes, old: bool) -> bytes:
    if old:
        return bytes((0x80 | kind << 2 | 1,)) + len(body).to_bytes(2, "big") + body
    size = len(body)
    length = bytes((size,)) if size < 192 else bytes(((size - 192 >> 8) + 192, size - 192 & 255))
    return bytes((0xC0 | kind,)) + length + body


PACKETS = st.builds(
    _packet,
    st.sampled_from((2, 2, 13, 13, 14, 17, 6, 5, 7, 1, 11)),
    st.binary(max_size=12) | st.just(bytes(300)),
    st.booleans(),
)

AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
AGE_SECRET = "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQS6ZZCXW"


class Case(BridgeCase):
    def prepared(self, name: str, value: bytes) -> bytes:
        return bytes.fromhex(self.bridge.ask("prepare", name=name, value=value.hex()))

    def refused(self, name: str, value: bytes) -> str:
        error = self.assertRaises(Refused, self.bridge.ask, "prepare", name=name, value=value.hex())
        self.assertEqual(error.code, "invalid_request", str(error))
        return str(error)

    def facts(self, name: str, value: bytes) -> Any:
        return self.bridge.ask("describe", name=name, value=value.hex())

    def guessed(self, value: bytes) -> str:
        return str(self.bridge.ask("guess", value=value.hex()))


class OpenPgp(Case):
    def certificates(self) -> list[Cert]:
        return [
            Cert.generate(user_id="Alice <alice@example.com>", profile=profile)
            for profile in (Profile.RFC4880, Profile.RFC9580)
        ]

    def test_fingerprints_of_both_versions(self) -> None:
        for cert, version in zip(self.certificates(), (4, 6), strict=True):
            described = self.facts("pgp", bytes(cert))
            facts = dict(described["facts"])
            self.assertEqual(facts["Fingerprint"].replace(" ", ""), cert.fingerprint.upper())
            self.assertIn(f"version {version}", facts["Key"])
            self.assertEqual(facts["User id"], "Alice <alice@example.com>")
            self.assertIsNone(described["problem"])

    def test_armour_is_taken_off(self) -> None:
        for cert in self.certificates():
            armoured = str(cert).encode()
            self.assertEqual(self.guessed(armoured), "pgp")
            self.assertEqual(self.prepared("pgp", armoured), bytes(cert))
            self.assertEqual(self.prepared("pgp", armoured.replace(b"\n", b"\r\n")), bytes(cert))
            self.assertEqual(self.prepared("pgp", bytes(cert)), bytes(cert))
            self.assertEqual(certificate(self.prepared("pgp", armoured)).fingerprint, cert.fingerprint.upper())

    def test_secret_keys_are_refused(self) -> None:
        for cert in self.certificates():
            secret = cert.secrets
            assert secret is not None
            self.assertIn("SECRET", self.refused("pgp", str(secret).encode()))
            self.assertIn("secret key", self.refused("pgp", bytes(secret)))

    def test_damage_is_refused(self) -> None:
        whole = bytes(self.certificates()[0])
        for damaged in (whole[:-1], whole + whole, whole[10:], b"\x99" + bytes(40), b"not a key", str(whole).encode()):
            self.assertRaises(InvalidRequest, certificate, damaged)
            self.refused("pgp", damaged)

    def test_a_stranger_s_damaged_key_is_shown_as_such(self) -> None:
        described = self.facts("pgp", b"<script>alert(1)</script>")
        self.assertIn("not what its name says", described["problem"])
        self.assertEqual(described["text"], "<script>alert(1)</script>")

    @settings(derandomize=True, deadline=None, max_examples=400)
    @given(st.lists(PACKETS, min_size=1, max_size=8).map(b"".join), st.binary(max_size=3), st.booleans())
    def test_the_same_is_taken_as_by_the_command_line(self, data: bytes, more: bytes, key_first: bool) -> None:
        data = (_packet(6, b"\x04\0\0\0\0\x16rest", False) if key_first else b"") + data + more
        try:
            taken: bytes | None = openpgp_framing.binary(data)
        except InvalidRequest:
            taken = None
        try:
            found = self.bridge.ask("certificate", value=data.hex())
        except Refused as error:
            self.assertEqual(error.code, "invalid_request", str(error))
            found = None
        if key_first or taken is None:
            self.assertEqual(found, taken and taken.hex())

    def test_gnupg_agrees(self) -> None:
        needs("gpg", "gpgconf")
        with tempfile.TemporaryDirectory(prefix="gpg-") as home:
            gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", ""]
            subprocess.run(
                [*gpg, "--quick-generate-key", "bob@example.com", "rsa2048"], check=True, capture_output=True
            )
            listing = subprocess.run([*gpg, "--with-colons", "--list-keys"], check=True, capture_output=True, text=True)
            exported = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, capture_output=True)
        fingerprint = next(line.split(":")[9] for line in listing.stdout.splitlines() if line.startswith("fpr:"))
        described = self.facts("pgp", self.prepared("pgp", exported))
        self.assertEqual(dict(described["facts"])["Fingerprint"].replace(" ", ""), fingerprint)
        self.assertIn("RSA", dict(described["facts"])["Key"])


class Ssh(Case):
    def key(self, kind: str) -> tuple[bytes, bytes, str]:
        """A secret key, its public half, and the fingerprint, as OpenSSH makes them."""
        needs("ssh-keygen")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "key"
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "alice@laptop", "-f", path], check=True)
            shown = subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True, text=True)
            return path.read_bytes(), path.with_suffix(".pub").read_bytes(), shown.stdout.split()[1]

    def test_fingerprints(self) -> None:
        for kind in ("ed25519", "ecdsa", "rsa"):
            _, public, fingerprint = self.key(kind)
            ((name, value),) = self.facts("ssh", self.prepared("ssh", public))["facts"]
            self.assertEqual(value, f"{fingerprint} alice@laptop")
            self.assertIn(kind, name)
            self.assertEqual(self.guessed(public), "ssh")

    def test_several_in_one_file(self) -> None:
        first, second = self.key("ed25519")[1], self.key("ecdsa")[1]
        self.assertEqual(len(self.facts("ssh", self.prepared("ssh", b"# mine\n\n" + first + second))["facts"]), 2)

    def test_secret_keys_are_refused(self) -> None:
        secret, _, _ = self.key("ed25519")
        for name in ("ssh", "other"):
            self.assertIn("SECRET", self.refused(name, secret))

    def test_damage_is_refused(self) -> None:
        kind, encoded, comment = self.key("ed25519")[1].split()
        self.assertIn("line 1", self.refused("ssh", b"ssh-rsa " + encoded))
        self.assertIn("line 2", self.refused("ssh", b"\n" + kind + b" " + encoded[:11]))
        self.refused("ssh", kind + b" !" + encoded)
        self.refused("ssh", comment)


class Others(Case):
    def test_age(self) -> None:
        value = self.prepared("age", f" {AGE}\n".encode())
        self.assertEqual(value, f"{AGE}\n".encode())
        self.assertEqual(self.facts("age", value)["facts"], [["Recipient", AGE]])
        self.assertEqual(self.guessed(value), "age")

    def test_a_damaged_recipient(self) -> None:
        for damaged in (AGE[:-1], AGE[:-1] + "q", AGE.replace("z7h", "z7j"), AGE.upper(), "age1", "bech1" + AGE[4:]):
            self.refused("age", damaged.encode())

    def test_an_age_identity_is_refused(self) -> None:
        self.assertIn("SECRET", self.refused("other", AGE_SECRET.encode()))

    def test_text_and_bytes(self) -> None:
        self.assertEqual(self.facts("note", b"any text")["facts"], [["8 bytes, as text", "any text"]])
        self.assertEqual(self.facts("note", b"\x00\xff")["facts"], [["2 bytes, as hexadecimal", "00ff"]])
        self.assertEqual(self.guessed(b"any text"), "other")

    def test_text_that_would_turn_the_reading_order_is_shown_as_bytes(self) -> None:
        self.assertIsNone(self.facts("note", "a\u202eb".encode())["text"])

    def test_nothing(self) -> None:
        for name in ("pgp", "ssh", "age", "other"):
            self.assertIn("nothing", self.refused(name, b" \n"))
