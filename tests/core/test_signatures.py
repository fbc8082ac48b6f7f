"""Signatures and signing keys."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core.hashes import key_id
from coname.core.signatures import SigningKey, public_key_message, verify
from coname.core.vrf.points import ORDER
from tests.core.honest import key

# RFC 8032, section 7.1, test 3.
SEED = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
PUBLIC = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
MESSAGE = bytes.fromhex("af82")
SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
)


class Verify(SynchronousTestCase):
    def test_the_rfcs_example(self) -> None:
        self.assertTrue(verify(PUBLIC, MESSAGE, SIGNATURE))

    def test_no_single_bit_can_change(self) -> None:
        for place in range(64):
            changed = bytes((SIGNATURE[place] ^ 1 << place % 8,))
            self.assertFalse(verify(PUBLIC, MESSAGE, SIGNATURE[:place] + changed + SIGNATURE[place + 1 :]))

    def test_another_message(self) -> None:
        self.assertFalse(verify(PUBLIC, MESSAGE + b"\0", SIGNATURE))

    def test_another_key(self) -> None:
        self.assertFalse(verify(key("other").public, MESSAGE, SIGNATURE))

    def test_an_s_above_the_order(self) -> None:
        s = int.from_bytes(SIGNATURE[32:], "little") + ORDER
        self.assertFalse(verify(PUBLIC, MESSAGE, SIGNATURE[:32] + s.to_bytes(32, "little")))

    def test_a_key_of_small_order(self) -> None:
        """Under the neutral element as key, this would be a signature on every message."""
        neutral = b"\1" + bytes(31)
        self.assertFalse(verify(neutral, MESSAGE, neutral + bytes(32)))

    def test_lengths(self) -> None:
        for public, signature in ((b"", SIGNATURE), (PUBLIC[:31], SIGNATURE), (PUBLIC + b"\0", SIGNATURE)):
            self.assertFalse(verify(public, MESSAGE, signature))
        for signature in (b"", SIGNATURE[:63], SIGNATURE + b"\0"):
            self.assertFalse(verify(PUBLIC, MESSAGE, signature))

    def test_bytes_cannot_move_from_the_signature_to_the_message(self) -> None:
        self.assertFalse(verify(PUBLIC, SIGNATURE[63:] + MESSAGE, SIGNATURE[:63]))

    @settings(derandomize=True, deadline=None)
    @given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=70))
    def test_arbitrary_bytes(self, public: bytes, message: bytes, signature: bytes) -> None:
        self.assertFalse(verify(public, message, signature))


class Keys(SynchronousTestCase):
    def test_the_rfcs_example(self) -> None:
        signing_key = SigningKey.from_secret(SEED + PUBLIC)
        self.assertEqual(signing_key.public, PUBLIC)
        self.assertEqual(signing_key.sign(MESSAGE), SIGNATURE)

    def test_the_secret_comes_back(self) -> None:
        self.assertEqual(SigningKey.from_secret(SEED + PUBLIC).secret, SEED + PUBLIC)

    def test_a_new_key_signs_what_verifies(self) -> None:
        signing_key = SigningKey.generate()
        self.assertTrue(verify(signing_key.public, MESSAGE, signing_key.sign(MESSAGE)))
        self.assertEqual(SigningKey.from_secret(signing_key.secret).public, signing_key.public)

    def test_every_new_key_is_another(self) -> None:
        self.assertNotEqual(SigningKey.generate().public, SigningKey.generate().public)

    def test_the_id_is_the_hash_of_the_message(self) -> None:
        signing_key = SigningKey.generate()
        message = public_key_message(signing_key.public).SerializeToString()
        self.assertEqual(signing_key.key_id, key_id(message))

    def test_another_length(self) -> None:
        for size in (0, 32, 63, 65):
            self.assertRaises(ValueError, SigningKey.from_secret, bytes(size))

    def test_another_ones_public_key(self) -> None:
        self.assertRaises(ValueError, SigningKey.from_secret, SEED + key("other").public)

    def test_a_key_does_not_show_its_secret(self) -> None:
        signing_key = SigningKey.from_secret(SEED + PUBLIC)
        for shown in (repr(signing_key), str(signing_key), f"{signing_key}"):
            self.assertEqual(shown, f"<SigningKey {signing_key.key_id}>")
