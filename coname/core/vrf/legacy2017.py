"""The suite of 2017 (protocol section 4b), for realms that the original's clients must read. **It is broken.**

Whoever holds the secret can prove many different indices for one user id, because the challenge does not cover the
point I: choose the challenge's two points first, then solve for I. So a provider can show different people different
entries for one address, and no check of a proof can tell (`trustworthy` is False for that reason; whoever shows a
result that rests on this suite says so). It must be chosen explicitly, or is implied by an original's configuration
file.

Rules of this file:

* The names are the protocol's: x the secret scalar, k the nonce key, P the user id's point, I = x·P, and r, c, t. H
  is SHAKE256. A proof is c ‖ t ‖ I, 32 bytes each.
* Points that do not decode, that are encoded in another than the canonical way, or that are not in the prime-order
  group fail, as do wrong lengths and a t that is not below the group's order: no honest proof has any of these.
* A secret is 64 bytes, seed ‖ public key, and the two must belong together.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import NamedTuple

from nacl.bindings import crypto_core_ed25519_from_uniform

from coname.core.hashes import shake
from coname.core.types import Index
from coname.core.vrf import points
from coname.core.vrf.suites import INDEX_SIZE, PUBLIC_KEY_SIZE, STEP, VrfSuite
from coname.errors import ProofInvalid

SEED_SIZE = 32


class _Keys(NamedTuple):
    """A secret, taken apart: the scalar x, the nonce key k, and the public key."""

    x: bytes
    k: bytes
    public: bytes


def _expand(seed: bytes) -> _Keys:
    hashed = shake(seed, 64)
    x = points.clamp(hashed[:32])
    return _Keys(x, hashed[32:], points.multiply_base(x))


@lru_cache(maxsize=4)  # a process has one secret; this saves a tenth of each proof
def _keys(secret: bytes) -> _Keys:
    if len(secret) != SEED_SIZE + PUBLIC_KEY_SIZE:
        raise ValueError(f"a VRF secret of the 2017 suite is 64 bytes (seed and public key), not {len(secret)}")
    keys = _expand(secret[:SEED_SIZE])
    if secret[SEED_SIZE:] != keys.public:
        raise ValueError("the second half of the VRF secret is not the public key of its first half")
    return keys


def _point(user_id: bytes) -> bytes:
    """P: 8 times Elligator 2 of the user id's hash, which is what libsodium calls from_uniform."""
    return crypto_core_ed25519_from_uniform(shake(user_id, 32))


def _challenge(a: bytes, c: bytes, user_id: bytes) -> bytes:
    return points.reduce(shake(a + c + user_id, 64))


def _index(i: bytes, user_id: bytes) -> Index:
    return Index(shake(i + user_id, INDEX_SIZE))


class _Vrf2017:
    name = "2017"
    trustworthy = False
    proof_size = 96
    secret_size = SEED_SIZE + PUBLIC_KEY_SIZE

    def generate(self) -> bytes:
        seed = secrets.token_bytes(SEED_SIZE)
        return seed + _expand(seed).public

    def public_key(self, secret: bytes) -> bytes:
        return _keys(secret).public

    def prove(self, secret: bytes, user_id: bytes) -> tuple[Index, bytes]:
        x, k, public = _keys(secret)
        p = _point(user_id)
        i = points.multiply(x, p)
        r = points.reduce(shake(k + public + user_id, 64))
        c = _challenge(points.multiply_base(r), points.multiply(r, p), user_id)
        t = points.subtract_product(r, c, x)
        return _index(i, user_id), c + t + i

    def verify(self, public: bytes, user_id: bytes, index: bytes, proof: bytes) -> None:
        points.check_size("the realm's VRF public key", public, PUBLIC_KEY_SIZE)
        points.check_size("the index", index, INDEX_SIZE)
        points.check_size("the index proof", proof, self.proof_size)
        c, t, i = proof[:32], proof[32:64], proof[64:]
        expected = _index(i, user_id)
        if index != expected:
            raise ProofInvalid(STEP, f"the index is {index.hex()}, but its proof is for {expected.hex()}")
        if not (points.is_reduced(c) and points.is_reduced(t)):
            raise ProofInvalid(STEP, "a scalar of the index proof is not below the group's order")
        try:
            a = points.add(points.multiply(c, public), points.multiply_base(t))
            b = points.add(points.multiply(c, i), points.multiply(t, _point(user_id)))
        except points.PointError as error:
            raise ProofInvalid(STEP, f"the index proof or the VRF public key is malformed: {error}") from error
        if _challenge(a, b, user_id) != c:
            raise ProofInvalid(STEP, "the index proof does not verify under the realm's VRF public key")


VRF_2017: VrfSuite = _Vrf2017()
"""The original's own construction; broken, as its file says."""
