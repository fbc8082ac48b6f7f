"""Copies of a database from one simulated replica to another: the engine's own, on disks that are in memory."""

from __future__ import annotations

from collections.abc import Callable
from errno import ENOSPC
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

from google.protobuf.message import DecodeError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from coname.interfaces import ITransferSink
from coname.keyserver import copying
from coname.keyserver.copying import DatabaseCopies
from coname.messages.raft_pb2 import RaftSnapshot
from coname.replication.raft_copies import Copies
from coname.replication.raft_driver import Blocking
from coname.replication.raft_folders import Folders
from coname.replication.raft_snapshots import DatabaseSnapshots
from coname.storage.memory import MemoryStore
from tests.simulation.disks import Disks


class MemoryFile:
    """As much of a path as copies need."""

    def __init__(self) -> None:
        self.data = b""

    def open(self, mode: str) -> BytesIO:
        return BytesIO(self.data) if mode == "rb" else _Written(self)

    def stat(self) -> SimpleNamespace:
        return SimpleNamespace(st_size=len(self.data))

    def unlink(self, missing_ok: bool = False) -> None:
        self.data = b""


class _Written(BytesIO):
    def __init__(self, file: MemoryFile) -> None:
        super().__init__()
        self._file = file

    def close(self) -> None:
        if not self.closed:
            self._file.data = self.getvalue()
        super().close()


class MemoryFolders:
    """As much of `Folders` as sending and installing need.

    :ivar built: a database that was made of a copy.
    """

    outgoing = None

    def __init__(self, disks: Disks) -> None:
        self.built: MemoryStore | None = None
        self._disks = disks

    def fresh(self, folder: None) -> MemoryFolders:
        if self.full:
            raise OSError(ENOSPC, "No space left on device")
        return self

    def __truediv__(self, name: str) -> MemoryFile:
        return MemoryFile()

    @property
    def full(self) -> bool:
        """Whether nothing more can be written."""
        return self._disks.full

    def commit(self, start: RaftSnapshot) -> None:
        """See `Folders`."""
        if self.full:
            raise OSError(ENOSPC, "No space left on device")
        if self.built is None:
            raise AssertionError("what is not there is to be installed")
        self._disks.installing = (start, self.built)


class MemoryCopies(DatabaseCopies):
    """Makes databases in memory."""

    def build_in_memory(self, file: MemoryFile) -> tuple[int, MemoryStore]:
        store = MemoryStore()
        with file.open("rb") as copy:
            copying._load(store, copy, lambda seconds: None)
        return self._check(store), store


@implementer(ITransferSink)
class Arrival:
    """One copy that arrives."""

    def __init__(self, key: tuple[int, int, bytes], arrivals: MemoryArrivals) -> None:
        self.key = key
        self.offset = 0
        self.file = MemoryFile()
        self._arrivals = arrivals

    def read(self, offset: int, size: int) -> bytes:
        return self.file.data[offset : offset + size]

    def write(self, offset: int, data: bytes) -> Deferred[None]:
        return Deferred.fromCoroutine(self._write(offset, data))

    async def _write(self, offset: int, data: bytes) -> None:
        await self._arrivals.run_in_thread(self._write_at, offset, data)
        self.offset = offset + len(data)

    def _write_at(self, offset: int, data: bytes) -> None:
        """As in a file: an interrupted attempt's last piece may be written again, or late."""
        there = self.file.data
        if offset > len(there):
            raise AssertionError("a copy's piece is missing")
        self._arrivals.check_room()
        self.file.data = there[:offset] + data + there[offset + len(data) :]

    def finish(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._arrivals.finish(self))

    def interrupted(self) -> None: ...

    def abandon(self, reason: str) -> None:
        self._arrivals.abandoned(self)


class MemoryArrivals:
    """As `coname.replication.raft_arrivals`, by the same rules."""

    def __init__(
        self, folders: MemoryFolders, copies: MemoryCopies, run_in_thread: Blocking, wanted: Callable[[int, int], bool]
    ) -> None:
        self.built = 0
        self.run_in_thread = run_in_thread
        self._folders = folders
        self._copies = copies
        self._wanted = wanted
        self._arrival: Arrival | None = None

    def begin(self, peer: int, transfer: int, size: int, sha256: bytes, metadata: bytes) -> Arrival | None:
        key = (peer, transfer, sha256)
        try:
            index = RaftSnapshot.FromString(metadata).index
        except DecodeError:
            return None
        if not self._wanted(peer, index) or self._folders.full:
            return None
        if self._arrival is not None and self._arrival.key == key:
            return self._arrival
        self.built, self._folders.built = 0, None
        self._arrival = Arrival(key, self)
        return self._arrival

    def check_room(self) -> None:
        if self._folders.full:
            raise OSError(ENOSPC, "No space left on device")

    async def finish(self, arrival: Arrival) -> None:
        self.check_room()
        built, database = await self.run_in_thread(self._copies.build_in_memory, arrival.file)
        self.built, self._folders.built = built, database
        self._arrival = None

    def forget_left(self) -> None:
        """Nothing is ever left in this memory."""

    def abandoned(self, arrival: Arrival) -> None:
        if self._arrival is arrival:
            self._arrival = None


class MemorySnapshots(DatabaseSnapshots):
    """The engine's own rules of sending and installing, between disks in memory."""

    def __init__(
        self,
        disks: Disks,
        copies: MemoryCopies,
        clock: IReactorTime,
        run_in_thread: Blocking,
        begin_anew: Callable[[], None],
    ) -> None:
        memory = MemoryFolders(disks)
        folders = cast(Folders, memory)
        super().__init__(folders, copies, clock, run_in_thread, begin_anew)
        self._copies = Copies(folders, copies, run_in_thread)
        self._arrivals: Any = MemoryArrivals(memory, copies, run_in_thread, self._is_wanted)
