"""What an OpenPGP certificate consists of, counted before it is parsed."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core.openpgp_framing import (
    COMPONENTS,
    COMPONENTS_TIMES_SIGNATURES,
    PUBLIC_KEY,
    PUBLIC_SUBKEY,
    SECRET_KEY,
    SECRET_SUBKEY,
    SIGNATURE,
    USER_ATTRIBUTE,
    USER_ID,
    Packet,
    binary,
    check,
    packets,
)
from coname.errors import InvalidRequest
from tests.core.cases import each


def packet(kind: int, size: int = 3) -> bytes:
    """A packet in the new format, with a length of five octets."""
    return bytes([0xC0 | kind, 255]) + size.to_bytes(4, "big") + bytes(size)


KEY, NAME, SIGNED = packet(PUBLIC_KEY), packet(USER_ID), packet(SIGNATURE)
CERTIFICATE = KEY + SIGNED + NAME + SIGNED + packet(USER_ATTRIBUTE) + packet(PUBLIC_SUBKEY) + SIGNED


def armour(data: bytes, headers: str = "Comment: x\n", checksum: str = "=AAAA\n") -> bytes:
    text = b64encode(data).decode()
    lines = "".join(f"{text[place : place + 64]}\n" for place in range(0, len(text), 64))
    block = "PGP PUBLIC KEY BLOCK-----"
    return f"-----BEGIN {block}\n{headers}\n{lines}{checksum}-----END {block}\n".encode()


@each(
    [
        (b"\x98\x05", 5),  # the old format, one octet
        (b"\x99\x01\x00", 256),
        (b"\x9a\x00\x01\x00\x00", 65536),
        (b"\xc6\x00", 0),
        (b"\xc6\xbf", 191),
        (b"\xc6\xc0\x00", 192),  # RFC 9580, section 4.2.1.2
        (b"\xc6\xc5\xfb", 1723),  # its example, section 4.2.1.5
        (b"\xc6\xdf\xff", 8383),
        (b"\xc6\xff\x00\x01\x86\xa0", 100000),  # its example
    ],
    str,
)
class Lengths(SynchronousTestCase):
    def check(self, case: tuple[bytes, int]) -> None:
        header, size = case
        self.assertEqual(list(packets(header + bytes(size))), [Packet(PUBLIC_KEY, size)])


class Taken(SynchronousTestCase):
    def test_a_certificate(self) -> None:
        self.assertEqual(binary(CERTIFICATE), CERTIFICATE)

    def test_a_certificate_in_armour(self) -> None:
        self.assertEqual(binary(armour(CERTIFICATE)), CERTIFICATE)

    def test_armour_without_headers_and_checksum(self) -> None:
        self.assertEqual(binary(armour(CERTIFICATE, "", "")), CERTIFICATE)

    def test_armour_with_other_ends_of_lines(self) -> None:
        self.assertEqual(binary(b"\r\n" + armour(CERTIFICATE).replace(b"\n", b"\r\n") + b"\r\n"), CERTIFICATE)

    def test_as_many_parts_as_may_be(self) -> None:
        check(KEY + NAME * (COMPONENTS - 1))

    def test_as_many_signatures_as_may_be(self) -> None:
        check(KEY + NAME + SIGNED * (COMPONENTS_TIMES_SIGNATURES // 2))


@each(
    [
        ("nothing", b"", "nothing in it"),
        ("words", b"not a certificate", "neither binary nor"),
        ("a secret key", packet(SECRET_KEY), "secret key"),
        ("a secret subkey", KEY + packet(SECRET_SUBKEY), "secret key"),
        ("a signature alone", SIGNED, "does not begin with a public key"),
        ("two certificates", CERTIFICATE * 2, "several certificates"),
        ("a message within", KEY + packet(11), "type 11"),
        ("junk after it", CERTIFICATE + b"\0", "no packet stands at byte"),
        ("a header's first byte after it", CERTIFICATE + b"\xc2", "ends within a packet"),
        ("a body that is cut off", CERTIFICATE[:-1], "ends within a packet"),
        ("a length that is cut off", KEY + b"\xc2\xff\0\0", "ends within a packet"),
        ("a partial length", KEY + b"\xc2\xe1\0\0\1\0", "partial or unknown length"),
        ("a length to the end", KEY + b"\x8b\0\0\0", "partial or unknown length"),
        ("too many parts", KEY + NAME * COMPONENTS, "at most 64"),
        ("too many signatures", KEY + NAME + SIGNED * (COMPONENTS_TIMES_SIGNATURES // 2 + 1), "signatures"),
        ("armour of something else", armour(CERTIFICATE).replace(b"PUBLIC", b"PRIVATE"), "neither binary nor"),
        ("armour around nothing", armour(b""), "nothing in it"),
        ("armour twice", armour(CERTIFICATE) * 2, "base64"),
        ("damaged armour", armour(CERTIFICATE).replace(b"A", b"!"), "base64"),
        ("armour without its end", armour(CERTIFICATE)[:-5], "neither binary nor"),
        ("armour around armour", armour(armour(CERTIFICATE)), "no packet stands at byte 0"),
    ],
    lambda case: str(case[0]),
)
class Refused(SynchronousTestCase):
    def check(self, case: tuple[str, bytes, str]) -> None:
        _, data, reason = case
        self.assertIn(reason, str(self.assertRaises(InvalidRequest, check, data)))


class Arbitrary(SynchronousTestCase):
    @given(st.binary(max_size=200))
    @settings(derandomize=True)
    def test_any_bytes_are_taken_or_refused(self, data: bytes) -> None:
        try:
            self.assertEqual(binary(data), data)
        except InvalidRequest:
            return

    @given(st.lists(st.tuples(st.integers(0, 63), st.integers(0, 300)), max_size=20))
    @settings(derandomize=True)
    def test_packets_are_those_that_were_put_together(self, parts: list[tuple[int, int]]) -> None:
        data = b"".join(packet(kind, size) for kind, size in parts)
        self.assertEqual([tuple(each) for each in packets(data)], parts)
