"""What may follow what: the rules of the memory, one by one."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.client.continuity import STEP, Sighting, Span, describe, follow, settle
from coname.core import heads
from coname.core.hashes import summary_hash
from coname.core.heads import Head
from coname.core.types import EntryHash, Epoch, Index
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import Timestamp

NONE = Epoch(0)


def head(epoch: int, root: bytes = b"r" * 32, seconds: int | None = None, previous: Head | None = None) -> Head:
    """The head of `epoch`, one second after the other."""
    chained = b"" if epoch == 1 else b"?" * 64 if previous is None else summary_hash(previous.epoch_head)
    issued = Timestamp(seconds=epoch if seconds is None else seconds)
    return heads.parse(heads.timestamped(heads.build("testing", Epoch(epoch), root, issued, chained), issued))


class Heads(SynchronousTestCase):
    def refused(self, newest: Head | None, seen: Head, floor: int = 0, asked: int = 0) -> str:
        error = self.assertRaises(ProofInvalid, follow, newest, seen, Epoch(floor), Epoch(asked))
        self.assertEqual(error.step, STEP)
        return str(error)

    def test_the_first_one_is_remembered(self) -> None:
        self.assertEqual(follow(None, head(5), NONE, NONE), head(5))

    def test_the_same_one_again_is_fine(self) -> None:
        self.assertEqual(follow(head(5), head(5), Epoch(5), NONE), head(5))

    def test_a_newer_one_takes_its_place(self) -> None:
        self.assertEqual(follow(head(5), head(9), Epoch(5), NONE).epoch, 9)

    def test_an_older_one_is_refused(self) -> None:
        self.assertIn("back in time: epoch 5 was known before, and this is 4", self.refused(head(5), head(4), floor=5))

    def test_an_older_one_that_was_asked_for_is_fine_and_does_not_take_its_place(self) -> None:
        self.assertEqual(follow(head(5), head(3), Epoch(5), Epoch(3)).epoch, 5)

    def test_an_answer_overtaken_by_a_newer_one_on_the_way_is_fine(self) -> None:
        self.assertEqual(follow(head(6), head(4), Epoch(4), NONE).epoch, 6)

    def test_another_head_of_the_same_epoch_is_refused(self) -> None:
        self.assertIn("two heads", self.refused(head(5), head(5, root=b"s" * 32), floor=5))

    def test_another_head_of_the_same_epoch_is_refused_even_if_asked_for(self) -> None:
        self.refused(head(5), head(5, root=b"s" * 32), floor=5, asked=5)

    def test_the_next_one_must_name_the_known_one(self) -> None:
        self.assertEqual(follow(head(5), head(6, previous=head(5)), Epoch(5), NONE).epoch, 6)
        self.assertIn("does not follow", self.refused(head(5), head(6), floor=5))

    def test_the_known_one_must_name_the_one_before_it(self) -> None:
        four = head(4)
        self.assertEqual(follow(head(5, previous=four), four, Epoch(5), Epoch(4)).epoch, 5)
        self.refused(head(5, previous=four), head(4, root=b"s" * 32), floor=5, asked=4)

    def test_no_other_one_may_name_the_known_one(self) -> None:
        self.assertIn("epoch 9 names epoch 5", self.refused(head(5), head(9, previous=head(5)), floor=5))

    def test_the_known_one_may_name_no_other_one(self) -> None:
        four = head(4)
        self.assertIn("epoch 9 names epoch 4", self.refused(head(9, previous=four), four, floor=9, asked=4))

    def test_time_must_not_go_backwards(self) -> None:
        self.assertIn("time went backwards", self.refused(head(5, seconds=100), head(9, seconds=99), floor=5))

    def test_time_may_stand_still(self) -> None:
        self.assertEqual(follow(head(5, seconds=100), head(9, seconds=100), Epoch(5), NONE).epoch, 9)


class Describe(SynchronousTestCase):
    def test_each_relation_has_its_sentence(self) -> None:
        said = [describe(known, seen) for known, seen in (
            (None, head(5)), (head(5), head(5)), (head(5), head(6)), (head(5), head(9)), (head(5), head(2))
        )]  # fmt: skip
        self.assertEqual(len(set(said)), 5)


def sighting(epoch: int, version: int | None, content: bytes = b"e", index: bytes = b"i" * 32) -> Sighting:
    proved = EntryHash(b"" if version is None else content * 32)
    return Sighting("alice@example.com", Index(index), Epoch(epoch), version, proved)


def remembered(*seen: Sighting) -> Span:
    """What is remembered after these sightings, one after the other."""
    span = None
    for each in seen:
        span = settle(span, each)
    assert span is not None
    return span


class Users(SynchronousTestCase):
    def refused(self, *seen: Sighting) -> str:
        """All but the last are accepted."""
        *before, last = seen
        error = self.assertRaises(ProofInvalid, settle, remembered(*before), last)
        self.assertEqual(error.step, STEP)
        return str(error)

    def test_the_first_one_is_remembered(self) -> None:
        self.assertEqual(remembered(sighting(5, 0)), Span(sighting(5, 0), sighting(5, 0)))

    def test_another_index_is_refused(self) -> None:
        self.assertIn("two indices", self.refused(sighting(5, 0), sighting(6, 0, index=b"j" * 32)))

    def test_another_index_is_refused_where_nothing_was_there(self) -> None:
        self.refused(sighting(5, None), sighting(6, None, index=b"j" * 32))

    def test_a_newer_version_takes_its_place(self) -> None:
        newer = sighting(6, 3, b"f")
        self.assertEqual(remembered(sighting(5, 0), newer), Span(newer, newer))

    def test_nothing_new_is_not_written_again(self) -> None:
        known = remembered(sighting(5, 0), sighting(8, 0))
        self.assertEqual([settle(known, sighting(epoch, 0)) for epoch in (5, 6, 7, 8)], [known] * 4)

    def test_the_newest_epoch_of_an_entry_is_remembered(self) -> None:
        self.assertEqual(remembered(sighting(5, 0), sighting(8, 0)), Span(sighting(5, 0), sighting(8, 0)))

    def test_the_oldest_epoch_of_an_entry_is_remembered(self) -> None:
        self.assertEqual(remembered(sighting(8, 0), sighting(5, 0)), Span(sighting(5, 0), sighting(8, 0)))

    def test_another_version_between_two_sightings_of_one_is_refused(self) -> None:
        self.assertIn(
            "went back: version 2 in epoch 7, version 1 in epoch 9",
            self.refused(sighting(5, 1), sighting(9, 1), sighting(7, 2, b"f")),
        )

    def test_absence_between_two_sightings_of_an_entry_is_refused(self) -> None:
        self.assertIn("no entry in epoch 7", self.refused(sighting(5, 1), sighting(9, 1), sighting(7, None)))

    def test_absence_after_the_newest_sighting_is_refused_whatever_came_between(self) -> None:
        self.refused(sighting(5, 1), sighting(9, 1), sighting(8, 1), sighting(10, None))

    def test_presence_between_two_proofs_of_absence_is_refused(self) -> None:
        self.refused(sighting(5, None), sighting(9, None), sighting(7, 0))

    def test_an_older_version_later_is_refused(self) -> None:
        self.assertIn(
            "went back: version 3 in epoch 5, version 2 in epoch 6", self.refused(sighting(5, 3), sighting(6, 2))
        )

    def test_an_entry_that_vanishes_is_refused(self) -> None:
        self.assertIn("went back: version 0 in epoch 5, no entry", self.refused(sighting(5, 0), sighting(6, None)))

    def test_two_contents_of_one_version_are_refused(self) -> None:
        self.assertIn("two entries", self.refused(sighting(5, 1), sighting(6, 1, b"f")))

    def test_two_entries_in_one_epoch_are_refused(self) -> None:
        self.assertIn("two entries", self.refused(sighting(5, 1), sighting(5, 2, b"f")))

    def test_two_entries_in_one_epoch_are_refused_whichever_came_first(self) -> None:
        self.assertIn("two entries", self.refused(sighting(5, 2, b"f"), sighting(5, 1)))

    def test_an_older_version_in_an_older_epoch_is_fine_and_changes_nothing(self) -> None:
        self.assertEqual(remembered(sighting(5, 3), sighting(4, 2, b"f")), remembered(sighting(5, 3)))

    def test_absence_in_an_older_epoch_is_fine(self) -> None:
        self.assertEqual(remembered(sighting(5, 0), sighting(4, None)), remembered(sighting(5, 0)))

    def test_a_newer_version_in_an_older_epoch_is_refused(self) -> None:
        self.refused(sighting(5, 1), sighting(4, 2, b"f"))


ENTRIES = st.one_of(st.none(), st.integers(0, 2))
HISTORIES = st.lists(ENTRIES, min_size=2, max_size=8)


class Histories(SynchronousTestCase):
    """Epoch by epoch what an address had, asked about in any order."""

    @settings(derandomize=True, deadline=None)
    @given(HISTORIES.map(lambda each: sorted(each, key=lambda version: -1 if version is None else version)), st.data())
    def test_an_honest_history_is_accepted_in_any_order(self, versions: list[int | None], data: st.DataObject) -> None:
        epochs = data.draw(st.lists(st.integers(0, len(versions) - 1), min_size=1, max_size=12))
        span = remembered(*(sighting(epoch + 1, versions[epoch], bytes([versions[epoch] or 0])) for epoch in epochs))
        self.assertEqual(span.last.epoch, max(each + 1 for each in epochs if versions[each] == versions[max(epochs)]))

    @settings(derandomize=True, deadline=None)
    @given(ENTRIES, ENTRIES, st.sampled_from(([3, 7, 5], [7, 3, 5])))
    def test_what_was_the_same_before_and_after_was_the_same_between(
        self, version: int | None, other: int | None, epochs: list[int]
    ) -> None:
        assume(version != other)
        versions = {3: version, 5: other, 7: version}
        seen = [sighting(epoch, versions[epoch], bytes([versions[epoch] or 0])) for epoch in epochs]
        self.assertRaises(ProofInvalid, remembered, *seen)
