"""Tree proofs: the original's verify, ours verify, and nothing that differs in a single bit does."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core.nodes import empty_hash, leaf_hash
from coname.core.proofs import TreeProofParts, verify_tree_proof
from coname.core.types import Index
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import TreeProof
from tests.core import reference_tree
from tests.core.cases import each, each_vector


def _lookups(trees: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dict(lookup, tree=tree) for tree in trees for lookup in tree["lookups"]]


@each_vector("tree", _lookups, lambda case: f"{len(case['neighbors'])} neighbors")
class TreeVectors(SynchronousTestCase):
    """Every proof of the original, present and absent, with and without a tree nonce, as fields and as a message."""

    def check(self, case: dict[str, Any]) -> None:
        neighbors = [bytes.fromhex(neighbor) for neighbor in case["neighbors"]]
        parts = TreeProofParts(
            neighbors, bytes.fromhex(case["existing_index"]), bytes.fromhex(case["existing_entry_hash"])
        )
        message = TreeProof.FromString(bytes.fromhex(case["tree_proof_message"]))
        self.assertEqual(
            parts, TreeProofParts(list(message.neighbors), message.existing_index, message.existing_entry_hash)
        )
        root, nonce = bytes.fromhex(case["tree"]["root"]), bytes.fromhex(case["tree"]["tree_nonce"])
        value = verify_tree_proof(root, nonce, Index(bytes.fromhex(case["index"])), parts)
        self.assertEqual(value and value.hex(), case["value"])


def _steps(trees: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [tree for tree in trees if len(tree["steps"] or []) <= 17]


@each_vector("tree", _steps)
class ReferenceTree(SynchronousTestCase):
    """The tree that the tests below compare with is the original's."""

    def check(self, case: dict[str, Any]) -> None:
        entries: dict[bytes, bytes] = {}
        nonce = bytes.fromhex(case["tree_nonce"])
        for step in case["steps"] or []:
            entries[bytes.fromhex(step["index"])] = bytes.fromhex(step["value"])
            self.assertEqual(reference_tree.root(entries, nonce).hex(), step["root"])
        self.assertEqual(reference_tree.root(entries, nonce).hex(), case["root"])


@st.composite
def trees(draw: st.DrawFn) -> dict[bytes, bytes]:
    """Trees of up to 12 entries, some of whose indices have long prefixes in common."""
    indices = draw(st.lists(st.binary(min_size=32, max_size=32), max_size=6))
    for near in draw(st.lists(st.integers(0, 255), max_size=6)) if indices else []:
        number = int.from_bytes(indices[0], "big") ^ 1 << near
        indices.append(number.to_bytes(32, "big"))
    return {index: sha256(index).digest() for index in indices}


class Complete(SynchronousTestCase):
    @settings(derandomize=True, deadline=None, max_examples=40)
    @given(trees(), st.sampled_from([b"", b"nonce"]))
    def test_what_is_in_the_tree_is_proven_present(self, entries: dict[bytes, bytes], nonce: bytes) -> None:
        root = reference_tree.root(entries, nonce)
        for index, value in entries.items():
            parts = reference_tree.prove(entries, index, nonce)
            self.assertEqual(verify_tree_proof(root, nonce, Index(index), parts), value)

    @settings(derandomize=True, deadline=None, max_examples=40)
    @given(trees(), st.binary(min_size=32, max_size=32), st.sampled_from([b"", b"nonce"]))
    def test_what_is_not_is_proven_absent(self, entries: dict[bytes, bytes], index: bytes, nonce: bytes) -> None:
        entries.pop(index, None)
        parts = reference_tree.prove(entries, index, nonce)
        self.assertIsNone(verify_tree_proof(reference_tree.root(entries, nonce), nonce, Index(index), parts))


def _flips(value: bytes) -> Iterator[bytes]:
    """`value` with one bit changed: every one in turn."""
    for place in range(len(value)):
        for bit in range(8):
            yield value[:place] + bytes((value[place] ^ 1 << bit,)) + value[place + 1 :]


def _changed_proofs(parts: TreeProofParts) -> Iterator[TreeProofParts]:
    for place, neighbor in enumerate(parts.neighbors):
        for flipped in _flips(neighbor):
            yield parts._replace(neighbors=[*parts.neighbors[:place], flipped, *parts.neighbors[place + 1 :]])
    for flipped in _flips(parts.existing_index):
        yield parts._replace(existing_index=flipped)
    for flipped in _flips(parts.existing_entry_hash):
        yield parts._replace(existing_entry_hash=flipped)


def _samples() -> list[tuple[str, bytes, bytes, TreeProofParts, bytes | None]]:
    """(name, root, index, proof, value): a leaf found, another leaf in its place, an empty branch; small and deep."""
    present = {sha256(bytes((n,))).digest(): sha256(b"value %d" % n).digest() for n in range(9)}
    twin = (int.from_bytes(next(iter(present)), "big") ^ 1 << 200).to_bytes(32, "big")
    deep = {**present, twin: bytes(32)}
    absent = [sha256(b"absent %d" % n).digest() for n in range(40)]
    samples = []
    for name, entries in (("empty tree", {}), ("one entry", dict([*present.items()][:1])), ("ten entries", deep)):
        asked = [*entries][:3] + [*entries][-1:] + absent
        seen = set()
        for index in asked:
            parts = reference_tree.prove(entries, index)
            kind = (index in entries, len(parts.neighbors), bool(parts.existing_index))
            if kind not in seen:
                seen.add(kind)
                words = f"{name} {'present' if kind[0] else 'absent'} {kind[1]} {'leaf' if kind[2] else 'empty'}"
                samples.append((words, reference_tree.root(entries), index, parts, entries.get(index)))
    return samples


