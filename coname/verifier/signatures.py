"""Signatures that were checked ahead, and are remembered until their step is taken.

Checking a signature is half of a step's work, and the only half that can be done ahead. In another *process*, that is:
libsodium lets other threads run meanwhile, but for so short a time that handing over costs them what they gain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core.signatures import Verify
from coname.core.signatures_2017 import verify_2017
from coname.messages.client_pb2 import Entry
from coname.messages.verification_pb2 import VerifierStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KEPT_BYTES = 64 << 20
"""Bound of what is remembered: about 100,000 signatures on ordinary entries, twenty batches ahead."""

_OVERHEAD = 400  # of a tuple, its parts' headers and a dictionary's place

Signature = tuple[bytes, bytes, bytes]
"""Public key, message, signature."""


class RememberedSignatures:
    """A `Verify` that remembers which signatures were good. Only a cache: the result is the same without it.

    Several threads may use it at once: each step is one operation on a dictionary, and a lost race only forgets.
    """

    def __init__(self, check: Verify = verify_2017) -> None:
        self._check = check
        self._bytes = 0
        self._good: dict[Signature, None] = {}

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """As `verify_2017`."""
        return (public_key, message, signature) in self._good or self._check(public_key, message, signature)

    def remember(self, good: Iterable[Signature]) -> None:
        """Remember signatures that were found good."""
        for key in good:
            self._bytes += len(key[1]) + _OVERHEAD
            if self._bytes > KEPT_BYTES:
                self._good = {}
                self._bytes = len(key[1]) + _OVERHEAD
            self._good[key] = None


def good_signatures(steps: Sequence[bytes]) -> list[Signature]:
    """The good ones among the signatures by an entry's own keys, in encoded steps. What is no update is passed over.

    It depends on nothing else: another process can do it (see `coname.verifier.replay.Replay.remember`).
    """
    return [signature for step in steps for signature in _signatures(step) if verify_2017(*signature)]


def _signatures(step: bytes) -> list[Signature]:
    try:
        update = VerifierStep.FromString(step).Update
        keys = Entry.FromString(update.new_entry).update_policy.public_keys
    except DecodeError:
        return []
    message = update.new_entry
    return [(keys[signer].ed25519, message, signed) for signer, signed in update.signatures.items() if signer in keys]
