"""How large an evidence bundle may be, and how much work it may ask for: it comes from a stranger.

The bounds are well over what honest material needs: a violation shows in one epoch, whose updates are the bulk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coname.core import quorums, signatures
from coname.core.signatures_2017 import may_differ, verify_2017
from coname.core.vrf.points import PointError, times_eight
from coname.errors import ProofInvalid

if TYPE_CHECKING:
    from coname.messages.client_pb2 import QuorumExpr
    from coname.messages.evidence_pb2 import EvidenceBundle

FORMAT = 1
"""The only format of bundles that there is."""

MAX_BUNDLE_BYTES = 384 * 1024 * 1024
"""The largest file that is read. A verifier holds 256 MiB of an epoch's updates; base64 adds a third to that."""

MAX_PARTS = 8_000_000
"""How many brackets and commas a file may have: its JSON is read whole, and each may become an object."""

MAX_HEADS = 2048
"""A client has the same head once for each signer, each time with that signer's own time."""

MAX_DIFFERENT_HEADS = 256
"""A contradiction needs two or three."""

MAX_TRANSCRIPTS = 64

MAX_UPDATES = MAX_ENTRIES = 250_000
"""A realm takes some hundreds of updates a second, and closes an epoch at least once a minute."""

MAX_POLICY_CHANGES = 1024
"""One a week makes twenty years."""

MAX_NOTES = 20
"""How many things that could not be decided are told."""

MAX_PAIRS = 100_000
"""How many pairs of entries are compared: an honest bundle has one or two."""

MAX_SIGNATURES = 500_000
"""How many signatures are verified, at some 60 µs each."""

MAX_SLOW_SIGNATURES = 2_000
"""How many of them by the algorithm of 2017, at some milliseconds each: nobody makes such signatures by accident."""


MAX_QUORUM_PARTS = 2_000_000
"""How many candidates and parts of quorums are walked through, at some 10 µs each."""


class Work(NamedTuple):
    """How much is done to decide about one entry's updates.

    :ivar slow: signatures by the algorithm of 2017.
    :ivar parts: of quorums.
    """

    signatures: int
    slow: int
    parts: int


SHARES = (Work(100, 4, 500), Work(5_000, 60, 20_000), Work(MAX_SIGNATURES, 600, 200_000))
"""How much for each entry at first, and how much more in each further round for those that need it. One entry's updates
shall not use up what others need, however many stand before them."""


_NEUTRAL = b"\1" + bytes(31)
"""The encoding of the point 0."""


class TooMuch(ProofInvalid):
    """The bundle asks for more work than is done for a stranger."""

    def __init__(self, sentence: str) -> None:
        super().__init__("evidence", sentence)


def check_bounds(bundle: EvidenceBundle) -> None:
    """Check the numbers of things in `bundle`.

    :raises ProofInvalid: there are too many of one.
    """
    for name, found, most in (
        ("heads", len(bundle.heads), MAX_HEADS),
        ("transcripts", len(bundle.transcripts), MAX_TRANSCRIPTS),
        ("updates", len(bundle.updates), MAX_UPDATES),
        ("entries", len(bundle.entries), MAX_ENTRIES),
    ):
        if found > most:
            raise TooMuch(f"it holds {found} {name}; at most {most} are looked at")


class ShareUsed(TooMuch):
    """What is done for one entry is done; others may take less."""


class Budget:
    """Verifies signatures, but not without end."""

    def __init__(self) -> None:
        self._left = MAX_SIGNATURES
        self._slow_left = MAX_SLOW_SIGNATURES
        self._parts_left = MAX_QUORUM_PARTS

    def verify_signer(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether a signer's signature is good, as leniently as the programs of 2017 that act on it: nobody shall
        escape by a strange signature. By a key of small order anybody can make one: it convicts nobody.

        :raises ProofInvalid: too many have been asked for.
        """
        if self.strict(public_key, message, signature):
            return True
        return not _is_anybodys(public_key) and self.slow(public_key, message, signature)

    def share(self, work: Work) -> Share:
        """A part of it, for one entry's updates."""
        return Share(self, work)

    def strict(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether a signature is good to libsodium.

        :raises TooMuch: too many have been asked for.
        """
        self._left -= 1
        if self._left < 0:
            raise TooMuch(f"it holds more signatures than are looked at ({MAX_SIGNATURES})")
        return signatures.verify(public_key, message, signature)

    def slow(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether a signature that libsodium refuses is good to the programs of 2017.

        :raises TooMuch: too many have been asked for.
        """
        if not may_differ(public_key, signature):
            return False
        self._slow_left -= 1
        if self._slow_left < 0:
            raise TooMuch(f"it holds more strange signatures than are looked at ({MAX_SLOW_SIGNATURES})")
        return verify_2017(public_key, message, signature)

    def walk(self, parts: int) -> None:
        """Count `parts` of a quorum that are to be walked through.

        :raises TooMuch: there were too many.
        """
        self._parts_left -= parts
        if self._parts_left < 0:
            raise TooMuch(f"its quorums have more parts than are looked at ({MAX_QUORUM_PARTS})")


def _is_anybodys(public_key: bytes) -> bool:
    """Whether a key is of small order. One that only has a part of small order is its owner's as much as any other."""
    if len(public_key) != signatures.PUBLIC_KEY_SIZE:
        return False
    try:
        return times_eight(public_key) == _NEUTRAL
    except PointError:
        return False  # nor is it anybody's: nothing verifies by it


class Share:
    """What is done for one entry's updates. All of its methods raise `ShareUsed` when that is used up, and `TooMuch`
    when all that is done for the bundle is."""

    def __init__(self, budget: Budget, work: Work) -> None:
        self._budget = budget
        self._signatures, self._slow, self._parts = work

    def verify_strictly(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether an owner's signature is good to libsodium."""
        self._signatures -= 1
        if self._signatures < 0:
            raise ShareUsed("an entry's updates hold too many signatures")
        return self._budget.strict(public_key, message, signature)

    def verify_leniently(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether an owner's signature is good, as leniently as any keyserver takes it: nobody is to be accused of
        having taken it."""
        if self.verify_strictly(public_key, message, signature):
            return True
        self._slow -= may_differ(public_key, signature)
        if self._slow < 0:
            raise ShareUsed("an entry's updates hold too many strange signatures")
        return self._budget.slow(public_key, message, signature)

    def walk(self, quorum: QuorumExpr) -> None:
        """Count the parts of `quorum`, which is to be walked through."""
        parts = quorums.depth_and_size(quorum, self._parts).size
        self._parts -= parts
        if self._parts < 0:
            raise ShareUsed("the quorums of an entry's updates have too many parts")
        self._budget.walk(parts)
