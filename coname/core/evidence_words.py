"""Words that the findings of `evidence` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from coname.core.text import hexed
from coname.core.times import NANOSECONDS

if TYPE_CHECKING:
    from coname.core.evidence_facts import KnownHead


class Finding(NamedTuple):
    """That somebody broke a rule.

    :ivar rule: a key of `coname.core.evidence.RULES`.
    :ivar signers: who broke it, by id, in order.
    :ivar explanation: what they did, in sentences that go on from their names: "signed …".
    """

    rule: str
    signers: tuple[int, ...]
    explanation: str


def finding(rule: str, signers: frozenset[int], explanation: str) -> list[Finding]:
    """One finding, if there is anybody to find."""
    return [Finding(rule, tuple(sorted(signers)), explanation)] if signers else []


def moment(nanoseconds: int | None) -> str:
    """A time as RFC 3339 in UTC."""
    if nanoseconds is None:
        return "no time at all"
    seconds, nanos = divmod(nanoseconds, NANOSECONDS)
    return Timestamp(seconds=seconds, nanos=nanos).ToJsonString()


def describe(head: KnownHead) -> str:
    """A head, so that it can be told from another."""
    return f"root {hexed(head.root_hash)}, issued {moment(head.issued)}, summary {head.summary.hex()[:16]}…"
