"""ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381, section 5.5, suite 0x03): the suite of every new realm.

The index of a user id is the first 32 bytes of the VRF's output beta; the index proof is pi: Gamma (32) ‖ c (16) ‖ s
(32).

Rules of this file:

* The names are those of RFC 9381: Y the public key, H the user id's point, Gamma, U, V, c, s, k.
* Verification includes the RFC's check of the public key (validate_key), and is stricter: Y and Gamma must be in the
  prime-order group, where every honest one is, since libsodium multiplies no other points. So Gamma is the only one
  that can be proven for a user id and a key, not merely the only one up to a point of small order.
* A secret is 32 bytes, the seed; the form seed ‖ public key is read too, and only if the two belong together. Proving
  with another public key than the seed's would give the secret away.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from hashlib import sha512
from typing import NamedTuple

from coname.core.types import Index
from coname.core.vrf import points
from coname.core.vrf.suites import INDEX_SIZE, PUBLIC_KEY_SIZE, STEP, VrfSuite
from coname.errors import ProofInvalid

SEED_SIZE = 32
_CHALLENGE_SIZE = 16
_ZEROS = bytes(points.SIZE - _CHALLENGE_SIZE)

_IDENTITY = b"\x01" + bytes(31)
"""The encoding of the group's neutral element."""

_SUITE = b"\x03"
_ENCODE_TO_CURVE = _SUITE + b"\x01"
_CHALLENGE = _SUITE + b"\x02"
_OUTPUT = _SUITE + b"\x03"
_END = b"\x00"


class _Keys(NamedTuple):
    """A secret, taken apart: the scalar x, the nonce key, and the public key Y."""

    x: bytes
    nonce_key: bytes
    public: bytes


@lru_cache(maxsize=4)  # a process has one secret; this saves a tenth of each proof
def _keys(secret: bytes) -> _Keys:
    if len(secret) not in (SEED_SIZE, SEED_SIZE + PUBLIC_KEY_SIZE):
        raise ValueError(f"a VRF secret is {SEED_SIZE} bytes, or 64 with its public key; this has {len(secret)}")
    hashed = sha512(secret[:SEED_SIZE]).digest()
    x = points.clamp(hashed[:32])
    public = points.multiply_base(x)
    if secret[SEED_SIZE:] not in (b"", public):
        raise ValueError("the second half of the VRF secret is not the public key of its first half")
    return _Keys(x, hashed[32:], public)


def _encode_to_curve(public: bytes, user_id: bytes) -> bytes:
    """The point H of a user id: try and increment (section 5.4.1.1), salted with the public key."""
    start = sha512(_ENCODE_TO_CURVE + public + user_id)
    for counter in range(256):
        attempt = start.copy()
        attempt.update(bytes((counter,)) + _END)
        candidate = attempt.digest()[:32]
        try:
            point = points.times_eight(candidate)
        except points.PointError:
            continue
        if point != _IDENTITY and points.is_canonical(candidate):
            return point
    raise points.PointError("no point for this user id (chance: 1 in 2^256)")


def _challenge(*five_points: bytes) -> bytes:
    return sha512(_CHALLENGE + b"".join(five_points) + _END).digest()[:_CHALLENGE_SIZE]


def _index(gamma: bytes) -> Index:
    return Index(sha512(_OUTPUT + points.times_eight(gamma) + _END).digest()[:INDEX_SIZE])


class _Rfc9381:
    name = "rfc9381"
    trustworthy = True
    proof_size = 80
    secret_size = SEED_SIZE

    def generate(self) -> bytes:
        return secrets.token_bytes(SEED_SIZE)

    def public_key(self, secret: bytes) -> bytes:
        return _keys(secret).public

    def prove(self, secret: bytes, user_id: bytes) -> tuple[Index, bytes]:
        x, nonce_key, public = _keys(secret)
        h = _encode_to_curve(public, user_id)
        gamma = points.multiply(x, h)
        k = points.reduce(sha512(nonce_key + h).digest())
        c = _challenge(public, h, gamma, points.multiply_base(k), points.multiply(k, h))
        s = points.multiply_add(c + _ZEROS, x, k)
        return _index(gamma), gamma + c + s

    def verify(self, public: bytes, user_id: bytes, index: bytes, proof: bytes) -> None:
        points.check_size("the realm's VRF public key", public, PUBLIC_KEY_SIZE)
        points.check_size("the index", index, INDEX_SIZE)
        points.check_size("the index proof", proof, self.proof_size)
        gamma, c, s = proof[:32], proof[32:48], proof[48:]
        if not points.is_reduced(s):
            raise ProofInvalid(STEP, "the index proof's scalar s is not below the group's order")
        try:
            h = _encode_to_curve(public, user_id)
            u = points.subtract(points.multiply_base(s), points.multiply(c + _ZEROS, public))
            v = points.subtract(points.multiply(s, h), points.multiply(c + _ZEROS, gamma))
        except points.PointError as error:
            raise ProofInvalid(STEP, f"the index proof or the VRF public key is malformed: {error}") from error
        if _challenge(public, h, gamma, u, v) != c:
            raise ProofInvalid(STEP, "the index proof does not verify under the realm's VRF public key")
        expected = _index(gamma)
        if index != expected:
            raise ProofInvalid(STEP, f"the index is {index.hex()}, but its proof is for {expected.hex()}")


RFC9381: VrfSuite = _Rfc9381()
"""ECVRF-EDWARDS25519-SHA512-TAI."""
