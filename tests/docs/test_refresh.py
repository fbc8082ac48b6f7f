"""Refreshing a page changes what was printed, and keeps what was left out on purpose."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.refresh import renewed
from tests.docs.sessions import Step


class Renewed(SynchronousTestCase):
    def test_takes_the_new_words(self) -> None:
        self.assertEqual(renewed(Step(1, "c", ["@"]), ["one", "two"]), ["one", "two"])

    def test_keeps_what_was_left_out(self) -> None:
        step = Step(1, "c", ["epoch 2", "…", "version 1"])
        self.assertEqual(renewed(step, ["epoch 7", "a", "b", "version 1"]), ["epoch 7", "…", "version 1"])

    def test_keeps_lines_that_leave_something_out(self) -> None:
        self.assertEqual(renewed(Step(1, "c", ["by …"]), ["by Alice"]), ["by …"])

    def test_shows_everything_where_nothing_matches(self) -> None:
        self.assertEqual(renewed(Step(1, "c", ["old", "…"]), ["new", "more"]), ["new", "more"])
