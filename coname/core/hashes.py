"""The hashes of protocol section 3: all are SHAKE256, and differ in what they cover and in their length."""

from __future__ import annotations

from hashlib import shake_256

from coname.core.types import EntryHash, KeyId

SUMMARY_SIZE = 64
"""The length of an epoch head's summary hash, in bytes."""

COMMITMENT_SIZE = 64
"""The length of a profile commitment, in bytes."""

HASH_SIZE = 32
"""The length of an entry hash and of every hash in the tree, in bytes."""


def shake(data: bytes, size: int) -> bytes:
    """SHAKE256 of `data` with `size` bytes of output: H(x, n) in the protocol's notation."""
    return shake_256(data).digest(size)


def key_id(public_key: bytes) -> KeyId:
    """What signatures by a key are filed under, by convention.

    :param public_key: the encoded PublicKey message, not the bare key.
    """
    return KeyId(int.from_bytes(shake_256(public_key).digest(8), "little"))


def profile_commitment(profile: bytes) -> bytes:
    """What an entry says of its profile (64 bytes). It hides the profile as long as the profile's nonce is secret.

    :param profile: the encoded Profile message, as received.
    """
    return shake_256(profile).digest(COMMITMENT_SIZE)


def entry_hash(entry: bytes) -> EntryHash:
    """The value that the tree holds for an entry.

    :param entry: the encoded Entry message, as received.
    """
    return EntryHash(shake_256(entry).digest(HASH_SIZE))


def summary_hash(epoch_head: bytes) -> bytes:
    """What the next epoch's head says of this one (64 bytes).

    :param epoch_head: the encoded EpochHead message, as signed.
    """
    return shake_256(epoch_head).digest(SUMMARY_SIZE)
