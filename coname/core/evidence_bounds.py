"""How large an evidence bundle may be, and how much work it may ask for: it comes from a stranger.

The bounds are well over what honest material needs: a violation shows in one epoch, whose updates are the bulk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nacl.bindings import crypto_core_ed25519_is_valid_point

from coname.core import signatures
from coname.core.signatures_2017 import verify_2017
from coname.errors import ProofInvalid

if TYPE_CHECKING:
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

MAX_NOTES = 20
"""How many things that could not be decided are told."""

MAX_PAIRS = 100_000
"""How many pairs of entries are compared: an honest bundle has one or two."""

MAX_SIGNATURES = 500_000
"""How many signatures are verified, at some 60 µs each."""

MAX_SLOW_SIGNATURES = 2_000
"""How many of them by the algorithm of 2017, at some milliseconds each: nobody makes such signatures by accident."""


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


class Budget:
    """Verifies signatures, but not without end."""

    def __init__(self) -> None:
        self._left = MAX_SIGNATURES
        self._slow_left = MAX_SLOW_SIGNATURES

    def verify_signer(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether a signer's signature is good, as leniently as the programs of 2017 that act on it: nobody shall
        escape by a strange signature. By a key of small order anybody can make one: it convicts nobody.

        :raises ProofInvalid: too many have been asked for.
        """
        if self._strict(public_key, message, signature):
            return True
        if len(public_key) != signatures.PUBLIC_KEY_SIZE:
            return False
        return crypto_core_ed25519_is_valid_point(public_key) and self._slow(public_key, message, signature)

    def verify_owner(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether an owner's signature is good, as leniently as any keyserver takes it: nobody is to be accused of
        having taken it.

        :raises ProofInvalid: too many have been asked for.
        """
        return self._strict(public_key, message, signature) or self._slow(public_key, message, signature)

    def _strict(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        self._left -= 1
        if self._left < 0:
            raise TooMuch(f"it holds more signatures than are looked at ({MAX_SIGNATURES})")
        return signatures.verify(public_key, message, signature)

    def _slow(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        self._slow_left -= 1
        if self._slow_left < 0:
            raise TooMuch(f"it holds more strange signatures than are looked at ({MAX_SLOW_SIGNATURES})")
        return verify_2017(public_key, message, signature)
