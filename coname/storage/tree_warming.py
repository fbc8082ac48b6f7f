"""Filling the memory for nodes after a start, so that the first lookups need not.

Most of a lookup's time is reading nodes that nobody asked for before. The upper levels, as many as there is room for,
are read in the order of the tree, with little memory besides.
"""

from __future__ import annotations

from math import exp, expm1
from typing import TYPE_CHECKING

from coname.core.nodes import MAX_DEPTH
from coname.storage.tree_nodes import SIZES, TAG_INTERNAL, check_ref

if TYPE_CHECKING:
    from collections.abc import Generator

    from coname.storage.tree import MerkleTree, NodeRef

_FILLED = 0.95  # of the room; a little is left for what lookups and updates bring


def warm(tree: MerkleTree, root: NodeRef, leaves: int) -> Generator[None, None, int]:
    """Read the upper levels of the version `root` into the tree's memory.

    A generator, which yields after each node. It returns how many nodes it read.

    :param leaves: how many indices the version holds, about.
    :raises Corrupt: a node is missing or damaged.
    """
    check_ref(root)
    levels = levels_that_fit(int(tree.room * _FILLED), leaves)
    waiting: list[tuple[bytes, int, int]] = [(root, 0, 0)] if root[0] == TAG_INTERNAL and levels else []
    read = 0
    while waiting:
        ref, depth, path = waiting.pop()
        node = tree.fetch(ref, (path << MAX_DEPTH - depth).to_bytes(MAX_DEPTH // 8, "big"), depth)
        read += 1
        size = SIZES[node[0]]
        if depth + 1 < levels:
            for bit, child in ((1, node[size:-2]), (0, node[:size])):
                if child[0] == TAG_INTERNAL:
                    waiting.append((child, depth + 1, path << 1 | bit))
        yield
    return read


def levels_that_fit(nodes: int, leaves: int) -> int:
    """How many levels, from the root, of a tree with so many `leaves` have no more than so many `nodes`."""
    for level in range(MAX_DEPTH):
        nodes -= expected_nodes(level, leaves)
        if nodes < 0:
            return level
    return MAX_DEPTH


def expected_nodes(level: int, leaves: int) -> int:
    """How many nodes are internal at a level (0: the root) of a tree with so many leaves.

    Indices are as good as random: how many share a node's path has a Poisson distribution, and a node is internal if
    two of them or more do.
    """
    paths = 2.0**level
    on_one_path = leaves / paths
    return round(paths * (-expm1(-on_one_path) - on_one_path * exp(-on_one_path)))
