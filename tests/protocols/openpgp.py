"""OpenPGP keys of the tests' own."""

from __future__ import annotations

import pysequoia


def secret_key(address: str) -> bytes:
    """A new key with its secrets."""
    return bytes(pysequoia.Tsk.generate(f"<{address}>"))


def certificate(address: str) -> bytes:
    """A new certificate."""
    return bytes(pysequoia.Tsk.generate(f"<{address}>").extract_certificate())


def has_secrets(key: bytes) -> bool:
    """Whether `key` holds secret key material."""
    return str(pysequoia.Tsk.from_bytes(key)).startswith("-----BEGIN PGP PRIVATE KEY BLOCK-----")
