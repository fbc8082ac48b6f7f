"""OpenPGP certificates from outside: what they consist of, seen before anything parses them (RFC 9580, section 4).

Whoever registers a key decides what everybody who looks it up must parse, and what Sequoia does with a certificate
takes a time that grows with its parts squared and with its parts times its signatures: 28 kB can take 40 seconds. So
nothing is given to it that was not counted here first.

- One walk over the packets' headers, in linear time. Bodies are jumped over: what they mean is the parser's business.
- What is not plainly one transferable public key is refused: secret keys, other packets, a second certificate, bodies
  of unknown or partial length, bytes after the last packet.
- Armour is taken off here too, so that what is parsed is byte for byte what was counted: parse `binary`'s result.
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from typing import TYPE_CHECKING, NamedTuple

from coname.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPONENTS = 64
"""Primary key, subkeys, user ids and attributes: people have one key, a few subkeys, and an address or ten. Judging
which user ids are valid takes Sequoia a time that grows with their square: 60 ms for these, 1.5 s for 200."""

COMPONENTS_TIMES_SIGNATURES = 5000
"""A signature that does not belong where it stands is hashed with every component: at 3 µs each these are 15 ms. It is
room for 500 signatures on a certificate of ten parts, more than its 64 kB hold of most."""

SIGNATURE, SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY, USER_ID, PUBLIC_SUBKEY, USER_ATTRIBUTE = 2, 5, 6, 7, 13, 14, 17
"""Packet types (RFC 9580, section 5)."""

_COMPONENT_TYPES = frozenset((PUBLIC_KEY, PUBLIC_SUBKEY, USER_ID, USER_ATTRIBUTE))

_BEGIN, _END = b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"-----END PGP PUBLIC KEY BLOCK-----"


class Packet(NamedTuple):
    """One packet.

    :ivar kind: its type.
    :ivar size: of its body, in bytes.
    """

    kind: int
    size: int


def check(data: bytes) -> None:
    """Refuse `data` unless it is framed as one OpenPGP certificate, binary or armoured, of a size that is fit to parse.

    :raises InvalidRequest: it is not; the message says why.
    """
    binary(data)


def binary(data: bytes) -> bytes:
    """The certificate `data` without armour, after the checks of `check`.

    :raises InvalidRequest: as `check`.
    """
    if not data:
        raise InvalidRequest("there is nothing in it")
    # Every packet's first bit is set, and no character of armour has it.
    plain = data if data[0] & 0x80 else _without_armour(data)
    _check_packets(plain)
    return plain


def _check_packets(data: bytes) -> None:
    components = signatures = 0
    for packet in packets(data):
        if packet.kind in (SECRET_KEY, SECRET_SUBKEY):
            raise InvalidRequest("it holds a secret key, which must never be published")
        if components == 0 and packet.kind != PUBLIC_KEY:
            raise InvalidRequest("it does not begin with a public key")
        if components > 0 and packet.kind == PUBLIC_KEY:
            raise InvalidRequest("it holds several certificates")
        components += packet.kind in _COMPONENT_TYPES
        signatures += packet.kind == SIGNATURE
        if packet.kind != SIGNATURE and packet.kind not in _COMPONENT_TYPES:
            raise InvalidRequest(f"it holds a packet of type {packet.kind}, which is no part of a certificate")
    if components > COMPONENTS:
        raise InvalidRequest(f"it has {components} keys, user ids and attributes; at most {COMPONENTS} are taken")
    if components * signatures > COMPONENTS_TIMES_SIGNATURES:
        most = COMPONENTS_TIMES_SIGNATURES // components
        raise InvalidRequest(f"it has {signatures} signatures; with {components} parts at most {most} are taken")


def packets(data: bytes) -> Iterator[Packet]:
    """The packets that `data` consists of, from first to last.

    :raises InvalidRequest: it is not whole packets of known length.
    """
    place = 0
    while place < len(data):
        kind, size, body = _header(data, place)
        if body + size > len(data):
            raise _cut_off()
        yield Packet(kind, size)
        place = body + size


def _header(data: bytes, place: int) -> tuple[int, int, int]:
    """The type of the packet at `place`, its body's size, and where that begins."""
    first = data[place]
    if not first & 0x80:
        raise InvalidRequest(f"something that is no packet stands at byte {place}")
    if first & 0x40:
        size, body = _new_length(data, place + 1)
        return first & 0x3F, size, body
    octets = (1, 2, 4, 0)[first & 3]
    if not octets:
        raise _no_length()
    return first >> 2 & 0x0F, *_number(data, place + 1, octets)


def _new_length(data: bytes, place: int) -> tuple[int, int]:
    """A length in the new format (section 4.2.1), and where the body begins."""
    first, body = _number(data, place, 1)
    if first < 192:
        return first, body
    if first < 224:
        second, body = _number(data, body, 1)
        return (first - 192 << 8) + second + 192, body
    if first < 255:
        raise _no_length()
    return _number(data, body, 4)


def _number(data: bytes, place: int, octets: int) -> tuple[int, int]:
    """The number of so many octets at `place`, and the place after it."""
    after = place + octets
    if after > len(data):
        raise _cut_off()
    return int.from_bytes(data[place:after], "big"), after


def _cut_off() -> InvalidRequest:
    return InvalidRequest("it ends within a packet")


def _no_length() -> InvalidRequest:
    return InvalidRequest("it has a packet of partial or unknown length, as only messages may have")


def _without_armour(data: bytes) -> bytes:
    """What stands between the lines that begin and end a public key block (section 6.2)."""
    lines = [line.strip() for line in data.strip().splitlines()]
    if lines[:1] != [_BEGIN] or lines[-1] != _END or b"" not in lines:
        raise InvalidRequest("it is neither binary nor one armoured public key block")
    content = lines[lines.index(b"") + 1 : -1]
    if content and content[-1].startswith(b"="):
        content.pop()  # a checksum that protects against accidents only, and need not be there
    try:
        plain = a2b_base64(b"".join(content), strict_mode=True)
    except Error as error:
        raise InvalidRequest("its armour is damaged: it is not base64") from error
    if not plain:
        raise InvalidRequest("there is nothing in it")
    return plain
