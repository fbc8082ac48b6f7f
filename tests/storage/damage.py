"""Damage to files, for tests."""

from __future__ import annotations

from pathlib import Path


def flip(path: Path, offset: int, mask: int = 1) -> None:
    """Flip the bits of `mask` in one byte; a negative offset counts from the end."""
    data = bytearray(path.read_bytes())
    data[offset] ^= mask
    path.write_bytes(data)


def zero(path: Path, start: int, stop: int) -> None:
    """Overwrite a stretch with zeros, in place: it shows in a file that is mapped."""
    with path.open("r+b") as file:
        stop = min(stop, file.seek(0, 2))
        file.seek(start)
        file.write(bytes(max(0, stop - start)))


def truncate(path: Path, size: int) -> None:
    """Cut the file short."""
    with path.open("r+b") as file:
        file.truncate(size)
