"""The folders beside a replica's database, and how another database takes its place.

    DATABASE              the state
    DATABASE-log          terms, votes and entries (`coname.replication.raft_store`)
    DATABASE-outgoing     copies of the state that are being sent
    DATABASE-incoming     a copy that is arriving, and which one it is; nothing in it counts
    DATABASE-installing   a copy that is whole, and where the log begins after it: from the moment that this folder has
                          this name, the new state is the one that counts
    DATABASE-replaced     the state before, until it is removed

`Folders.commit` is that moment. Whatever happens then, the next start finishes what is left to do, in an order in which
each step may be done again: so a crash leaves the old state or the new one, with the log that belongs to it. Two
renames and one synced write of the log's; nothing is ever copied into a database that is in use.
"""

from __future__ import annotations

from pathlib import Path

from google.protobuf.message import DecodeError
from twisted.logger import Logger

from coname.durable import sync_folder
from coname.errors import Corrupt
from coname.messages.raft_pb2 import RaftSnapshot
from coname.replication.raft_store import reset
from coname.storage.files import empty_folder, remove_folder, write_synced
from coname.storage.leveldb import LevelDBStore

LOG_CACHE_BYTES = 4 << 20
"""The log is written and read in order, and its end is in memory."""


class Folders:
    """
    :param database: the folder of the state's database.
    """

    _log = Logger()

    def __init__(self, database: Path) -> None:
        self.database = database
        self.log = self._beside("log")
        self.outgoing = self._beside("outgoing")
        self.incoming = self._beside("incoming")
        self.arriving = self.incoming / "copy"
        self.built = self.incoming / "database"
        self._name = self.incoming / "name"
        self._installing = self._beside("installing")
        self._replaced = self._beside("replaced")

    def open_log(self) -> LevelDBStore:
        """The log's database, made if it is not there."""
        return LevelDBStore(self.log, create=True, cache_bytes=LOG_CACHE_BYTES)

    def fresh(self, folder: Path) -> Path:
        """An empty folder there, for this replica only."""
        return empty_folder(folder)

    def begin(self, name: bytes) -> None:
        """Make the place for a copy that arrives, of that name."""
        self.fresh(self.incoming)
        write_synced(self._name, name)

    def begun(self) -> bytes:
        """The name of the copy that was arriving; empty: none was."""
        try:
            return self._name.read_bytes()
        except OSError:
            return b""

    def commit(self, start: RaftSnapshot) -> None:
        """What was built counts from now on, and the log begins after `start`. Takes milliseconds.

        :raises OSError: the disk failed; if this returns, it survives the loss of power.
        """
        self._name.unlink(missing_ok=True)
        write_synced(self.incoming / "snapshot", start.SerializeToString())
        sync_folder(self.incoming)
        self.incoming.rename(self._installing)
        sync_folder(self.database.parent)

    def finish(self) -> bool:
        """Before anything is opened: finish what was committed, remove what was not. Whether a database was installed.

        :raises Corrupt: what was committed is damaged.
        """
        remove_folder(self.outgoing)
        remove_folder(self.built)
        if not self.begun() or not self.arriving.exists():
            remove_folder(self.incoming)
        if not self._installing.exists():
            if self.database.exists():
                remove_folder(self._replaced)
            return False
        start = self._committed()
        self._exchange()
        log = LevelDBStore(self.log, create=False, cache_bytes=LOG_CACHE_BYTES)
        try:
            reset(log, start)
        finally:
            log.close()
        remove_folder(self._replaced)
        remove_folder(self._installing, missing_ok=False)
        sync_folder(self.database.parent)
        self._log.info("The database is another replica's now, as of log entry {index}", index=start.index)
        return True

    def _exchange(self) -> None:
        new = self._installing / "database"
        if not new.exists():
            return
        if self.database.exists():
            remove_folder(self._replaced)
            self.database.rename(self._replaced)
        new.rename(self.database)
        sync_folder(self.database.parent)
        sync_folder(self._installing)

    def _committed(self) -> RaftSnapshot:
        path = self._installing / "snapshot"
        try:
            start = RaftSnapshot.FromString(path.read_bytes())
        except (OSError, DecodeError) as error:
            raise Corrupt(f"{path} cannot be read: {error}") from error
        if not start.index:
            raise Corrupt(f"{path} names no log entry")
        return start

    def _beside(self, name: str) -> Path:
        return self.database.with_name(f"{self.database.name}-{name}")
