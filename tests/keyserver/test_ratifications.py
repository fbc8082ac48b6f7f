from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core.types import Epoch, KeyId
from coname.keyserver.ratifications import SignerFrontier


class SignerFrontierTests(SynchronousTestCase):
    def test_empty_frontier_satisfies_nothing(self) -> None:
        self.assertIsNone(SignerFrontier().newest(lambda have: True, Epoch(1)))

    def test_finds_older_epoch_of_a_larger_group(self) -> None:
        frontier = SignerFrontier()
        frontier.add(Epoch(3), [KeyId(1), KeyId(2)])
        frontier.add(Epoch(9), [KeyId(1)])
        self.assertEqual(frontier.newest(lambda have: 2 in have, Epoch(1)), 3)
        self.assertEqual(frontier.newest(lambda have: 1 in have, Epoch(1)), 9)

    def test_does_not_look_beyond_the_oldest_allowed(self) -> None:
        frontier = SignerFrontier()
        frontier.add(Epoch(3), [KeyId(1)])
        self.assertIsNone(frontier.newest(lambda have: True, Epoch(4)))

    def test_stays_one_pair_while_everybody_keeps_up(self) -> None:
        frontier = SignerFrontier()
        for epoch in range(1, 100):
            frontier.add(Epoch(epoch), [KeyId(1)])
            frontier.add(Epoch(epoch), [KeyId(1), KeyId(2)])
        self.assertEqual(len(frontier.stored()), 1)

    def test_survives_being_stored(self) -> None:
        frontier = SignerFrontier()
        frontier.add(Epoch(3), [KeyId(1), KeyId(2)])
        frontier.add(Epoch(9), [KeyId(1)])
        again = SignerFrontier(frontier.stored())
        self.assertEqual(again.stored(), frontier.stored())
        self.assertEqual(again.newest_by(KeyId(2)), 3)

    @settings(derandomize=True)
    @given(
        st.lists(st.tuples(st.integers(1, 12), st.integers(0, 4)), max_size=40),
        st.sets(st.integers(0, 4)),
        st.integers(1, 12),
    )
    def test_agrees_with_looking_at_every_epoch(
        self, signatures: list[tuple[int, int]], wanted: set[int], oldest: int
    ) -> None:
        frontier = SignerFrontier()
        signed: dict[int, set[int]] = {}
        for epoch, signer in signatures:
            signed.setdefault(epoch, set()).add(signer)
            frontier.add(Epoch(epoch), [KeyId(one) for one in signed[epoch]])
        expected = max((epoch for epoch, have in signed.items() if epoch >= oldest and wanted <= have), default=None)
        self.assertEqual(frontier.newest(lambda have: wanted <= have, Epoch(oldest)), expected)
        for signer in range(5):
            newest = max((epoch for epoch, have in signed.items() if signer in have), default=0)
            self.assertEqual(frontier.newest_by(KeyId(signer)), newest)
