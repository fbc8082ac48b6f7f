"""The measurement of a verifier, on a realm of a few people: a real keyserver, a real verifier."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench import catching_up, dataset, fill
from bench.measures import Plan


class CatchingUpTests(SynchronousTestCase):
    def test_speed_memory_and_disk_are_measured(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.patch(dataset, "DATA", folder)
        self.patch(fill, "_CHUNK", 2000)  # prepare them in this process
        self.patch(catching_up, "LEAST", 1)
        plan = Plan(sizes=(2000,), told=lambda _: None)
        found = {figure.what: figure for figure in catching_up.verifier(plan)}
        self.assertEqual(list(found), ["Verifier catching up: steps", "Verifier: memory", "Verifier: disk for a step"])
        for figure in found.values():
            self.assertGreater(figure.value, 0)
            self.assertEqual(figure.entries, 2000)
