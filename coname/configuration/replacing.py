"""Files that are replaced whole, each with a backup beside it.

Every new content is on the disk before any file gets it; each file then changes in one step. Stopped half way, a file
is the old one or the new one, and what it was is in ``NAME.before-…``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from coname.durable import sync_folder


def replace_files(contents: Mapping[Path, bytes]) -> list[Path]:
    """Give each file its new content, durably, with the permissions that it has. Returns the backups.

    :raises OSError: that failed. Those files that have their new content have a backup.
    """
    written: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            written[path] = _write_beside(path, content)
        backups = []
        for path, temporary in list(written.items()):
            backups.append(_back_up(path))
            temporary.rename(path)
            del written[path]
            sync_folder(path.parent)
        return backups
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)


def _write_beside(path: Path, content: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, path.stat().st_mode & 0o777)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _back_up(path: Path) -> Path:
    """Give the file's present content a second name that is free."""
    stamp = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    for number in range(1, 1000):
        backup = path.with_name(f"{path.name}.before-{stamp}" + (f"-{number}" if number > 1 else ""))
        try:
            os.link(path, backup)
        except FileExistsError:
            continue
        return backup
    raise FileExistsError(f"too many backups of {path}")
