"""What a hostile keyserver may try on the private index: forged, malleable, small-order and non-canonical proofs."""

from __future__ import annotations

from hashlib import sha512
from typing import Any

from nacl import bindings
from twisted.trial.unittest import SynchronousTestCase

from coname.core.hashes import shake
from coname.core.vrf import RFC9381, VRF_2017, VrfSuite, legacy2017, points, rfc9381
from coname.errors import ProofInvalid
from tests.core.cases import each, each_vector

USER = b"alice@example.com"

SMALL_ORDER = {
    "order 1": "0100000000000000000000000000000000000000000000000000000000000000",
    "order 2": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "order 4": "0000000000000000000000000000000000000000000000000000000000000000",
    "order 4 negative": "0000000000000000000000000000000000000000000000000000000000000080",
    "order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "order 8 negative": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "order 8 other": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "order 8 other negative": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}
NOT_CANONICAL = {
    "0 with a sign": "0100000000000000000000000000000000000000000000000000000000000080",
    "-1 with a sign": "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "p": "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "p + 1": "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "2^255 - 1": "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}
NOT_A_POINT = {"2": "0200000000000000000000000000000000000000000000000000000000000000"}
BAD_POINTS = [*SMALL_ORDER.items(), *NOT_CANONICAL.items(), *NOT_A_POINT.items()]


def _refused(test: SynchronousTestCase, suite: VrfSuite, public: bytes, index: bytes, proof: bytes) -> str:
    return str(test.assertRaises(ProofInvalid, suite.verify, public, USER, index, proof))


@each_vector("vrf_2017_forged", lambda content: content["must_be_rejected"])
class Forged(SynchronousTestCase):
    """The vectors' three proofs of other indices for one user."""

    def check(self, case: dict[str, Any]) -> None:
        public, user = bytes.fromhex(case["pk"]), case["user"].encode()
        index, proof = bytes.fromhex(case["index"]), bytes.fromhex(case["proof"])
        # The 2017 suite cannot tell. This is why it is not trustworthy; see its file.
        VRF_2017.verify(public, user, index, proof)
        self.assertFalse(VRF_2017.trustworthy)
        # The RFC's refuses it, whichever 80 bytes of it are taken.
        for cut in (proof, proof[:80], proof[16:], proof[64:] + proof[:16] + proof[32:64]):
            self.assertRaises(ProofInvalid, RFC9381.verify, public, user, index, cut)


class ForgingAgain(SynchronousTestCase):
    """The attack of those vectors, carried out here with either suite's own challenge.

    Choose the challenge's two points, take the challenge c, and solve for the point that the index is made of.
    """

    def setUp(self) -> None:
        self.a, self.b = (points.reduce(sha512(word).digest()) for word in (b"a", b"b"))

    def _solve(self, c: bytes, t: bytes, p: bytes) -> bytes:
        """The point I for which c·I + t·P is b·P."""
        inverse = bindings.crypto_core_ed25519_scalar_invert(c)
        return points.multiply(points.multiply_add(inverse, points.subtract_product(self.b, t, _ONE), bytes(32)), p)

    def test_the_2017_suite_falls(self) -> None:
        secret = VRF_2017.generate()
        x, _, public = legacy2017._keys(secret)
        p = legacy2017._point(USER)
        c = legacy2017._challenge(points.multiply_base(self.a), points.multiply(self.b, p), USER)
        t = points.subtract_product(self.a, c, x)
        i = self._solve(c, t, p)
        forged = shake(i + USER, 32)
        VRF_2017.verify(public, USER, forged, c + t + i)
        self.assertNotEqual(forged, VRF_2017.prove(secret, USER)[0])

    def test_the_rfc_suite_does_not(self) -> None:
        """Its challenge covers Gamma, which here can only be solved for after the challenge is known."""
        secret = RFC9381.generate()
        x, _, public = rfc9381._keys(secret)
        h = rfc9381._encode_to_curve(public, USER)
        guess = points.multiply(self.b, h)
        c = rfc9381._challenge(public, h, guess, points.multiply_base(self.a), points.multiply(self.b, h))
        s = points.multiply_add(c + bytes(16), x, self.a)
        wide = c + bytes(16)
        gamma = self._solve(points.subtract_product(bytes(32), wide, _ONE), s, h)
        for point in (guess, gamma):
            self.assertRaises(ProofInvalid, RFC9381.verify, public, USER, rfc9381._index(point), point + c + s)


_ONE = (1).to_bytes(32, "little")


@each(BAD_POINTS, lambda case: case[0])
class BadPoints(SynchronousTestCase):
    """Points of small order, in non-canonical encodings, and none at all; in either place, under either suite."""

    def check(self, case: tuple[str, str]) -> None:
        bad = bytes.fromhex(case[1])
        for suite in (RFC9381, VRF_2017):
            secret = suite.generate()
            public = suite.public_key(secret)
            index, proof = suite.prove(secret, USER)
            _refused(self, suite, bad, index, proof)
        gamma_first = bad + RFC9381.prove(RFC9381.generate(), USER)[1][32:]
        _refused(self, RFC9381, public, index, gamma_first)
        _refused(self, VRF_2017, public, shake(bad + USER, 32), proof[:64] + bad)


@each([*SMALL_ORDER.items()][1:], lambda case: case[0])  # the first is neutral: adding it changes nothing
class OffThePrimeOrderGroup(SynchronousTestCase):
    """An honest point with a point of small order added to it, under a proof made for it."""

    def check(self, case: tuple[str, str]) -> None:
        torsion = bytes.fromhex(case[1])
        for suite in (RFC9381, VRF_2017):
            secret = suite.generate()
            public, (index, proof) = suite.public_key(secret), suite.prove(secret, USER)
            _refused(self, suite, points.add(public, torsion), index, proof)
        i = points.add(proof[64:], torsion)
        _refused(self, VRF_2017, public, shake(i + USER, 32), proof[:64] + i)
        secret = RFC9381.generate()
        index, proof = RFC9381.prove(secret, USER)
        _refused(self, RFC9381, RFC9381.public_key(secret), index, points.add(proof[:32], torsion) + proof[32:])


class Scalars(SynchronousTestCase):
    def _above(self, scalar: bytes) -> bytes:
        """The same scalar modulo the group's order, but not below it."""
        return (int.from_bytes(scalar, "little") + points.ORDER).to_bytes(32, "little")

    def test_s_at_or_above_the_order_in_the_rfc_suite(self) -> None:
        secret = RFC9381.generate()
        index, proof = RFC9381.prove(secret, USER)
        malleable = proof[:48] + self._above(proof[48:])
        self.assertIn("order", _refused(self, RFC9381, RFC9381.public_key(secret), index, malleable))

    def test_t_or_c_at_or_above_the_order_in_the_2017_suite(self) -> None:
        secret = VRF_2017.generate()
        index, proof = VRF_2017.prove(secret, USER)
        c, t, i = proof[:32], proof[32:64], proof[64:]
        for malleable in (c + self._above(t) + i, self._above(c) + t + i):
            self.assertIn("order", _refused(self, VRF_2017, VRF_2017.public_key(secret), index, malleable))

    def test_zero_scalars(self) -> None:
        for suite in (RFC9381, VRF_2017):
            secret = suite.generate()
            index, proof = suite.prove(secret, USER)
            for start, end in ((0, 32), (32, 48), (32, 64), (48, 80), (0, 64), (32, 80)):
                zeroed = proof[:start] + bytes(end - start) + proof[end:]
                _refused(self, suite, suite.public_key(secret), index, zeroed)

    def test_the_order_itself_is_not_reduced(self) -> None:
        self.assertFalse(points.is_reduced(points.ORDER.to_bytes(32, "little")))
        self.assertTrue(points.is_reduced((points.ORDER - 1).to_bytes(32, "little")))


@each(BAD_POINTS, lambda case: case[0])
class Canonical(SynchronousTestCase):
    """RFC 8032's form, which try-and-increment must ask for: libsodium's addition alone reads more."""

    def check(self, case: tuple[str, str]) -> None:
        name, encoding = case
        self.assertEqual(points.is_canonical(bytes.fromhex(encoding)), name not in NOT_CANONICAL)
