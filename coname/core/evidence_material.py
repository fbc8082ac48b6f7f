"""What an evidence bundle is made of, once everything in it has been checked.

Rules of this file:

* All or nothing. Every signature filed under an id that is known (`evidence_keys`) must verify; every proof must lead
  to the root of its head; every hash must match. One thing that does not, and the whole bundle is damaged: nobody is
  accused with material of which a part was made up, or mangled on the way.
* A head, a transcript, an entry speak for themselves. What the bundle says about them is not looked at.
* Heads are read more leniently than by those who trust them (`heads.parse`): who signs a head that is malformed shall
  not escape by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core import times, transcripts
from coname.core.evidence_bounds import MAX_DIFFERENT_HEADS, Budget, TooMuch, check_bounds
from coname.core.evidence_facts import KnownEntry, KnownHead, KnownTranscript, Material, damaged
from coname.core.evidence_keys import Keys
from coname.core.hashes import entry_hash, summary_hash
from coname.core.partial_tree import PartialTree
from coname.core.proofs import TreeProofParts
from coname.core.quorums import ids
from coname.core.text import hexed
from coname.core.types import Index
from coname.messages.client_pb2 import Entry, EpochHead, TimestampedEpochHead

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from coname.messages.client_pb2 import SignedEpochHead
    from coname.messages.config_pb2 import RealmConfig
    from coname.messages.evidence_pb2 import EvidenceBundle, ProvenEntry
    from coname.messages.verification_pb2 import SignedTranscript


def check(realm: RealmConfig, bundle: EvidenceBundle, budget: Budget) -> Material:
    """Check everything in `bundle`.

    :raises ProofInvalid: step "evidence": it is damaged, or larger than what is looked at.
    """
    check_bounds(bundle)
    keys = Keys(realm, bundle.policy_changes, budget)
    places = _heads(keys, bundle.heads)
    known = {head.summary: head for head in places}
    covered = [_transcript(keys, place, each, known) for place, each in enumerate(bundle.transcripts)]
    updates_hash = _check_updates(bundle, covered)
    covered = [each for each in covered if each.signers]
    _check_bound(known, covered, keys.strangers)
    trees = {summary: PartialTree(head.root_hash, realm.tree_nonce) for summary, head in known.items()}
    entries = [_entry(trees, place, each, places) for place, each in enumerate(bundle.entries)]
    vouchers, loose = _vouchers(known, covered), _loose(bundle, entries)
    return Material(
        known, covered, bundle.updates, updates_hash, entries, vouchers, trees, loose, frozenset(keys.strangers)
    )


def _heads(keys: Keys, signed: Sequence[SignedEpochHead]) -> list[KnownHead]:
    """The head at each place; the same object wherever the EpochHead is the same."""
    contents = [read_head(place, each.head) for place, each in enumerate(signed)]
    if len(set(contents)) > MAX_DIFFERENT_HEADS:
        raise TooMuch(f"it holds {len(set(contents))} different heads; at most {MAX_DIFFERENT_HEADS} are looked at")
    signers: dict[bytes, frozenset[int]] = {}
    for place, (content, each) in enumerate(zip(contents, signed, strict=True)):
        found = keys.signers(f"head {place}", each.head, each.signatures)
        signers[content] = signers.get(content, frozenset()) | found
    known = {content: _known_head(content, signers[content]) for content in signers}
    return [known[content] for content in contents]


def read_head(place: int, timestamped_head: bytes) -> bytes:
    """The EpochHead's bytes in a TimestampedEpochHead.

    :raises ProofInvalid: one of the two does not decode.
    """
    try:
        content = TimestampedEpochHead.FromString(timestamped_head).head
        EpochHead.FromString(content)
    except DecodeError as error:
        raise damaged(f"head {place} does not decode") from error
    return content


def _known_head(content: bytes, signers: frozenset[int]) -> KnownHead:
    head = EpochHead.FromString(content)
    try:
        issued = times.to_nanoseconds(head.issue_time)
    except ValueError:
        issued = None
    return KnownHead(
        realm=head.realm,
        epoch=head.epoch,
        root_hash=head.root_hash,
        issued=issued,
        previous=head.previous_summary_hash,
        summary=summary_hash(content),
        signers=signers,
        policy=head.next_epoch_policy,
    )


def _transcript(keys: Keys, place: int, signed: SignedTranscript, known: Mapping[bytes, KnownHead]) -> KnownTranscript:
    message = transcripts.parse(signed.transcript)
    head = known.get(message.head_summary)
    if head is None:
        raise damaged(f"transcript {place} is of a head that the bundle does not hold")
    signers = keys.signers(f"transcript {place}", transcripts.signed_bytes(signed.transcript), signed.signatures)
    if not signed.signatures:
        raise damaged(f"transcript {place} is signed by nobody")
    return KnownTranscript(message, head, signers)


def _check_bound(
    known: Mapping[bytes, KnownHead], covered: Sequence[KnownTranscript], strangers: Collection[int]
) -> None:
    """Check that each head is signed, or named by another, so that nobody can have changed it."""
    whom = f"whom the realm's verification_policy knows (unknown: {ids(strangers)})"
    named = {head.previous for head in known.values()} | {transcript.head.summary for transcript in covered}
    for head in known.values():
        if not head.signers and head.summary not in named:
            raise damaged(f"the head of epoch {head.epoch} is signed by nobody {whom}, and no other head names it")


def _check_updates(bundle: EvidenceBundle, covered: Sequence[KnownTranscript]) -> bytes:
    """The updates' hash; checks that they, where there are any, are those of the last transcript."""
    found = transcripts.updates_hash(map(transcripts.update_digest, bundle.updates))
    if not bundle.updates:
        return found
    if not covered:
        raise damaged("it holds updates, but no transcript that would say whose they are")
    expected = covered[-1].message.updates_hash
    if found != expected:
        raise damaged(f"the updates have the hash {found.hex()}, the last transcript is of {hexed(expected)}")
    return found


