"""Transcripts: what the replicas sign, besides an epoch's head, about the steps that led to it.

An epoch head says what the tree has become, and nothing of how. So a verifier that is shown an unauthorised update, or
a root that the updates do not lead to, could show nobody else what it was sent. A transcript binds the updates, their
order and their place in the verifier log to the head; the replicas sign it, and it travels beside the head.

Rules of this file:

* The hash covers what an update says (the new entry's bytes, and its signatures in order of id), not how protobuf
  happens to encode it: all replicas come to the same, whatever library they run.
* The signature is over a prefix and the Transcript's bytes, so that it can never be taken for one over a head.
* Whoever looks for what is wrong in a transcript reads it as it stands (`parse`): a signer shall not escape by a number
  that is wrong. The two hashes alone bind the updates to the head.
* It is an addition to the protocol of 2017, whose programs read over it.
"""

from __future__ import annotations

import struct
from hashlib import shake_256
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core.hashes import SUMMARY_SIZE, summary_hash
from coname.errors import ProofInvalid
from coname.messages.verification_pb2 import Transcript

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coname.core.types import Epoch
    from coname.messages.client_pb2 import SignedEntryUpdate

STEP = "transcript"

DIGEST_SIZE = 32
"""The length of one update's digest, in bytes."""

_PREFIX = b"coname transcript\0"
_LENGTH = struct.Struct("<I").pack
_SIGNATURE = struct.Struct("<QI").pack


def update_digest(update: SignedEntryUpdate) -> bytes:
    """What the hash over an epoch's updates holds of one of them (32 bytes)."""
    parts = [_LENGTH(len(update.new_entry)), update.new_entry]
    for signer in sorted(update.signatures):
        signature = update.signatures[signer]
        parts += (_SIGNATURE(signer, len(signature)), signature)
    return shake_256(b"".join(parts)).digest(DIGEST_SIZE)


def updates_hash(digests: Iterable[bytes]) -> bytes:
    """The hash (64 bytes) over an epoch's updates, from the digest of each, in the order of the log."""
    return shake_256(b"".join(digests)).digest(SUMMARY_SIZE)


def build(realm: str, epoch: Epoch, epoch_head: bytes, first_step: int, digests: list[bytes]) -> bytes:
    """The Transcript message of an epoch.

    :param epoch_head: the EpochHead message that closes it.
    :param first_step: verifier log index of the epoch's first step.
    :param digests: of its updates, in order; the head is the step after them.
    """
    return Transcript(
        realm=realm,
        epoch=epoch,
        head_summary=summary_hash(epoch_head),
        first_step=first_step,
        head_step=first_step + len(digests),
        updates_hash=updates_hash(digests),
    ).SerializeToString(deterministic=True)


def signed_bytes(transcript: bytes) -> bytes:
    """What a signature on a transcript is over."""
    return _PREFIX + transcript


def parse(transcript: bytes) -> Transcript:
    """Read a transcript, whatever it says.

    :raises ProofInvalid: step "transcript": it is not one.
    """
    try:
        return Transcript.FromString(transcript)
    except DecodeError as error:
        raise ProofInvalid(STEP, f"a transcript ({len(transcript)} bytes) does not decode") from error
