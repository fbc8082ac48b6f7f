"""What heads alone show. Each rule looks for somebody who vouches for two things that no honest signer vouches for
both, or for one that none does at all.

An honest signer signs the heads of one history: one for each epoch, each naming the one before by its hash, numbered
without gaps, of one realm, and with times that do not decrease.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core.evidence_words import Finding, describe, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coname.core.evidence_material import KnownHead, Material


def two_heads(material: Material, realm: str) -> Iterator[Finding]:
    """The same signer signed two different heads with one epoch number."""
    for one, other in _pairs(material, realm):
        if one.epoch == other.epoch:
            yield from finding(
                "two_heads",
                material.vouch(one, other),
                f"signed two different heads for epoch {one.epoch}: {describe(one)}; and {describe(other)}.",
            )


def _pairs(material: Material, realm: str) -> Iterator[tuple[KnownHead, KnownHead]]:
    """All pairs of different heads of the realm, the one with the smaller number first."""
    heads = sorted((head for head in material.heads.values() if head.realm == realm), key=lambda head: head.epoch)
    for place, one in enumerate(heads):
        for other in heads[place + 1 :]:
            yield one, other
