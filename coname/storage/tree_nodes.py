"""How the tree's nodes are stored.

A reference (`NodeRef`) says what hangs below a node, or at the root; its first byte tells the kinds apart:

========  ==========================================  =====
empty     ``E``                                        1 byte
leaf      ``L`` ‖ index (32) ‖ value (32)             65 bytes
internal  ``t`` ‖ node number (6, big-endian) ‖ hash  39 bytes
========  ==========================================  =====

An internal node is one record of the store. Its key is the first 7 bytes of the reference to it; its value is the two
references to its children, left and right, and a checksum (2 bytes): 80 bytes mostly. Leaves are part of their parent.
A stored node never changes.

Rules of this file:

1. Nothing is an empty branch unless it says so: no bytes at all are damage.
2. A node is believed only if its checksum is right, its form is, and its hash is the one that the reference to it
   holds. The hash covers everything but the numbers of its children; the checksum covers those.
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import NewType

from coname.core.nodes import empty_hash, internal_hash, leaf_hash
from coname.errors import Corrupt

NodeRef = NewType("NodeRef", bytes)
"""A reference to a tree, or to a part of one."""

EMPTY = NodeRef(b"E")
"""The empty tree, or an empty branch."""

TAG_EMPTY, TAG_LEAF, TAG_INTERNAL = b"ELt"

KEY_SIZE = 7
"""Of a node's key in the store: its table's letter, which is `TAG_INTERNAL`, and its number."""

MAX_NODES = 1 << 48
"""Node numbers are below this: at 100 bytes a node, more than fits on any disk."""

SIZES = [{TAG_EMPTY: 1, TAG_LEAF: 65, TAG_INTERNAL: 39}.get(tag, 0) for tag in range(256)]
"""Of a reference, by its first byte; 0 if there is no such kind."""

_KEYS = TAG_INTERNAL << 48
_CRC_START = 0xFFFF


def node_key(number: int) -> bytes:
    """The key in the store of the node with this number."""
    return (_KEYS + number).to_bytes(KEY_SIZE, "big")


def leaf(index: bytes, value: bytes) -> NodeRef:
    """A leaf: 32 bytes of each."""
    return NodeRef(b"L" + index + value)


def encode(left: bytes, right: bytes) -> bytes:
    """The record of an internal node with these children."""
    children = left + right
    return children + crc_hqx(children, _CRC_START).to_bytes(2, "big")


def hash_of(ref: bytes, nonce: bytes, index: bytes, depth: int) -> bytes:
    """The hash of what `ref` refers to, which hangs at `depth` on the path of `index`."""
    tag = ref[0]
    if tag == TAG_INTERNAL:
        return ref[KEY_SIZE:]
    if tag == TAG_LEAF:
        return leaf_hash(nonce, ref[1:33], depth, ref[33:])
    return empty_hash(nonce, index, depth)


def sibling_hash(ref: bytes, nonce: bytes, index: bytes, depth: int) -> bytes:
    """The hash of what `ref` refers to, which hangs at `depth` beside the path of `index`."""
    if ref[0] == TAG_EMPTY:
        beside = bytearray(index)
        beside[depth - 1 >> 3] ^= 0x80 >> (depth - 1 & 7)
        return empty_hash(nonce, bytes(beside), depth)
    return hash_of(ref, nonce, index, depth)


def check_ref(ref: bytes) -> None:
    """Check the form of a reference that comes from outside, such as an epoch's root.

    :raises Corrupt: it is none.
    """
    if not ref or SIZES[ref[0]] != len(ref):
        raise Corrupt(f"a stored reference to a tree is damaged: {ref.hex() or 'it is empty'}")


def check_node(node: bytes | None, ref: bytes, nonce: bytes, index: bytes, depth: int) -> bytes:
    """Check a record that was read from the store for `ref`, which hangs at `depth` on the path of `index`.

    :returns: the record.
    :raises Corrupt: it is missing, or is not the one that `ref` refers to.
    """
    if node is None:
        raise Corrupt(f"tree node {_number(ref)} is missing")
    if len(node) < 4 or crc_hqx(node[:-2], _CRC_START) != node[-2] << 8 | node[-1]:
        raise Corrupt(f"tree node {_number(ref)} is damaged: its checksum is wrong")
    size = SIZES[node[0]]
    left, right = node[:size], node[size:-2]
    if not left or not right or SIZES[right[0]] != len(right):
        raise Corrupt(f"tree node {_number(ref)} is damaged: it does not hold two references")
    if left[0] == right[0] == TAG_INTERNAL:
        computed = internal_hash(left[KEY_SIZE:], right[KEY_SIZE:], index, depth)
    else:
        computed = internal_hash(*_child_hashes(left, right, nonce, index, depth), index, depth)
    if computed != ref[KEY_SIZE:]:
        raise Corrupt(f"tree node {_number(ref)} does not have the hash that its parent holds")
    return node


def _child_hashes(left: bytes, right: bytes, nonce: bytes, index: bytes, depth: int) -> tuple[bytes, bytes]:
    """The hashes of the two children of the node at `depth` on the path of `index`."""
    on_path, beside = (right, left) if index[depth >> 3] >> (7 - (depth & 7)) & 1 else (left, right)
    path_hash = hash_of(on_path, nonce, index, depth + 1)
    beside_hash = sibling_hash(beside, nonce, index, depth + 1)
    return (beside_hash, path_hash) if on_path is right else (path_hash, beside_hash)


def _number(ref: bytes) -> int:
    return int.from_bytes(ref[1:KEY_SIZE], "big")
