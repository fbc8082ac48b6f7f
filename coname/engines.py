"""Which engine keeps the log, by the configuration, and what it is made of.

An engine's modules are imported when it is chosen: nobody else needs them, and starts are counted in tenths of seconds.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from coname.configuration.listen import parse
from coname.configuration.settings import EtcdSettings, Listener, ReplicaSettings
from coname.interfaces import IKeyValueStore, ILogReplicator, ITransferReceiver
from coname.replication.single import RunInThread, SingleLog, retire

Blocking = Callable[..., Awaitable[Any]]


def keeps_raft(settings: ReplicaSettings) -> bool:
    """Whether the replicas keep the log themselves. A lone replica does so once its realm was moved to that
    (`coname cluster convert`), which its folders show."""
    if settings.etcd is not None or settings.raft is None:
        return False
    several = len(settings.message.keyserver_config.initial_replicas) > 1
    return several or settings.message.joining or log_folder(settings).exists()


def is_shared(settings: ReplicaSettings) -> bool:
    """Whether other replicas append to the log as well, or may do so one day."""
    return settings.etcd is not None or keeps_raft(settings)


def log_folder(settings: ReplicaSettings) -> Path:
    """Where the replicas' own log is."""
    return settings.data_folder.with_name(f"{settings.data_folder.name}-log")


def prepare(settings: ReplicaSettings) -> None:
    """Before the database is opened: finish what the engine has begun with it.

    :raises coname.errors.Corrupt: that is damaged.
    """
    if keeps_raft(settings):
        from coname.replication.raft_folders import Folders

        Folders(settings.data_folder).finish()


def make_log(
    settings: ReplicaSettings,
    store: IKeyValueStore,
    reactor: Any,
    run_in_thread: Blocking,
    begin_anew: Callable[[], None],
) -> ILogReplicator:
    """The engine for `settings`, not started.

    :param store: the replica's database, in which an engine may have a table of its own.
    :param begin_anew: see `coname.assembly.make_parts`.
    """
    if settings.etcd is not None:
        return _etcd_log(settings, settings.etcd, store, reactor, run_in_thread)
    if settings.raft is not None and keeps_raft(settings):
        return _raft_log(settings, settings.raft, store, reactor, run_in_thread, begin_anew)
    return SingleLog(store, run_in_thread)


def _raft_log(
    settings: ReplicaSettings,
    raft: Listener,
    store: IKeyValueStore,
    reactor: Any,
    run_in_thread: Blocking,
    begin_anew: Callable[[], None],
) -> ILogReplicator:
    from coname.keyserver.copying import DatabaseCopies
    from coname.protocols.replication_pb import ReplicaNetwork
    from coname.replication.raft_folders import Folders
    from coname.replication.raft_log import RaftLog, RaftLogSettings
    from coname.replication.raft_snapshots import DatabaseSnapshots
    from coname.replication.raft_thread import OwnThread

    retire(store)
    message = settings.message
    first = message.keyserver_config.initial_replicas
    known = message.known_replicas if message.joining and message.known_replicas else first
    cache_bytes = settings.limits.cache_bytes // 8
    copies = DatabaseCopies(
        store, settings.realm, settings.replica_policy, settings.tree_nonce, cache_bytes, time.sleep
    )
    folders = Folders(settings.data_folder)
    thread = OwnThread(reactor)

    def make_network(received: Callable[[int, bytes], None], receiver: ITransferReceiver) -> ReplicaNetwork:
        return ReplicaNetwork(
            settings.replica_id,
            raft.address,
            {one.id: parse(one.raft_addr) for one in known if one.raft_addr},
            raft.tls,
            reactor,
            received,
            receiver,
            heartbeat=2 * settings.raft_heartbeat,
        )

    return RaftLog(
        RaftLogSettings(
            replica=settings.replica_id,
            first=() if message.joining else tuple(one.id for one in first),
            heartbeat=settings.raft_heartbeat,
            kept_entries=settings.limits.raft_log_entries,
            kept_bytes=settings.limits.raft_log_bytes,
        ),
        folders.open_log,
        make_network,
        reactor,
        thread,
        random.SystemRandom(),
        DatabaseSnapshots(folders, copies, reactor, run_in_thread, begin_anew),
        thread.stop,
    )


def _etcd_log(
    settings: ReplicaSettings, etcd: EtcdSettings, store: IKeyValueStore, reactor: Any, run_in_thread: RunInThread
) -> ILogReplicator:
    from coname.protocols.etcd_calls import EtcdAccess
    from coname.protocols.etcd_client import EtcdClient
    from coname.replication.etcd import EtcdLog, EtcdLogSettings
    from coname.replication.etcd_opening import Allowed
    from coname.replication.etcd_trimming import Trimming

    access = EtcdAccess(etcd.authority, etcd.certificate, etcd.key, etcd.username, etcd.password)
    log_settings = EtcdLogSettings(
        prefix=etcd.prefix,
        replica=f"{settings.replica_id:016x}",
        replicas=frozenset(f"{replica.id:016x}" for replica in settings.message.keyserver_config.initial_replicas),
        allowed=Allowed(etcd.accepted_cluster, etcd.begin_after),
        trimming=Trimming(compact_seconds=0) if etcd.compacted_by_others else Trimming(),
    )
    client = EtcdClient(etcd.endpoints, access)
    return EtcdLog(client, store, log_settings, reactor, run_in_thread, random.SystemRandom().random)
