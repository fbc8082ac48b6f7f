"""A damaged or missing node is reported by whoever passes it: never an empty tree, never an absent entry."""

from __future__ import annotations

import random

from coname.core.proofs import verify_tree_proof
from coname.core.types import EntryHash, Index
from coname.errors import Corrupt
from coname.interfaces import Delete, Put
from coname.storage.tree import EMPTY, NodeRef, complete
from coname.storage.tree_nodes import node_key

from .tree_case import TreeCase, Versions, flipped, random_entries

NODES = (b"t", b"u")  # the store's range of nodes


class TreeDamageTests(TreeCase):
    def setUp(self) -> None:
        self.versions = Versions(b"nonce")
        entries = random_entries(14, 3)
        close = next(iter(entries))
        entries[flipped(close, 9)] = EntryHash(b"v" * 32)  # with empty branches on the way
        self.versions.apply(entries)
        self.nodes = dict(self.versions.store.iterate(*NODES))
        self.passing = self._passing()

    def _passing(self) -> dict[bytes, Index]:
        """For each node, an index whose lookup passes it."""
        passing: dict[bytes, Index] = {}
        for index in self.versions.entries:
            for key in self.touched(index):
                passing[key] = index
        self.assertEqual(passing.keys(), self.nodes.keys())
        return passing

    def touched(self, index: Index) -> list[bytes]:
        keys: list[bytes] = []
        tree = self.versions.cold()
        real = self.versions.store.get
        tree._store = type("Spy", (), {"get": lambda _, key: (keys.append(key), real(key))[1]})()
        tree.lookup(self.versions.root, index)
        return keys

    def assert_reported(self, key: bytes) -> None:
        index = self.passing[key]
        tree = self.versions.cold()
        self.assertRaises(Corrupt, tree.lookup, self.versions.root, index)
        changes = {index: EntryHash(bytes(32))}
        self.assertRaises(Corrupt, complete, tree.update(self.versions.root, changes, self.versions.next_node))

    def put(self, key: bytes, value: bytes) -> None:
        self.versions.store.write([Put(key, value)], sync=True)

    def test_a_removed_node(self) -> None:
        for key, value in self.nodes.items():
            self.versions.store.write([Delete(key)], sync=True)
            self.assert_reported(key)
            self.put(key, value)

    def test_every_flipped_bit_of_every_node(self) -> None:
        for key, value in self.nodes.items():
            for place in range(8 * len(value)):
                damaged = bytearray(value)
                damaged[place >> 3] ^= 1 << (place & 7)
                self.put(key, bytes(damaged))
                self.assertRaises(Corrupt, self.versions.cold().lookup, self.versions.root, self.passing[key])
            self.put(key, value)

    def test_a_node_that_is_cut_short(self) -> None:
        for key, value in self.nodes.items():
            for size in range(len(value)):
                self.put(key, value[:size])
                self.assert_reported(key)
            self.put(key, value)

    def test_a_node_with_something_after_it(self) -> None:
        for key, value in self.nodes.items():
            self.put(key, value + b"\0")
            self.assert_reported(key)
            self.put(key, value)

    def test_a_node_in_anothers_place(self) -> None:
        for key in self.nodes:
            for other, value in self.nodes.items():
                if other != key:
                    self.put(key, value)
                    self.assert_reported(key)
            self.put(key, self.nodes[key])

    def test_the_same_node_of_another_version(self) -> None:
        """The newest node at the root's place, under the number of the old one."""
        old_root = self.versions.root
        index = next(iter(self.versions.entries))
        self.versions.apply({index: EntryHash(b"new" + bytes(29))})
        newest = self.versions.store.get(node_key(self.versions.next_node - 1))
        self.put(old_root[:7], newest)
        self.assertRaises(Corrupt, self.versions.cold().lookup, old_root, index)

    def test_damage_at_random_is_never_believed(self) -> None:
        source = random.Random(8)
        keys = list(self.nodes)
        root_hash = self.versions.tree.root_hash(self.versions.root)
        for _ in range(2000):
            key = source.choice(keys)
            damaged = bytearray(self.nodes[key])
            start = source.randrange(len(damaged))
            damaged[start : start + source.randrange(40)] = source.randbytes(source.randrange(40))
            self.put(key, bytes(damaged))
            for index in (self.passing[key], Index(source.randbytes(32))):
                try:
                    parts = self.versions.cold().lookup(self.versions.root, index)
                except Corrupt:
                    continue
                value = verify_tree_proof(root_hash, b"nonce", index, parts)
                self.assertEqual(value, self.versions.entries.get(index))
            self.put(key, self.nodes[key])

    def test_a_damaged_root_reference(self) -> None:
        """Also with all nodes in memory: the cache does not answer for another reference."""
        root, tree = self.versions.root, self.versions.tree
        index = next(iter(self.versions.entries))
        tree.lookup(root, index)
        for place in range(8 * len(root)):
            damaged = bytearray(root)
            damaged[place >> 3] ^= 1 << (place & 7)
            self.assertRaises(Corrupt, tree.lookup, NodeRef(bytes(damaged)), index)

    def test_a_missing_root_reference_is_not_an_empty_tree(self) -> None:
        tree = self.versions.tree
        for root in (b"", EMPTY * 2, self.versions.root[:-1], self.versions.root + b"\0", b"L" + bytes(63)):
            self.assertRaises(Corrupt, tree.root_hash, NodeRef(root))
            self.assertRaises(Corrupt, tree.lookup, NodeRef(root), Index(bytes(32)))
            self.assertRaises(Corrupt, complete, tree.update(NodeRef(root), {}, 1))
