"""Where the client's memory lives: in the program only, or in a folder. What is in it is the business of `state`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from zope.interface import implementer

from coname.client import files
from coname.client.interfaces import IRecords


@implementer(IRecords)
class MemoryRecords:
    """Records that end with the program."""

    def __init__(self) -> None:
        self._records: dict[str, bytes] = {}
        self._held: set[str] = set()

    def read(self, name: str) -> bytes | None:
        """See `IRecords`."""
        return self._records.get(name)

    def write(self, name: str, data: bytes) -> None:
        """See `IRecords`."""
        self._records[name] = data

    def acquire(self, name: str) -> AbstractContextManager[None] | None:
        """See `IRecords`."""
        if name in self._held:
            return None
        self._held.add(name)
        return self._holding(name)

    def where(self, name: str) -> str:
        """See `IRecords`."""
        return name

    @contextmanager
    def _holding(self, name: str) -> Iterator[None]:
        try:
            yield
        finally:
            self._held.discard(name)


@implementer(IRecords)
class FolderRecords:
    """Records as small files below `folder`, which is made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> bytes | None:
        """See `IRecords`."""
        return files.read_whole(self._path(name))

    def write(self, name: str, data: bytes) -> None:
        """See `IRecords`."""
        files.write_whole(self._path(name), data)

    def acquire(self, name: str) -> AbstractContextManager[None] | None:
        """See `IRecords`."""
        lock = files.FileLock(self.folder / name / "lock")
        return _releasing(lock) if lock.acquire() else None

    def where(self, name: str) -> str:
        """See `IRecords`."""
        return str(self._path(name))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


@contextmanager
def _releasing(lock: files.FileLock) -> Iterator[None]:
    try:
        yield
    finally:
        lock.release()
