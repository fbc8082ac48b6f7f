"""A copy of another replica's database that is arriving: to a file, and, once it is whole, into a database.

Rules of this file:

1. Only the leader that this replica follows may send one, and only one that is ahead of what this replica has.
2. There is one at a time; a second attempt at the same one goes on where the first ended, also after a restart of this
   process. What is there already is hashed again by whoever receives it, so nothing is believed of it.
3. Whatever is done with its files is done in turn. A copy that another one has taken the place of (its leader was
   deposed, and does not know) touches them no more: what it wrote would be in the other one.
4. Nothing here is in the database's place.
"""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import DecodeError
from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger
from zope.interface import implementer

from coname.errors import Unavailable
from coname.interfaces import ITransferReceiver, ITransferSink
from coname.messages.raft_pb2 import RaftSnapshot
from coname.replication.raft_copies import StateCopies
from coname.replication.raft_driver import Blocking
from coname.replication.raft_folders import Folders
from coname.storage.files import free_bytes, read_at, remove_folder, write_at

SPACE_FACTOR = 2.5
"""Times the size of a copy that must be free: the copy, the database that is made of it, and some for LevelDB."""


@implementer(ITransferSink)
class Arrival:
    """One copy, at `folders.arriving`.

    :param turns: held by whoever is at work on the files.
    :param done: called with the index when a database was made of it; :param gone: called when it was abandoned.
    """

    def __init__(
        self,
        key: tuple[int, int, bytes],
        folders: Folders,
        state: StateCopies,
        run_in_thread: Blocking,
        turns: DeferredLock,
        done: Callable[[int], None],
        gone: Callable[[Arrival], None],
    ) -> None:
        self.key = key
        self.offset = 0  # of what is there
        self.replaced = False  # by another copy
        self._folders = folders
        self._state = state
        self._run_in_thread = run_in_thread
        self._turns = turns
        self._done = done
        self._gone = gone

    def read(self, offset: int, size: int) -> Deferred[bytes]:
        """See `ITransferSink`."""
        return Deferred.fromCoroutine(self._read(offset, size))

    async def _read(self, offset: int, size: int) -> bytes:
        async with self._turns:
            self._check()
            data: bytes = await self._run_in_thread(read_at, self._folders.arriving, offset, size)
        return data

    def write(self, offset: int, data: bytes) -> Deferred[None]:
        """See `ITransferSink`."""
        return Deferred.fromCoroutine(self._write(offset, data))

    async def _write(self, offset: int, data: bytes) -> None:
        async with self._turns:
            self._check()
            await self._run_in_thread(write_at, self._folders.arriving, offset, data)
            self.offset = offset + len(data)

    def finish(self) -> Deferred[None]:
        """See `ITransferSink`."""
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> None:
        async with self._turns:
            self._check()
            index = await self._run_in_thread(self._build)
            self._done(index)

    def _check(self) -> None:
        if self.replaced:
            raise Unavailable("another copy has taken the place of this one")

    def _build(self) -> int:
        folders = self._folders
        remove_folder(folders.built)
        index = self._state.build(folders.arriving, folders.built)
        folders.arriving.unlink()
        return index

    def interrupted(self) -> None:
        """See `ITransferSink`: what is there is kept."""

    def abandon(self, reason: str) -> None:
        """See `ITransferSink`."""
        self._gone(self)


@implementer(ITransferReceiver)
class Arrivals:
    """See the module.

    :param wanted: whether a copy of that index may be taken from that replica.
    :ivar built: the index of the copy that a database was made of; 0: there is none.
    """

    _log = Logger()

    def __init__(
        self, folders: Folders, state: StateCopies, run_in_thread: Blocking, wanted: Callable[[int, int], bool]
    ) -> None:
        self.built = 0
        self._folders = folders
        self._state = state
        self._run_in_thread = run_in_thread
        self._wanted = wanted
        self._arrival: Arrival | None = None
        self._turns = DeferredLock()
        self._may_be_left = True  # by the process before

    def begin(
        self, peer: int, transfer: int, size: int, sha256: bytes, metadata: bytes
    ) -> ITransferSink | Deferred[ITransferSink | None] | None:
        """See `ITransferReceiver`. Waits for what another one is still at work on."""
        if self._turns.locked:
            return self._turns.run(self._begin, peer, transfer, size, sha256, metadata)
        return self._begin(peer, transfer, size, sha256, metadata)

    def _begin(self, peer: int, transfer: int, size: int, sha256: bytes, metadata: bytes) -> ITransferSink | None:
        key = peer, transfer, sha256
        try:
            index = RaftSnapshot.FromString(metadata).index
        except DecodeError:
            return None
        if not self._wanted(peer, index):
            return None
        if self._arrival is not None and self._arrival.key == key:
            return self._arrival
        free = free_bytes(self._folders.database.parent)
        if size * SPACE_FACTOR > free:
            self._log.error("A copy of {size} bytes needs more room than the {free} free", size=size, free=free)
            return None
        self.built = 0
        arrival = self._arrival = self._replace(key)
        arrival.offset = held = self._left(key)
        self._log.info(
            "Replica {peer:x} sends its database as of entry {index}; {held} of {size} bytes are here",
            peer=peer,
            index=index,
            held=held,
            size=size,
        )
        return arrival

    def _replace(self, key: tuple[int, int, bytes]) -> Arrival:
        """A new one; the one before, if it goes on anywhere, may do nothing more."""
        if self._arrival is not None:
            self._arrival.replaced = True
        return Arrival(
            key, self._folders, self._state, self._run_in_thread, self._turns, self._finished, self._abandoned
        )

    def _left(self, key: tuple[int, int, bytes]) -> int:
        """How much of this copy the process before has left here; else, the place is made for it."""
        folders, name = self._folders, _encoded(key)
        if self._may_be_left and folders.begun() == name and folders.arriving.exists():
            self._may_be_left = False
            return folders.arriving.stat().st_size
        self._may_be_left = False
        folders.begin(name)
        return 0

    def forget_left(self) -> None:
        """What the process before has left is of no use to anybody any more."""
        if self._may_be_left and self._arrival is None and not self.built:
            self._may_be_left = False
            remove_folder(self._folders.incoming)

    def _finished(self, index: int) -> None:
        self._arrival = None
        self.built = index

    def _abandoned(self, arrival: Arrival) -> None:
        if self._arrival is arrival:
            self._arrival = None
            self._folders.arriving.unlink(missing_ok=True)


def _encoded(key: tuple[int, int, bytes]) -> bytes:
    peer, transfer, sha256 = key
    return peer.to_bytes(8, "big") + transfer.to_bytes(8, "big") + sha256
