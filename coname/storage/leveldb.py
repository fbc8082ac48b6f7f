"""`IKeyValueStore` on LevelDB, through plyvel.

Rules it keeps:

1. Damage is never read as absence. All checksums are verified (``paranoid_checks``, ``verify_checksums``). plyvel ends
   an iteration silently where LevelDB stopped on damage, so two records of our own, before the first and after the last
   key, mark both ends: an iteration that does not arrive at a record beyond its range has failed.
2. A store that has failed to write once writes no more. After a failed append, LevelDB would go on after a torn record,
   and recovery would drop what follows it.
3. ``sync`` covers all writes before it too (see `coname.storage.leveldb_files`).
4. Closing waits for the reads that are under way in other threads: LevelDB would crash the process.

What LevelDB does with damaged files when it opens them, and what is checked beside that: `coname.storage.leveldb_log`.
"""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import plyvel
from zope.interface import implementer

from coname.errors import Corrupt, Misconfigured, Unavailable
from coname.interfaces import IKeyValueStore, Put, Write
from coname.storage.leveldb_files import LogSync, check_unlocked, prepare_folder
from coname.storage.leveldb_log import check_logs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_CACHE_BYTES = 64 << 20
"""Blocks that LevelDB keeps; mapped tables need none. The kernel's page cache keeps the files beneath it as well."""

WRITE_BUFFER_BYTES = 16 << 20
"""How much is collected in memory before a table is written, and at most replayed at start (0.1 s). LevelDB's own 4 MiB
makes four times as many files to merge; up to two buffers are in memory at once."""

BLOOM_FILTER_BITS = 10
"""Per key: a lookup of an absent key reads a needless block in 1 case of 100 for each level."""

BLOCK_BYTES = 2048
"""What is read, and checked, for one record: half of LevelDB's own. Most records are asked for alone, and a million
users' are read a fifth faster; the tables grow by 2 %."""

MAX_OPEN_FILES = 2000
"""Tables of 2 MiB whose index is kept in memory (about 50 KiB each). The first 1000 are mapped and hold no descriptor;
of the others, LevelDB holds descriptors for a fifth of the process's limit at most."""

FIRST_KEY = b""
LAST_KEY = b"\xff" * 32
FORMAT = b"coname 1"
"""The value of both records that mark the ends. Another one: a database of another program, or of a later version."""

_open_folders: set[str] = set()  # in this process; guarded by _open_lock
_open_lock = Lock()


