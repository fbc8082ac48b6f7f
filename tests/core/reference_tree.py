"""The Merkle prefix tree as protocol section 5 words it, written once more, plainly and slowly, to compare with.

It shares nothing with `coname.core`: bits are characters, and every hash is spelled out.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import shake_256

from coname.core.proofs import TreeProofParts


def bits(index: bytes) -> str:
    """The bits of `index`, as a string of 0 and 1, most significant first."""
    return "".join(f"{byte:08b}" for byte in index)


def packed(path: str) -> bytes:
    """A string of 0 and 1 as bytes, left-aligned and zero padded."""
    padded = path + "0" * (-len(path) % 8)
    return bytes(int(padded[i : i + 8], 2) for i in range(0, len(padded), 8))


def _hash(*parts: bytes) -> bytes:
    return shake_256(b"".join(parts)).digest(32)


def _below(entries: Mapping[bytes, bytes], path: str) -> dict[bytes, bytes]:
    return {index: value for index, value in entries.items() if bits(index).startswith(path)}


def root(entries: Mapping[bytes, bytes], nonce: bytes = b"", path: str = "") -> bytes:
    """The hash of the tree of `entries` (index to value), or of its subtree at `path`."""
    depth = len(path).to_bytes(4, "little")
    if not entries:
        return _hash(b"E", nonce, packed(path), depth)
    if len(entries) == 1:
        ((index, value),) = entries.items()
        return _hash(b"L", nonce, index, depth, value)
    left, right = (root(_below(entries, path + way), nonce, path + way) for way in "01")
    return _hash(b"I", left, right, packed(path), depth)


def prove(entries: Mapping[bytes, bytes], index: bytes, nonce: bytes = b"") -> TreeProofParts:
    """The lookup proof for `index` in the tree of `entries`."""
    neighbors: list[bytes] = []
    path, here = "", dict(entries)
    while len(here) > 1:
        way = bits(index)[len(path)]
        sibling = path + ("1" if way == "0" else "0")
        neighbors.append(root(_below(here, sibling), nonce, sibling))
        path += way
        here = _below(here, path)
    if not here:
        return TreeProofParts(neighbors, b"", b"")
    ((existing, value),) = here.items()
    return TreeProofParts(neighbors, existing, value)
