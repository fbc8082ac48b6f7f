"""What transcripts show by themselves: that somebody's contradict each other, or one itself.

An honest signer signs one transcript of a head, which says of it what is so.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from coname.core.evidence_words import Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coname.core.evidence_facts import KnownTranscript, Material


def two_transcripts(material: Material, realm: str) -> Iterator[Finding]:
    """The same signer signed two transcripts of one head that say different things."""
    concerned = [each for each in material.transcripts if material.concerns(each, realm)]
    for one, other in combinations(concerned, 2):
        if one.head is other.head and _said(one) != _said(other):
            yield from finding(
                "two_transcripts",
                one.signers & other.signers,
                f"signed two different transcripts of one head of epoch {one.head.epoch}: {_describe(one)}; and "
                f"{_describe(other)}.",
            )


def wrong_transcript(material: Material, realm: str) -> Iterator[Finding]:
    """A transcript names another epoch than its head, or counts its updates wrongly."""
    for transcript in material.transcripts:
        wrong = _wrong(material, transcript) if material.concerns(transcript, realm) else ""
        if wrong:
            said = f"signed a transcript of the head of epoch {transcript.head.epoch} that {wrong}."
            yield from finding("wrong_transcript", transcript.signers, said)


def _wrong(material: Material, transcript: KnownTranscript) -> str:
    said = transcript.message
    if said.epoch != transcript.head.epoch:
        return f"names epoch {said.epoch}"
    steps = said.head_step - said.first_step
    if steps < 0:
        return f"puts the head at step {said.head_step}, before its first step, {said.first_step}"
    if said.updates_hash == material.updates_hash and steps != len(material.updates):
        return f"counts {steps} updates, where there are {len(material.updates)}"
    return ""


def _said(transcript: KnownTranscript) -> tuple[object, ...]:
    """What is compared: not what else a later program may have put into it."""
    said = transcript.message
    return said.realm, said.epoch, said.first_step, said.head_step, said.updates_hash


def _describe(transcript: KnownTranscript) -> str:
    said = transcript.message
    return (
        f"of epoch {said.epoch}, steps {said.first_step} to {said.head_step}, updates {said.updates_hash.hex()[:16]}…"
    )