def _entry(
    trees: Mapping[bytes, PartialTree], place: int, proven: ProvenEntry, places: Sequence[KnownHead]
) -> KnownEntry:
    if proven.head >= len(places):
        raise damaged(f"entry {place} is of head {proven.head}; the bundle holds {len(places)}")
    if not proven.HasField("tree_proof"):
        raise damaged(f"entry {place} carries no tree proof")
    head, index, tree = places[proven.head], Index(proven.index), proven.tree_proof
    parts = TreeProofParts(tree.neighbors, tree.existing_index, tree.existing_entry_hash)
    value = trees[head.summary].add(index, parts)
    if value is None:
        if proven.entry:
            raise damaged(f"the tree has nothing at {index.hex()}, where entry {place} is said to be")
        return KnownEntry(head, index, None, None)
    if not proven.entry:
        return KnownEntry(head, index, value, None)
    if entry_hash(proven.entry) != value:
        raise damaged(f"entry {place} is not the one that the tree holds")
    return KnownEntry(head, index, value, proven.entry)


def _loose(bundle: EvidenceBundle, entries: Sequence[KnownEntry]) -> str:
    """An entry that no rule can use, in words: no update goes there, and no other tree is shown at that index."""
    touched = {_index(update.new_entry) for update in bundle.updates}
    under: dict[bytes, set[bytes]] = {}
    for each in entries:
        under.setdefault(each.index, set()).add(each.head.summary)
    for place, each in enumerate(entries):
        if each.index not in touched and len(under[each.index]) == 1:
            return f"entry {place}, at {each.index.hex()}, has no part in it"
    return ""


def _index(entry: bytes) -> bytes:
    try:
        return Entry.FromString(entry).index
    except DecodeError:
        return b""


def _vouchers(known: Mapping[bytes, KnownHead], covered: Sequence[KnownTranscript]) -> dict[bytes, frozenset[int]]:
    own = {summary: set(head.signers) for summary, head in known.items()}
    for transcript in covered:
        own[transcript.head.summary] |= transcript.signers
    total = {summary: set(signers) for summary, signers in own.items()}
    for summary, signers in own.items():
        before = known.get(known[summary].previous)
        while before is not None:  # ends: a hash cannot lead back to where it came from
            total[before.summary] |= signers
            before = known.get(before.previous)
    return {summary: frozenset(signers) for summary, signers in total.items()}
