"""Small files that must survive: written whole or not at all, private from the first byte, one writer at a time.

Rules:

1. A file is replaced by renaming a finished, synced sibling over it; its folder is synced too. A crash leaves the old
   content or the new, never a part of one.
2. Files are mode 0600 and folders 0700 from the moment they exist.
3. Content carries its own checksum. Damage raises `coname.errors.Corrupt`; only a file that is not there reads as None.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coname.durable import sync_folder
from coname.errors import Corrupt

FORMAT = 1
"""The layout of the sealed files; a program refuses one that it does not know."""


def make_private_folder(folder: Path) -> None:
    """Create `folder` and the parents it lacks, readable by their owner only."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Replace the content of `path` durably, mode 0600. An `OSError` leaves the old content as it was."""
    make_private_folder(path.parent)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_whole(path: Path) -> bytes | None:
    """The content of `path`, or None if there is no such file.

    :raises Corrupt: it is there and cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Corrupt(f"{path} cannot be read: {error.strerror}") from error


def seal(kind: str, content: Mapping[str, Any]) -> bytes:
    """`content` as JSON that says what it is and carries a checksum, for `unseal`."""
    body = {"kind": kind, "format": FORMAT, "content": dict(content)}
    return json.dumps(body | {"checksum": _checksum(body)}, indent=2).encode() + b"\n"


def unseal(kind: str, data: bytes, source: object) -> dict[str, Any]:
    """What `seal` was given.

    :param source: where `data` came from, for the message.
    :raises Corrupt: `data` is not what `seal` made, or not of this `kind` and format.
    """
    try:
        body = json.loads(data)
        checksum = body.pop("checksum")
        intact = checksum == _checksum(body)
        known = (body["kind"], body["format"]) == (kind, FORMAT)
        content = body["content"]
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise Corrupt(f"{source} is damaged: it is not the JSON that coname wrote") from error
    if not intact:
        raise Corrupt(f"{source} is damaged: its content does not match its checksum")
    if not known or not isinstance(content, dict):
        raise Corrupt(f"{source} is not a {kind} file of format {FORMAT}")
    return content


def _checksum(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class FileLock:
    """A lock between processes, and between the users of one process. It ends with the process that holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free, and say whether it was. Never waits."""
        make_private_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give it back. The file stays: removing it would let two processes hold locks on different files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
