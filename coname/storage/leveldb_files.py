"""The folder of a LevelDB database: whether it may be opened, and what LevelDB leaves unsynced in it.

Rules it keeps:

1. A folder that holds files of a database without its CURRENT file is damaged. LevelDB would begin an empty database
   there and delete the files; we refuse.
2. A write with ``sync`` is durable together with all writes before it. LevelDB syncs only the log file that it writes
   to; the tail of the one before, and the folder's entry for a new one, are left to chance. `LogSync` adds both.
3. The LOCK file is opened only while this process does not have the database open: closing it gives up all locks that
   the process holds on it (POSIX record locks work like that).
"""

from __future__ import annotations

import fcntl
import os
import re
from typing import TYPE_CHECKING

from coname.durable import sync_folder
from coname.errors import Corrupt, Misconfigured, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

_LOG = re.compile(r"^(\d+)\.log$")
_DATA = re.compile(r"^(\d+\.(log|ldb|sst)|MANIFEST-(?!0*1$)\d+)$")
"""Files that a database has once it was used. MANIFEST-000001 alone is left by a crash while it is being created."""


def prepare_folder(path: Path, create: bool) -> None:
    """Make sure that opening `path` neither creates a database unasked nor destroys a damaged one.

    :raises Misconfigured: there is no database and `create` is False; or `path` is no folder.
    :raises Corrupt: there is most of a database.
    """
    if (path / "CURRENT").exists():
        return
    if path.exists() and not path.is_dir():
        raise Misconfigured([f"{path}: is not a folder, so it cannot hold a database"])
    remains = sorted(name.name for name in path.glob("*") if _DATA.match(name.name)) if path.exists() else []
    if remains:
        raise Corrupt(f"{path} holds files of a database ({remains[0]}, …) but its CURRENT file is missing")
    if not create:
        raise Misconfigured([f"{path}: there is no database here; check the path, or create one first"])
    _make_durably(path)


def check_unlocked(path: Path) -> None:
    """Make sure that no other process has the database open, before anything in it is read.

    :raises Unavailable: one has.
    :raises OSError: the folder is not ours to write to.
    """
    with (path / "LOCK").open("ab") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(f"{path} is open in another process; stop that one first") from None


def _make_durably(path: Path) -> None:
    """Create the folder, for its owner only, and sync every entry that leads to it."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)


class LogSync:
    """Follows LevelDB's write-ahead log from file to file, and syncs what LevelDB does not.

    LevelDB starts a new log file when its write buffer is full, at the beginning of a write. Every write makes the
    current file grow, so if it did not, a new one was begun. Called under the store's write lock, by one thread at a
    time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unsynced = False  # whether the file at _log may hold writes that would not survive
        self._folder_synced = False  # whether the folder's entry for that file would
        self._log = -1  # descriptor of the newest log file
        self._size = 0  # its size after the last write
        self._follow()

    def before_write(self, sync: bool) -> None:
        """Before a synced write: sync everything before it, since it may land in another file.

        :raises OSError: the disk failed.
        """
        if sync and self._unsynced:
            os.fdatasync(self._log)
            self._unsynced = False

    def after_write(self, sync: bool) -> None:
        """After any write: note where it went, and complete its durability.

        :raises OSError: the disk failed.
        """
        size = os.fstat(self._log).st_size
        if size == self._size:
            if self._unsynced:  # the file is finished: never let a later one survive without it
                os.fdatasync(self._log)
            self._follow()
        else:
            self._size = size
        self._unsynced = not sync
        if sync and not self._folder_synced:
            sync_folder(self._path)
            self._folder_synced = True

    def close(self) -> None:
        """Release the descriptor. Calling it again does nothing."""
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def _follow(self) -> None:
        """Turn to the newest log file."""
        self.close()
        newest = max(
            (entry for entry in os.listdir(self._path) if _LOG.match(entry)), key=lambda entry: int(entry[:-4])
        )
        self._log = os.open(self._path / newest, os.O_RDONLY)
        self._size = os.fstat(self._log).st_size
        self._folder_synced = False
