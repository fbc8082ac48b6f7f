"""A new version of a tree, built in one pass over the changes in order of their indices.

The builder stands at one place of the tree and remembers the way there: at each depth, the child beside the path. For
each change it climbs to where the path to the next index parts from the way it came, turns right, and descends. A node
is finished (hashed, numbered, encoded) when the builder climbs out of it, which happens once: the levels that many
changes share are built once for all of them. Children are numbered before their parents, so numbers, and with them the
keys in the store, ascend in the order of the writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from coname.core.nodes import internal_hash
from coname.errors import Corrupt
from coname.interfaces import Put
from coname.storage.tree_nodes import (
    EMPTY,
    KEY_SIZE,
    MAX_NODES,
    SIZES,
    TAG_INTERNAL,
    TAG_LEAF,
    NodeRef,
    encode,
    hash_of,
    leaf,
    node_key,
    sibling_hash,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from coname.storage.tree_cache import NodeCache

Fetch: TypeAlias = "Callable[[bytes, bytes, int], bytes]"
"""Of a reference, an index and a depth: the record of the internal node there; raises Corrupt."""


class TreeBuilder:
    """Builds on the tree `root`, for changes that must come in ascending order of their indices.

    :ivar writes: the new nodes, in order of their numbers.
    :ivar refs: the references to them, in the same order.
    :ivar next_node: the number that the next new node will get.
    """

    __slots__ = (
        "_beside",
        "_bits",
        "_cache",
        "_fetch",
        "_here",
        "_index",
        "_nonce",
        "_path",
        "next_node",
        "refs",
        "writes",
    )

    def __init__(self, root: NodeRef, nonce: bytes, next_node: int, cache: NodeCache, fetch: Fetch) -> None:
        self.writes: list[Put] = []
        self.refs: list[bytes] = []
        self.next_node = next_node
        self._nonce = nonce
        self._cache = cache
        self._fetch = fetch  # for what is not in the cache's younger half
        self._here: bytes = root  # what hangs where the builder stands, at depth len(_beside)
        self._beside: list[bytes] = []  # at each depth above, the child that is not on the path
        self._index = bytes(32)  # of the change that the builder stands at
        self._path = 0  # the same, as a number
        self._bits = ""  # the same, as 256 binary digits; empty before the first change

    def set(self, index: bytes, value: bytes) -> None:
        """Let the tree hold `value` at `index`; 32 bytes of each.

        :raises Corrupt: a node on the way is missing or damaged.
        """
        path = int.from_bytes(index, "big")
        if self._bits:
            self._turn(256 - (self._path ^ path).bit_length())
        self._index = index
        self._path = path
        self._bits = f"{path:0256b}"
        self._descend()
        self._place(index, value)

    def finish(self) -> NodeRef:
        """Climb out of the last path, and return the root of the new version."""
        self._climb(0)
        return NodeRef(self._here)

    def _turn(self, depth: int) -> None:
        """Climb to `depth`, where the next path goes right and ours went left."""
        beside = self._beside
        if depth < len(beside):
            self._climb(depth + 1)
            self._here, beside[depth] = beside[depth], self._here

    def _descend(self) -> None:
        """Go down on the path to the first place where no internal node hangs."""
        here, descend, bits, index, fetch = self._here, self._beside.append, self._bits, self._index, self._fetch
        cached = self._cache.young.get
        depth = len(self._beside)
        while here[0] == TAG_INTERNAL:
            node = cached(here) or fetch(here, index, depth)
            size = SIZES[node[0]]
            if bits[depth] == "1":
                descend(node[:size])
                here = node[size:-2]
            else:
                descend(node[size:-2])
                here = node[:size]
            depth += 1
        self._here = here

    def _place(self, index: bytes, value: bytes) -> None:
        """Hang a leaf here; below, if another one must be kept beside it."""
        here = self._here
        if here[0] == TAG_LEAF and here[1:33] != index:
            shared = 256 - (int.from_bytes(here[1:33], "big") ^ self._path).bit_length()
            if shared < len(self._beside):
                raise Corrupt(f"the tree holds the index {here[1:33].hex()} in a wrong place")
            self._beside += [EMPTY] * (shared - len(self._beside))
            self._beside.append(here)
        self._here = leaf(index, value)

    def _climb(self, depth: int) -> None:
        """Finish the nodes on the path below `depth`, and stand there."""
        here, nonce, index, bits, number = self._here, self._nonce, self._index, self._bits, self.next_node
        pop, write, remember = self._beside.pop, self.writes.append, self.refs.append
        here_hash = hash_of(here, nonce, index, len(self._beside))
        for above in range(len(self._beside) - 1, depth - 1, -1):
            beside = pop()
            if beside[0] == TAG_INTERNAL:
                beside_hash = beside[KEY_SIZE:]
            else:
                beside_hash = sibling_hash(beside, nonce, index, above + 1)
            key = node_key(number)
            number += 1
            if bits[above] == "1":
                write(Put(key, encode(beside, here)))
                here_hash = internal_hash(beside_hash, here_hash, index, above)
            else:
                write(Put(key, encode(here, beside)))
                here_hash = internal_hash(here_hash, beside_hash, index, above)
            here = key + here_hash
            remember(here)
        if number > MAX_NODES:
            raise Corrupt(f"the next tree node's number is out of range: {number}")
        self.next_node = number
        self._here = here
