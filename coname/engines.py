"""Which engine keeps the log, by the configuration, and what it is made of.

An engine's modules are imported when it is chosen: nobody else needs them, and starts are counted in tenths of seconds.
"""

from __future__ import annotations

import random
from typing import Any

from coname.configuration.settings import EtcdSettings, ReplicaSettings
from coname.interfaces import IKeyValueStore, ILogReplicator
from coname.replication.single import RunInThread, SingleLog


def make_log(
    settings: ReplicaSettings, store: IKeyValueStore, reactor: Any, run_in_thread: RunInThread
) -> ILogReplicator:
    """The engine for `settings`, not started.

    :param store: the replica's database, in which an engine may have a table of its own.
    """
    if settings.etcd is not None:
        return _etcd_log(settings, settings.etcd, store, reactor, run_in_thread)
    return SingleLog(store, run_in_thread)


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
