"""The comparison of what is shown with what is printed lets only through what changes from run to run."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.comparing import matches


class Comparing(SynchronousTestCase):
    def test_times_hashes_and_ids_may_differ(self) -> None:
        shown = "epoch 2 was closed at 2026-11-23T09:10:15.746Z by 17685633533248294604 (8c315c4164591b7e)"
        printed = "epoch 3 was closed at 2031-01-02T03:04:05.678Z by 12492900583254614287 (0123456789abcdef)"
        self.assertTrue(matches(shown, printed))

    def test_an_id_may_begin_with_zeros_that_are_not_written(self) -> None:
        self.assertTrue(
            matches("verifier 3e6ebe2a8d1b9d1d (id 4498443474393636125)", "verifier fb9429b71f53 (id 276606823313235)")
        )

    def test_words_may_not_differ(self) -> None:
        self.assertFalse(matches("proved present in epoch 2", "proved absent in epoch 2"))

    def test_small_numbers_may_not_differ(self) -> None:
        self.assertFalse(matches("entry version 1", "entry version 2"))

    def test_an_ellipsis_alone_stands_for_any_lines(self) -> None:
        self.assertTrue(matches("first\n…\nlast", "first\nsecond\nthird\nlast"))

    def test_an_ellipsis_alone_stands_for_no_line_too(self) -> None:
        self.assertTrue(matches("first\n…\nlast", "first\nlast"))

    def test_an_ellipsis_within_a_line_stands_for_anything_in_it(self) -> None:
        self.assertTrue(matches("signed by …; wanted: …", "signed by Alice; wanted: Bob"))

    def test_more_lines_than_shown_do_not_match(self) -> None:
        self.assertFalse(matches("first", "first\nsecond"))

    def test_fewer_lines_than_shown_do_not_match(self) -> None:
        self.assertFalse(matches("first\nsecond", "first"))
