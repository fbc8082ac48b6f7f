"""What a browser or a client carries for the replicas, so that none of them has to remember it.

A login may begin at one replica and come back to another, through a balancer. So what is to be known at its end goes
with the browser, in a cookie that only the replicas can read and make: their key comes from the secret that all of them
have.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_secretbox, crypto_secretbox_open
from nacl.bindings.crypto_secretbox import crypto_secretbox_NONCEBYTES as NONCE_SIZE
from nacl.exceptions import CryptoError

COOKIE_KEY, VOUCHER_KEY = "login cookies", "addresses beside ID tokens"
"""What keys are for: what is made with one is worth nothing under the other."""

KEY_SIZE = 32
LONGEST_SEALED = 3000
"""Characters: a browser keeps 4096 of a cookie, with its name and attributes."""


def derived_key(secret: bytes, realm: str, purpose: str) -> bytes:
    """The key for one `purpose`, from a `secret` that all replicas of `realm` have (RFC 5869)."""
    info = f"coname {purpose}\0{realm}".encode()
    return HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=None, info=info).derive(secret)


def seal(key: bytes, content: dict[str, Any]) -> str:
    """`content`, for nobody but the holders of `key`; of characters that a cookie and an address may have."""
    nonce = secrets.token_bytes(NONCE_SIZE)
    box = crypto_secretbox(json.dumps(content, separators=(",", ":")).encode(), nonce, key)
    return encoded(nonce + box)


def unseal(key: bytes, sealed: str) -> dict[str, Any] | None:
    """What was sealed with `key`; None if nothing was."""
    if len(sealed) > LONGEST_SEALED:
        return None
    try:
        data = decoded(sealed)
        content = json.loads(crypto_secretbox_open(data[NONCE_SIZE:], data[:NONCE_SIZE], key))
    except (CryptoError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def mark(key: bytes, *parts: bytes) -> bytes:
    """What only a holder of `key` can have made for these `parts`: 32 bytes."""
    return hmac.digest(key, b"".join(len(part).to_bytes(8, "big") + part for part in parts), sha256)


def encoded(data: bytes) -> str:
    """Base64 for addresses, without padding (RFC 4648, section 5)."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """The opposite.

    :raises ValueError: it is not that.
    """
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
