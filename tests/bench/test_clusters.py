"""The measurements of several replicas: real ones, and a leader that is killed."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench import clusters, dataset, fill, replicas
from bench.measures import Plan


class ClusterTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        for module in (dataset, replicas, clusters):
            self.patch(module, "DATA", folder)

    def check(self, figures: list[clusters.Figure], *expected: str) -> None:
        self.assertEqual([figure.what for figure in figures], list(expected))
        for figure in figures:
            self.assertGreater(figure.value, 0)

    def test_the_loss_of_a_leader_is_timed(self) -> None:
        self.check(
            list(clusters._failovers(Plan(failovers=1))),
            "Leader killed, until a new update is acknowledged",
            "Leader killed, until one in flight is acknowledged",
        )

    def test_three_replicas_are_compared_with_one(self) -> None:
        self.check(
            list(clusters._beside_one(Plan(updates={20: 40}))),
            "Registrations, one replica alone, 20 in flight",
            "Lookups, one replica alone, 30 in flight",
            "Registrations, 3 replicas, 20 in flight",
            "Lookups, 3 replicas, 30 in flight",
            "Registrations, 3 replicas: speed in relation to one alone",
            "Lookups, 3 replicas: speed in relation to one alone",
        )

    def test_a_replica_that_was_away_catches_up(self) -> None:
        self.check(
            list(clusters._catching_up(Plan(updates={20: 40}))), "Replica catching up", "Replica catching up: log"
        )

    def test_copies_are_written_and_made_databases(self) -> None:
        self.patch(fill, "_CHUNK", 2000)  # prepare them in this process
        self.check(
            list(clusters._copies(dataset.dataset(1000))),
            "Copy of the database, written",
            "Copy of the database, made a database",
        )
