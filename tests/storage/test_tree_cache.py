"""The tree's memory for nodes: bounded, used, and never ahead of what is durable."""

from __future__ import annotations

import sys

from coname.errors import Corrupt
from coname.storage.tree import MerkleTree, complete
from coname.storage.tree_cache import NODE_BYTES, NodeCache

from .tree_case import TreeCase, Versions, random_entries


def memory(cache: NodeCache) -> int:
    """What the dictionaries and everything in them take."""
    halves = (cache.young, cache._old)
    return sum(
        sys.getsizeof(half) + sum(sys.getsizeof(ref) + sys.getsizeof(node) for ref, node in half.items())
        for half in halves
    )


class CacheTests(TreeCase):
    def test_memory_stays_within_the_bound(self) -> None:
        bound = 200_000
        versions = Versions(cache_bytes=bound)
        cache = versions.tree._cache
        for seed in range(40):
            versions.apply(random_entries(100, seed))
            for index in list(versions.entries)[:: 1 + seed]:
                versions.tree.lookup(versions.root, index)
            self.assertLessEqual(memory(cache), bound)
        self.assertGreater(len(cache), bound // NODE_BYTES // 2 - 1)

    def test_a_tree_without_memory_works(self) -> None:
        versions = Versions(cache_bytes=0)
        for seed in range(5):
            versions.apply(random_entries(20, seed))
        self.check_version(versions.tree, b"", versions.root, versions.entries)

    def test_what_is_in_use_stays_and_what_is_not_goes(self) -> None:
        cache = NodeCache(100 * NODE_BYTES)
        cache.add(b"used", b"1")
        cache.add(b"unused", b"2")
        for number in range(1000):
            cache.add(b"%d" % number, b"")
            self.assertEqual(cache.get(b"used"), b"1")
        self.assertIsNone(cache.get(b"unused"))

    def test_a_lookup_that_was_done_before_reads_nothing(self) -> None:
        versions = Versions()
        versions.apply(random_entries(200))
        tree = versions.cold()
        indices = list(versions.entries)
        first = [tree.lookup(versions.root, index) for index in indices]
        versions.store.close()
        self.assertEqual([tree.lookup(versions.root, index) for index in indices], first)

    def test_remembered_nodes_need_no_reading(self) -> None:
        versions = Versions()
        versions.apply(random_entries(200))
        versions.store.close()
        for index in versions.entries:
            versions.tree.lookup(versions.root, index)

    def test_nodes_that_are_not_durable_yet_are_not_in_memory(self) -> None:
        versions = Versions()
        updated = complete(versions.tree.update(versions.root, random_entries(20), 1))
        index = next(iter(random_entries(20)))
        self.assertRaises(Corrupt, versions.tree.lookup, updated.root, index)

    def test_two_trees_do_not_share_memory(self) -> None:
        versions = Versions()
        versions.apply(random_entries(20))
        other = MerkleTree(Versions().store, b"", 1 << 20)
        self.assertRaises(Corrupt, other.lookup, versions.root, next(iter(versions.entries)))
