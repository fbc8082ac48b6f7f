"""A folder of new files that is there whole, or not at all.

The files are written and synced into a temporary sibling, which then takes the folder's name in one step. That step
fails if there is anything under the name already, except an empty folder: nothing is ever overwritten, not even by two
programs that try at the same moment. Stopped half way, at most the sibling is left, named ``.NAME.new-…``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coname.configuration import keys
from coname.durable import sync_folder
from coname.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class NewFile:
    """A file to be written.

    :ivar path: relative to the folder, with ``/``.
    :ivar purpose: what it is for, for people.
    :ivar secret: whether only its owner may read it.
    """

    path: str
    content: bytes
    purpose: str
    secret: bool = False

    def __repr__(self) -> str:
        """Without the content, which may be secret."""
        return f"<NewFile {self.path}>"


def write(folder: Path, files: Iterable[NewFile], private: frozenset[str] = frozenset()) -> None:
    """Make `folder` with `files` in it, durably.

    :param private: the folders in it, by their first path component, that only their owner may enter.
    :raises Misconfigured: there is something at `folder`, or no folder to make it in.
    """
    check_free(folder)
    folder = folder.absolute()
    try:
        temporary = folder.parent / tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent)
    except OSError as error:
        raise Misconfigured([f"{folder.parent}: {error.strerror}; it is where {folder.name} would be made"]) from error
    try:
        temporary.chmod(0o755)
        for file in files:
            _write_file(temporary, file, private)
        _sync_folders(temporary)
        _rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def check_free(folder: Path) -> None:
    """:raises Misconfigured: there is anything at `folder` but an empty folder."""
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise Misconfigured([_occupied(folder)])


def _write_file(temporary: Path, file: NewFile, private: frozenset[str]) -> None:
    path = temporary / file.path
    for parent in reversed(path.relative_to(temporary).parents[:-1]):
        (temporary / parent).mkdir(mode=0o700 if parent.parts[0] in private else 0o755, exist_ok=True)
    keys.create(path, file.content, secret=file.secret)


def _rename(temporary: Path, folder: Path) -> None:
    try:
        temporary.rename(folder)
    except OSError as error:
        raise Misconfigured([_occupied(folder)]) from error


def _occupied(folder: Path) -> str:
    return f"{folder}: there is something already, and nothing is ever overwritten; choose another folder"


def _sync_folders(folder: Path) -> None:
    for path, _, _ in os.walk(folder):
        sync_folder(path)
