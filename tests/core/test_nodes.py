"""Node hashes against the original's, and against the protocol's table written out."""

from __future__ import annotations

from hashlib import shake_256
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import nodes
from tests.core.cases import each_vector
from tests.core.reference_tree import bits, packed

hashes32 = st.binary(min_size=32, max_size=32)
nonces = st.sampled_from([b"", b"nonce", bytes(16)])


def _index(prefix_bits: str) -> bytes:
    return packed(prefix_bits.ljust(256, "1"))


@each_vector("node_hash", name=lambda case: f"depth {case['leaf_depth']}")
class NodeHashVectors(SynchronousTestCase):
    def check(self, case: dict[str, Any]) -> None:
        fields = ("left", "right", "internal", "tree_nonce", "empty", "leaf_index", "leaf_value", "leaf")
        known = {field: bytes.fromhex(case[field]) for field in fields}
        depth, index = len(case["prefix_bits"]), _index(case["prefix_bits"])
        self.assertEqual(nodes.internal_hash(known["left"], known["right"], index, depth), known["internal"])
        self.assertEqual(nodes.empty_hash(known["tree_nonce"], index, depth), known["empty"])
        self.assertEqual(
            nodes.leaf_hash(known["tree_nonce"], known["leaf_index"], case["leaf_depth"], known["leaf_value"]),
            known["leaf"],
        )


class Definitions(SynchronousTestCase):
    """The tables that make them fast must not make them different, at any depth."""

    @settings(derandomize=True, deadline=None)
    @given(hashes32, st.integers(0, 256))
    def test_a_prefix_is_the_first_bits_packed(self, index: bytes, depth: int) -> None:
        self.assertEqual(nodes.prefix(index, depth), packed(bits(index)[:depth]))

    @settings(derandomize=True, deadline=None)
    @given(hashes32, st.integers(0, 255))
    def test_bits_are_counted_from_the_most_significant(self, index: bytes, depth: int) -> None:
        self.assertEqual(nodes.bit(index, depth), int(bits(index)[depth]))

    @settings(derandomize=True, deadline=None)
    @given(hashes32, hashes32, hashes32, st.integers(0, 255))
    def test_an_internal_node(self, left: bytes, right: bytes, index: bytes, depth: int) -> None:
        covered = b"I" + left + right + packed(bits(index)[:depth]) + depth.to_bytes(4, "little")
        self.assertEqual(nodes.internal_hash(left, right, index, depth), shake_256(covered).digest(32))

    @settings(derandomize=True, deadline=None)
    @given(nonces, hashes32, st.integers(0, 256))
    def test_an_empty_branch(self, nonce: bytes, index: bytes, depth: int) -> None:
        covered = b"E" + nonce + packed(bits(index)[:depth]) + depth.to_bytes(4, "little")
        self.assertEqual(nodes.empty_hash(nonce, index, depth), shake_256(covered).digest(32))

    @settings(derandomize=True, deadline=None)
    @given(nonces, hashes32, st.integers(0, 256), hashes32)
    def test_a_leaf(self, nonce: bytes, index: bytes, depth: int, value: bytes) -> None:
        covered = b"L" + nonce + index + depth.to_bytes(4, "little") + value
        self.assertEqual(nodes.leaf_hash(nonce, index, depth, value), shake_256(covered).digest(32))
