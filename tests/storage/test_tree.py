"""The Merkle tree against the original's vectors, and against a plain, slow one."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from coname.core.proofs import TreeProofParts, verify_tree_proof
from coname.core.types import EntryHash, Index
from coname.storage.leveldb import LevelDBStore
from coname.storage.tree import EMPTY, MerkleTree, complete
from tests.core.cases import each_vector
from tests.core.reference_tree import bits

from .folders import new_path
from .tree_case import CHANGES, INDICES, NONCES, TreeCase, Versions, flipped, random_entries


def _name(case: dict[str, Any]) -> str:
    return f"{len(case['steps'] or [])} steps {'with' if case['tree_nonce'] else 'without'} nonce"


@each_vector("tree", name=_name)
class TreeVectors(TreeCase):
    """Every root after every step, every proof at the end; built step by step, and all at once."""

    def check(self, case: dict[str, Any]) -> None:
        steps = [(Index(bytes.fromhex(s["index"])), EntryHash(bytes.fromhex(s["value"]))) for s in case["steps"] or []]
        one_by_one = Versions(bytes.fromhex(case["tree_nonce"]))
        for (index, value), step in zip(steps, case["steps"] or [], strict=True):
            one_by_one.apply({index: value})
            self.assertEqual(one_by_one.tree.root_hash(one_by_one.root).hex(), step["root"])
        at_once = Versions(bytes.fromhex(case["tree_nonce"]))
        at_once.apply(dict(steps))
        for versions in (one_by_one, at_once):
            self.check_lookups(versions, case)

    def check_lookups(self, versions: Versions, case: dict[str, Any]) -> None:
        root = versions.tree.root_hash(versions.root)
        self.assertEqual(root.hex(), case["root"])
        for lookup in case["lookups"]:
            index = Index(bytes.fromhex(lookup["index"]))
            parts = versions.tree.lookup(versions.root, index)
            expected = TreeProofParts(
                [bytes.fromhex(neighbor) for neighbor in lookup["neighbors"]],
                bytes.fromhex(lookup["existing_index"]),
                bytes.fromhex(lookup["existing_entry_hash"]),
            )
            self.assertEqual(parts, expected)
            value = verify_tree_proof(root, versions.nonce, index, parts)
            self.assertEqual(value and value.hex(), lookup["value"])


class TreeProperties(TreeCase):
    @settings(derandomize=True, max_examples=120, deadline=None)
    @given(st.lists(CHANGES, max_size=5), st.lists(INDICES, max_size=3), NONCES)
    def test_every_version_is_that_of_a_dictionary_and_stays_so(self, batches: list, asked: list, nonce: bytes) -> None:
        versions = Versions(nonce)
        for changes in batches:
            versions.apply(changes)
            self.check_version(versions.tree, nonce, versions.root, versions.entries, asked)
        afterwards = versions.cold()
        for root, entries in versions.history:
            self.check_version(afterwards, nonce, root, entries, asked)

    @settings(derandomize=True, max_examples=60, deadline=None)
    @given(CHANGES, CHANGES, st.randoms(use_true_random=False))
    def test_the_tree_depends_on_its_entries_only(self, first: dict, second: dict, shuffled: Any) -> None:
        together = Versions()
        together.apply({**first, **second})
        apart = Versions()
        changes = list({**first, **second}.items())
        shuffled.shuffle(changes)
        for index, value in changes:
            apart.apply({index: value})
        self.assertEqual(apart.tree.root_hash(apart.root), together.tree.root_hash(together.root))

    @settings(derandomize=True, max_examples=100, deadline=None)
    @given(st.lists(CHANGES, max_size=4))
    def test_no_node_is_written_twice_and_none_in_vain(self, batches: list) -> None:
        versions = Versions()
        for changes in batches:
            before = versions.next_node
            writes = versions.apply(changes).writes
            keys = [write.key for write in writes]
            self.assertEqual(keys, [b"t" + number.to_bytes(6, "big") for number in range(before, before + len(writes))])
            self.assertEqual(versions.next_node, before + len(writes))
            on_changed_paths = {
                bits(index)[:depth]
                for index in changes
                for depth in range(len(versions.tree.lookup(versions.root, index).neighbors))
            }
            self.assertEqual(len(writes), len(on_changed_paths))


class TreeTests(TreeCase):
    def test_an_empty_tree_proves_absence(self) -> None:
        versions = Versions(b"nonce")
        self.check_version(versions.tree, b"nonce", EMPTY, {}, [Index(bytes(32))])

    def test_no_changes_make_no_new_version(self) -> None:
        versions = Versions()
        versions.apply(random_entries(10))
        updated = complete(versions.tree.update(versions.root, {}, versions.next_node))
        self.assertEqual(updated, (versions.root, versions.next_node, [], []))

    def test_indices_that_differ_in_the_last_bit_only_are_256_levels_deep(self) -> None:
        versions = Versions()
        index = Index(bytes(range(32)))
        versions.apply({index: EntryHash(b"1" * 32)})
        versions.apply({flipped(index, 255): EntryHash(b"2" * 32)})
        self.assertEqual(len(versions.cold().lookup(versions.root, index).neighbors), 256)
        self.check_version(versions.cold(), b"", versions.root, versions.entries, [flipped(index, 0)])

    def test_a_hundred_versions_stay_readable(self) -> None:
        versions = Versions()
        for seed in range(100):
            versions.apply(random_entries(1 + seed % 7, seed))
        afterwards = versions.cold()
        for root, entries in versions.history[::9]:
            self.check_version(afterwards, b"", root, entries, random_entries(3, 1000))

    def test_a_batch_shares_the_upper_levels(self) -> None:
        entries = random_entries(2000)
        together, apart = Versions(), Versions()
        together.apply(entries)
        for index, value in entries.items():
            apart.apply({index: value})
        self.assertEqual(together.tree.root_hash(together.root), apart.tree.root_hash(apart.root))
        self.assertLess(together.next_node, 2 * len(entries))
        self.assertGreater(apart.next_node, 10 * len(entries))

    def test_an_update_can_be_cut_into_pieces_between_which_others_look_up(self) -> None:
        versions = Versions()
        versions.apply(random_entries(50, 1))
        steps = versions.tree.update(versions.root, random_entries(50, 2), versions.next_node)
        pieces = 0
        for _ in steps:
            pieces += 1
            self.check_version(
                versions.tree, b"", versions.root, dict(list(versions.entries.items())[:1]) and versions.entries
            )
        self.assertEqual(pieces, 50)

    def test_an_update_that_is_given_up_leaves_no_trace(self) -> None:
        versions = Versions()
        versions.apply(random_entries(20, 1))
        held = list(versions.store.iterate(b"", b"\xff"))
        abandoned = complete(versions.tree.update(versions.root, random_entries(20, 2), versions.next_node))
        versions.apply(random_entries(20, 3))
        self.assertEqual(abandoned.writes[0].key, b"t" + (len(held) + 1).to_bytes(6, "big"))
        for root, entries in versions.history:
            self.check_version(versions.tree, b"", root, entries)

    def test_versions_survive_in_LevelDB(self) -> None:
        path = new_path(self)
        store = LevelDBStore(path, create=True)
        versions = Versions(b"nonce", store)
        for seed in range(20):
            versions.apply(random_entries(10, seed))
        store.close()
        reopened = LevelDBStore(path, create=False)
        self.addCleanup(reopened.close)
        tree = MerkleTree(reopened, b"nonce", 0)
        for root, entries in versions.history[::6]:
            self.check_version(tree, b"nonce", root, entries)
