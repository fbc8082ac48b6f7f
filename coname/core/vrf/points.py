"""Arithmetic on edwards25519 for the VRFs, by libsodium.

Rules of this file:

* A point is its 32-byte encoding, a scalar is 32 bytes little-endian. Lengths are checked here, before C sees them.
* libsodium's multiplication refuses a point that is not encoded canonically, is of small order, or lies outside the
  prime-order group. The suites rely on it: what they multiply needs no other check. It also refuses the scalar 0.
* libsodium's addition checks only that a point is on the curve, and reads encodings that RFC 8032 calls invalid;
  where that matters, ask `is_canonical` first.
* Secret scalars go through libsodium's constant-time functions, never through Python's integers.
"""

from __future__ import annotations

from nacl import bindings
from nacl.exceptions import CryptoError

from coname.core.vrf.suites import STEP
from coname.errors import ProofInvalid

SIZE = 32
"""Of an encoded point, and of a scalar, in bytes."""

FIELD = 2**255 - 19
"""The prime over which the curve is defined."""

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of the prime-order group, L or q."""


class PointError(ValueError):
    """Bytes that are not a point, or not one that may be multiplied."""


def is_canonical(encoding: bytes) -> bool:
    """Whether the form of `encoding` (32 bytes) satisfies RFC 8032: y below the prime, and no sign where x is 0."""
    number = int.from_bytes(encoding, "little")
    y = number & (2**255 - 1)
    return y < FIELD and not (y != number and y in (1, FIELD - 1))


def is_reduced(scalar: bytes) -> bool:
    """Whether a scalar is below the group's order. For public scalars only: the time taken depends on it."""
    return int.from_bytes(scalar, "little") < ORDER


def reduce(wide: bytes) -> bytes:
    """A number of 64 bytes, little-endian, as a scalar: modulo the group's order."""
    return bindings.crypto_core_ed25519_scalar_reduce(wide)


def multiply_add(a: bytes, b: bytes, c: bytes) -> bytes:
    """The scalar a·b + c, modulo the group's order; in constant time."""
    return bindings.crypto_core_ed25519_scalar_add(bindings.crypto_core_ed25519_scalar_mul(a, b), c)


def subtract_product(a: bytes, b: bytes, c: bytes) -> bytes:
    """The scalar a - b·c, modulo the group's order; in constant time."""
    return bindings.crypto_core_ed25519_scalar_sub(a, bindings.crypto_core_ed25519_scalar_mul(b, c))


def add(p: bytes, q: bytes) -> bytes:
    """p + q.

    :raises PointError: one of them is not on the curve.
    """
    try:
        return bindings.crypto_core_ed25519_add(p, q)
    except CryptoError as error:
        raise PointError("not a point on the curve") from error


def subtract(p: bytes, q: bytes) -> bytes:
    """p - q.

    :raises PointError: one of them is not on the curve.
    """
    try:
        return bindings.crypto_core_ed25519_sub(p, q)
    except CryptoError as error:
        raise PointError("not a point on the curve") from error


def multiply(scalar: bytes, point: bytes) -> bytes:
    """scalar · point; in constant time.

    :raises PointError: the point is not a canonical encoding of a point, other than 0, of the prime-order group; or the
        scalar is 0.
    """
    try:
        return bindings.crypto_scalarmult_ed25519_noclamp(scalar, point)
    except CryptoError as error:
        raise PointError("not a point of the prime-order group") from error


def multiply_base(scalar: bytes) -> bytes:
    """scalar · B; in constant time.

    :raises PointError: the scalar is 0.
    """
    try:
        return bindings.crypto_scalarmult_ed25519_base_noclamp(scalar)
    except CryptoError as error:
        raise PointError("0 times the base point") from error


def times_eight(point: bytes) -> bytes:
    """8 · point, which is in the prime-order group whatever the point; three doublings, cheaper than a multiplication.

    :raises PointError: it is not on the curve.
    """
    twice = add(point, point)
    four_times = add(twice, twice)
    return add(four_times, four_times)


def clamp(half: bytes) -> bytes:
    """The secret scalar that Ed25519 makes of 32 hashed bytes (RFC 8032, section 5.1.5)."""
    return bytes((half[0] & 248,)) + half[1:31] + bytes((half[31] & 127 | 64,))


def check_size(what: str, value: bytes, size: int) -> None:
    """Check the length of something that came with a proof.

    :raises ProofInvalid: step "index": `value` does not have `size` bytes.
    """
    if len(value) != size:
        raise ProofInvalid(STEP, f"{what} has {len(value)} bytes, not {size}")
