"""How the log of a lone replica becomes one of Raft's.

The database stays; what its own log holds and the state does not is applied first. A log of Raft's that begins after
that is made beside it, under another name; giving it its name is the moment. What is left of the old log is removed
after that, then or at the next start.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coname.assembly import make_parts
from coname.config import ReplicaSettings, load_replica
from coname.configuration.listen import parse
from coname.durable import sync_folder
from coname.engines import log_folder
from coname.errors import Misconfigured, Refused
from coname.keyserver import tables
from coname.replication.raft import Membership
from coname.replication.raft_store import RaftStore, begin_at
from coname.replication.single import read, retire
from coname.storage.files import remove_folder
from coname.storage.leveldb import LevelDBStore
from coname.storage.tree import complete


@dataclass(frozen=True)
class Converted:
    """What came of it.

    :ivar index: after which entry the log begins. :ivar loopback: the replica's address, if others cannot reach it.
    """

    index: int
    loopback: str


def convert(config: Path) -> Converted:
    """Move the realm of the lone replica that `config` configures, which must not be running.

    :raises Misconfigured: the configuration does not allow it. :raises Refused: it was moved already.
    :raises Corrupt: what is stored is damaged, or in use.
    """
    settings = load_replica(config, replicated=True)
    address = _check(settings)
    store = LevelDBStore(settings.data_folder, create=False, cache_bytes=8 << 20)
    try:
        index = _apply_rest(settings, store)
        _make_log(settings, index)
        retire(store)
    finally:
        store.close()
    return Converted(index, address if parse(address).is_loopback else "")


def _check(settings: ReplicaSettings) -> str:
    """Where others are to reach the replica."""
    replicas = settings.message.keyserver_config.initial_replicas
    if len(replicas) > 1 or settings.message.joining or settings.etcd is not None:
        raise Misconfigured([f"{settings.path}: this realm's log is not that of one replica alone"])
    if log_folder(settings).exists():
        raise Refused(f"{log_folder(settings)} is there already: the realm was moved before")
    if settings.raft is None or not replicas[0].raft_addr:
        raise Misconfigured(
            [f"{settings.path}: raft_addr, raft_tls and initial_replicas[0].raft_addr are needed, to be reached at"]
        )
    return replicas[0].raft_addr


def _apply_rest(settings: ReplicaSettings, store: LevelDBStore) -> int:
    """Apply what the old log holds and the state does not; returns the newest entry's index."""
    machine = make_parts(settings, store, _NoReactor()).machine
    index = tables.read_state(store).applied_index
    for entry in list(read(store, index)):
        applied = complete(machine.apply(entry))
        store.write(applied.writes, False)
        index = entry.index
    store.write([], True)
    return index


def _make_log(settings: ReplicaSettings, index: int) -> None:
    final = log_folder(settings)
    new = final.with_name(f"{final.name}-new")
    remove_folder(new)
    log = LevelDBStore(new, create=True, cache_bytes=1 << 20)
    try:
        if index:
            begin_at(log, settings.replica_id, index, secrets.randbits(63) + 1)
        else:
            RaftStore(
                log, settings.replica_id, Membership({settings.replica_id: 0}), 0, lambda: secrets.randbits(63) + 1
            )
    finally:
        log.close()
    sync_folder(new)
    new.rename(final)
    sync_folder(final.parent)


class _NoReactor:
    """For parts that are made and never started."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"nothing runs here, and {name} was asked for")
