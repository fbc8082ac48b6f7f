"""Files and folders beside a database: made for their owner only, written where and as durably as is said."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from coname.errors import Corrupt

if TYPE_CHECKING:
    from pathlib import Path


def remove_folder(folder: Path, missing_ok: bool = True) -> None:
    """Remove a folder with all that is in it.

    :param missing_ok: what cannot be removed is left.
    :raises OSError: it cannot be removed, and `missing_ok` is False.
    """
    shutil.rmtree(folder, ignore_errors=missing_ok)


def empty_folder(folder: Path) -> Path:
    """An empty folder there, for its owner only, whatever was there before."""
    remove_folder(folder)
    folder.mkdir(mode=0o700)
    return folder


def write_synced(path: Path, data: bytes) -> None:
    """Write a whole file. Its content survives the loss of power; its name does once its folder is synced."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_at(path: Path, offset: int, size: int) -> bytes:
    """A part of a file, shorter where it ends."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Write a part of a file, which is made for its owner only if it is not there.

    :raises Corrupt: it ends before `offset`.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < offset:
            raise Corrupt(f"{path} ends before {offset}")
        os.pwrite(descriptor, data, offset)
    finally:
        os.close(descriptor)


def free_bytes(folder: Path) -> int:
    """How much may still be written to the disk that `folder` is on."""
    return shutil.disk_usage(folder).free
