"""Raft engines in one process: each with a disk of its own, over a network that is a table."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from coname.configuration.authority import replica_name
from coname.configuration.listen import Address
from coname.errors import Unavailable
from coname.interfaces import AnswerRequest, ILogReplicator, ITransferReader, ITransferReceiver, Refusal
from coname.protocols.replication_pb import ReplicaNetwork
from coname.replication.raft_log import RaftLog, RaftLogSettings
from coname.replication.raft_network import MakeNetwork
from coname.storage.memory import MemoryStore
from tests.ports import free_ports
from tests.protocols.replication_case import tls
from tests.replication.engine_suite import EngineSuite

HEARTBEAT = 0.03


class Table:
    """Where replicas put their messages.

    :ivar cut: pairs that hear nothing of each other, as (from, to).
    """

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.places: dict[int, TableNetwork] = {}
        self.cut: set[tuple[int, int]] = set()

    def isolate(self, *ids: int) -> None:
        for one in ids:
            for other in self.places:
                if other not in ids:
                    self.cut |= {(one, other), (other, one)}
                    self.places[one].changed(other)
                    self.places[other].changed(one)

    def heal(self) -> None:
        cut, self.cut = self.cut, set()
        for one, other in cut:
            self.places[one].changed(other)

    def place(self, own: int) -> MakeNetwork:
        return lambda received, receiver: TableNetwork(self, own, received, receiver)


class TableNetwork:
    def __init__(
        self, table: Table, own: int, received: Callable[[int, bytes], None], receiver: ITransferReceiver
    ) -> None:
        self.table = table
        self.own = own
        self.received = received
        self.receiver = receiver
        self.running = False
        self.listeners: list[Callable[[int, bool], None]] = []

    def startService(self) -> None:
        self.running = True
        self.table.places[self.own] = self
        for other in list(self.table.places.values()):
            other.changed(self.own)

    def stopService(self) -> None:
        self.running = False
        for other in list(self.table.places.values()):
            other.changed(self.own)

    def places(self) -> Collection[int]:
        return self.table.places.keys() - {self.own}

    def set_places(self, places: Mapping[int, str], keep: Collection[int]) -> None:
        self.told = dict(places)

    def refusal(self, peer: int) -> Refusal | None:
        return None

    def set_answerer(self, answer: AnswerRequest) -> None:
        self.answer = answer

    def onConnectionChange(self, listener: Callable[[int, bool], None]) -> None:
        self.listeners.append(listener)

    def changed(self, peer: int) -> None:
        for listener in self.listeners:
            listener(peer, self.connected(peer))

    def connected(self, peer: int) -> bool:
        other = self.table.places.get(peer)
        return self.running and other is not None and other.running and (self.own, peer) not in self.table.cut

    def send(self, peer: int, message: bytes) -> bool:
        if not self.connected(peer):
            return False
        other = self.table.places[peer]
        self.table.reactor.callLater(0, lambda: other.running and other.received(self.own, message))
        return True

    def offer(self, peer: int, transfer: int, reader: ITransferReader) -> Deferred[None]:
        if not self.connected(peer):
            return fail(Unavailable("not connected"))
        return Deferred.fromCoroutine(self.carry(self.table.places[peer], transfer, reader))

    async def carry(self, other: TableNetwork, transfer: int, reader: ITransferReader) -> None:
        announced = (self.own, transfer, reader.size, reader.sha256, reader.metadata)
        sink: Any = await maybeDeferred(other.receiver.begin, *announced)
        if sink is None:
            raise Unavailable("not wanted")
        piece = 64 << 10
        for offset in range(0, reader.size, piece):
            await sink.write(offset, await reader.read(offset, min(piece, reader.size - offset)))  # type: ignore[misc]
        await sink.finish()


class RaftCase(TestCase):
    """Replicas with the ids 1, 2, …; each test has a realm of its own."""

    timeout = 60
    settings: Mapping[str, Any] = MappingProxyType({})

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        self.table = Table(reactor)
        self.stores: list[MemoryStore] = []
        self.logs: list[RaftLog] = []

    def network(self, own: int) -> MakeNetwork:
        return self.table.place(own)

    def make_log(self, place: int) -> RaftLog:
        """The engine of the replica at `place`, on the disk that it has."""
        first = tuple(range(1, len(self.stores) + 1))
        settings = RaftLogSettings(place + 1, first, **{"heartbeat": HEARTBEAT, **self.settings})
        log = RaftLog(
            settings,
            lambda: self.stores[place],
            self.network(place + 1),
            self.reactor,
            deferToThread,
            random.Random(place),
        )
        self.addCleanup(EngineSuite.stop_log, self, log)
        return log

    async def make_logs(self, count: int) -> list[ILogReplicator]:
        self.stores = [MemoryStore() for _ in range(count)]
        self.logs = [self.make_log(place) for place in range(count)]
        return list(self.logs)

    async def restart_log(self, place: int) -> ILogReplicator:
        self.stores[place] = self.stores[place].crash()
        self.logs[place] = self.make_log(place)
        return self.logs[place]

    def leader(self) -> RaftLog | None:
        return next((log for log in self.logs if log.leading), None)


class TlsCase(RaftCase):
    """The same over Perspective Broker and TLS, on loopback."""

    def setUp(self) -> None:
        super().setUp()
        self.first_port = free_ports()

    def network(self, own: int) -> MakeNetwork:
        addresses = {id: Address("127.0.0.1", self.first_port + id) for id in range(1, len(self.stores) + 1)}
        return lambda received, receiver: ReplicaNetwork(
            own, addresses[own], addresses, tls(replica_name(own)), self.reactor, received, receiver
        )
