"""Realms with registered users, made once and kept in ``bench/_data``; the measurements run on copies.

LevelDB never changes a finished table, so a copy shares the tables with the original through hard links and takes no
time; everything else is copied.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plyvel

from bench.fill import EPOCH_SIZE, fill
from bench.people import DOMAIN
from coname.config import ReplicaSettings, load_client, load_replica
from coname.configuration.init import InitOptions, initialise
from coname.messages.config_pb2 import RealmConfig
from coname.service import open_store
from coname.storage.leveldb import BLOCK_BYTES, FIRST_KEY, LAST_KEY

DATA = Path(__file__).parent / "_data"
FORMAT = 2
"""To be raised when stored records or the people change: data sets of another number are made again."""

_REALM = "bench"
_SETTLING_SECONDS = 2.0
_MARK = "complete.json"


@dataclass(frozen=True)
class Dataset:
    """A realm in a folder, with everybody numbered below `entries` registered.

    :ivar number: of the replica that is meant.
    """

    folder: Path
    entries: int
    number: int = 1

    @property
    def config(self) -> Path:
        """The replica's configuration."""
        return self.folder / f"replica{self.number}" / "config.json"

    def document(self) -> Any:
        """The same, as it stands in the file."""
        return json.loads(self.config.read_text())

    @property
    def settings(self) -> ReplicaSettings:
        """The same, loaded."""
        return load_replica(self.config)

    @property
    def client_config(self) -> Path:
        """What clients believe in."""
        return self.folder / "client" / "config.json"

    @property
    def realm(self) -> RealmConfig:
        """The same, loaded."""
        return load_client(self.client_config).realms[0]

    @property
    def database(self) -> Path:
        """The folder of the database."""
        return self.config.parent / "database"

    def configure(self, changes: dict[str, Any]) -> None:
        """Change the replica's configuration: nested as in the file."""
        document = self.document()
        _merge(document, changes)
        self.config.write_text(json.dumps(document, indent=2))


def _merge(document: dict[str, Any], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(document.get(name), dict):
            _merge(document[name], value)
        else:
            document[name] = value


def dataset(entries: int, told: Callable[[int], None] | None = None) -> Dataset:
    """The realm of this size, made now unless it is there.

    :param told: is called with how many are registered, while it is made.
    """
    made = Dataset(DATA / f"{entries}", entries)
    if not _is_complete(made):
        shutil.rmtree(made.folder, ignore_errors=True)
        DATA.mkdir(exist_ok=True)
        options = InitOptions(realm=_REALM, domains=(DOMAIN,), insecure_skip_email_proof=True)
        initialise(made.folder, options)
        if entries:
            fill(made.settings, range(entries), told=told)
            settle(made)
        (made.folder / _MARK).write_text(json.dumps({"format": FORMAT, "epoch_size": EPOCH_SIZE}))
    return made


def _is_complete(made: Dataset) -> bool:
    try:
        return bool(json.loads((made.folder / _MARK).read_text())["format"] == FORMAT)
    except (OSError, ValueError, KeyError):
        return False


@contextmanager
def copy_of(original: Dataset) -> Iterator[Dataset]:
    """A copy that may be changed, and is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=DATA))
    try:
        shutil.copytree(original.folder, folder, copy_function=_link_or_copy, dirs_exist_ok=True)
        yield Dataset(folder, original.entries)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith((".ldb", ".sst")):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def settle(data: Dataset) -> None:
    """Open the database and wait until LevelDB has turned its log into tables and merged what it wants to merge.

    So a measurement on a copy does not pay for what the bulk load left undone.
    """
    store = open_store(data.settings)
    try:
        before, after = -1, size_of(data.database)
        while before != after:
            time.sleep(_SETTLING_SECONDS)
            before, after = after, size_of(data.database)
    finally:
        store.close()


def compact(data: Dataset) -> None:
    """Have LevelDB drop everything that was replaced or removed, as it does by itself in time."""
    database = plyvel.DB(str(data.database), create_if_missing=False, compression=None, block_size=BLOCK_BYTES)
    for key in (FIRST_KEY, LAST_KEY):  # a table that overlaps all others, or they would be left as they are
        database.put(key, database.get(key))
    database.compact_range()
    database.close()


def size_of(folder: Path) -> int:
    """Bytes in all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
