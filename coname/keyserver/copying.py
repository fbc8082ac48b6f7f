"""Copies of a replica's database for other replicas: one file, consistent, as of one log entry.

A copy holds the records of the state, in the order of their keys, and none that belong to one replica alone. It begins
with a line that names the format; each record is the lengths of key and value, and those.

Whoever takes a copy believes the replica that sends it, as it believes the log: within bounds. What can be checked
without computing everything again is checked: the order of the records, that the newest ratified epoch is signed by the
replicas' policy, and that it has the root of the tree that came along. The tree's nodes, and the entries in it, are
checked against that root whenever they are read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from coname.core import policies, quorums
from coname.core.ratifications import common_head
from coname.core.types import Epoch
from coname.errors import Corrupt, ProofInvalid, Unavailable
from coname.interfaces import IKeyValueStore, Put, Write
from coname.keyserver import tables
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.messages.stored_pb2 import ReplicaState
from coname.storage.leveldb import LevelDBStore
from coname.storage.records import decode
from coname.storage.tree import MerkleTree, NodeRef

FORMAT = b"coname copy 1\n"
OWN_TABLES = (b"l", b"x")
"""Those of the engines of the log, which are one replica's own."""

BATCH_BYTES = 1 << 20
MOST_VALUE_BYTES = 64 << 20
"""More than any record has: so a damaged length does not take all memory."""

BREATH_RECORDS = 256
BREATH_SECONDS = 0.0005
"""After so many records, which take about a millisecond, whoever reads or writes them sleeps for so long: a replica
serves meanwhile, and this thread would hold the interpreter for most of the time."""

Sleep = Callable[[float], None]

_HEADER = struct.Struct(">HI")  # bytes of the key, of the value


class DatabaseCopies:
    """Makes copies of one replica's database, and databases of others' copies. All methods block.

    :param store: the database.
    :param realm: its realm's name. :param policy: who ratifies its epochs.
    :param sleep: called from time to time with how long to let others work, in seconds.
    """

    def __init__(
        self,
        store: IKeyValueStore,
        realm: str,
        policy: AuthorizationPolicy,
        tree_nonce: bytes,
        cache_bytes: int,
        sleep: Sleep = lambda seconds: None,
    ) -> None:
        self._store = store
        self._realm = realm
        self._policy = policy
        self._tree_nonce = tree_nonce
        self._cache_bytes = cache_bytes
        self._sleep = sleep

    def write(self, path: Path) -> int:
        """Write a copy to `path`; returns the log entry that it is as of. The database may be written to meanwhile.

        :raises Unavailable: nothing was applied yet, or the database was closed meanwhile.
        :raises Corrupt: it is damaged.
        """
        index = 0
        with path.open("wb") as file:
            file.write(FORMAT)
            for key, value in _breathing(self._store.iterate(b"\x00", b"\xff"), self._sleep):
                if key[:1] in OWN_TABLES:
                    continue
                file.write(_HEADER.pack(len(key), len(value)) + key + value)
                if key == tables.STATE_KEY:
                    index = decode(ReplicaState, value, "replica state").applied_index
        if not index:
            raise Unavailable("there is nothing to copy yet")
        return index

    def build(self, path: Path, folder: Path) -> int:
        """Make a database in `folder` of the copy at `path`, durably; returns the log entry that it is as of.

        :raises Corrupt: it is not a copy of this realm's database.
        """
        store = LevelDBStore(folder, create=True, cache_bytes=self._cache_bytes)
        try:
            with path.open("rb") as file:
                _load(store, file, self._sleep)
            return self._check(store)
        finally:
            store.close()

    def _check(self, store: IKeyValueStore) -> int:
        """That the newest ratified epoch is what the replicas signed; see the module."""
        state = tables.read_state(store)
        if not state.applied_index:
            raise Corrupt("the copy does not say which log entries it holds")
        if state.ratified_epoch:
            self._check_epoch(store, Epoch(state.ratified_epoch))
        return state.applied_index

    def _check_epoch(self, store: IKeyValueStore, epoch: Epoch) -> None:
        record = tables.read_epoch(store, epoch)
        tree = MerkleTree(store, self._tree_nonce, BATCH_BYTES)
        signed = list(tables.read_ratifications(store, epoch).values())
        try:
            head = common_head(self._realm, signed)
        except ProofInvalid as error:
            raise Corrupt(f"the copy's epoch {epoch} is not one of this realm: {error}") from error
        signers = {signer for one in signed for signer in policies.signed_by(self._policy, one.head, one.signatures)}
        if not quorums.satisfied(self._policy.quorum, signers):
            raise Corrupt(f"the copy's epoch {epoch} is not signed by {policies.describe(self._policy)}")
        if (head.epoch, head.epoch_head) != (epoch, record.head):
            raise Corrupt(f"the copy's epoch {epoch} is another than the one that was signed")
        if tree.root_hash(NodeRef(record.tree_root)) != head.root_hash:
            raise Corrupt(f"the copy's tree is another than that of epoch {epoch}")


def _load(store: IKeyValueStore, file: BinaryIO, sleep: Sleep) -> None:
    batch: list[Write] = []
    size = 0
    for key, value in _breathing(read_records(file), sleep):
        batch.append(Put(key, value))
        size += len(key) + len(value)
        if size >= BATCH_BYTES:
            store.write(batch, False)
            batch, size = [], 0
    store.write(batch, True)


def read_records(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The records of a copy, in order.

    :raises Corrupt: it is none, ends early, or its records are not in order, or not of the state.
    """
    if file.read(len(FORMAT)) != FORMAT:
        raise Corrupt("this is not a copy of a database, or of a later version")
    last = b""
    while header := file.read(_HEADER.size):
        if len(header) != _HEADER.size:
            raise Corrupt("the copy ends within a record")
        key_size, value_size = _HEADER.unpack(header)
        if value_size > MOST_VALUE_BYTES:
            raise Corrupt(f"the copy has a record of {value_size} bytes")
        key, value = file.read(key_size), file.read(value_size)
        if len(key) + len(value) != key_size + value_size:
            raise Corrupt("the copy ends within a record")
        if key <= last or key[:1] in OWN_TABLES or key >= b"\xff":
            raise Corrupt("the copy's records are not in order, or not of the state")
        last = key
        yield key, value


def _breathing(records: Iterator[tuple[bytes, bytes]], sleep: Sleep) -> Iterator[tuple[bytes, bytes]]:
    for number, record in enumerate(records, 1):
        yield record
        if number % BREATH_RECORDS == 0:
            sleep(BREATH_SECONDS)
