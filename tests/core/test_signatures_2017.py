"""Signatures as the Go programs of 2017 judge them: what libsodium takes, and the strange ones that only those take."""

from __future__ import annotations

from hashlib import sha512

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import signatures_2017
from coname.core.signatures import verify
from coname.core.signatures_2017 import _go, may_differ, verify_2017
from coname.core.vrf.points import FIELD, ORDER
from tests.core.cases import each
from tests.core.honest import key

KEY = key("owner")
MESSAGE = b"what was signed"
SIGNATURE = KEY.sign(MESSAGE)

ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
"""A point of order 8."""

SMALL = {
    "order 1": b"\1" + bytes(31),
    "order 1, with a sign that x = 0 cannot have": b"\1" + bytes(30) + b"\x80",
    "order 2": (FIELD - 1).to_bytes(32, "little"),
    "order 2, with a sign that x = 0 cannot have": (FIELD - 1 | 1 << 255).to_bytes(32, "little"),
    "order 4": bytes(32),
    "order 4, negative": bytes(31) + b"\x80",
    "order 4, with y = p": FIELD.to_bytes(32, "little"),
    "order 1, with y = p + 1": (FIELD + 1).to_bytes(32, "little"),
    "order 8": ORDER_8,
}
"""Keys that libsodium refuses, and the Go programs read."""


