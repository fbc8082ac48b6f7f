"""A tree with its store, for tests: applies batches, and remembers every version and what it should hold."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core.proofs import verify_tree_proof
from coname.core.types import EntryHash, Index
from coname.interfaces import IKeyValueStore
from coname.storage.memory import MemoryStore
from coname.storage.tree import EMPTY, MerkleTree, NodeRef, Updated, complete

from .naive_tree import NaiveTree

CACHE = 1 << 20


def flipped(index: bytes, *places: int) -> Index:
    """`index` with the bits at these places flipped; 0 is the most significant one."""
    number = int.from_bytes(index, "big")
    for place in places:
        number ^= 1 << (255 - place)
    return Index(number.to_bytes(32, "big"))


def random_entries(count: int, seed: int = 0) -> dict[Index, EntryHash]:
    source = random.Random(seed)
    return {Index(source.randbytes(32)): EntryHash(source.randbytes(32)) for _ in range(count)}


BASES = [bytes(32), b"\xff" * 32, bytes(range(7, 39))]
INDICES = st.one_of(
    st.builds(flipped, st.sampled_from(BASES), st.integers(0, 12), st.integers(0, 12)),
    st.builds(flipped, st.sampled_from(BASES), st.integers(0, 255)),
    st.builds(Index, st.binary(min_size=32, max_size=32)),
)
"""Indices that share long and short beginnings."""

VALUES = st.builds(EntryHash, st.integers(0, 2**16).map(lambda number: number.to_bytes(32, "big")))
CHANGES = st.dictionaries(INDICES, VALUES, max_size=6)
NONCES = st.sampled_from([b"", b"a tree's nonce"])


class Versions:
    """All versions of one tree."""

    def __init__(self, nonce: bytes = b"", store: IKeyValueStore | None = None, cache_bytes: int = CACHE) -> None:
        self.nonce = nonce
        self.store = MemoryStore() if store is None else store
        self.tree = MerkleTree(self.store, nonce, cache_bytes)
        self.root: NodeRef = EMPTY
        self.next_node = 1
        self.entries: dict[Index, EntryHash] = {}
        self.history: list[tuple[NodeRef, dict[Index, EntryHash]]] = [(EMPTY, {})]

    def apply(self, changes: Mapping[Index, EntryHash]) -> Updated:
        updated = complete(self.tree.update(self.root, changes, self.next_node))
        self.store.write(updated.writes, sync=True)
        self.tree.remember(updated)
        self.root, self.next_node = updated.root, updated.next_node
        self.entries = {**self.entries, **changes}
        self.history.append((self.root, self.entries))
        return updated

    def cold(self, cache_bytes: int = CACHE) -> MerkleTree:
        """The same tree as another process finds it."""
        return MerkleTree(self.store, self.nonce, cache_bytes)


class TreeCase(SynchronousTestCase):
    def check_version(
        self,
        tree: MerkleTree,
        nonce: bytes,
        root: NodeRef,
        entries: Mapping[Index, EntryHash],
        asked: Iterable[Index] = (),
    ) -> None:
        """The version has the naive tree's root, and its proofs for all `entries` and for `asked`, which verify."""
        root_hash = tree.root_hash(root)
        naive = NaiveTree(entries, nonce)
        self.assertEqual(root_hash, naive.root())
        for index in {*entries, *asked}:
            parts = tree.lookup(root, index)
            self.assertEqual(parts, naive.prove(index))
            self.assertEqual(verify_tree_proof(root_hash, nonce, index, parts), entries.get(index))
            self.assertEqual(tree.value(root, index), entries.get(index))
