"""Signatures that this process has found valid, so that applying an update need not check again what admission did."""

from __future__ import annotations

from coname.core.signatures import Verify, verify

_KEPT_BYTES = 16 << 20  # room for the updates that wait at once, unless they are all very large
_OVERHEAD = 400  # of a tuple and a dictionary's place


class RememberedSignatures:
    """A `Verify` that remembers which signatures were valid. Only a cache: the result is the same without it."""

    def __init__(self, check: Verify = verify) -> None:
        self._check = check
        self._bytes = 0
        self._valid: dict[tuple[bytes, bytes, bytes], None] = {}

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        key = (public_key, message, signature)
        if key in self._valid:
            return True
        if not self._check(public_key, message, signature):
            return False
        self._bytes += len(message) + _OVERHEAD
        if self._bytes > _KEPT_BYTES:
            self._valid.clear()
            self._bytes = len(message) + _OVERHEAD
        self._valid[key] = None
        return True
