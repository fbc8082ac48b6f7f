"""Epoch heads: what signers sign of an epoch (protocol section 7).

There are two layers. The EpochHead is the same for everybody: the tree's root, chained to the epoch before. Each
signer wraps it with its own time in a TimestampedEpochHead, and signs that.

Rules of this file:

* `build` gives the same bytes on every replica: the fields in order, the keys of a policy in order, `issue_time` and
  `next_epoch_policy` always written, as the original has it, which always writes it empty.
* `parse` keeps the EpochHead's bytes as they came: whoever compares or hashes it uses those.
* What `next_epoch_policy` says is no business of this file: `coname.core.rollover` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from coname.core import times
from coname.core.hashes import HASH_SIZE, SUMMARY_SIZE
from coname.core.types import Epoch
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import AuthorizationPolicy, EpochHead, Timestamp, TimestampedEpochHead

STEP = "ratification"


@dataclass(frozen=True, slots=True)
class Head:
    """A TimestampedEpochHead, read and checked for its form; who signed it is another question.

    :ivar root_hash: of the epoch's tree, 32 bytes.
    :ivar previous_summary_hash: of the epoch before, 64 bytes; empty in epoch 1.
    :ivar issue_time: when the epoch was closed, in seconds since 1970.
    :ivar issue_time_ns: the same, exactly, in nanoseconds.
    :ivar timestamp: when this signer signed, in seconds since 1970.
    :ivar epoch_head: the EpochHead message, as it came.
    :ivar next_epoch_policy: an AuthorizationPolicy message, not looked at; empty where the head names none, as most do.
    """

    realm: str
    epoch: Epoch
    root_hash: bytes
    issue_time: float
    issue_time_ns: int
    previous_summary_hash: bytes
    epoch_head: bytes
    timestamp: float
    next_epoch_policy: bytes = b""


def build(
    realm: str,
    epoch: Epoch,
    root_hash: bytes,
    issue_time: Timestamp,
    previous_summary_hash: bytes,
    next_epoch_policy: AuthorizationPolicy | None = None,
) -> bytes:
    """The EpochHead message of an epoch.

    :param previous_summary_hash: H(EpochHead, 64) of the epoch before; empty for epoch 1.
    :param next_epoch_policy: who ratifies the epochs after this one, if that changes.
    """
    return EpochHead(
        realm=realm,
        epoch=epoch,
        root_hash=root_hash,
        issue_time=issue_time,
        previous_summary_hash=previous_summary_hash,
        next_epoch_policy=next_epoch_policy or AuthorizationPolicy(),
    ).SerializeToString(deterministic=True)


def timestamped(epoch_head: bytes, timestamp: Timestamp) -> bytes:
    """The TimestampedEpochHead message, which a signer signs: the replicas' with the epoch's issue time."""
    return TimestampedEpochHead(head=epoch_head, timestamp=timestamp).SerializeToString()


def parse(timestamped_head: bytes) -> Head:
    """Read a TimestampedEpochHead.

    :raises ProofInvalid: step "ratification": it is not one, or one that no honest keyserver makes: epoch 0, a hash of
        a wrong length, a time out of range.
    """
    try:
        outer = TimestampedEpochHead.FromString(timestamped_head)
        inner = EpochHead.FromString(outer.head)
        issued, signed = times.to_nanoseconds(inner.issue_time), times.to_nanoseconds(outer.timestamp)
    except (DecodeError, ValueError) as error:
        raise ProofInvalid(STEP, f"an epoch head is malformed: {error}") from error
    _check_form(inner)
    return Head(
        realm=inner.realm,
        epoch=Epoch(inner.epoch),
        root_hash=inner.root_hash,
        issue_time=issued / times.NANOSECONDS,
        issue_time_ns=issued,
        previous_summary_hash=inner.previous_summary_hash,
        epoch_head=outer.head,
        timestamp=signed / times.NANOSECONDS,
        next_epoch_policy=inner.next_epoch_policy.SerializeToString(deterministic=True),
    )


def _check_form(head: EpochHead) -> None:
    if head.epoch == 0:
        raise ProofInvalid(STEP, "an epoch head has the number 0; epochs are numbered from 1")
    _check_size("root_hash", head.root_hash, HASH_SIZE)
    _check_size("previous_summary_hash", head.previous_summary_hash, 0 if head.epoch == 1 else SUMMARY_SIZE)


def _check_size(field: str, value: bytes, size: int) -> None:
    if len(value) != size:
        raise ProofInvalid(STEP, f"an epoch head's {field} has {len(value)} bytes, not {size}")
