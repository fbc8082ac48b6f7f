"""Pieces of encodings that are put together by hand where building a whole message would cost several times as much."""

from __future__ import annotations

from binascii import b2a_base64


def length_delimited(tag: bytes, data: bytes) -> bytes:
    """One protobuf field of wire type 2 (bytes, string or message).

    :param tag: the field's encoded tag.
    """
    size = len(data)
    if size < 0x80:
        return tag + size.to_bytes(1, "big") + data
    encoded = bytearray(tag)
    while size >= 0x80:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded) + data


def base64(data: bytes) -> str:
    """Standard base64 with padding, as in protobuf's JSON."""
    return b2a_base64(data, newline=False).decode()
