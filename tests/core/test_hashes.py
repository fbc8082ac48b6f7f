"""Key ids and commitments against the original's; the other hashes against their definition."""

from __future__ import annotations

from hashlib import shake_256
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.core import hashes
from coname.core.signatures import public_key_message
from tests.core.cases import each_vector


@each_vector("key_id")
class KeyIdVectors(SynchronousTestCase):
    def check(self, case: dict[str, Any]) -> None:
        message = bytes.fromhex(case["public_key_message"])
        self.assertEqual(hashes.key_id(message), int(case["key_id"]))
        self.assertEqual(
            public_key_message(bytes.fromhex(case["ed25519_public_key"])).SerializeToString(),
            message,
        )


@each_vector("commitment")
class CommitmentVectors(SynchronousTestCase):
    def check(self, case: dict[str, Any]) -> None:
        commitment = hashes.profile_commitment(bytes.fromhex(case["profile_message"]))
        self.assertEqual(commitment.hex(), case["commitment"])


class Definitions(SynchronousTestCase):
    def test_an_entry_hash_has_32_bytes(self) -> None:
        self.assertEqual(hashes.entry_hash(b"entry"), shake_256(b"entry").digest(32))

    def test_a_summary_hash_has_64_bytes(self) -> None:
        self.assertEqual(hashes.summary_hash(b"head"), shake_256(b"head").digest(64))

    def test_shake_gives_as_many_bytes_as_asked(self) -> None:
        self.assertEqual(hashes.shake(b"x", 7), shake_256(b"x").digest(7))
