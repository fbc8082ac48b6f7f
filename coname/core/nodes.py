"""The hashes of the Merkle prefix tree's nodes (protocol section 5).

These are the hottest functions of the project: an update hashes some twenty nodes, and a verified lookup as many. So
they are written flat, with tables instead of loops, and check nothing: their callers do. An index is always 32 bytes,
and a depth is the number of its bits that lead to the node, the most significant bit of the first byte being the
first: 0 for the root.

Every hash of an internal node or an empty branch ends with prefix ‖ LE32(depth), where the prefix is the path's bits,
packed and zero padded. All but the last few bits of it are whole bytes of the index; `_TAILS` holds the rest, for
each depth and each value of the byte that the path ends within.
"""

from __future__ import annotations

from hashlib import shake_256

MAX_DEPTH = 256
"""The number of bits in an index: no node is deeper."""

_LE32 = [depth.to_bytes(4, "little") for depth in range(MAX_DEPTH + 1)]


def _tails(depth: int) -> list[bytes]:
    """For each value of the byte that a path of `depth` bits ends within: its bits on the path, then LE32(depth)."""
    bits = depth % 8
    if bits == 0:
        return [_LE32[depth]] * 256
    step = 1 << (8 - bits)
    return [tail for byte in range(0, 256, step) for tail in [bytes((byte,)) + _LE32[depth]] * step]


_TAILS = [_tails(depth) for depth in range(MAX_DEPTH)]


def bit(index: bytes, depth: int) -> int:
    """Which way the path of `index` goes below a node at `depth` (at most 255): 0 left, 1 right."""
    return index[depth >> 3] >> (7 - (depth & 7)) & 1


def prefix(index: bytes, depth: int) -> bytes:
    """The first `depth` bits of `index`, packed and zero padded: ceil(depth / 8) bytes."""
    return index if depth == MAX_DEPTH else (index[: depth >> 3] + _TAILS[depth][index[depth >> 3]])[:-4]


def internal_hash(left: bytes, right: bytes, index: bytes, depth: int) -> bytes:
    """The hash of the internal node at `depth` (at most 255) on the path of `index`, from its children's hashes."""
    whole = depth >> 3
    return shake_256(b"I" + left + right + index[:whole] + _TAILS[depth][index[whole]]).digest(32)


def leaf_hash(nonce: bytes, index: bytes, depth: int, value: bytes) -> bytes:
    """The hash of the leaf that holds `value` for `index`, where it hangs at `depth`."""
    return shake_256(b"L" + nonce + index + _LE32[depth] + value).digest(32)


def empty_hash(nonce: bytes, index: bytes, depth: int) -> bytes:
    """The hash of the empty branch at `depth` on the path of `index`; at depth 0, the root of the empty tree."""
    whole = depth >> 3
    path = index[:whole] + (_TAILS[depth][index[whole]] if depth < MAX_DEPTH else _LE32[depth])
    return shake_256(b"E" + nonce + path).digest(32)
