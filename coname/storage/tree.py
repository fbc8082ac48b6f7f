"""The Merkle prefix tree (protocol section 5), persistent and versioned.

A version is known by its root (`NodeRef`), which the caller keeps. An update makes a new version, and shares with the
old one all nodes that have not changed; every version stays readable for good, since stored nodes never change.

Rules of this file:

1. Nothing is written here. `MerkleTree.update` returns the writes; once they are durable, `MerkleTree.remember` may
   keep the new nodes in memory.
2. Every node that comes from the store is checked against the hash that its parent, or the caller's root, holds. What
   is missing or damaged raises `Corrupt`, and is never an empty tree or an absent entry.
3. The memory for nodes is bounded (`coname.storage.tree_cache`).

How nodes are stored: `coname.storage.tree_nodes`. How a version is built: `coname.storage.tree_builder`.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from coname.core.proofs import TreeProofParts
from coname.core.types import EntryHash
from coname.storage.tree_builder import TreeBuilder
from coname.storage.tree_cache import NodeCache
from coname.storage.tree_nodes import (
    EMPTY,
    KEY_SIZE,
    SIZES,
    TAG_INTERNAL,
    NodeRef,
    check_node,
    check_ref,
    hash_of,
    sibling_hash,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from coname.core.types import Index
    from coname.interfaces import IKeyValueStore, Put

__all__ = ["EMPTY", "MerkleTree", "NodeRef", "Updated", "complete"]

Result = TypeVar("Result")

_BITS = [tuple(byte >> shift & 1 for shift in range(7, -1, -1)) for byte in range(256)]
_bits = _BITS.__getitem__


class Updated(NamedTuple):
    """A new version of the tree, which is not stored yet.

    :ivar root: the version.
    :ivar next_node: the first node number that is free afterwards; the caller keeps it, in the same batch.
    :ivar writes: the new nodes, for the store.
    :ivar refs: the references to them.
    """

    root: NodeRef
    next_node: int
    writes: list[Put]
    refs: list[bytes]


def complete(steps: Generator[None, None, Result]) -> Result:
    """Do all of a work that can be cut into pieces at once."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result


class MerkleTree:
    """The versions of one tree.

    :param store: where the nodes are; only read.
    :param nonce: the realm's tree nonce; empty for most.
    :param cache_bytes: bound of the memory for nodes.
    """

    def __init__(self, store: IKeyValueStore, nonce: bytes, cache_bytes: int) -> None:
        self._store = store
        self._nonce = nonce
        self._cache = NodeCache(cache_bytes)

    def root_hash(self, root: NodeRef) -> bytes:
        """The hash (32 bytes) that stands for the version `root`.

        :raises Corrupt: `root` is no reference.
        """
        check_ref(root)
        return hash_of(root, self._nonce, bytes(32), 0)

    def lookup(self, root: NodeRef, index: Index) -> TreeProofParts:
        """What the version `root` holds at `index` (32 bytes), with the proof.

        :raises Corrupt: a node on the way is missing or damaged.
        """
        check_ref(root)
        ref: bytes = root
        nonce, young = self._nonce, self._cache.young
        neighbors: list[bytes] = []
        for depth, right in enumerate(chain.from_iterable(map(_bits, index))):
            if ref[0] != TAG_INTERNAL:
                break
            node = young.get(ref) or self.fetch(ref, index, depth)
            size = SIZES[node[0]]
            if right:
                ref, beside = node[size:-2], node[:size]
            else:
                ref, beside = node[:size], node[size:-2]
            if beside[0] == TAG_INTERNAL:
                neighbors.append(beside[KEY_SIZE:])
            else:
                neighbors.append(sibling_hash(beside, nonce, index, depth + 1))
        return TreeProofParts(neighbors, ref[1:33], ref[33:])  # of a leaf; an empty branch is one byte: nothing twice

    def value(self, root: NodeRef, index: Index) -> EntryHash | None:
        """What the version `root` holds at `index` (32 bytes), without the proof: half of a lookup's work.

        :raises Corrupt: a node on the way is missing or damaged.
        """
        check_ref(root)
        ref: bytes = root
        young = self._cache.young
        for depth, right in enumerate(chain.from_iterable(map(_bits, index))):
            if ref[0] != TAG_INTERNAL:
                break
            node = young.get(ref) or self.fetch(ref, index, depth)
            size = SIZES[node[0]]
            ref = node[size:-2] if right else node[:size]
        return EntryHash(ref[33:]) if ref[1:33] == index else None

    def update(
        self, root: NodeRef, changes: Mapping[Index, EntryHash], next_node: int
    ) -> Generator[None, None, Updated]:
        """Compute the version that holds `changes` on top of `root`.

        A generator, so that the caller can spread the work: it yields after each change, and returns what is to be
        written (see `complete`). Indices and values have 32 bytes each.

        :param next_node: the first node number that is free.
        :raises Corrupt: a node on the way is missing or damaged.
        """
        check_ref(root)
        builder = TreeBuilder(root, self._nonce, next_node, self._cache, self.fetch)
        for index in sorted(changes):
            builder.set(index, changes[index])
            yield
        return Updated(builder.finish(), builder.next_node, builder.writes, builder.refs)

    def remember(self, updated: Updated) -> None:
        """Keep the nodes of a version in memory whose writes are durable now."""
        add = self._cache.add
        for ref, write in zip(updated.refs, updated.writes, strict=True):
            add(ref, write.value)

    @property
    def room(self) -> int:
        """How many nodes may be in memory."""
        return self._cache.room

    def fetch(self, ref: bytes, index: bytes, depth: int) -> bytes:
        """The record of the internal node `ref`, which hangs at `depth` on the path of `index`; it is kept in memory.

        :raises Corrupt: it is missing or damaged.
        """
        node = self._cache.get(ref)
        if node is None:
            node = check_node(self._store.get(ref[:KEY_SIZE]), ref, self._nonce, index, depth)
            self._cache.add(ref, node)
        return node