@implementer(IKeyValueStore)
class LevelDBStore:
    """A database in a folder of its own, which one process can have open at a time.

    Keys are not empty and sort before 32 bytes of 0xFF.

    :param path: the folder.
    :param create: make the database if there is none; its folder is for the owner only (0700).
    :param cache_bytes: bound of LevelDB's block cache.
    :raises Misconfigured: there is no database at `path`, and `create` is False.
    :raises Unavailable: another process, or another part of this one, has it open.
    :raises Corrupt: it is damaged, not readable, or not ours.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool, cache_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self.path = Path(path)
        self._lock = Lock()  # one writer at a time; guards _failure and _log_sync
        self._failure: str | None = None
        self._reading: deque[None] = deque()  # one item for each read under way; append and pop are atomic
        self._closed = False
        self._claim = _claim(self.path)
        try:
            prepare_folder(self.path, create)
            self._db = _open(self.path, create, cache_bytes)
            try:
                _check_format(self._db, self.path)
                self._log_sync = LogSync(self.path)
            except BaseException:
                self._db.close()
                raise
        except BaseException:
            _open_folders.discard(self._claim)
            raise

    def get(self, key: bytes) -> bytes | None:
        """See `IKeyValueStore`."""
        self._reading.append(None)
        try:
            if self._closed:
                raise Unavailable(f"{self.path} is closed")
            value: bytes | None = self._db.get(key, verify_checksums=True)
            return value
        except plyvel.Error as error:
            raise _corrupt(self.path, error) from error
        finally:
            self._reading.pop()

    def iterate(self, start: bytes, stop: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """See `IKeyValueStore`."""
        self._reading.append(None)
        try:
            if self._closed:
                raise Unavailable(f"{self.path} is closed")
            if reverse:  # plyvel loses a record that equals `start` here: the lower bound is checked by ourselves
                records = self._db.iterator(reverse=True, stop=stop, verify_checksums=True)
            else:
                records = self._db.iterator(start=start, verify_checksums=True)
        except plyvel.Error as error:
            raise _corrupt(self.path, error) from error
        finally:
            self._reading.pop()
        return self._range(records, start, stop, reverse)

    def _range(self, records: Any, start: bytes, stop: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        """The records in the range, until the first one beyond it, which must be there."""
        try:
            while True:
                key, value = self._step(records)
                if start <= key < stop and FIRST_KEY < key < LAST_KEY:
                    yield key, value
                elif key < start or key == FIRST_KEY if reverse else key >= stop or key == LAST_KEY:
                    return
        finally:
            if not self._closed:
                records.close()

    def _step(self, records: Any) -> tuple[bytes, bytes]:
        self._reading.append(None)
        try:
            if self._closed:
                raise Unavailable(f"{self.path} is closed")
            record: tuple[bytes, bytes] = next(records)
            return record
        except StopIteration:
            raise Corrupt(f"{self.path} is damaged: an iteration broke off") from None
        except plyvel.Error as error:
            raise _corrupt(self.path, error) from error
        finally:
            self._reading.pop()

    def write(self, writes: Sequence[Write], sync: bool) -> None:
        """See `IKeyValueStore`.

        :raises Corrupt: the disk failed, now or before; whether this batch will be there after a restart is not known.
        :raises ValueError: a key is outside the range of keys; nothing is written.
        """
        with self._lock:
            if self._closed:
                raise Unavailable(f"{self.path} is closed")
            if self._failure is not None:
                raise Corrupt(f"{self.path} takes no writes since one failed: {self._failure}")
            batch = self._batch(writes, sync)
            try:
                self._log_sync.before_write(sync)
                batch.write()
                self._log_sync.after_write(sync)
            except (plyvel.Error, OSError) as error:
                self._failure = _sentence(error)
                raise _corrupt(self.path, error) from error

    def _batch(self, writes: Sequence[Write], sync: bool) -> Any:
        batch = self._db.write_batch(sync=sync)
        put, delete = batch.put, batch.delete
        for write in writes:
            if not FIRST_KEY < write.key < LAST_KEY:
                raise ValueError(f"a key must not be empty and sort before {LAST_KEY!r}: {write.key!r}")
            if isinstance(write, Put):
                put(write.key, write.value)
            else:
                delete(write.key)
        return batch

    def statistics(self) -> str:
        """LevelDB's own table of its levels and compactions, for the operator."""
        return bytes(self._db.get_property(b"leveldb.stats")).decode()

    def close(self) -> None:
        """See `IKeyValueStore`. Waits for reads and writes under way; later ones fail with `Unavailable`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            while self._reading:
                time.sleep(0.001)
            self._log_sync.close()
            self._db.close()
            _open_folders.discard(self._claim)


def _claim(path: Path) -> str:
    """Note that this process has `path` open: LevelDB's lock does not hold against the same process."""
    real = os.path.realpath(path)
    with _open_lock:
        if real in _open_folders:
            raise Unavailable(f"{path} is already open in this process")
        _open_folders.add(real)
    return real


def _open(path: Path, create: bool, cache_bytes: int) -> Any:
    try:
        if (path / "CURRENT").exists():
            check_unlocked(path)
            check_logs(path)
        return plyvel.DB(
            os.fspath(path),
            create_if_missing=create,
            paranoid_checks=True,
            write_buffer_size=WRITE_BUFFER_BYTES,
            lru_cache_size=cache_bytes,
            bloom_filter_bits=BLOOM_FILTER_BITS,
            block_size=BLOCK_BYTES,
            compression=None,  # hashes, keys and signatures: Snappy saves 1 % of them, and costs time at every read
            max_open_files=MAX_OPEN_FILES,
        )
    except (plyvel.Error, OSError, UnicodeDecodeError) as error:
        if f"lock {path}" in _sentence(error):
            raise Unavailable(f"{path} is open in another process; stop that one first") from error
        raise _corrupt(path, error) from error


def _check_format(db: Any, path: Path) -> None:
    """Both ends are marked as ours; a new database is marked now."""
    try:
        marks = {db.get(key, verify_checksums=True) for key in (FIRST_KEY, LAST_KEY)}
        if marks == {None} and next(db.iterator(include_value=False, verify_checksums=True), None) is None:
            with db.write_batch(sync=True) as batch:
                batch.put(FIRST_KEY, FORMAT)
                batch.put(LAST_KEY, FORMAT)
        elif marks != {FORMAT}:
            raise Misconfigured([f"{path}: this is not a database of this program, or of a later version of it"])
    except plyvel.Error as error:
        raise _corrupt(path, error) from error


def _corrupt(path: Path, error: Exception) -> Corrupt:
    return Corrupt(f"{path} is damaged, or its disk is failing: {_sentence(error)}")


def _sentence(error: Exception) -> str:
    """An error's message; plyvel hands on LevelDB's as bytes."""
    message = error.args[0] if len(error.args) == 1 else str(error)
    return message.decode(errors="replace") if isinstance(message, bytes) else str(message)
