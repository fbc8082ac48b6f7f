"""Damaged databases are reported, or hold a prefix of what was written; never anything else.

Every batch number n writes ``n<n>`` and sets ``last``; so that a prefix can be told from a hole.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt
from coname.interfaces import IKeyValueStore, Put
from coname.storage import leveldb
from coname.storage.leveldb import LevelDBStore
from coname.storage.leveldb_log import records

from .damage import flip, truncate, zero
from .folders import new_path


def key(number: int) -> bytes:
    return b"n%08d" % number


def value(number: int, size: int) -> bytes:
    """Does not compress, so that each record's place in the files is its own."""
    seed = number * 2654435761 % 2**32
    return b"".join((seed * (step + 1) * 40503 % 2**32).to_bytes(4, "big") for step in range(size // 4))


def fill(store: IKeyValueStore, start: int, stop: int, size: int = 400) -> None:
    for number in range(start, stop):
        store.write([Put(key(number), value(number, size)), Put(b"last", b"%d" % number)], sync=False)
    store.write([Put(b"synced", b"%d" % stop)], sync=True)


class DamageCase(SynchronousTestCase):
    count = 300
    size = 400
    store: LevelDBStore | None = None

    def setUp(self) -> None:
        self.path = new_path(self)
        store = LevelDBStore(self.path, create=True)
        fill(store, 0, self.count, self.size)
        store.close()

    def open(self, cache_bytes: int = 1 << 20) -> LevelDBStore:
        self.close()
        self.store = LevelDBStore(self.path, create=False, cache_bytes=cache_bytes)
        self.addCleanup(self.store.close)
        return self.store

    def close(self) -> None:
        if self.store is not None:
            self.store.close()

    def newest(self, pattern: str) -> Path:
        return max(self.path.glob(pattern))

    def compacted(self) -> Path:
        """Bring everything into one table, with an empty log, and return the table."""
        LevelDBStore(self.path, create=False).close()
        return self.newest("*.ldb")

    def prefix(self) -> int:
        """Open; how many batches are there. Fails if they are not exactly the first ones."""
        store = self.open()
        found = dict(store.iterate(b"n", b"o"))
        self.assertEqual(found, {key(number): value(number, self.size) for number in range(len(found))})
        last = store.get(b"last")
        self.assertEqual(last, b"%d" % (len(found) - 1) if found else None)
        return len(found)


class TableDamageTests(DamageCase):
    def read_everything(self) -> int:
        """By key and by iteration both ways; the number of keys that raised Corrupt. Anything else fails the test."""
        store = self.open()
        wanted = [(key(number), value(number, self.size)) for number in range(self.count)]
        damaged = 0
        for one, expected in wanted:
            try:
                self.assertEqual(store.get(one), expected)
            except Corrupt:
                damaged += 1
        for reverse in (False, True):
            found: list[tuple[bytes, bytes]] = []
            try:
                for record in store.iterate(b"n", b"o", reverse):
                    found.append(record)
            except Corrupt:
                self.assertTrue(damaged)
            else:
                self.assertEqual(found, wanted[::-1] if reverse else wanted)
                self.assertFalse(damaged)
        return damaged

    def test_any_flipped_byte_of_a_table_is_reported_or_harmless(self) -> None:
        table = self.compacted()
        whole = table.read_bytes()
        reported = 0
        for offset in range(3, len(whole), 2503):
            table.write_bytes(whole)
            flip(table, offset, 0x10)
            try:
                reported += bool(self.read_everything())
            except Corrupt:
                reported += 1
            self.close()
        self.assertGreater(reported, 40)

    def test_a_flipped_byte_in_the_blocks_after_the_data_is_reported_or_harmless(self) -> None:
        """The filter, the indices and the footer, byte by byte: a damaged filter could hide a key."""
        table = self.compacted()
        whole = table.read_bytes()
        for offset in range(len(whole) - 1800, len(whole), 19):
            table.write_bytes(whole)
            flip(table, offset, 0x04)
            with contextlib.suppress(Corrupt):
                self.read_everything()
            self.close()

    def test_an_iteration_over_a_damaged_last_block_does_not_just_end(self) -> None:
        table = self.compacted()
        store = self.open(cache_bytes=0)
        zero(table, 4096 * 20, table.stat().st_size - 4096)
        by_itself = store._db.iterator(start=b"n", stop=b"o", verify_checksums=True)
        self.assertLess(len(list(by_itself)), self.count)  # plyvel does just end
        self.assertRaises(Corrupt, lambda: list(store.iterate(b"n", b"o")))

    def test_an_iteration_over_a_damaged_first_block_does_not_just_end(self) -> None:
        table = self.compacted()
        store = self.open(cache_bytes=0)
        zero(table, 0, 4096 * 20)
        self.assertRaises(Corrupt, lambda: list(store.iterate(b"n", b"o", reverse=True)))
        self.assertRaises(Corrupt, lambda: list(store.iterate(b"n", b"o")))

    def test_a_deleted_table_is_reported(self) -> None:
        self.compacted().unlink()
        self.assertRaises(Corrupt, LevelDBStore, self.path, create=False)

    def test_a_table_that_is_cut_short_is_reported(self) -> None:
        table = self.compacted()
        truncate(table, 5000)
        self.assertRaises(Corrupt, self.read_everything)

    def test_a_deleted_CURRENT_is_reported_and_nothing_is_deleted(self) -> None:
        table = self.compacted()
        (self.path / "CURRENT").unlink()
        for create in (False, True):
            self.assertRaises(Corrupt, LevelDBStore, self.path, create=create)
        self.assertTrue(table.exists())

    def test_a_damaged_CURRENT_is_reported(self) -> None:
        for content in (b"", b"MANIFEST-999999\n", b"\xff\xfe\n", b"../x\n"):
            (self.path / "CURRENT").write_bytes(content)
            self.assertRaises(Corrupt, LevelDBStore, self.path, create=False)

    def test_any_flipped_byte_of_the_manifest_is_reported_or_harmless(self) -> None:
        saved = self.path.with_name(self.path.name + "-saved")
        shutil.copytree(self.path, saved)
        name = self.newest("MANIFEST-*").name
        for offset in range(len((saved / name).read_bytes())):
            shutil.rmtree(self.path)
            shutil.copytree(saved, self.path)
            flip(self.path / name, offset, 0x20)
            with contextlib.suppress(Corrupt):
                self.assertEqual(self.prefix(), self.count)
            self.close()


class LogDamageTests(DamageCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.newest("*.log")
        self.saved = self.path.with_name(self.path.name + "-saved")
        shutil.copytree(self.path, self.saved)

    def restore(self) -> None:
        self.close()
        shutil.rmtree(self.path)
        shutil.copytree(self.saved, self.path)

    def test_the_undamaged_log_holds_everything(self) -> None:
        self.assertEqual(self.prefix(), self.count)

    def test_a_log_that_is_cut_short_holds_a_prefix(self) -> None:
        size = self.log.stat().st_size
        counts = []
        for cut in range(size - 1, 200, -size // 23):
            self.restore()
            truncate(self.log, cut)
            counts.append(self.prefix())
        self.assertEqual(counts, sorted(counts, reverse=True))
        self.assertGreater(counts[0], self.count - 3)
        self.assertLess(counts[-1], self.count // 10)

    def test_any_flipped_byte_is_reported_or_leaves_a_prefix(self) -> None:
        size = self.log.stat().st_size
        reported = 0
        for offset in [*range(0, size, size // 60), *range(size - 40, size)]:
            self.restore()
            flip(self.log, offset, 0x80)
            try:
                self.prefix()
            except Corrupt:
                reported += 1
        self.assertGreater(reported, 50)

    def test_a_zeroed_stretch_is_reported_or_leaves_a_prefix(self) -> None:
        for start in (0, 7, 500, 30000, 32768, 33000, 65536, 100000):
            for length in (7, 512, 4096, 32768, 50000):
                self.restore()
                zero(self.log, start, start + length)
                with contextlib.suppress(Corrupt):
                    self.prefix()

    def test_a_zeroed_end_leaves_a_prefix_or_is_reported(self) -> None:
        with self.log.open("ab") as file:
            file.write(bytes(100_000))
        self.assertEqual(self.prefix(), self.count)

    def test_a_deleted_log_is_reported(self) -> None:
        self.log.unlink()
        error = self.assertRaises(Corrupt, LevelDBStore, self.path, create=False)
        self.assertIn(self.log.name, str(error))

    def test_a_manifest_that_lost_its_end_is_reported(self) -> None:
        manifest = self.newest("MANIFEST-*")
        for cut in range(manifest.stat().st_size - 1, -1, -1):
            self.restore()
            truncate(manifest, cut)
            with contextlib.suppress(Corrupt):
                self.assertEqual(self.prefix(), self.count)


class HoleTests(SynchronousTestCase):
    """Batches of a size of which 32 fill a block of the log exactly: LevelDB would not notice what is cut out."""

    def setUp(self) -> None:
        self.path = new_path(self)
        store = LevelDBStore(self.path, create=True)
        store.close()
        store = LevelDBStore(self.path, create=False)
        for number in range(96):
            # 1024 bytes a record: header 7, batch header 12, kind 1, key length 1, key 9, value length 2, value.
            store.write([Put(key(number), bytes(1024 - 7 - 12 - 1 - 1 - 9 - 2))], sync=False)
        store.write([Put(b"synced", b"")], sync=True)
        store.close()
        self.log = max(self.path.glob("*.log"))

    def test_the_records_fill_the_blocks(self) -> None:
        sizes = [len(record) for record in records(self.log.read_bytes())]
        self.assertEqual(sizes[:96], [1024 - 7] * 96)

    def test_a_zeroed_end_of_a_block_is_reported(self) -> None:
        zero(self.log, 32768 + 20 * 1024, 65536)
        error = self.assertRaises(Corrupt, LevelDBStore, self.path, create=False)
        self.assertIn("follows where", str(error))

    def test_LevelDB_by_itself_would_not_notice(self) -> None:
        zero(self.log, 32768 + 20 * 1024, 65536)
        self.patch(leveldb, "check_logs", lambda path: None)
        store = LevelDBStore(self.path, create=False)
        self.addCleanup(store.close)
        self.assertIsNone(store.get(key(60)))
        self.assertIsNotNone(store.get(key(90)))

    def test_a_missing_file_between_two_is_reported(self) -> None:
        """The batches as if the log had been continued in another file, without those between."""
        whole = self.log.read_bytes()
        following = self.log.with_name(f"{int(self.log.stem) + 10:06}.log")
        truncate(self.log, 32768)
        following.write_bytes(whole[65536:])
        self.assertRaises(Corrupt, LevelDBStore, self.path, create=False)

    def test_a_continuation_in_another_file_is_fine(self) -> None:
        whole = self.log.read_bytes()
        following = self.log.with_name(f"{int(self.log.stem) + 10:06}.log")
        truncate(self.log, 65536)
        following.write_bytes(whole[65536:])
        store = LevelDBStore(self.path, create=False)
        self.addCleanup(store.close)
        self.assertEqual(len(list(store.iterate(b"n", b"o"))), 96)
