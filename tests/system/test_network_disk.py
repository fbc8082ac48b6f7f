"""A full disk on one of three replicas: it says so and takes no part, the others go on, and with room it catches up."""

from __future__ import annotations

import pytest

from tests.system.cluster import ReplicaProcess
from tests.system.disks import SmallDisk
from tests.system.network_case import NetworkCase

MEGABYTES = 64


@pytest.mark.xdist_group("network")
class FullDiskTests(NetworkCase):
    def configure(self, content: dict[str, object]) -> None:
        content["leveldb_path"] = "data/database"

    def prepare(self) -> None:
        """Each replica has a disk for all, and within it others for its database and its log alone."""
        self.disks = {}
        for replica in self.cluster.replicas:
            for name in ("data", "data/database", "data/database-log"):
                disk = SmallDisk(replica.folder / name, MEGABYTES)
                self.disks[replica.number, name] = disk
                self.addCleanup(disk.clean_up)

    def fill(self, *names: str) -> None:
        """Fill these disks of the leader, and then of a follower, under load."""
        for role, choose in self.roles():
            self.fill_one(role, choose(), *names)
        self.check_agreement()

    def fill_one(self, role: str, replica: ReplicaProcess, *names: str) -> None:
        """Fill these disks of `replica`, see what it says, and start it again with room."""
        disks = [self.disks[replica.number, name] for name in names]

        def fill() -> None:
            for disk in disks:
                disk.fill()

        def undo() -> None:
            self.assertIn("No space left on device", replica.log.read_text())
            replica.stop()
            self.assert_does_not_start(replica)
            for disk in disks:
                disk.empty()
            replica.begin()
            self.cluster.wait_until_agreed()

        self.disturb(f"{role}: {' and '.join(names)} full", fill, undo, self.cluster.replicas)

    def assert_does_not_start(self, replica: ReplicaProcess) -> None:
        """While there is no room, it says why and ends; nothing is damaged by that."""
        before = len(replica.log.read_text())
        replica.begin()
        assert replica.process is not None
        self.assertEqual(replica.process.wait(30), 1)
        self.assertIn("No space left on device", replica.log.read_text()[before:])

    def test_the_log_has_no_room(self) -> None:
        self.fill("data/database-log")

    def test_the_database_has_no_room(self) -> None:
        self.fill("data/database")

    def test_neither_has_room(self) -> None:
        self.fill("data/database", "data/database-log")
