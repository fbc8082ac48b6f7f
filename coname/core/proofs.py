"""Tree proofs: what a root hash says about one index (protocol section 5).

Rules of this file:

* The proof's form is checked in full before anything is hashed: at most 256 neighbors, 32 bytes each; the leaf that
  the walk ended at is given whole or not at all; and it lies on the path of the asked index, as far as the path goes.
* Then there is one way to read it. The leaf, or the empty branch, is put at the end of the path, and hashed up to the
  root with the neighbors; only the very root verifies. Nothing else the proof says is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coname.core.hashes import HASH_SIZE
from coname.core.nodes import MAX_DEPTH, bit, empty_hash, internal_hash, leaf_hash, prefix
from coname.core.types import EntryHash, Index
from coname.errors import ProofInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = "tree"


class TreeProofParts(NamedTuple):
    """A TreeProof message's content.

    :ivar neighbors: the sibling hashes along the path, from the root down.
    :ivar existing_index: the index of the leaf at which the path ends; empty if it ends at an empty branch.
    :ivar existing_entry_hash: that leaf's value; empty if there is none.
    """

    neighbors: Sequence[bytes]
    existing_index: bytes
    existing_entry_hash: bytes


def verify_tree_proof(root: bytes, nonce: bytes, index: Index, parts: TreeProofParts) -> EntryHash | None:
    """What the tree with the hash `root` holds at `index`: proven present, or None where proven absent.

    :param nonce: the realm's tree nonce; empty for most.
    :raises ProofInvalid: step "tree": the proof is malformed, or is not one for this root and index.
    """
    _check_form(root, index, parts)
    found = _root(nonce, index, parts)
    if found != root:
        raise ProofInvalid(STEP, f"the tree proof leads to the root {found.hex()}, not to {root.hex()}")
    return EntryHash(parts.existing_entry_hash) if parts.existing_index == index else None


def _check_form(root: bytes, index: bytes, parts: TreeProofParts) -> None:
    _check_size("the tree's root hash", root)
    _check_size("the index", index)
    depth = len(parts.neighbors)
    if depth > MAX_DEPTH:
        raise ProofInvalid(STEP, f"the tree proof has {depth} neighbors, more than an index has bits ({MAX_DEPTH})")
    for place, neighbor in enumerate(parts.neighbors):
        if len(neighbor) != HASH_SIZE:
            _check_size(f"neighbor {place} of the tree proof", neighbor)
    if not parts.existing_index and not parts.existing_entry_hash:
        return
    _check_size("the tree proof's existing_index", parts.existing_index)
    _check_size("the tree proof's existing_entry_hash", parts.existing_entry_hash)
    if prefix(parts.existing_index, depth) != prefix(index, depth):
        raise ProofInvalid(
            STEP,
            f"the tree proof ends, after {depth} bits, at a leaf that is not on the path of the index: "
            f"{parts.existing_index.hex()} and {index.hex()} differ earlier",
        )


def _check_size(what: str, value: bytes) -> None:
    if len(value) != HASH_SIZE:
        raise ProofInvalid(STEP, f"{what} has {len(value)} bytes, not {HASH_SIZE}")


def _root(nonce: bytes, index: bytes, parts: TreeProofParts) -> bytes:
    """The root hash of the tree that `parts` describes."""
    depth = len(parts.neighbors)
    if parts.existing_index:
        node = leaf_hash(nonce, parts.existing_index, depth, parts.existing_entry_hash)
    else:
        node = empty_hash(nonce, index, depth)
    for neighbor in reversed(parts.neighbors):
        depth -= 1
        if bit(index, depth):
            node = internal_hash(neighbor, node, index, depth)
        else:
            node = internal_hash(node, neighbor, index, depth)
    return node
