"""A part of the tree, from proofs of it; and the root that it gets by changes (protocol section 5).

Whoever holds proofs for all indices that an epoch changes, all under the root before it, can compute the root after
it, without holding the tree: what the proofs do not show stays as it is, and enters by its hash.

Rules of this file:

* Each proof must verify under the root by itself; then the proofs cannot contradict each other, unless somebody has
  found two inputs with one hash, and that is checked all the same.
* Where the proofs show nothing, nothing can be put.
* Depth is at most 256, and so is that of the recursion. A level takes time in proportion to the proofs and changes
  below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core.nodes import MAX_DEPTH, bit, empty_hash, internal_hash, leaf_hash
from coname.core.proofs import STEP, TreeProofParts, verify_tree_proof
from coname.core.types import EntryHash, Index
from coname.errors import ProofInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_Change = tuple[Index, EntryHash]
_Shown = tuple[Index, TreeProofParts]


class PartialTree:
    """What proofs show of the tree with the hash `root`.

    :param nonce: the realm's tree nonce; empty for most.
    """

    def __init__(self, root: bytes, nonce: bytes) -> None:
        self._root = root
        self._nonce = nonce
        self._shown: dict[Index, TreeProofParts] = {}

    def add(self, index: Index, parts: TreeProofParts) -> EntryHash | None:
        """Take in a proof, and say what it proves.

        :raises ProofInvalid: step "tree": it does not verify under the root.
        """
        value = verify_tree_proof(self._root, self._nonce, index, parts)
        self._shown[index] = parts
        return value

    def root_with(self, changes: Mapping[Index, EntryHash]) -> bytes:
        """The root of the tree that holds `changes` besides what it held.

        :raises ProofInvalid: step "tree": the proofs contradict each other, or do not show a place that changes.
        """
        if not changes:
            return self._root
        return self._hash(0, sorted(self._shown.items()), sorted(changes.items()))

    def _hash(self, depth: int, shown: Sequence[_Shown], changes: Sequence[_Change]) -> bytes:
        """The new hash of the node at `depth` that all of `shown` pass or end at, and below which `changes` are."""
        if not shown:
            raise ProofInvalid(STEP, f"no proof shows the place of {changes[0][0].hex()}, which changes")
        leaf = _end(depth, shown)
        if leaf is not None:
            return fresh_hash(self._nonce, depth, shown[0][0], sorted((leaf | dict(changes)).items()))
        old = _sides(depth, shown)
        (left, right), (to_left, to_right) = _split(shown, depth), _split(changes, depth)
        return internal_hash(
            self._hash(depth + 1, left, to_left) if to_left else old[0],
            self._hash(depth + 1, right, to_right) if to_right else old[1],
            shown[0][0],
            depth,
        )


def _end(depth: int, shown: Sequence[_Shown]) -> dict[Index, EntryHash] | None:
    """What the node at `depth` holds if it is a leaf or an empty branch; None if it is an internal node."""
    first = shown[0][1]
    end = len(first.neighbors) == depth
    for _, parts in shown:
        if (len(parts.neighbors) == depth) != end or (end and parts[1:] != first[1:]):
            raise _contradiction(depth)
    if not end:
        return None
    return {Index(first.existing_index): EntryHash(first.existing_entry_hash)} if first.existing_index else {}


def _sides(depth: int, shown: Sequence[_Shown]) -> tuple[bytes, bytes]:
    """The old hashes of the two children of the internal node at `depth`: each proof has that of the other side.

    That of a side that all of the proofs pass is not known, and not needed: it is empty.
    """
    known: list[bytes] = [b"", b""]
    for index, parts in shown:
        other = 1 - bit(index, depth)
        if known[other] not in (b"", parts.neighbors[depth]):
            raise _contradiction(depth)
        known[other] = parts.neighbors[depth]
    return known[0], known[1]


def _split(sorted_pairs: Sequence, depth: int) -> tuple[Sequence, Sequence]:  # type: ignore[type-arg]
    """Pairs that begin with an index, in order of it: those that go left at `depth`, and those that go right."""
    low, high = 0, len(sorted_pairs)
    while low < high:
        middle = (low + high) // 2
        if bit(sorted_pairs[middle][0], depth):
            high = middle
        else:
            low = middle + 1
    return sorted_pairs[:low], sorted_pairs[low:]


def fresh_hash(nonce: bytes, depth: int, path: Index, leaves: Sequence[_Change]) -> bytes:
    """The hash of a whole subtree at `depth` on `path` that holds just `leaves`, in order of index."""
    if not leaves:
        return empty_hash(nonce, path, depth)
    if len(leaves) == 1 or depth == MAX_DEPTH:
        return leaf_hash(nonce, leaves[0][0], depth, leaves[0][1])
    left, right = _split(leaves, depth)
    return internal_hash(
        fresh_hash(nonce, depth + 1, _turned(leaves[0][0], depth, 0), left),
        fresh_hash(nonce, depth + 1, _turned(leaves[0][0], depth, 1), right),
        leaves[0][0],
        depth,
    )


def _turned(index: Index, depth: int, way: int) -> Index:
    """`index` with its bit at `depth` set to `way`: on the path of the child that lies there."""
    mask = 0x80 >> (depth & 7)
    byte = index[depth >> 3] & ~mask | (mask if way else 0)
    return Index(index[: depth >> 3] + bytes((byte,)) + index[(depth >> 3) + 1 :])


def root_of(nonce: bytes, leaves: Mapping[Index, EntryHash]) -> bytes:
    """The root of the tree that holds just `leaves`."""
    return fresh_hash(nonce, 0, Index(bytes(32)), sorted(leaves.items()))


def _contradiction(depth: int) -> ProofInvalid:
    return ProofInvalid(STEP, f"two tree proofs contradict each other at depth {depth}")
