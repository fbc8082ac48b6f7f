"""Copies of a replica's database for other replicas: one file, consistent, as of one log entry.

A copy holds the records of the state, in the order of their keys, and none that belong to one replica alone. It begins
with a line that names the format; each record is the lengths of key and value, and those.

Whoever takes a copy believes the replica that sends it, as it believes the log: within bounds. What can be checked
without computing everything again is checked: the order of the records, that the newest ratified epoch is signed by the
policy of its replicas, and that it has the root of the tree that came along. Which policy that is follows from the
configuration's by the heads that announced each change, all of them signed by the policy before. The tree's nodes, and
the entries in it, are checked against that root whenever they are read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from coname.core import policies, quorums
from coname.core.heads import Head, parse
from coname.core.ratifications import common_head
from coname.core.rollover import next_policy
from coname.core.types import Epoch
from coname.errors import Corrupt, Misconfigured, ProofInvalid, Unavailable
from coname.interfaces import IKeyValueStore, Put, Write
from coname.keyserver import tables
from coname.keyserver.membership import next_policy_of, policy_of
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
    :param realm: its realm's name. :param policy: who ratified its first epochs, by the configuration.
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
        if not state.ratified_epoch <= state.closed_epoch <= state.ratified_epoch + 1:
            raise Corrupt(f"the copy has {state.closed_epoch} epochs, of which {state.ratified_epoch} are ratified")
        policy = self._check_policies(store, state)
        if state.ratified_epoch:
            self._check_epoch(store, Epoch(state.ratified_epoch), policy)
        return state.applied_index

    def _check_policies(self, store: IKeyValueStore, state: ReplicaState) -> AuthorizationPolicy:
        """That each policy was announced by those before it; gives the newest ratified epoch's."""
        policy = found = self._policy
        announced = 0
        for start, stored in tables.read_policies(store):
            if not 1 < start <= state.closed_epoch + 1:
                raise Corrupt(f"the copy has a policy from epoch {start} on, which no epoch in it announces")
            head = self._check_announcement(store, Epoch(start - 1), policy, state)
            if _announced(head) != stored:
                raise Corrupt(f"the copy's policy from epoch {start} on is another than the one that was announced")
            policy = stored
            if start <= state.ratified_epoch:
                found = stored
            announced = start - 1
        if state.announced_epoch != announced:
            raise Corrupt(f"the copy says that epoch {state.announced_epoch} announced a policy, and does not have it")
        _check_replicas(state, policy)
        return found

    def _check_announcement(
        self, store: IKeyValueStore, epoch: Epoch, policy: AuthorizationPolicy, state: ReplicaState
    ) -> Head:
        if epoch <= state.ratified_epoch:
            return self._check_head(store, epoch, policy)
        return parse(tables.read_epoch(store, epoch).timestamped_head)  # nobody has signed it yet, nor what follows

    def _check_epoch(self, store: IKeyValueStore, epoch: Epoch, policy: AuthorizationPolicy) -> None:
        head = self._check_head(store, epoch, policy)
        tree = MerkleTree(store, self._tree_nonce, BATCH_BYTES)
        if tree.root_hash(NodeRef(tables.read_epoch(store, epoch).tree_root)) != head.root_hash:
            raise Corrupt(f"the copy's tree is another than that of epoch {epoch}")

    def _check_head(self, store: IKeyValueStore, epoch: Epoch, policy: AuthorizationPolicy) -> Head:
        """That `policy` ratified the epoch as it is stored."""
        record = tables.read_epoch(store, epoch)
        found = tables.read_ratifications(store, epoch)
        signed = [one for signer, one in found.items() if signer in policy.public_keys]
        signers = {signer for one in signed for signer in policies.signed_by(policy, one.head, one.signatures)}
        if not quorums.satisfied(policy.quorum, signers):
            raise Corrupt(f"the copy's epoch {epoch} is not signed by {policies.describe(policy)}")
        try:
            head = common_head(self._realm, signed)
        except ProofInvalid as error:
            raise Corrupt(f"the copy's epoch {epoch} is not one of this realm: {error}") from error
        if (head.epoch, head.epoch_head) != (epoch, record.head):
            raise Corrupt(f"the copy's epoch {epoch} is another than the one that was signed")
        return head


def _announced(head: Head) -> AuthorizationPolicy | None:
    try:
        return next_policy(head)
    except ProofInvalid as error:
        raise Corrupt(f"the copy's epoch {head.epoch} announces what cannot be followed: {error}") from error


def _check_replicas(state: ReplicaState, policy: AuthorizationPolicy) -> None:
    """That the newest policy is that of the replicas, as they are or as they will be."""
    if not state.replicas:
        return
    try:
        fits = policy in (policy_of(state.replicas), next_policy_of(state.replicas))
    except Misconfigured as error:
        raise Corrupt(f"the copy's replicas are not in order: {error}") from error
    if not fits:
        raise Corrupt("the copy's replicas are others than those that sign")


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
