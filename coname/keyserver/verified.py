"""Signatures that this process has found valid, so that applying an update need not check again what admission did."""

from __future__ import annotations

from coname.core.signatures import Verify, verify

_KEPT = 20_000  # as many updates as may be waiting at once; about 10 MB


class RememberedSignatures:
    """A `Verify` that remembers which signatures were valid. Only a cache: the result is the same without it."""

    def __init__(self, check: Verify = verify) -> None:
        self._check = check
        self._valid: dict[tuple[bytes, bytes, bytes], None] = {}

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        key = (public_key, message, signature)
        if key in self._valid:
            return True
        if not self._check(public_key, message, signature):
            return False
        if len(self._valid) >= _KEPT:
            self._valid.clear()
        self._valid[key] = None
        return True
