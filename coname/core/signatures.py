"""Ed25519 signatures, by libsodium.

Rules of this file:

* `verify` is the one function that decides whether a signature is good: replicas, verifiers and clients all use it.
  Two libraries disagree on some strange signatures (S ≥ L, keys of small order, which libsodium refuses), and a
  server that accepts what a verifier refuses would stop its realm.
* `verify` answers False to anything malformed, and never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nacl.bindings import crypto_sign, crypto_sign_keypair, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from coname.core.hashes import key_id
from coname.messages.client_pb2 import PublicKey

if TYPE_CHECKING:
    from coname.core.types import KeyId

PUBLIC_KEY_SIZE = 32
SIGNATURE_SIZE = 64
SECRET_KEY_SIZE = 64
"""Seed ‖ public key, as in the original's ``.ed25519secret`` files."""

Verify = Callable[[bytes, bytes, bytes], bool]
"""The type of `verify`: (public key, message, signature) -> is it good."""


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is one by `public_key` (32 bytes) over `message`."""
    # The binding hands the key's address to C without asking for its length.
    if len(public_key) != PUBLIC_KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def public_key_message(public: bytes) -> PublicKey:
    """The PublicKey message for an Ed25519 key of 32 bytes."""
    return PublicKey(ed25519=public)


class SigningKey:
    """A secret Ed25519 key.

    :ivar public: the public key, 32 bytes.
    :ivar key_id: what signatures by it are filed under, by convention.
    """

    __slots__ = ("_secret", "key_id", "public")

    _secret: bytes
    public: bytes
    key_id: KeyId

    def __init__(self, secret: bytes, public: bytes) -> None:
        """Use `from_secret` or `generate`, which see to it that the two belong together."""
        self._secret = secret
        self.public = public
        self.key_id = key_id(public_key_message(public).SerializeToString())

    @classmethod
    def from_secret(cls, secret: bytes) -> SigningKey:
        """The key that a file of 64 bytes, seed ‖ public key, holds.

        :raises ValueError: it is not 64 bytes, or the public key is not the seed's (signing with such a pair would give
            the secret away).
        """
        if len(secret) != SECRET_KEY_SIZE:
            raise ValueError(
                f"a secret Ed25519 key is {SECRET_KEY_SIZE} bytes (seed and public key), not {len(secret)}"
            )
        public, whole = crypto_sign_seed_keypair(secret[:32])
        if whole != secret:
            raise ValueError("the second half of the secret Ed25519 key is not the public key of its first half")
        return cls(whole, public)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key from the system's randomness."""
        public, secret = crypto_sign_keypair()
        return cls(secret, public)

    @property
    def secret(self) -> bytes:
        """Seed ‖ public key, 64 bytes: what `from_secret` takes. Never to be logged or shown."""
        return self._secret

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`, 64 bytes; the same each time."""
        return crypto_sign(message, self._secret)[:SIGNATURE_SIZE]

    def __repr__(self) -> str:
        """Names the key by its id; the secret never shows."""
        return f"<SigningKey {self.key_id}>"
