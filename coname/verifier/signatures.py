"""Signatures that were checked ahead, in other threads, and are remembered until their step is taken."""

from __future__ import annotations

from coname.core.signatures import Verify
from coname.core.signatures_2017 import verify_2017

KEPT_BYTES = 64 << 20
"""Bound of what is remembered: about 100,000 signatures on ordinary entries, twenty batches ahead."""

_OVERHEAD = 400  # of a tuple, its parts' headers and a dictionary's place


class RememberedSignatures:
    """A `Verify` that remembers which signatures were good. Only a cache: the result is the same without it.

    Several threads may use it at once: each step is one operation on a dictionary, and a lost race only forgets.
    """

    def __init__(self, check: Verify = verify_2017) -> None:
        self._check = check
        self._bytes = 0
        self._good: dict[tuple[bytes, bytes, bytes], None] = {}

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """As `verify_2017`."""
        return (public_key, message, signature) in self._good or self._check(public_key, message, signature)

    def ahead(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """Check a signature now, and remember it if it is good."""
        key = (public_key, message, signature)
        if key in self._good or not self._check(public_key, message, signature):
            return
        self._bytes += len(message) + _OVERHEAD
        if self._bytes > KEPT_BYTES:
            self._good = {}
            self._bytes = len(message) + _OVERHEAD
        self._good[key] = None
