"""What heads alone show. Each rule looks for somebody who vouches for two things that no honest signer vouches for
both, or for one that none does at all.

An honest signer signs the heads of one history: one for each epoch, each naming the one before by its hash, numbered
without gaps, of one realm, and with times that do not decrease.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core.evidence_words import Finding, describe, finding, moment
from coname.core.quorums import depth_and_size
from coname.core.rollover import MOST_PARTS, unusable
from coname.core.text import hexed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coname.core.evidence_facts import KnownHead, Material
    from coname.messages.client_pb2 import AuthorizationPolicy


def two_heads(material: Material, realm: str) -> Iterator[Finding]:
    """The same signer signed two different heads with one epoch number."""
    for one, other in _pairs(material, realm):
        if one.epoch == other.epoch:
            yield from finding(
                "two_heads",
                material.vouch(one, other),
                f"signed two different heads for epoch {one.epoch}: {describe(one)}; and {describe(other)}.",
            )


def broken_chain(material: Material, realm: str) -> Iterator[Finding]:
    """The same signer signed the heads of two epochs in a row, and the second does not name the first."""
    for one, other in _pairs(material, realm):
        if other.epoch == one.epoch + 1 and other.previous != one.summary:
            yield from finding(
                "broken_chain",
                material.vouch(one, other),
                f"signed the heads of epochs {one.epoch} and {other.epoch}, of which the second does not follow the "
                f"first: it names {hexed(other.previous)} as its predecessor, and that is {one.summary.hex()}.",
            )


def skipped_epoch(material: Material, realm: str) -> Iterator[Finding]:
    """A head names another as its predecessor whose number is not the one before; or, by the signer's transcripts, its
    steps follow those of such a head."""
    for head in material.heads.values():
        before = material.parent(head)
        if before is not None and head.realm == before.realm == realm and head.epoch != before.epoch + 1:
            yield from finding(
                "skipped_epoch",
                material.vouch(head),
                f"signed a head of epoch {head.epoch} that names epoch {before.epoch} as its predecessor.",
            )
    for first in material.transcripts:
        for next_ in material.transcripts:
            one, other = first.message, next_.message
            if (
                first is not next_
                and one.realm == other.realm == realm
                and other.first_step == one.head_step + 1
                and other.epoch != one.epoch + 1
            ):
                yield from finding(
                    "skipped_epoch",
                    first.signers & next_.signers,
                    f"signed that the steps of epoch {other.epoch} come right after those of epoch {one.epoch}.",
                )


def time_reversed(material: Material, realm: str) -> Iterator[Finding]:
    """The same signer vouches for two epochs, of which the later was issued earlier."""
    for one, other in _pairs(material, realm):
        if one.issued is None or other.issued is None:
            continue
        if one.epoch < other.epoch and other.issued < one.issued:
            yield from finding(
                "time_reversed",
                material.vouch(one, other),
                f"signed that epoch {one.epoch} was issued at {moment(one.issued)}, and epoch {other.epoch}, which "
                f"comes later, at {moment(other.issued)}.",
            )


def future_time(material: Material, realm: str, latest: int) -> Iterator[Finding]:
    """A head was issued after `latest`, in nanoseconds since 1970: in the future beyond doubt."""
    for head in material.heads.values():
        if head.realm == realm and head.issued is not None and head.issued > latest:
            yield from finding(
                "future_time",
                material.vouch(head),
                f"signed that epoch {head.epoch} was issued at {moment(head.issued)}, which has not come yet by this "
                f"machine's clock.",
            )


def unusable_policy(material: Material, realm: str) -> Iterator[Finding]:
    """A head announces that from then on anybody may ratify, or nobody can."""
    for head in material.heads.values():
        if head.realm != realm or not head.policy.ByteSize():
            continue
        wrong = unusable(head.policy) if _is_small(head.policy) else ""
        if wrong:
            said = f"signed a head of epoch {head.epoch} that announces a policy for the epochs after it which {wrong}."
            yield from finding("unusable_policy", material.vouch(head), said)


def _is_small(policy: AuthorizationPolicy) -> bool:
    """Whether it can be walked through in no time; a larger one, nobody follows."""
    return depth_and_size(policy.quorum, MOST_PARTS).size <= MOST_PARTS


def foreign_realm(material: Material, realm: str) -> Iterator[Finding]:
    """A head of another realm follows one of this realm; or somebody's transcript of one realm is of the other's head.

    A head that has nothing to do with this realm is nobody's fault: keys may serve two realms.
    """
    for head in material.heads.values():
        before = material.origin(head, realm)
        if before is not None and before is not head:
            explanation = f"signed a head of {_named(head)} that follows from epoch {before.epoch} of {quoted(realm)}."
            yield from finding("foreign_realm", material.vouch(head), explanation)
    for transcript in material.transcripts:
        said, head = transcript.message.realm, transcript.head
        if said != head.realm and realm in (said, head.realm):
            explanation = f"signed that {_named(head)} is the head of {quoted(said)}."
            yield from finding("foreign_realm", transcript.signers, explanation)


def _named(head: KnownHead) -> str:
    return f"epoch {head.epoch}, naming the realm {quoted(head.realm)},"


def elsewhere(material: Material, realm: str) -> str:
    """What of it has nothing to do with the realm, in words; empty if there is nothing such."""
    covered = {each.head.summary for each in material.transcripts if each.message.realm == realm}
    for head in material.heads.values():
        if material.origin(head, realm) is None and head.summary not in covered:
            return f"a head in it is of the realm {quoted(head.realm)}, and does not follow from one of {realm}"
    return ""


def _pairs(material: Material, realm: str) -> Iterator[tuple[KnownHead, KnownHead]]:
    """All pairs of different heads of the realm, the one with the smaller number first."""
    heads = sorted((head for head in material.heads.values() if head.realm == realm), key=lambda head: head.epoch)
    for place, one in enumerate(heads):
        for other in heads[place + 1 :]:
            yield one, other