@each(_samples(), lambda sample: sample[0])
class Sound(SynchronousTestCase):
    """No single bit of a proof, of the root or of the index can change."""

    def check(self, sample: tuple[str, bytes, bytes, TreeProofParts, bytes | None]) -> None:
        _, root, index, parts, value = sample
        self.assertEqual(verify_tree_proof(root, b"", Index(index), parts), value)
        for changed in _changed_proofs(parts):
            self.assertRaises(ProofInvalid, verify_tree_proof, root, b"", Index(index), changed)
        for flipped in _flips(root):
            self.assertRaises(ProofInvalid, verify_tree_proof, flipped, b"", Index(index), parts)
        self.assertRaises(ProofInvalid, verify_tree_proof, root, b"other nonce", Index(index), parts)
        for flipped in _flips(index):
            self._another_index(root, flipped, index, parts)

    def _another_index(self, root: bytes, other: bytes, index: bytes, parts: TreeProofParts) -> None:
        """A proof says something about every index on its path; of one that it is not for, never that it is present."""
        depth = len(parts.neighbors)
        if reference_tree.bits(other)[:depth] == reference_tree.bits(index)[:depth]:
            if other != parts.existing_index:
                self.assertIsNone(verify_tree_proof(root, b"", Index(other), parts))
        else:
            self.assertRaises(ProofInvalid, verify_tree_proof, root, b"", Index(other), parts)


class Malformed(SynchronousTestCase):
    """What the original crashes on, or does not check."""

    index = Index(sha256(b"index").digest())

    def refused(self, root: bytes, parts: TreeProofParts, index: bytes | None = None) -> str:
        error = self.assertRaises(ProofInvalid, verify_tree_proof, root, b"", index or self.index, parts)
        self.assertEqual(error.step, "tree")
        return str(error)

    def test_more_neighbors_than_an_index_has_bits(self) -> None:
        self.assertIn("257", self.refused(bytes(32), TreeProofParts([bytes(32)] * 257, b"", b"")))

    def test_as_many_neighbors_as_an_index_has_bits_are_hashed(self) -> None:
        self.assertIn("root", self.refused(bytes(32), TreeProofParts([bytes(32)] * 256, b"", b"")))

    def test_two_entries_that_differ_in_the_last_bit_verify(self) -> None:
        other = self.index[:-1] + bytes((self.index[-1] ^ 1,))
        entries = {bytes(self.index): bytes(32), other: bytes(range(32))}
        parts = reference_tree.prove(entries, self.index)
        self.assertEqual(len(parts.neighbors), 256)
        self.assertEqual(verify_tree_proof(reference_tree.root(entries), b"", self.index, parts), bytes(32))

    def test_a_neighbor_that_is_too_short(self) -> None:
        self.assertIn("neighbor 1", self.refused(bytes(32), TreeProofParts([bytes(32), bytes(31)], b"", b"")))

    def test_a_neighbor_that_is_too_long(self) -> None:
        self.assertIn("neighbor 0", self.refused(bytes(32), TreeProofParts([bytes(33)], b"", b"")))

    def test_neighbors_whose_lengths_differ_but_add_up(self) -> None:
        """Hash inputs are concatenations: 31 + 33 bytes would hash like 32 + 32."""
        entries = {sha256(bytes((n,))).digest(): bytes(32) for n in range(2)}
        index = Index(next(iter(entries)))
        parts = reference_tree.prove(entries, index)
        self.refused(reference_tree.root(entries), parts._replace(neighbors=[parts.neighbors[0] + b"\0"]), index)

    def test_a_leaf_off_the_path_although_the_hashes_agree(self) -> None:
        """A keyserver builds a tree with a leaf in the wrong place, to prove somebody absent who is there."""
        off_path = bytes((self.index[0] ^ 0x80,)) + self.index[1:]
        leaf = leaf_hash(b"", off_path, 1, bytes(32))
        parts = TreeProofParts([bytes(32)], off_path, bytes(32))
        sides = (bytes(32), leaf) if self.index[0] & 0x80 else (leaf, bytes(32))
        root = reference_tree._hash(b"I", *sides, bytes(4))
        self.assertIn("not on the path", self.refused(root, parts))

    def test_a_leaf_without_its_value(self) -> None:
        root = leaf_hash(b"", self.index, 0, b"")
        self.assertIn("existing_entry_hash", self.refused(root, TreeProofParts([], self.index, b"")))

    def test_a_leaf_without_its_index(self) -> None:
        root = empty_hash(b"", self.index, 0)
        self.assertIn("existing_index", self.refused(root, TreeProofParts([], b"", bytes(32))))

    def test_a_leaf_with_a_short_index(self) -> None:
        self.assertIn("existing_index", self.refused(bytes(32), TreeProofParts([], self.index[:31], bytes(32))))

    def test_a_value_that_is_too_long(self) -> None:
        self.assertIn("existing_entry_hash", self.refused(bytes(32), TreeProofParts([], self.index, bytes(33))))

    def test_an_index_of_the_wrong_length(self) -> None:
        self.assertIn("the index", self.refused(bytes(32), TreeProofParts([], b"", b""), b"short"))

    def test_a_root_of_the_wrong_length(self) -> None:
        self.assertIn("root", self.refused(b"", TreeProofParts([], b"", b"")))
