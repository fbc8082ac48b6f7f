"""What proofs of one index in several epochs show: that an entry went back, or vanished.

By rule an entry is replaced by one of a greater version, and never removed. Two proofs under two heads for which the
same signer vouches show a breach without any transcript: whatever the steps between were, none of them can have been
right.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core.evidence_bounds import MAX_PAIRS, TooMuch
from coname.core.evidence_words import Finding, finding
from coname.messages.client_pb2 import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coname.core.evidence_facts import KnownEntry, Material


def gone_back(material: Material, realm: str) -> Iterator[Finding]:
    """An entry with a smaller version, or the same and another content, or none, in a later epoch."""
    for older, newer in _pairs(material, realm):
        if older.value is None or older.head.epoch >= newer.head.epoch or older.value == newer.value:
            continue
        at = f"at {older.index.hex()}"
        if newer.value is None:
            yield from finding(
                "entry_vanished",
                material.vouch(older.head, newer.head),
                f"signed epoch {older.head.epoch}, in which there is an entry {at}, and epoch {newer.head.epoch}, in "
                f"which there is none.",
            )
            continue
        before, after = _version(older), _version(newer)
        if before is not None and after is not None and after <= before:
            yield from finding(
                "version_decreased",
                material.vouch(older.head, newer.head),
                f"signed version {before} of the entry {at} in epoch {older.head.epoch}, and in epoch "
                f"{newer.head.epoch} another entry there, of version {after}.",
            )


def _pairs(material: Material, realm: str) -> Iterator[tuple[KnownEntry, KnownEntry]]:
    """All pairs of proofs for one index under different heads of the realm, the older first."""
    by_index: dict[bytes, dict[bytes, KnownEntry]] = {}
    for each in material.entries:
        if each.head.realm == realm:
            known = by_index.setdefault(each.index, {})
            if each.shown or each.head.summary not in known:
                known[each.head.summary] = each
    left = MAX_PAIRS
    for found in by_index.values():
        left -= len(found) * (len(found) - 1) // 2
        if left < 0:
            raise TooMuch(f"its entries make more pairs than are compared ({MAX_PAIRS})")
        yield from combinations(sorted(found.values(), key=lambda each: each.head.epoch), 2)


def _version(known: KnownEntry) -> int | None:
    if known.entry is None:
        return None
    try:
        return Entry.FromString(known.entry).version
    except DecodeError:
        return None
