"""Opening, locking, closing and syncing LevelDB databases."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt, Misconfigured, Unavailable
from coname.interfaces import Put
from coname.storage import leveldb, leveldb_files
from coname.storage.leveldb import LevelDBStore

from .folders import new_path

HOLD = """
import sys
from coname.storage.leveldb import LevelDBStore
store = LevelDBStore(sys.argv[1], create=True)
print("open", flush=True)
sys.stdin.read()
"""


class OpeningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = new_path(self)

    def open(self, create: bool = False) -> LevelDBStore:
        store = LevelDBStore(self.path, create=create)
        self.addCleanup(store.close)
        return store

    def test_a_missing_database_is_not_created_unasked(self) -> None:
        error = self.assertRaises(Misconfigured, self.open)
        self.assertIn(str(self.path), str(error))
        self.assertFalse(self.path.exists())

    def test_an_empty_folder_is_no_database(self) -> None:
        self.path.mkdir()
        self.assertRaises(Misconfigured, self.open)
        self.assertEqual(list(self.path.iterdir()), [])

    def test_a_file_is_no_database(self) -> None:
        self.path.write_text("")
        self.assertRaises(Misconfigured, self.open, create=True)

    def test_a_new_database_is_for_its_owner_only(self) -> None:
        self.path = self.path / "deep" / "er"
        self.open(create=True)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o700)

    def test_what_was_written_is_there_after_reopening(self) -> None:
        store = self.open(create=True)
        store.write([Put(b"k", b"v")], sync=False)
        store.close()
        self.assertEqual(self.open().get(b"k"), b"v")

    def test_creating_an_existing_one_keeps_it(self) -> None:
        store = self.open(create=True)
        store.write([Put(b"k", b"v")], sync=True)
        store.close()
        self.assertEqual(self.open(create=True).get(b"k"), b"v")

    def test_a_creation_that_broke_off_can_be_done_again(self) -> None:
        self.path.mkdir()
        for name in ("LOCK", "LOG", "MANIFEST-000001"):
            (self.path / name).write_bytes(b"")
        self.open(create=True).write([Put(b"k", b"v")], sync=True)

    def test_a_database_that_is_not_marked_as_ours_is_refused(self) -> None:
        other = leveldb.plyvel.DB(os.fspath(self.path), create_if_missing=True)
        other.put(b"k", b"v")
        other.close()
        self.assertRaises(Misconfigured, self.open, create=True)

    def test_a_failed_opening_leaves_no_lock(self) -> None:
        self.assertRaises(Misconfigured, self.open)
        self.open(create=True)

    def test_a_second_opening_in_this_process_is_refused(self) -> None:
        self.open(create=True)
        self.assertIn("already open", str(self.assertRaises(Unavailable, self.open)))

    def test_a_second_opening_does_not_give_up_the_first_ones_lock(self) -> None:
        self.open(create=True)
        self.assertRaises(Unavailable, self.open)
        command = [sys.executable, "-c", HOLD, os.fspath(self.path)]
        other = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
        self.assertIn(b"is open in another process", other.stderr)

    def test_another_processs_lock_is_named(self) -> None:
        command = [sys.executable, "-c", HOLD, os.fspath(self.path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            self.assertEqual(other.stdout.readline(), b"open\n")
            error = self.assertRaises(Unavailable, self.open)
            other.stdin.close()
        self.assertIn("is open in another process", str(error))
        self.open()

    def test_closing_waits_for_readers(self) -> None:
        store = self.open(create=True)
        store.write([Put(b"%d" % number, b"v" * 100) for number in range(2000)], sync=False)
        ends: list[type[BaseException]] = []
        started = threading.Barrier(5)

        def read() -> None:
            started.wait()
            try:
                while True:
                    store.get(b"77")
                    list(store.iterate(b"1", b"2"))
            except BaseException as error:
                ends.append(type(error))

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        started.wait()
        store.close()
        for reader in readers:
            reader.join()
        self.assertEqual(ends, [Unavailable] * 4)

    def test_the_database_is_not_closed_under_a_reader(self) -> None:
        store = self.open(create=True)
        order: list[str] = []
        entered, release = threading.Event(), threading.Event()

        class Slow:
            def get(self, key: bytes, verify_checksums: bool) -> bytes:
                entered.set()
                release.wait(10)
                order.append("read")
                return b""

            def close(self) -> None:
                order.append("closed")

        real, store._db = store._db, Slow()
        self.addCleanup(real.close)
        threads = [threading.Thread(target=store.get, args=(b"k",)), threading.Thread(target=store.close)]
        threads[0].start()
        entered.wait(10)
        threads[1].start()
        while not store._closed:
            pass
        release.set()
        for thread in threads:
            thread.join()
        self.assertEqual(order, ["read", "closed"])

    def test_an_iteration_that_is_under_way_ends_with_the_store(self) -> None:
        store = self.open(create=True)
        store.write([Put(b"a", b""), Put(b"b", b"")], sync=False)
        records = store.iterate(b"a", b"c")
        next(records)
        store.close()
        self.assertRaises(Unavailable, next, records)

    def test_keys_of_the_stores_own_are_refused(self) -> None:
        store = self.open(create=True)
        self.assertRaises(ValueError, store.write, [Put(b"a", b""), Put(b"", b"")], True)
        self.assertRaises(ValueError, store.write, [Put(b"\xff" * 32, b"")], True)
        self.assertIsNone(store.get(b"a"))

    def test_statistics_are_text(self) -> None:
        self.assertIn("Compactions", self.open(create=True).statistics())


class SyncTests(SynchronousTestCase):
    """What is synced, in which order, across LevelDB's log files. Small write buffers make it change files often."""

    def setUp(self) -> None:
        self.patch(leveldb, "WRITE_BUFFER_BYTES", 64 << 10)
        self.path = new_path(self)
        self.store = LevelDBStore(self.path, create=True)
        self.addCleanup(self.store.close)
        self.synced: list[str] = []
        real, real_folder = os.fdatasync, leveldb_files.sync_folder

        def fdatasync(descriptor: int) -> None:
            self.synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")).split(" ")[0])
            real(descriptor)

        def folder(path: Path) -> None:
            self.synced.append("folder")
            real_folder(path)

        self.patch(leveldb_files.os, "fdatasync", fdatasync)
        self.patch(leveldb_files, "sync_folder", folder)

    def log(self) -> str:
        return max(path.name for path in self.path.glob("*.log"))

    def fill(self, sync: bool) -> None:
        """Write until LevelDB has begun another log file."""
        before = self.log()
        while self.log() == before:
            self.store.write([Put(b"k", os.urandom(5000))], sync)

    def test_a_synced_write_syncs_the_unsynced_ones_before_it_first(self) -> None:
        log = self.log()
        self.store.write([Put(b"a", b"1")], sync=False)
        self.assertEqual(self.synced, [])
        self.store.write([Put(b"b", b"2")], sync=True)
        self.assertEqual(self.synced, [log, "folder"])

    def test_synced_writes_in_a_row_need_nothing_more(self) -> None:
        self.store.write([Put(b"a", b"1")], sync=True)
        self.synced.clear()
        self.store.write([Put(b"b", b"2")], sync=True)
        self.assertEqual(self.synced, [])

    def test_a_finished_log_file_is_synced_before_the_next_write_returns(self) -> None:
        for _ in range(3):
            finished = self.log()
            self.synced.clear()
            self.fill(sync=False)
            self.assertEqual(self.synced, [finished])

    def test_a_new_log_files_name_is_synced(self) -> None:
        self.fill(sync=True)
        self.assertEqual(self.synced[-1], "folder")

    def test_descriptors_do_not_pile_up(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            self.fill(sync=False)
        self.assertLess(len(os.listdir("/proc/self/fd")), before + 5)


class FailedWriteTests(SynchronousTestCase):
    def test_after_a_failed_write_there_are_no_more(self) -> None:
        store = LevelDBStore(new_path(self), create=True)
        self.addCleanup(store.close)
        store.write([Put(b"a", b"1")], sync=False)
        with mock.patch.object(leveldb_files.os, "fdatasync", side_effect=OSError(28, "No space left on device")):
            error = self.assertRaises(Corrupt, store.write, [Put(b"b", b"2")], True)
        self.assertIn("No space left", str(error))
        self.assertIn("No space left", str(self.assertRaises(Corrupt, store.write, [Put(b"c", b"3")], False)))
        self.assertEqual(store.get(b"a"), b"1")
