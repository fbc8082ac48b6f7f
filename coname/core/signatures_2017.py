"""Ed25519 signatures as the Go programs of 2017 judge them, for whoever follows one of their keyservers.

libsodium refuses some signatures that those programs take: with an S of the group's order or more, by keys of small
order, by keys that are not encoded canonically. An owner may hold such a key. A verifier that refused what its
keyserver rightly took in would stop its realm, and worse, accuse somebody.

Rules of this file:

* What libsodium takes is good: that is the common case, and its cost is libsodium's.
* Only where it says no, and the form is one on which the two can differ (`may_differ`), the Go algorithm decides
  (agl/ed25519, golang.org/x/crypto before S was checked): the top three bits of S are clear; the key decodes, its y
  reduced modulo the prime and a sign allowed where x is 0; and the encoding of S·B - h·A is R, byte for byte, with h
  reduced modulo the group's order and no cofactor. An ordinary bad signature costs no more than libsodium's answer.
* Everything here is public: plain integers, no constant time.
* It never raises. A malformed signature or key is a bad one.
"""

from __future__ import annotations

from hashlib import sha512

from coname.core.signatures import PUBLIC_KEY_SIZE, SIGNATURE_SIZE, verify
from coname.core.vrf.points import FIELD as _P
from coname.core.vrf.points import ORDER as _L

_D = -121665 * pow(121666, -1, _P) % _P
_D2 = 2 * _D % _P
_SQRT_M1 = pow(2, (_P - 1) // 4, _P)
_Y_BITS = (1 << 255) - 1

_Point = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T: x = X/Z, y = Y/Z, x·y = T/Z."""

_NEUTRAL: _Point = (0, 1, 1, 0)

_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset((0, 1, _P - 1, _ORDER_8, _P - _ORDER_8))
"""The y of all eight points whose order divides 8."""


def verify_2017(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is one by `public_key` (32 bytes) over `message`, to a program of 2017.

    It costs what `coname.core.signatures.verify` does, unless that says no to a form of which `may_differ`: then
    another 3 ms or so on a machine of today, for at most one decoding, 256 doublings and 256 additions of a point,
    and one hash of `message`. Callers who take signatures from strangers bound how many of those they check.
    """
    if verify(public_key, message, signature):
        return True
    return may_differ(public_key, signature) and _go(public_key, message, signature)


class Lenient:
    """`verify_2017`, but the slow part of it only so often: for what strangers have signed.

    :param most: how many signatures of strange form are looked at; those after them count as bad.
    :ivar refused: how many were not looked at.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self.refused = 0

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """As `verify_2017`."""
        if verify(public_key, message, signature):
            return True
        if not may_differ(public_key, signature):
            return False
        if not self._left:
            self.refused += 1
            return False
        self._left -= 1
        return _go(public_key, message, signature)


def may_differ(public_key: bytes, signature: bytes) -> bool:
    """Whether a Go program may take this signature though libsodium does not: S is of the group's order or more, or
    the key is of small order or not canonical, or R is of small order. Nobody makes such by accident."""
    if len(public_key) != PUBLIC_KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    key, r = int.from_bytes(public_key, "little") & _Y_BITS, int.from_bytes(signature[:32], "little") & _Y_BITS
    return int.from_bytes(signature[32:], "little") >= _L or key >= _P or key in _SMALL_ORDER or r in _SMALL_ORDER


def _go(public_key: bytes, message: bytes, signature: bytes) -> bool:
    if len(public_key) != PUBLIC_KEY_SIZE or len(signature) != SIGNATURE_SIZE or signature[63] & 0b11100000:
        return False
    key = _decode(public_key)
    if key is None:
        return False
    digest = sha512(signature[:32] + public_key + message).digest()
    h = int.from_bytes(digest, "little") % _L
    s = int.from_bytes(signature[32:], "little")
    x, y, z, t = key
    return _encode(_combine(s, _BASE, h, (_P - x, y, z, _P - t))) == signature[:32]


def _decode(encoding: bytes) -> _Point | None:
    """The point that 32 bytes stand for to the Go programs, or None: none on the curve has that y."""
    number = int.from_bytes(encoding, "little")
    y = (number & _Y_BITS) % _P
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if (v * x * x - u) % _P:
        if (v * x * x + u) % _P:
            return None
        x = x * _SQRT_M1 % _P
    if x & 1 != number >> 255:
        x = -x % _P  # 0 stays 0, whatever its sign was to be
    return x, y, 1, x * y % _P


def _encode(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    return (y * inverse % _P | (x * inverse % _P & 1) << 255).to_bytes(32, "little")


def _add(p: _Point, q: _Point) -> _Point:
    """The sum of any two points: the formula has no exceptions on this curve."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = p[3] * _D2 * q[3] % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(p: _Point) -> _Point:
    a, b = p[0] * p[0] % _P, p[1] * p[1] % _P
    h = a + b
    e = h - (p[0] + p[1]) ** 2 % _P
    g = a - b
    f = 2 * p[2] * p[2] % _P + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _combine(m: int, p: _Point, n: int, q: _Point) -> _Point:
    """m·p + n·q, for numbers below 2^256: both from their highest bits down, in one pass."""
    table = (_NEUTRAL, p, q, _add(p, q))
    found = _NEUTRAL
    for place in range(max(m.bit_length(), n.bit_length()) - 1, -1, -1):
        found = _double(found)
        which = (m >> place & 1) | (n >> place & 1) << 1
        if which:
            found = _add(found, table[which])
    return found


_BASE = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little")) or _NEUTRAL
