"""Copies of the state's database on this disk, to be sent: one at a time, shared by all who need one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from coname.interfaces import ITransferReader
from coname.replication.raft_driver import Blocking
from coname.replication.raft_folders import Folders

_BLOCK = 1 << 20


class StateCopies(Protocol):
    """Makes copies of the state's database, and databases of copies. Both block, for as long as it takes."""

    def write(self, path: Path) -> int:
        """Write a copy, consistent and as of one log entry, whose index is returned.

        :raises coname.errors.Unavailable: nothing was applied yet. :raises coname.errors.Corrupt: it is damaged.
        """

    def build(self, path: Path, folder: Path) -> int:
        """Make a database, synced and closed, of the copy at `path`; returns the index that it is as of.

        :raises coname.errors.Corrupt: it is no copy, or not one that may be believed.
        """


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy on the disk.

    :ivar index: the log entry that it is as of.
    """

    path: Path
    index: int
    size: int
    sha256: bytes


@implementer(ITransferReader)
class CopyReader:
    """One transfer of a copy.

    :ivar read_at: when something was read last; :ivar whole: whether the end was.
    """

    def __init__(self, copy: Copy, metadata: bytes, clock: IReactorTime, run_in_thread: Blocking) -> None:
        self.size, self.sha256, self.metadata = copy.size, copy.sha256, metadata
        self.read_at = clock.seconds()
        self.whole = False
        self._copy = copy
        self._clock = clock
        self._run_in_thread = run_in_thread

    def read(self, offset: int, size: int) -> Deferred[bytes]:
        """See `ITransferReader`."""
        self.read_at = self._clock.seconds()
        self.whole = offset + size >= self.size
        return Deferred.fromCoroutine(self._read(offset, size))

    async def _read(self, offset: int, size: int) -> bytes:
        data: bytes = await self._run_in_thread(_read, self._copy.path, offset, size)
        return data


class Copies:
    """See the module."""

    def __init__(self, folders: Folders, state: StateCopies, run_in_thread: Blocking) -> None:
        self._folders = folders
        self._state = state
        self._run_in_thread = run_in_thread
        self._users = 0
        self._copy: Copy | None = None
        self._making: list[Deferred[Copy]] | None = None

    @property
    def index(self) -> int | None:
        """The copy's index, 0 while that is not known; None: there is no copy."""
        if not self._users:
            return None
        return self._copy.index if self._copy else 0

    async def obtain(self) -> Copy:
        """The copy, made if there is none; `release` it, even if this fails."""
        self._users += 1
        if self._copy is not None:
            return self._copy
        if self._making is not None:
            shared: Deferred[Copy] = Deferred()
            self._making.append(shared)
            return await shared
        self._making = []
        try:
            self._copy = await self._run_in_thread(self._make)
        except Exception as error:
            making, self._making = self._making, None
            for waiting in making:
                waiting.errback(error)
            raise
        making, self._making = self._making, None
        for waiting in making:
            waiting.callback(self._copy)
        return self._copy

    def release(self) -> None:
        """It is not needed any more by one of those who obtained it."""
        self._users -= 1
        if not self._users and self._copy is not None:
            path, self._copy = self._copy.path, None
            path.unlink(missing_ok=True)

    def _make(self) -> Copy:
        path = self._folders.fresh(self._folders.outgoing) / "copy"
        index = self._state.write(path)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return Copy(path, index, path.stat().st_size, digest.digest())


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
