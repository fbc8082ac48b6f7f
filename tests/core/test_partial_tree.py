"""The part of a tree that proofs show, against the tree itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core.partial_tree import PartialTree, root_of
from coname.core.proofs import TreeProofParts
from coname.core.types import EntryHash, Index
from coname.errors import ProofInvalid
from coname.storage.memory import MemoryStore
from coname.storage.tree import EMPTY, MerkleTree, complete
from tests.core import reference_tree

SETTINGS = settings(derandomize=True, deadline=None, max_examples=200)


def place(number: int) -> Index:
    """Indices that share long beginnings, and some that do not."""
    return Index(((number % 5) << 253 | number << (number % 7) * 30).to_bytes(32, "big"))


indices = st.integers(0, 60).map(place) | st.binary(min_size=32, max_size=32).map(Index)
values = st.binary(min_size=32, max_size=32).map(EntryHash)
contents = st.dictionaries(indices, values, max_size=25)
nonces = st.sampled_from([b"", b"nonce"])


class Real:
    """The real tree, on memory."""

    def __init__(self, nonce: bytes, content: dict[Index, EntryHash]) -> None:
        self.store = MemoryStore()
        self.tree = MerkleTree(self.store, nonce, 1 << 20)
        self.root, self.next_node = EMPTY, 0
        self.put(content)

    def put(self, changes: dict[Index, EntryHash]) -> None:
        updated = complete(self.tree.update(self.root, changes, self.next_node))
        self.store.write(updated.writes, sync=False)
        self.root, self.next_node = updated.root, updated.next_node

    def hash(self) -> bytes:
        return self.tree.root_hash(self.root)

    def prove(self, index: Index) -> TreeProofParts:
        return self.tree.lookup(self.root, index)


class AgainstTheTree(SynchronousTestCase):
    @SETTINGS
    @given(nonces, contents, contents, st.lists(indices, max_size=5))
    def test_it_comes_to_the_same_root(
        self, nonce: bytes, content: dict[Index, EntryHash], changes: dict[Index, EntryHash], others: list[Index]
    ) -> None:
        real = Real(nonce, content)
        partial = PartialTree(real.hash(), nonce)
        for index in [*changes, *others]:
            self.assertEqual(partial.add(index, real.prove(index)), content.get(index))
        real.put(changes)
        self.assertEqual(partial.root_with(changes), real.hash())

    @SETTINGS
    @given(nonces, contents)
    def test_a_whole_tree_needs_no_proofs(self, nonce: bytes, content: dict[Index, EntryHash]) -> None:
        self.assertEqual(root_of(nonce, content), reference_tree.root(content, nonce))

    @SETTINGS
    @given(contents, indices, indices, values)
    def test_what_is_not_shown_is_not_changed(
        self, content: dict[Index, EntryHash], shown: Index, index: Index, value: EntryHash
    ) -> None:
        real = Real(b"", content)
        partial = PartialTree(real.hash(), b"")
        partial.add(shown, real.prove(shown))
        try:
            found = partial.root_with({index: value})
        except ProofInvalid as error:
            self.assertEqual(error.step, "tree")
            self.assertNotEqual(shown, index)
        else:
            real.put({index: value})
            self.assertEqual(found, real.hash())


ONE, TWO, THREE, FOUR = (Index(bytes((number << 6,)) + bytes(31)) for number in range(4))
VALUE = EntryHash(b"v" * 32)


class Refusals(SynchronousTestCase):
    def setUp(self) -> None:
        self.real = Real(b"", {ONE: VALUE, TWO: VALUE, THREE: VALUE, FOUR: VALUE})
        self.partial = PartialTree(self.real.hash(), b"")

    def refused(self, changes: dict[Index, EntryHash]) -> None:
        self.assertEqual(self.assertRaises(ProofInvalid, self.partial.root_with, changes).step, "tree")

    def test_nothing_shown(self) -> None:
        self.refused({ONE: VALUE})

    def test_another_branch_shown(self) -> None:
        self.partial.add(ONE, self.real.prove(ONE))
        self.refused({TWO: VALUE})
        self.refused({ONE: VALUE, FOUR: VALUE})

    def test_no_change_needs_no_proof(self) -> None:
        self.assertEqual(self.partial.root_with({}), self.real.hash())

    def test_a_proof_under_another_root(self) -> None:
        other = Real(b"", {ONE: VALUE})
        self.assertRaises(ProofInvalid, self.partial.add, ONE, other.prove(ONE))

    def test_a_proof_for_another_index(self) -> None:
        self.assertRaises(ProofInvalid, self.partial.add, TWO, self.real.prove(ONE))

    def test_a_proof_cut_short(self) -> None:
        parts = self.real.prove(ONE)
        for neighbors in (parts.neighbors[:-1], [*parts.neighbors, VALUE], parts.neighbors[::-1]):
            self.assertRaises(ProofInvalid, self.partial.add, ONE, parts._replace(neighbors=neighbors))

    def test_proofs_that_contradict_each_other(self) -> None:
        # They cannot both verify; this is what happens if somebody finds two inputs with one hash.
        one, two = self.real.prove(ONE), self.real.prove(TWO)
        ends = TreeProofParts(two.neighbors[:1], b"", b"")
        for wrong in (ends, two._replace(neighbors=[bytes(32), two.neighbors[1]])):
            self.partial._shown = {ONE: one, TWO: wrong}
            self.refused({ONE: VALUE, TWO: VALUE})

    def test_the_empty_tree(self) -> None:
        self.assertEqual(root_of(b"n", {}), reference_tree.root({}, b"n"))
        partial = PartialTree(root_of(b"", {}), b"")
        self.assertIsNone(partial.add(ONE, TreeProofParts([], b"", b"")))
        self.assertEqual(partial.root_with({THREE: VALUE, ONE: VALUE}), root_of(b"", {ONE: VALUE, THREE: VALUE}))

    def test_paths_of_256_bits(self) -> None:
        last = [Index(bytes(31) + bytes((number,))) for number in range(3)]
        real = Real(b"", {last[0]: VALUE, last[1]: VALUE})
        partial = PartialTree(real.hash(), b"")
        for index in last:
            partial.add(index, real.prove(index))
        real.put({last[2]: VALUE, last[1]: EntryHash(bytes(32))})
        self.assertEqual(partial.root_with({last[2]: VALUE, last[1]: EntryHash(bytes(32))}), real.hash())
