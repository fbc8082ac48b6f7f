"""What the client remembers of each realm between runs: its newest epoch head, and each user id it asked about.

The rules of what may follow what are in `continuity`; here is only where the memory lives and who may write it.

- A realm is known by its name and VRF key together: a realm set up anew under an old name is another realm, and only
  somebody who changes the client's configuration can make that happen.
- Reading, checking and writing happen under one lock, so that two clients cannot overwrite each other's newer memory.
- A damaged record is an error. Nothing here ever takes it for "never seen".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from zope.interface import implementer

from coname.client import files
from coname.client.continuity import Sighting, Span, follow, settle
from coname.client.interfaces import IRecords
from coname.client.proof_files import proof_to_json
from coname.client.results import Result
from coname.core import heads
from coname.core.hashes import shake
from coname.core.heads import Head
from coname.core.types import EntryHash, Epoch, Index
from coname.errors import Corrupt, ProofInvalid
from coname.messages.client_pb2 import LookupProof, Timestamp
from coname.messages.config_pb2 import RealmConfig

HEAD, USER, CONTRADICTION = "epoch head", "user id", "contradiction"
"""The kinds of records."""


class PinnedState:
    """The memory of one client.

    :param records: an `IRecords`; `FolderRecords` for programs, `MemoryRecords` where nothing should be kept.
    """

    def __init__(self, records: IRecords) -> None:
        self._records = records

    def newest(self, realm: RealmConfig) -> Head | None:
        """The newest epoch head seen of `realm`.

        :raises Corrupt: the record is damaged.
        """
        name = f"{realm_name(realm)}/head"
        data = self._records.read(name)
        return None if data is None else _decode_head(data, self._records.where(name))

    def observe(self, realm: RealmConfig, answer: Result, floor: Epoch, asked: Epoch) -> bool:
        """Check a verified answer against the memory, and remember it.

        :param floor: see `continuity.follow`; also `asked`.
        :returns: False if another client is writing just now: call again a little later.
        :raises ProofInvalid: the answer contradicts the memory, which stays as it was. Both are kept as evidence.
        :raises Corrupt: a record is damaged.
        """
        lock = self._records.acquire(realm_name(realm))
        if lock is None:
            return False
        with lock:
            self._observe(realm, answer, floor, asked)
        return True

    def _observe(self, realm: RealmConfig, answer: Result, floor: Epoch, asked: Epoch) -> None:
        head, seen = answer.verified.head, answer.sighting
        known_head, known = self.newest(realm), self._span(realm, seen.user_id)
        try:
            newest, span = follow(known_head, head, floor, asked), settle(known, seen)
        except ProofInvalid as error:
            raise ProofInvalid(error.step, f"{error}. Both are kept in {self._keep(realm, answer)}") from error
        if span != known:
            self._records.write(_user_record(realm, seen.user_id), _encode_span(span))
        if newest is head and (known_head is None or known_head.epoch_head != head.epoch_head):
            self._records.write(f"{realm_name(realm)}/head", _encode_head(head, answer.proof))

    def _keep(self, realm: RealmConfig, answer: Result) -> str:
        """Write down a contradiction, signatures included, so that others can be shown it. Returns where.

        The first one for an epoch stays: a server that repeats itself shall not fill the disk.
        """
        name = f"{realm_name(realm)}/contradiction-{answer.epoch}"
        if self._records.read(name) is None:
            remembered = [f"{realm_name(realm)}/head", _user_record(realm, answer.address)]
            records = [self._records.read(each) for each in remembered]
            content = {
                "remembered": [json.loads(record) for record in records if record is not None],
                "presented": json.loads(proof_to_json(answer.proof)),
            }
            self._records.write(name, files.seal(CONTRADICTION, content))
        return self._records.where(name)

    def _span(self, realm: RealmConfig, user_id: str) -> Span | None:
        name = _user_record(realm, user_id)
        data = self._records.read(name)
        if data is None:
            return None
        span = _decode_span(data, self._records.where(name))
        if span.last.user_id != user_id:
            raise Corrupt(f"{self._records.where(name)} is about {span.last.user_id}, not about {user_id}")
        return span


def realm_name(realm: RealmConfig) -> str:
    """A name for the realm's records: readable, fit for a file system, and different for each name and VRF key."""
    readable = re.sub(r"[^A-Za-z0-9.-]", "_", realm.RealmName)[:40].lstrip(".")
    identity = len(realm.RealmName.encode()).to_bytes(4, "big") + realm.RealmName.encode() + realm.VRFPublic
    return f"{readable}-{shake(identity, 8).hex()}"


def _user_record(realm: RealmConfig, user_id: str) -> str:
    return f"{realm_name(realm)}/users/{shake(user_id.encode(), 16).hex()}"


def _encode_head(head: Head, proof: LookupProof) -> bytes:
    """With the signatures that it came with: they are what makes a contradiction a proof."""
    ratifications = [_b64(each.SerializeToString()) for each in proof.ratifications]
    content = {"realm": head.realm, "epoch": head.epoch, "head": _b64(head.epoch_head), "ratifications": ratifications}
    return files.seal(HEAD, content)


def _decode_head(data: bytes, where: str) -> Head:
    content = files.unseal(HEAD, data, where)
    try:
        return heads.parse(heads.timestamped(base64.b64decode(content["head"], validate=True), Timestamp()))
    except (ProofInvalid, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{where} is damaged: it holds no epoch head") from error


def _encode_span(span: Span) -> bytes:
    last = span.last
    return files.seal(
        USER,
        {
            "user_id": last.user_id,
            "index": last.index.hex(),
            "since": span.first.epoch,
            "epoch": last.epoch,
            "version": last.version,
            "entry_hash": last.entry_hash.hex(),
        },
    )


def _decode_span(data: bytes, where: str) -> Span:
    content = files.unseal(USER, data, where)
    try:
        last = Sighting(
            user_id=content["user_id"],
            index=Index(bytes.fromhex(content["index"])),
            epoch=Epoch(content["epoch"]),
            version=content["version"],
            entry_hash=EntryHash(bytes.fromhex(content["entry_hash"])),
        )
        # Earlier versions of this program remembered one epoch only.
        return Span(replace(last, epoch=Epoch(content.get("since", last.epoch))), last)
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{where} is damaged: it is not a record of a user id") from error


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


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
