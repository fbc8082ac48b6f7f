"""The Merkle prefix tree of a plain dictionary, by the words of protocol section 5: recursive, nothing stored.

It shares nothing with the tree under test. Each subtree of a version is hashed once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import cache
from hashlib import shake_256

from coname.core.proofs import TreeProofParts


class NaiveTree:
    """The tree of `entries` (index to value)."""

    def __init__(self, entries: Mapping[bytes, bytes], nonce: bytes = b"") -> None:
        self._entries = sorted((int.from_bytes(index, "big"), index, value) for index, value in entries.items())
        self._nonce = nonce
        self._hash = cache(self._compute)

    def root(self) -> bytes:
        """The root hash."""
        return self._hash(0, 0)

    def prove(self, index: bytes) -> TreeProofParts:
        """The lookup proof for `index`."""
        neighbors = []
        depth = path = 0
        while len(here := self._below(depth, path)) > 1:
            depth += 1
            path = int.from_bytes(index, "big") >> (256 - depth)
            neighbors.append(self._hash(depth, path ^ 1))
        return TreeProofParts(neighbors, *(here[0][1:] if here else (b"", b"")))

    def _below(self, depth: int, path: int) -> list[tuple[int, bytes, bytes]]:
        """The entries whose index begins with the `depth` bits that are the number `path`."""
        bounds = [bisect_left(self._entries, (end << (256 - depth),)) for end in (path, path + 1)]
        return self._entries[slice(*bounds)]

    def _compute(self, depth: int, path: int) -> bytes:
        here = self._below(depth, path)
        prefix = (path << (-depth % 8)).to_bytes((depth + 7) // 8, "big")
        level = depth.to_bytes(4, "little")
        if not here:
            text = b"E" + self._nonce + prefix + level
        elif len(here) == 1:
            text = b"L" + self._nonce + here[0][1] + level + here[0][2]
        else:
            text = b"I" + self._hash(depth + 1, 2 * path) + self._hash(depth + 1, 2 * path + 1) + prefix + level
        return shake_256(text).digest(32)
