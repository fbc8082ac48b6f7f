from __future__ import annotations

from collections.abc import Collection, Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core.types import Epoch, KeyId
from coname.errors import Corrupt
from coname.interfaces import Delete, Put
from coname.keyserver import frontier as frontiers
from coname.keyserver import tables
from coname.keyserver.frontier import Frontier, Numbers
from coname.messages.stored_pb2 import SignerProgress
from coname.storage.memory import MemoryStore


def anybody(have: Collection[int]) -> bool:
    return True


class Kept:
    """A frontier and the database that it is kept in."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.numbers = frontiers.read_numbers(self.store)
        self.frontier = frontiers.read(self.store, self.numbers)

    def add(self, epoch: int, *signers: int) -> None:
        stored = len(self.numbers)
        added = self.frontier.add(Epoch(epoch), self.numbers.numbered(map(KeyId, signers)))
        self.writes = frontiers.changes(self.frontier, added) + frontiers.number_changes(self.numbers, stored)
        self.store.write(self.writes, False)
        self.frontier = added

    def newest(self, wanted: Iterable[int], oldest: int = 1) -> Epoch | None:
        wanted = frozenset(wanted)
        return self.frontier.newest(wanted, lambda have: wanted <= set(have), Epoch(oldest))


class FrontierTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kept = Kept()

    def test_empty_frontier_satisfies_nothing(self) -> None:
        self.assertIsNone(self.kept.newest([]))

    def test_finds_older_epoch_of_a_larger_group(self) -> None:
        self.kept.add(3, 1, 2)
        self.kept.add(9, 1)
        self.assertEqual(self.kept.newest([1, 2]), 3)
        self.assertEqual(self.kept.newest([1]), 9)

    def test_does_not_look_beyond_the_oldest_allowed(self) -> None:
        self.kept.add(3, 1)
        self.assertEqual(self.kept.newest([1], 3), 3)
        self.assertIsNone(self.kept.newest([1], 4))

    def test_stays_one_pair_while_everybody_keeps_up(self) -> None:
        for epoch in range(1, 100):
            self.kept.add(epoch, 1)
            self.kept.add(epoch, 1, 2)
        self.assertEqual(len(self.kept.frontier), 1)

    def test_a_signer_that_never_signed_is_nobody(self) -> None:
        self.kept.add(3, 1)
        self.assertIsNone(self.kept.newest([1, 77]))
        self.assertEqual(self.kept.frontier.progress([1, 77]), {1: 3})

    def asked(self, wanted: int, signers: Iterable[int]) -> int:
        """How often a quorum of so many of the signers is evaluated."""
        asked = []

        def satisfied(have: Collection[int]) -> bool:
            asked.append(have)
            return len(have) >= wanted

        self.kept.frontier.newest(frozenset(signers), satisfied, Epoch(1))
        return len(asked)

    def test_asks_the_quorum_for_few_sets(self) -> None:
        for epoch in range(100, 0, -1):
            self.kept.add(epoch, *range(100 - epoch + 1))
        self.assertEqual(len(self.kept.frontier), 100)
        self.assertLessEqual(max(self.asked(wanted, range(100)) for wanted in range(102)), 9)
        self.assertLessEqual(self.asked(3, [0, 1]), 3)

    @settings(derandomize=True)
    @given(
        st.lists(st.tuples(st.integers(1, 12), st.integers(0, 4)), max_size=40),
        st.sets(st.integers(0, 4)),
        st.integers(1, 12),
    )
    def test_agrees_with_looking_at_every_epoch(
        self, signatures: list[tuple[int, int]], wanted: set[int], oldest: int
    ) -> None:
        kept = Kept()
        signed: dict[int, set[int]] = {}
        for epoch, signer in signatures:
            signed.setdefault(epoch, set()).add(signer)
            kept.add(epoch, *signed[epoch])
            self.assertEqual(Kept(kept.store).frontier.pairs, kept.frontier.pairs)
        expected = max((epoch for epoch, have in signed.items() if epoch >= oldest and wanted <= have), default=None)
        self.assertEqual(kept.newest(wanted, oldest), expected)
        newest = {one: max(epoch for epoch, have in signed.items() if one in have) for _, one in signatures}
        self.assertEqual(kept.frontier.progress(range(5)), newest)


class ManyVerifiersTests(SynchronousTestCase):
    """300 verifiers, each of which lags by one epoch more than the one before."""

    def setUp(self) -> None:
        self.kept = Kept()
        for epoch in range(1, 301):
            self.kept.add(epoch, *range(301 - epoch))

    def test_each_pair_is_there(self) -> None:
        self.assertEqual(len(self.kept.frontier), 300)
        self.assertEqual(self.kept.newest(range(100)), 201)

    def test_a_signature_writes_less_than_a_hundred_bytes(self) -> None:
        self.kept.add(200, *range(102))
        puts = [write for write in self.kept.writes if isinstance(write, Put)]
        self.assertLess(sum(len(write.key) + len(write.value) for write in puts), 100)
        self.assertLessEqual(len([write for write in self.kept.writes if isinstance(write, Delete)]), 1)

    def test_nothing_is_written_where_nothing_changed(self) -> None:
        self.kept.add(100, 5)
        self.assertEqual(self.kept.writes, [])


class HostileTests(SynchronousTestCase):
    most = 256

    def setUp(self) -> None:
        self.patch(frontiers, "MOST_PAIRS", self.most)

    def patterns(self, kept: Kept) -> None:
        """Colluding verifiers 1 to 16 sign each epoch in another set of 8: none of the pairs makes another needless."""
        for epoch in range(1, self.most + 501):
            hostile = [bit + 1 for bit in range(16) if SETS[epoch - 1] >> bit & 1]
            kept.add(epoch, 0, *hostile)

    def test_memory_is_bounded_and_the_newest_stay(self) -> None:
        kept = Kept()
        self.patterns(kept)
        self.assertEqual(len(kept.frontier), self.most)
        self.assertEqual(kept.newest([0]), self.most + 500)
        self.assertEqual(len(list(tables.read_frontier(kept.store))), self.most)

    def test_a_group_that_lags_by_less_than_the_bound_is_still_found(self) -> None:
        kept = Kept()
        self.patterns(kept)
        kept.add(self.most + 300, 0, 77)
        self.patterns(kept)
        self.assertEqual(kept.newest([77]), self.most + 300)

    def test_one_verifier_alone_at_most_doubles_the_pairs(self) -> None:
        kept = Kept()
        for epoch in range(1, 1001):
            kept.add(epoch, 0, 1 if epoch < 500 else 0, *([99] if epoch * epoch % 7 in (1, 2) else []))
        self.assertLessEqual(len(kept.frontier), 4)


SETS = [bits for bits in range(1 << 16) if bits.bit_count() == 8]


class StoredTests(SynchronousTestCase):
    def test_what_earlier_versions_kept_in_the_state_is_moved(self) -> None:
        store = MemoryStore()
        numbers = frontiers.read_numbers(store)
        before = [SignerProgress(epoch=3, signers=[1, 2]), SignerProgress(epoch=9, signers=[1])]
        empty = frontiers.read(store, numbers)
        moved = frontiers.moved(empty, numbers, before)
        store.write(frontiers.changes(empty, moved) + frontiers.number_changes(numbers, 0), False)
        self.assertEqual(Kept(store).newest([1, 2]), 3)
        self.assertEqual(Kept(store).newest([1]), 9)

    def test_damage_is_reported(self) -> None:
        for write in (Put(tables.SIGNERS_KEY, bytes(7)), tables.frontier_record(Epoch(3), 2)):
            kept = Kept()
            kept.add(1, 5)
            kept.store.write([write], False)
            with self.assertRaises(Corrupt):
                Kept(kept.store)

    def test_an_empty_frontier_needs_no_record(self) -> None:
        self.assertEqual(Frontier(Numbers()).pairs, ())
        self.assertIsNone(Frontier(Numbers()).newest([], anybody, Epoch(1)))
