"""OpenPGP keys of the tests' own."""

from __future__ import annotations

import pysequoia

from coname.core.openpgp_framing import SIGNATURE, packets


def secret_key(address: str) -> bytes:
    """A new key with its secrets."""
    return bytes(pysequoia.Tsk.generate(f"<{address}>"))


def certificate(address: str) -> bytes:
    """A new certificate."""
    return bytes(pysequoia.Tsk.generate(f"<{address}>").extract_certificate())


def has_secrets(key: bytes) -> bool:
    """Whether `key` holds secret key material."""
    return str(pysequoia.Tsk.from_bytes(key)).startswith("-----BEGIN PGP PRIVATE KEY BLOCK-----")


def laborious(user_ids: int, signatures: int) -> bytes:
    """A certificate with many parts that nobody signed, and many signatures that are on none of them."""
    plain = certificate("mallory@example.com")
    ids = b"".join(bytes([0xC0 | 13, 4]) + number.to_bytes(4, "big") for number in range(user_ids))
    return plain + ids + _a_signature(plain) * signatures


def _a_signature(data: bytes) -> bytes:
    """The last packet of a certificate is one: a subkey's binding."""
    kind, size = list(packets(data))[-1]
    if kind != SIGNATURE:
        raise ValueError("the certificate ends otherwise")
    return data[-size - (2 if size < 192 else 3) :]
