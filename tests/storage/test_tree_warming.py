"""Filling the memory for nodes: the upper levels, as many as there is room for, checked like every other read."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt
from coname.interfaces import Put
from coname.storage.tree import EMPTY, MerkleTree
from coname.storage.tree_cache import NODE_BYTES
from coname.storage.tree_warming import expected_nodes, levels_that_fit, warm

from .tree_case import TreeCase, Versions, random_entries


def read(tree: MerkleTree, versions: Versions, leaves: int) -> int:
    work = warm(tree, versions.root, leaves)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            count: int = stop.value
            return count


class Warming(TreeCase):
    def setUp(self) -> None:
        self.versions = Versions()
        self.versions.apply(random_entries(1000))

    def test_afterwards_lookups_read_nothing(self) -> None:
        tree = self.versions.cold()
        expected = [self.versions.tree.lookup(self.versions.root, index) for index in self.versions.entries]
        count = read(tree, self.versions, 1000)
        self.assertEqual(count, len(tree._cache))
        self.versions.store.close()
        self.assertEqual([tree.lookup(self.versions.root, index) for index in self.versions.entries], expected)

    def test_only_as_many_levels_as_there_is_room_for(self) -> None:
        tree = MerkleTree(self.versions.store, b"", 150 * NODE_BYTES)
        self.assertEqual(read(tree, self.versions, 1000), 127)
        self.assertEqual(len(tree._cache), 127)

    def test_an_empty_tree_has_nothing_to_read(self) -> None:
        with self.assertRaises(StopIteration) as caught:
            next(warm(self.versions.cold(), EMPTY, 0))
        self.assertEqual(caught.exception.value, 0)

    def test_damage_is_noticed(self) -> None:
        damaged = b"t" + (len(self.versions.entries) // 2).to_bytes(6, "big")
        value = self.versions.store.get(damaged)
        assert value is not None
        self.versions.store.write([Put(damaged, value[:-1] + bytes([value[-1] ^ 1]))], sync=True)
        with self.assertRaises(Corrupt):
            read(self.versions.cold(), self.versions, 1000)


class Levels(SynchronousTestCase):
    def test_of_no_leaves_or_one_none_is_internal(self) -> None:
        for leaves in (0, 1):
            self.assertEqual(sum(expected_nodes(level, leaves) for level in range(40)), 0)

    def test_a_tree_has_some_44_nodes_more_in_100_than_leaves(self) -> None:
        total = sum(expected_nodes(level, 1_000_000) for level in range(100))
        self.assertAlmostEqual(total / 1_000_000, 1.4427, places=3)

    def test_more_room_is_for_more_levels(self) -> None:
        self.assertEqual([levels_that_fit(room, 1_000_000) for room in (0, 1, 3, 2**16)], [0, 1, 2, 16])
