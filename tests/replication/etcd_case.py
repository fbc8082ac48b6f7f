"""What the tests of the etcd engine have in common: replicas of one log, each with a store of its own."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from coname.interfaces import ILogReplicator
from coname.protocols.etcd_client import EtcdClient
from coname.replication import etcd_pulse
from coname.replication.etcd import EtcdLog, EtcdLogSettings
from coname.replication.etcd_opening import Allowed
from coname.replication.etcd_trimming import Trimming
from coname.storage.memory import MemoryStore
from tests.needs import needs
from tests.replication.engine_suite import EngineSuite
from tests.replication.etcd_cluster import EtcdCluster, shared_cluster

_numbers = itertools.count(1)


class EtcdCase(TestCase):
    """Each test has a prefix of its own, in a cluster that several tests share unless `make_cluster` says otherwise."""

    timeout = 60
    trimming = Trimming()

    def setUp(self) -> None:
        needs("etcd")
        self.patch(etcd_pulse, "BEAT_SECONDS", 0.2)  # so that tests wait less
        self.prefix = f"/coname/test {next(_numbers)}"
        self.cluster = self.make_cluster()
        self.stores: list[MemoryStore] = []

    def make_cluster(self) -> EtcdCluster:
        return shared_cluster()

    def client(self, endpoints: Sequence[str] | None = None) -> EtcdClient:
        return EtcdClient(endpoints or self.cluster.endpoints, self.cluster.access)

    def make_log(self, place: int, allowed: Allowed = Allowed(), etcd: Any = None) -> EtcdLog:  # noqa: B008
        """The engine of the replica at `place`, on the store that it has."""
        from twisted.internet import reactor

        names = frozenset(f"r{number}" for number in range(len(self.stores)))
        settings = EtcdLogSettings(self.prefix, f"r{place}", names, allowed, self.trimming)
        etcd = etcd or self.client()
        log = EtcdLog(etcd, self.stores[place], settings, reactor, deferToThread, random.random)
        self.addCleanup(EngineSuite.stop_log, self, log)
        return log

    async def make_logs(self, count: int) -> list[ILogReplicator]:
        self.stores = [MemoryStore() for _ in range(count)]
        return [self.make_log(place) for place in range(count)]

    async def restart_log(self, place: int) -> ILogReplicator:
        return self.make_log(place)
