"""What an evidence bundle says, in the terms of the rules: who stands for what.

`evidence_material` makes these of a bundle, once everything in it has been checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coname.errors import ProofInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coname.core.partial_tree import PartialTree
    from coname.core.types import EntryHash, Index
    from coname.messages.client_pb2 import AuthorizationPolicy, SignedEntryUpdate
    from coname.messages.verification_pb2 import Transcript

STEP = "evidence"


def damaged(sentence: str) -> ProofInvalid:
    """The error for a bundle that cannot be used."""
    return ProofInvalid(STEP, sentence)


@dataclass(frozen=True, slots=True)
class KnownHead:
    """One EpochHead, however many have signed it, each in a wrapping with its own time.

    :ivar issued: its issue time, in nanoseconds since 1970; None where that is no time.
    :ivar previous: its previous_summary_hash, as it stands.
    :ivar summary: what the next head would say of it.
    :ivar signers: whose signatures over it the bundle holds.
    :ivar policy: what it says of those who ratify the epochs after it; empty where it says nothing.
    """

    realm: str
    epoch: int
    root_hash: bytes
    issued: int | None
    previous: bytes
    summary: bytes
    signers: frozenset[int]
    policy: AuthorizationPolicy


@dataclass(frozen=True, slots=True)
class KnownTranscript:
    """A signed transcript, and the head that it covers."""

    message: Transcript
    head: KnownHead
    signers: frozenset[int]


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """What the tree of a head holds at an index.

    :ivar value: the entry's hash; None where it is proven that there is none.
    :ivar entry: None where there is none, and where the bundle shows the hash only, which is enough to compute roots.
    """

    head: KnownHead
    index: Index
    value: EntryHash | None
    entry: bytes | None

    @property
    def shown(self) -> bool:
        """Whether it is known what is there, or that nothing is."""
        return self.value is None or self.entry is not None


@dataclass(frozen=True, slots=True)
class Material:
    """A bundle's content.

    :ivar heads: by summary, in the bundle's order.
    :ivar vouchers: for each summary, who vouches for that head: whoever has signed it, or a transcript of it, or a
        head that follows it. By the hash in it, a head's signer stands for all heads before.
    :ivar trees: what `entries` show of the trees, by the summary of their head.
    :ivar updates_hash: of the updates, as transcripts have it.
    :ivar strangers: the unknown ids under which there are signatures that nothing was made of.
    :ivar loose: a sentence on an entry that belongs to nothing else in the bundle; empty if there is none. A proof that
        there is nothing at an index proves the same of indices beside it, so that somebody may have changed it.
    """

    heads: Mapping[bytes, KnownHead]
    transcripts: Sequence[KnownTranscript]
    updates: Sequence[SignedEntryUpdate]
    updates_hash: bytes
    entries: Sequence[KnownEntry]
    vouchers: Mapping[bytes, frozenset[int]]
    trees: Mapping[bytes, PartialTree]
    loose: str
    strangers: frozenset[int]

    def vouch(self, *heads: KnownHead) -> frozenset[int]:
        """Who vouches for each of `heads`."""
        return frozenset.intersection(*(self.vouchers[head.summary] for head in heads))

    def parent(self, head: KnownHead) -> KnownHead | None:
        """The head that `head` follows, if the bundle holds it."""
        return self.heads.get(head.previous)

    def origin(self, head: KnownHead, realm: str) -> KnownHead | None:
        """`head` if it names `realm`, or else the nearest of those it follows that does."""
        found: KnownHead | None = head
        while found is not None and found.realm != realm:
            found = self.parent(found)
        return found

    def concerns(self, transcript: KnownTranscript, realm: str) -> bool:
        """Whether a transcript is of `realm`, by what it says, or by the history of its head."""
        return transcript.message.realm == realm or self.origin(transcript.head, realm) is not None