def changed(data: bytes, place: int) -> bytes:
    """`data` with one bit changed."""
    flipped = bytearray(data)
    flipped[place // 8] ^= 1 << place % 8
    return bytes(flipped)


def larger(signature: bytes, times: int) -> bytes:
    """The same signature with S larger by so many times the group's order."""
    s = int.from_bytes(signature[32:], "little") + times * ORDER
    return signature[:32] + s.to_bytes(32, "little")


def forged(public: bytes, s: int = 5) -> tuple[bytes, bytes]:
    """A message and a signature on it under a key of small order: R = S·B, where the hash makes h·A vanish."""
    base = signatures_2017._BASE
    r = signatures_2017._encode(signatures_2017._combine(s, base, 0, base))
    for number in range(1000):
        message = b"%d" % number
        h = int.from_bytes(sha512(r + public + message).digest(), "little") % ORDER
        if h % 8 == 0:
            return message, r + s.to_bytes(32, "little")
    raise AssertionError("no message found")


class Agreement(SynchronousTestCase):
    """With libsodium, where nothing is strange."""

    def test_a_good_signature(self) -> None:
        self.assertTrue(verify_2017(KEY.public, MESSAGE, SIGNATURE))

    def test_the_go_algorithm_itself_takes_good_signatures(self) -> None:
        for number in range(30):
            signer, message = key(f"signer {number}"), bytes([number]) * number
            self.assertTrue(_go(signer.public, message, signer.sign(message)))

    def test_no_single_bit_of_the_signature_can_change(self) -> None:
        for place in range(512):
            self.assertFalse(verify_2017(KEY.public, MESSAGE, changed(SIGNATURE, place)), place)

    def test_no_single_bit_of_the_message_can_change(self) -> None:
        for place in range(8 * len(MESSAGE)):
            self.assertFalse(verify_2017(KEY.public, changed(MESSAGE, place), SIGNATURE), place)

    def test_no_single_bit_of_the_key_can_change(self) -> None:
        for place in range(256):
            self.assertFalse(verify_2017(changed(KEY.public, place), MESSAGE, SIGNATURE), place)

    @settings(derandomize=True, max_examples=60, deadline=None)
    @given(st.binary(max_size=40), st.binary(max_size=70), st.binary(max_size=70))
    def test_it_never_raises(self, public: bytes, message: bytes, signature: bytes) -> None:
        self.assertIsInstance(verify_2017(public, message, signature), bool)


class Lengths(SynchronousTestCase):
    def test_of_the_key(self) -> None:
        for public in (b"", KEY.public[:31], KEY.public + b"\0"):
            self.assertFalse(verify_2017(public, MESSAGE, SIGNATURE))

    def test_of_the_signature(self) -> None:
        for signature in (b"", SIGNATURE[:63], SIGNATURE + b"\0"):
            self.assertFalse(verify_2017(KEY.public, MESSAGE, signature))


class LargeS(SynchronousTestCase):
    """S is not reduced: the Go programs look at its top three bits only."""

    def test_s_plus_the_order_is_taken(self) -> None:
        self.assertFalse(verify(KEY.public, MESSAGE, larger(SIGNATURE, 1)))
        self.assertEqual(larger(SIGNATURE, 1)[63] & 0xE0, 0)
        self.assertTrue(verify_2017(KEY.public, MESSAGE, larger(SIGNATURE, 1)))

    def test_s_with_a_top_bit_is_refused(self) -> None:
        for times in (2, 4, 8):
            signature = larger(SIGNATURE, times)
            self.assertNotEqual(signature[63] & 0xE0, 0)
            self.assertFalse(verify_2017(KEY.public, MESSAGE, signature))

    def test_it_must_still_be_a_signature(self) -> None:
        self.assertFalse(verify_2017(KEY.public, MESSAGE + b"!", larger(SIGNATURE, 1)))


@each(sorted(SMALL), str)
class SmallOrder(SynchronousTestCase):
    """Keys for which anybody can make signatures; the Go programs know no better."""

    def check(self, name: str) -> None:
        message, signature = forged(SMALL[name])
        self.assertFalse(verify(SMALL[name], message, signature))
        self.assertTrue(verify_2017(SMALL[name], message, signature))


class WithoutCofactor(SynchronousTestCase):
    def test_a_small_part_of_the_key_counts(self) -> None:
        """Multiplied by 8, the equation would hold for every message; as the Go programs have it, it does not."""
        message, signature = forged(ORDER_8)
        bad = 0
        for number in range(16):
            bad += not verify_2017(ORDER_8, message + bytes([number]), signature)
        self.assertGreater(bad, 0)

    def test_a_key_that_is_on_no_curve(self) -> None:
        self.assertFalse(verify_2017(b"\2" + bytes(31), MESSAGE, SIGNATURE))

    def test_an_r_that_is_not_canonical_is_refused(self) -> None:
        """R is compared as bytes with what the Go programs would encode, which is canonical."""
        neutral = b"\1" + bytes(31)
        self.assertTrue(verify_2017(neutral, MESSAGE, neutral + bytes(32)))
        strange = (FIELD + 1).to_bytes(32, "little")
        self.assertFalse(verify_2017(neutral, MESSAGE, strange + bytes(32)))


class Cost(SynchronousTestCase):
    """The slow algorithm is for strange forms only."""

    def setUp(self) -> None:
        self.asked = 0
        self.patch(signatures_2017, "_go", self.go)

    def go(self, *arguments: bytes) -> bool:
        self.asked += 1
        return _go(*arguments)

    def test_ordinary_bad_signatures_are_not_looked_at_again(self) -> None:
        for signature in (SIGNATURE[:32] + bytes(31) + b"\x0f", changed(SIGNATURE, 300), b"", bytes(63)):
            self.assertFalse(verify_2017(KEY.public, MESSAGE, signature))
        self.assertFalse(verify_2017(KEY.public, MESSAGE + b"!", SIGNATURE))
        self.assertEqual(self.asked, 0)

    def test_strange_ones_are(self) -> None:
        self.assertTrue(verify_2017(KEY.public, MESSAGE, larger(SIGNATURE, 1)))
        self.assertEqual(self.asked, 1)

    def test_the_list_of_small_orders_is_whole(self) -> None:
        points = [signatures_2017._decode(y.to_bytes(32, "little")) for y in signatures_2017._SMALL_ORDER]
        for point in points:
            assert point is not None
            eight = signatures_2017._double(signatures_2017._double(signatures_2017._double(point)))
            self.assertEqual(signatures_2017._encode(eight), b"\1" + bytes(31))
        # y = 1 and y = -1 are of one point each, the others of two: with x and with -x
        self.assertEqual(2 * len(points) - 2, 8)

    def test_an_r_of_small_order_is_strange(self) -> None:
        self.assertTrue(may_differ(KEY.public, ORDER_8 + bytes(32)))
        self.assertFalse(may_differ(KEY.public, SIGNATURE))
