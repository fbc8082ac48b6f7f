"""A crash at any point of an installation leaves the old database with its log, or the new one with its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt
from coname.interfaces import Put
from coname.messages.raft_pb2 import RaftEntry, RaftSnapshot
from coname.replication import raft_folders
from coname.replication.raft import Membership
from coname.replication.raft_folders import Folders
from coname.replication.raft_store import RaftStore
from coname.storage.leveldb import LevelDBStore

START = RaftSnapshot(index=9, term=2)


class Killed(BaseException):
    """The process ends here."""


class FoldersCase(SynchronousTestCase):
    def setUp(self) -> None:
        place = Path(self.mktemp())
        place.mkdir()
        self.folders = Folders(place / "database")
        self.make(self.folders.database, b"old")
        log = self.folders.open_log()
        store = RaftStore(log, 1, Membership({1: 0}), 0, lambda: 77)
        log.write(store.writes(None, [RaftEntry(index=2, term=1)], 1), True)
        log.close()

    def make(self, folder: Path, content: bytes) -> None:
        store = LevelDBStore(folder, create=True)
        store.write([Put(b"state", content)], True)
        store.close()

    def build(self) -> None:
        """As a copy that has arrived whole."""
        self.folders.fresh(self.folders.incoming)
        self.make(self.folders.built, b"new")

    def found(self) -> tuple[bytes | None, int, int]:
        """What the database holds, where the log begins, and where it ends."""
        state = LevelDBStore(self.folders.database, create=False)
        log = self.folders.open_log()
        store = RaftStore(log, 1, None, 0, lambda: 1)
        found = state.get(b"state"), store.snapshot().index, store.last_index()
        state.close()
        log.close()
        return found

    def names(self) -> set[str]:
        return {path.name for path in self.folders.database.parent.iterdir()}


OLD, NEW = (b"old", 0, 2), (b"new", 9, 9)

RENAMED = 1
"""The step that makes the new database the one that counts: the one after what has arrived was synced."""


class FoldersTests(FoldersCase):
    def test_what_was_committed_is_installed(self) -> None:
        self.build()
        self.folders.commit(START)
        self.assertTrue(self.folders.finish())
        self.assertEqual(self.found(), NEW)
        self.assertEqual(self.names(), {"database", "database-log"})

    def test_without_a_commit_nothing_changes_and_what_arrived_is_removed(self) -> None:
        self.build()
        self.folders.fresh(self.folders.outgoing)
        self.assertFalse(self.folders.finish())
        self.assertEqual(self.found(), OLD)
        self.assertEqual(self.names(), {"database", "database-log"})

    def test_a_second_start_finds_nothing_to_do(self) -> None:
        self.build()
        self.folders.commit(START)
        self.folders.finish()
        self.assertFalse(self.folders.finish())
        self.assertEqual(self.found(), NEW)

    def test_a_new_replica_has_no_database_to_replace(self) -> None:
        shutil.rmtree(self.folders.database)
        self.build()
        self.folders.commit(START)
        self.folders.finish()
        self.assertEqual(self.found(), NEW)

    def test_a_first_start_finds_nothing(self) -> None:
        self.assertFalse(Folders(self.folders.database.parent / "other").finish())

    def test_a_damaged_commit_is_reported(self) -> None:
        self.build()
        self.folders.commit(START)
        (self.folders.database.parent / "database-installing" / "snapshot").write_bytes(b"\xff")
        self.assertRaises(Corrupt, self.folders.finish)
        shutil.copytree(self.folders.database, self.folders.incoming)
        self.assertRaises(Corrupt, self.folders.finish)


class CrashTests(FoldersCase):
    """Every step that changes the disk is once the last one."""

    def killed_at(self, step: int, work: Callable[[], object]) -> bool:
        """Whether `work` has ended before its step of that number, counted from 0, was done."""
        count = 0

        def counted(function: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **options: object) -> object:
                nonlocal count
                if count == step:
                    raise Killed
                count += 1
                return function(*arguments, **options)

            return call

        patches = [
            self.patch(os, "rename", counted(os.rename)),
            self.patch(raft_folders, "sync_folder", counted(raft_folders.sync_folder)),
            self.patch(raft_folders, "reset", counted(raft_folders.reset)),
            self.patch(shutil, "rmtree", counted(shutil.rmtree)),
        ]
        try:
            work()
        except Killed:
            return True
        finally:
            for patch in patches:
                patch.restore()
        return False

    def install(self) -> None:
        self.folders.commit(START)
        self.folders.finish()

    def test_a_crash_at_any_step_leaves_the_old_or_the_new_one(self) -> None:
        step = 0
        while True:
            self.setUp()
            self.build()
            if not self.killed_at(step, self.install):
                break
            self.folders.finish()
            self.assertEqual(self.found(), NEW if step > RENAMED else OLD, f"step {step}")
            self.assertEqual(self.names(), {"database", "database-log"}, f"step {step}")
            step += 1
        self.assertGreater(step, 8)
