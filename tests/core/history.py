"""A realm's history, for evidence: heads, transcripts, updates and proofs, honest or not, each part made to order.

`History` closes epochs over an honest tree. Whoever is to lie, is made to: `head` and `transcript` sign whatever they
are told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from coname.core import heads, times, transcripts
from coname.core.hashes import entry_hash, summary_hash
from coname.core.signatures import SigningKey
from coname.core.types import Epoch, Index
from coname.messages.client_pb2 import (
    Duration,
    Entry,
    SignedEntryUpdate,
    SignedEpochHead,
    TreeProof,
)
from coname.messages.config_pb2 import RealmConfig
from coname.messages.evidence_pb2 import EvidenceBundle, ProvenEntry
from coname.messages.verification_pb2 import SignedTranscript
from tests.core import reference_tree
from tests.core.honest import ISSUED, key, policy

REPLICA, VERIFIER, OTHER = key("replica"), key("verifier 1"), key("verifier 2")
ALL = (REPLICA, VERIFIER, OTHER)
NOW = ISSUED + 10_000.0


def ids(*keys: SigningKey) -> tuple[int, ...]:
    return tuple(sorted(each.key_id for each in keys))


def realm_config(name: str = "testing", keys: tuple[SigningKey, ...] = ALL, nonce: bytes = b"") -> RealmConfig:
    return RealmConfig(
        RealmName=name,
        domains=["wonder.land"],
        verification_policy=policy(2, *keys),
        epoch_time_to_live=Duration(seconds=3600),
        tree_nonce=nonce,
        signer_names={REPLICA.key_id: "keyserver of wonder.land", VERIFIER.key_id: "verifier of example.org"},
    )


def sign_head(epoch_head: bytes, *keys: SigningKey, at: float = ISSUED) -> SignedEpochHead:
    """`epoch_head`, signed by `keys` in one wrapping."""
    whole = heads.timestamped(epoch_head, times.timestamp(at))
    return SignedEpochHead(head=whole, signatures={each.key_id: each.sign(whole) for each in keys})


def sign_transcript(transcript: bytes, *keys: SigningKey) -> SignedTranscript:
    message = transcripts.signed_bytes(transcript)
    return SignedTranscript(transcript=transcript, signatures={each.key_id: each.sign(message) for each in keys})


def index(name: str) -> Index:
    """Where the entry of `name` is."""
    return Index(summary_hash(name.encode())[:32])


def entry(name: str, version: int = 0, owner: SigningKey | None = None, **changes: Any) -> bytes:
    fields = {"index": index(name), "version": version, "profile_commitment": bytes(64), **changes}
    return Entry(update_policy=policy(1, owner or key(name)), **fields).SerializeToString()


def update(new_entry: bytes, *owners: SigningKey) -> SignedEntryUpdate:
    return SignedEntryUpdate(new_entry=new_entry, signatures={owner.key_id: owner.sign(new_entry) for owner in owners})


def change(name: str, version: int = 0) -> SignedEntryUpdate:
    """An update of `name` as its owner makes it."""
    return update(entry(name, version), key(name))


def build_head(epoch: int, previous: bytes | None = None, root: bytes = bytes(32), **changes: Any) -> bytes:
    """An EpochHead; `previous` is the one before, whole."""
    arguments = {
        "realm": "testing",
        "epoch": Epoch(epoch),
        "root_hash": root,
        "issue_time": times.timestamp(ISSUED + min(epoch, 1000)),
        "previous_summary_hash": b"" if previous is None else summary_hash(previous),
        **changes,
    }
    return heads.build(**arguments)


@dataclass
class Closed:
    """One epoch: the tree after it, and what led to it."""

    head: bytes
    entries: dict[bytes, bytes]
    updates: list[SignedEntryUpdate]
    first_step: int

    @property
    def tree(self) -> dict[bytes, bytes]:
        return {place: entry_hash(each) for place, each in self.entries.items()}


@dataclass
class History:
    """An honest provider's epochs."""

    realm: str = "testing"
    nonce: bytes = b""
    closed: list[Closed] = field(default_factory=list)

    @property
    def last(self) -> Closed:
        return self.closed[-1]

    def close(self, *updates: SignedEntryUpdate, **changes: Any) -> Closed:
        """Close the next epoch over `updates`. `changes` are what its head says wrongly."""
        before = self.closed[-1] if self.closed else None
        entries = dict(before.entries) if before else {}
        for each in updates:
            entries[Entry.FromString(each.new_entry).index] = each.new_entry
        root = reference_tree.root({place: entry_hash(each) for place, each in entries.items()}, self.nonce)
        arguments = {"realm": self.realm, **changes}
        head = build_head(
            len(self.closed) + 1, before.head if before else None, arguments.pop("root", root), **arguments
        )
        first = before.first_step + len(before.updates) + 1 if before else 0
        self.closed.append(Closed(head, entries, list(updates), first))
        return self.last

    def transcript(
        self, closed: Closed, *keys: SigningKey, updates: list[SignedEntryUpdate] | None = None
    ) -> SignedTranscript:
        """The transcript of `closed`; `updates` are others than it holds."""
        epoch = Epoch(self.closed.index(closed) + 1)
        digests = [transcripts.update_digest(each) for each in (closed.updates if updates is None else updates)]
        return sign_transcript(transcripts.build(self.realm, epoch, closed.head, closed.first_step, digests), *keys)

    def proven(self, place: int, closed: Closed, name: str) -> ProvenEntry:
        """What the tree of `closed` holds for `name`; its head being at `place` in the bundle."""
        proof = reference_tree.prove(closed.tree, index(name), self.nonce)
        found = ProvenEntry(
            head=place,
            index=index(name),
            tree_proof=TreeProof(
                neighbors=proof.neighbors,
                existing_index=proof.existing_index,
                existing_entry_hash=proof.existing_entry_hash,
            ),
        )
        if index(name) in closed.entries:
            found.entry = closed.entries[index(name)]
        return found


def bundle(**content: Any) -> EvidenceBundle:
    return EvidenceBundle(**{"format": 1, "realm": "testing", "witness": "a test", **content})
