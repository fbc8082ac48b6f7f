"""The tree's nodes that are kept in memory.

Two generations, each of at most half the nodes: what is used enters the young one; when that is full, it becomes the
old one, and what was old and has not been used meanwhile is forgotten. That comes close to forgetting the least
recently used, at the price of one dictionary access for a node in steady use.

Nodes are filed under the whole reference to them, hash included: a hit is a node that was checked against that hash.
"""

from __future__ import annotations

NODE_BYTES = 320
"""What a cached node takes: a record of 80 to 132 bytes, its reference of 39, the headers of both (33 each), and up to
104 in a growing dictionary."""


class NodeCache:
    """Records of nodes by the references to them.

    Several threads may use it at once: each step is one operation on a dictionary, and a lost race only forgets nodes.

    :param cache_bytes: bound of the memory it takes.
    """

    __slots__ = ("_half", "_old", "young")

    def __init__(self, cache_bytes: int) -> None:
        self._half = max(1, cache_bytes // (2 * NODE_BYTES))
        self.young: dict[bytes, bytes] = {}
        """For callers in a hurry: to be asked first, never changed, and not to be held beyond the current call."""
        self._old: dict[bytes, bytes] = {}

    @property
    def room(self) -> int:
        """How many nodes may be held."""
        return 2 * self._half

    def get(self, ref: bytes) -> bytes | None:
        """The node that `ref` refers to, if it is here."""
        node = self.young.get(ref)
        if node is None and (node := self._old.get(ref)) is not None:
            self.add(ref, node)
        return node

    def add(self, ref: bytes, node: bytes) -> None:
        """Keep a node that is known to have the hash in `ref`."""
        young = self.young
        young[ref] = node
        if len(young) >= self._half:
            self._old = young
            self.young = {}

    def __len__(self) -> int:
        """How many nodes are held; a node may count twice."""
        return len(self.young) + len(self._old)
