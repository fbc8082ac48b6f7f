"""Where identities are kept: in a file of their own, or in memory."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from zope.interface import implementer

from coname.client import files
from coname.client.identity import Identity, decode, encode
from coname.client.interfaces import IIdentityStore
from coname.errors import Misconfigured


@implementer(IIdentityStore)
class MemoryIdentity:
    """An identity that ends with the program."""

    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity

    def load(self) -> Identity | None:
        """See `IIdentityStore`."""
        return self.identity

    def save(self, identity: Identity) -> None:
        """See `IIdentityStore`."""
        self.identity = identity


@implementer(IIdentityStore)
class IdentityFile:
    """An identity in a file of mode 0600. Use it as a context manager: it holds the file for one program meanwhile.

    :raises Misconfigured: (on entry) another program holds it; two updates at once would lose one of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = files.FileLock(path.with_name(f".{path.name}.lock"))

    def __enter__(self) -> IdentityFile:
        """Hold the file."""
        if not self._lock.acquire():
            raise Misconfigured([f"{self.path} is in use by another coname; try again when it is done"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it."""
        self._lock.release()

    def load(self) -> Identity | None:
        """See `IIdentityStore`."""
        data = files.read_whole(self.path)
        return None if data is None else decode(data, self.path)

    def save(self, identity: Identity) -> None:
        """See `IIdentityStore`."""
        files.write_whole(self.path, encode(identity))
