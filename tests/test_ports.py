"""Ports for the processes that tests start."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.ports import RANGE, RUN, free_ports


class PortsTests(TestCase):
    def test_two_processes_that_still_have_to_start_get_different_ones(self) -> None:
        given = [free_ports() for _ in range(10)]
        self.assertEqual(len(set(given)), len(given))

    def test_runs_lie_where_nobody_else_takes_ports(self) -> None:
        first = free_ports()
        self.assertIn(first, RANGE)
        self.assertIn(first + RUN, range(RANGE.start, RANGE.stop + 1))
