"""Whether a verified answer fits what was seen before. Pure: no files, no clock.

A quorum's signatures show that the signers vouch for an epoch. That they vouched for the same history to everybody,
and do not take it back, shows only to somebody who remembers. The rules, for the epochs of one realm:

1. An answer is not older than the newest epoch that was known when the question was sent, unless an older one was
   asked for. (Not "known when the answer came": of two questions on the way at once, either may be answered first.)
2. One epoch has one head.
3. The epoch after a known one names it as its predecessor, and so does the known one for the epoch before it; no other
   epoch does.
4. Issue times never decrease.

And for one user id within the realm:

5. Its index never changes. (A second index for one address is how a provider could show two people two entries.)
6. Its entry only moves forward: with the epochs the version never falls, an entry never vanishes, and one version has
   one content. To tell, the first and the newest epoch are remembered in which the newest version was proved: between
   them there is nothing but that version, before them no later one, after them no earlier one. (What came before that
   version is not remembered: it matters to nobody who asks for the latest.)

What breaks them is refused with `coname.errors.ProofInvalid`, step "memory": the proof at hand and the one remembered
cannot both be honest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from coname.core.hashes import summary_hash
from coname.core.heads import Head
from coname.core.types import EntryHash, Epoch, Index
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import LookupProof

STEP = "memory"
"""The name of this check among the steps of a verification."""


@dataclass(frozen=True)
class Sighting:
    """What one verified answer said of one user id.

    :ivar index: where the entry lives.
    :ivar epoch: the epoch that it was proved for.
    :ivar version: of the entry; None where absence was proved.
    :ivar entry_hash: of the entry; empty where absence was proved.
    :ivar proof: what it takes to show others; None in what earlier versions of this program remembered.
    """

    user_id: str
    index: Index
    epoch: Epoch
    version: int | None
    entry_hash: EntryHash
    proof: LookupProof | None = field(default=None, compare=False, repr=False)


def follow(newest: Head | None, head: Head, floor: Epoch, asked: Epoch) -> Head:
    """The newest known head, now that `head` has been proved.

    :param newest: the newest head known so far.
    :param floor: the newest epoch known when the question was sent; 0 for none.
    :param asked: the epoch that was asked for; 0 for the latest.
    :raises ProofInvalid: a rule above is broken.
    """
    if not asked and head.epoch < floor:
        raise _contradiction(f"the answer goes back in time: epoch {floor} was known before, and this is {head.epoch}")
    if newest is None:
        return head
    older, newer = sorted((newest, head), key=lambda each: each.epoch)
    _check_same(older, newer)
    _check_chain(older, newer)
    return newer


def _check_same(older: Head, newer: Head) -> None:
    if older.epoch == newer.epoch and older.epoch_head != newer.epoch_head:
        raise _contradiction(
            f"epoch {older.epoch} has two heads: the root {older.root_hash.hex()} was proved before, "
            f"and {newer.root_hash.hex()} now"
        )


def _check_chain(older: Head, newer: Head) -> None:
    if newer.epoch == older.epoch + 1 and newer.previous_summary_hash != summary_hash(older.epoch_head):
        raise _contradiction(
            f"epoch {newer.epoch} does not follow from epoch {older.epoch}: its previous_summary_hash is "
            f"{newer.previous_summary_hash.hex() or 'empty'}, expected {summary_hash(older.epoch_head).hex()}"
        )
    for before, after in ((older, newer), (newer, older)):
        if after.previous_summary_hash == summary_hash(before.epoch_head) and after.epoch != before.epoch + 1:
            raise _contradiction(f"epoch {after.epoch} names epoch {before.epoch} as the one before it")
    if newer.issue_time_ns < older.issue_time_ns:
        raise _contradiction(f"epoch {newer.epoch} was issued before epoch {older.epoch}: time went backwards")


@dataclass(frozen=True)
class Span:
    """What is remembered of one user id: the newest entry seen (or its absence), and when.

    :ivar first: the sighting of it in the oldest epoch; `last` in the newest. They differ in nothing else.
    """

    first: Sighting
    last: Sighting


def settle(known: Span | None, seen: Sighting) -> Span:
    """What to remember of a user id, now that `seen` has been proved.

    :param known: what was remembered of it so far.
    :raises ProofInvalid: a rule above is broken.
    """
    if known is None:
        return Span(seen, seen)
    if known.last.index != seen.index:
        raise _contradiction(
            f"{seen.user_id} has two indices: {known.last.index.hex()} was proved before, and {seen.index.hex()} now"
        )
    for each in (known.first, known.last):
        _check_forward(*sorted((each, seen), key=lambda one: one.epoch))
    if (known.last.version, known.last.entry_hash) == (seen.version, seen.entry_hash):
        return Span(*(pick(known.first, known.last, seen, key=lambda one: one.epoch) for pick in (min, max)))
    return Span(seen, seen) if seen.epoch > known.last.epoch else known


def _check_forward(older: Sighting, newer: Sighting) -> None:
    one = older.epoch == newer.epoch or older.version == newer.version
    if one and (older.version, older.entry_hash) != (newer.version, newer.entry_hash):
        raise _contradiction(
            f"{newer.user_id} has two entries: {_describe(older)} ({older.entry_hash.hex() or 'none'}) in epoch "
            f"{older.epoch}, {_describe(newer)} ({newer.entry_hash.hex() or 'none'}) in epoch {newer.epoch}"
        )
    if _order(older) > _order(newer):
        raise _contradiction(
            f"the entry of {newer.user_id} went back: {_describe(older)} in epoch {older.epoch}, "
            f"{_describe(newer)} in epoch {newer.epoch}"
        )


def _order(sighting: Sighting) -> int:
    return -1 if sighting.version is None else sighting.version


def _describe(sighting: Sighting) -> str:
    return "no entry" if sighting.version is None else f"version {sighting.version}"


def _contradiction(message: str) -> ProofInvalid:
    return ProofInvalid(STEP, message)


def describe(known: Head | None, head: Head) -> str:
    """How `head`, found to fit, relates to the newest head known before: a sentence for a person."""
    if known is None:
        return f"the first epoch of {head.realm} seen here: {head.epoch} is remembered from now on"
    if head.epoch == known.epoch:
        return f"the same head of epoch {head.epoch} as remembered"
    if head.epoch == known.epoch + 1:
        return f"epoch {head.epoch} names the remembered epoch {known.epoch} as its predecessor"
    if head.epoch > known.epoch:
        return f"epoch {head.epoch} is newer than the remembered epoch {known.epoch}"
    return f"epoch {head.epoch} does not contradict the remembered epoch {known.epoch}"
