"""Key files: made so that nobody else reads them, read with what is wrong named."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from twisted.trial.unittest import SynchronousTestCase

from coname.configuration import keys
from coname.configuration.findings import Findings
from coname.core.signatures import SigningKey
from coname.core.vrf import RFC9381, VRF_2017


class CreateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def mode(self) -> int:
        return self.path.stat().st_mode & 0o777

    def test_secret_is_for_its_owner_only(self) -> None:
        keys.create(self.path, b"x", secret=True)
        self.assertEqual((self.mode(), self.path.read_bytes()), (0o600, b"x"))

    def test_secret_is_for_its_owner_only_whatever_the_umask(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        keys.create(self.path, b"x", secret=True)
        self.assertEqual(self.mode(), 0o600)

    def test_what_is_no_secret_can_be_read_by_all(self) -> None:
        self.addCleanup(os.umask, os.umask(0o077))
        keys.create(self.path, b"x", secret=False)
        self.assertEqual(self.mode(), 0o644)

    def test_existing_file_is_left_as_it_is(self) -> None:
        self.path.write_bytes(b"old")
        self.assertRaises(FileExistsError, keys.create, self.path, b"new", secret=True)
        self.assertEqual(self.path.read_bytes(), b"old")

    def interrupted(self, step: str) -> None:
        """Nothing is there if `step` of the system fails."""

        def fail(*words: object) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, step, fail)
        self.assertRaises(OSError, keys.create, self.path, b"x", secret=True)
        self.assertEqual(list(self.path.parent.glob(f".{self.path.name}*")), [])
        self.assertFalse(self.path.exists())

    def test_disk_that_is_full_leaves_nothing(self) -> None:
        self.interrupted("fsync")

    def test_nothing_is_left_of_what_could_not_be_named(self) -> None:
        self.interrupted("link")

    def test_nothing_is_left_beside_it(self) -> None:
        self.path.write_bytes(b"old")
        self.assertRaises(FileExistsError, keys.create, self.path, b"new", secret=True)
        self.assertEqual(list(self.path.parent.glob(f".{self.path.name}*")), [])

    def test_it_has_no_name_before_it_is_on_the_disk(self) -> None:
        seen: list[bool] = []
        sync = os.fsync

        def look(descriptor: int) -> None:
            seen.append(self.path.exists())
            sync(descriptor)

        self.patch(os, "fsync", look)
        keys.create(self.path, b"x", secret=True)
        self.assertEqual(seen, [False, True])

    def test_link_to_nowhere_is_not_followed(self) -> None:
        self.path.symlink_to("elsewhere")
        self.assertRaises(FileExistsError, keys.create, self.path, b"new", secret=True)


class KeyFileCase(SynchronousTestCase):
    name = "key"

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / self.name
        self.findings = Findings("key_id")

    def write(self, content: bytes) -> None:
        keys.create(self.path, content, secret=True)

    def assert_mistake(self, found: object, expected: str) -> None:
        self.assertIsNone(found)
        self.assertEqual(len(self.findings.mistakes), 1)
        self.assertIn(expected, self.findings.mistakes[0])
        self.assertTrue(self.findings.mistakes[0].startswith("key_id: "))


class SigningKeyTests(KeyFileCase):
    name = "a.ed25519secret"

    def read(self) -> SigningKey | None:
        return keys.read_signing_key(self.path, self.findings)

    def test_what_was_written_is_read(self) -> None:
        key = SigningKey.generate()
        self.write(key.secret)
        found = self.read()
        assert found is not None
        self.assertEqual((found.public, self.findings.mistakes, self.findings.warnings), (key.public, [], []))

    def test_missing(self) -> None:
        self.assert_mistake(self.read(), f"{self.path}: No such file or directory")

    def test_too_short(self) -> None:
        self.write(SigningKey.generate().secret[:32])
        self.assert_mistake(self.read(), "64 bytes")

    def test_halves_of_two_keys(self) -> None:
        self.write(SigningKey.generate().secret[:32] + SigningKey.generate().public)
        self.assert_mistake(self.read(), "not the public key of its first half")

    def test_other_suffix(self) -> None:
        self.path = self.path.with_suffix(".pem")
        self.assert_mistake(self.read(), "ends in .ed25519secret, unlike a.pem")

    def test_readable_by_others_is_warned_about(self) -> None:
        self.write(SigningKey.generate().secret)
        self.path.chmod(0o644)
        self.assertIsNotNone(self.read())
        self.assertEqual(len(self.findings.warnings), 1)
        self.assertIn("chmod 600", self.findings.warnings[0])

    def test_huge_file_is_not_read(self) -> None:
        self.write(b"x" * (keys.MAX_KEY_FILE_BYTES + 1))
        self.assert_mistake(self.read(), "this is no key file")

    def test_folder(self) -> None:
        self.path.mkdir()
        self.assert_mistake(self.read(), "Is a directory")

    def test_nothing_of_the_secret_is_said(self) -> None:
        secret = SigningKey.generate().secret[:63]
        self.write(secret)
        self.read()
        self.assertNotIn(secret.hex()[:16], str(self.findings))


class VrfSecretTests(KeyFileCase):
    name = "a.vrfsecret"

    def test_seed_of_rfc9381(self) -> None:
        self.write(b"s" * 32)
        self.assertEqual(keys.read_vrf_secret(self.path, RFC9381, self.findings), b"s" * 32)

    def test_secret_of_2017(self) -> None:
        secret = VRF_2017.generate()
        self.write(secret)
        self.assertEqual(keys.read_vrf_secret(self.path, VRF_2017, self.findings), secret)

    def test_seed_alone_is_no_secret_of_2017(self) -> None:
        self.write(b"s" * 32)
        self.assert_mistake(keys.read_vrf_secret(self.path, VRF_2017, self.findings), "no secret of the suite 2017")

    def test_wrong_size(self) -> None:
        self.write(b"s" * 33)
        self.assert_mistake(keys.read_vrf_secret(self.path, RFC9381, self.findings), "suite rfc9381")

    def test_other_suffix(self) -> None:
        path = self.path.with_suffix(".txt")
        self.assert_mistake(keys.read_vrf_secret(path, RFC9381, self.findings), "ends in .vrfsecret")


class TlsKeyTests(KeyFileCase):
    name = "tls.pem"

    def read(self) -> keys.TlsKey | None:
        return keys.read_tls_key(self.path, self.findings)

    def write_key(
        self,
        key: keys.TlsKey | dsa.DSAPrivateKey,
        form: PrivateFormat = PrivateFormat.PKCS8,
        encryption: KeySerializationEncryption = NoEncryption(),  # noqa: B008
    ) -> None:
        self.write(key.private_bytes(Encoding.PEM, form, encryption))

    def assert_read(self, key: keys.TlsKey) -> None:
        found = self.read()
        self.assertEqual(self.findings.mistakes, [])
        assert found is not None
        self.assertEqual(found.public_key(), key.public_key())

    def test_ec(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.write_key(key)
        self.assert_read(key)

    def test_ec_as_the_original_writes_it(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.write_key(key, PrivateFormat.TraditionalOpenSSL)
        self.assertTrue(self.path.read_bytes().startswith(b"-----BEGIN EC PRIVATE KEY-----"))
        self.assert_read(key)

    def test_rsa(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        self.write_key(key, PrivateFormat.TraditionalOpenSSL)
        self.assert_read(key)

    def test_ed25519(self) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        self.write_key(key)
        self.assert_read(key)

    def test_short_rsa(self) -> None:
        self.write_key(rsa.generate_private_key(65537, 1024))
        self.assert_mistake(self.read(), "RSA key of 1024 bits; it takes 2048 at least")

    def test_dsa(self) -> None:
        self.write_key(dsa.generate_private_key(1024))
        self.assert_mistake(self.read(), "TLS here takes EC, RSA and Ed25519 keys")

    def test_passphrase(self) -> None:
        self.write_key(ec.generate_private_key(ec.SECP256R1()), encryption=BestAvailableEncryption(b"x"))
        self.assert_mistake(self.read(), "encrypted with a passphrase")

    def test_public_key(self) -> None:
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
        self.write(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        self.assert_mistake(self.read(), "not a private key in PEM")

    def test_der(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.write(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        self.assert_mistake(self.read(), "not a private key in PEM")

    def test_empty(self) -> None:
        self.write(b"")
        self.assert_mistake(self.read(), "not a private key in PEM")
