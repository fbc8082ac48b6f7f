"""Replicas on loopback sockets, with real certificates, and strangers that do not keep to the protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.spread.banana import Banana
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from coname.configuration import certificates
from coname.configuration.authority import Authority, replica_name
from coname.configuration.listen import Address
from coname.configuration.tls import TlsIdentity
from coname.interfaces import ITransferReader, ITransferReceiver, ITransferSink
from coname.messages import config_pb2 as config
from coname.protocols.replication_pb import ReplicaNetwork

_REACTOR: Any = reactor
HOST = "127.0.0.1"
NOWHERE = Address(HOST, 1)
HEARTBEAT = 0.2


_authority = cache(lambda name: Authority.create(name, certificates.utc_now() - timedelta(days=1000)))


def authority(name: str = "realm") -> Authority:
    """One that all tests share."""
    return _authority(name)


@cache
def tls(common_name: str, issuer: str = "realm", age: int = 0) -> TlsIdentity:
    """What a replica presents that trusts the authority ``realm``.

    :param age: of the certificate, in days.
    """
    now = certificates.utc_now() - timedelta(days=age)
    trusted = (authority().certificate,)
    return TlsIdentity(
        credentials=(authority(issuer).issue(common_name, (HOST,), now),),
        root_cas=trusted,
        client_cas=trusted,
        client_auth=config.REQUIRE_AND_VERIFY_CLIENT_CERT,
    )


@implementer(ITransferReader)
class Blob:
    """A blob in memory, of which can be read what is asked for.

    :ivar reads: the offsets that were read.
    """

    def __init__(self, data: bytes, metadata: bytes = b"", sha256: bytes | None = None) -> None:
        self.data = data
        self.size = len(data)
        self.sha256 = sha256 or hashlib.sha256(data).digest()
        self.metadata = metadata
        self.reads: list[int] = []

    def read(self, offset: int, size: int) -> bytes:
        self.reads.append(offset)
        return self.data[offset : offset + size]


@implementer(ITransferSink)
class Sink:
    """Keeps what is written, and what becomes of it."""

    def __init__(self, held: bytes = b"") -> None:
        self.offset = len(held)
        self.data = bytearray(held)
        self.end = ""
        self.before_write: Callable[[int], Any] = lambda _: None

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.data[offset : offset + size])

    async def _write(self, offset: int, data: bytes) -> None:
        waiting = self.before_write(offset)
        if waiting is not None:
            await waiting
        if len(self.data) != offset:
            raise AssertionError(f"{offset} after {len(self.data)}")
        self.data += data

    def write(self, offset: int, data: bytes) -> Deferred[None]:
        return Deferred.fromCoroutine(self._write(offset, data))

    def finish(self) -> None:
        self.end = "finished"

    def interrupted(self) -> None:
        self.end = "interrupted"

    def abandon(self, reason: str) -> None:
        self.end = f"abandoned: {reason}"


@implementer(ITransferReceiver)
class Receiver:
    """Hands out sinks that hold what the one before held.

    :ivar begun: what was announced; :ivar sinks: in the order of the announcements.
    """

    def __init__(self) -> None:
        self.begun: list[tuple[int, int, int, bytes, bytes]] = []
        self.sinks: list[Sink] = []
        self.prepare: Callable[[Sink], None] = lambda sink: None
        self.wanted = True

    def begin(self, peer: int, transfer: int, size: int, sha256: bytes, metadata: bytes) -> Sink | None:
        held = [sink for told, sink in zip(self.begun, self.sinks, strict=True) if told[:2] == (peer, transfer)]
        if not self.wanted:
            return None
        self.begun.append((peer, transfer, size, sha256, metadata))
        self.sinks.append(Sink(bytes(held[-1].data) if held else b""))
        self.prepare(self.sinks[-1])
        return self.sinks[-1]


class Replica:
    """A network, and what it was told."""

    def __init__(self, own: int, peers: Mapping[int, Address], identity: TlsIdentity | None, **options: Any) -> None:
        self.heard: list[tuple[int, bytes]] = []
        self.changes: list[tuple[int, bool]] = []
        self.receiver = Receiver()
        self.fails = False
        self.network = ReplicaNetwork(
            own,
            Address(HOST, 0),
            peers,
            identity or tls(replica_name(own)),
            _REACTOR,
            self._received,
            self.receiver,
            **{"heartbeat": HEARTBEAT, "random": lambda: 0.0, **options},
        )
        self.network.onConnectionChange(lambda *change: self.changes.append(change))

    def _received(self, sender: int, message: bytes) -> None:
        self.heard.append((sender, message))
        if self.fails:
            raise ZeroDivisionError

    @property
    def address(self) -> Address:
        return Address(HOST, self.network.port)


class Stranger(Banana):
    """Speaks Banana, and says what it is told to.

    :ivar said: what the other end said.
    """

    knownDialects = [b"pb"]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(1)
        self.said: list[Any] = []
        self.ready: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def connectionReady(self) -> None:
        self.ready.callback(None)

    def expressionReceived(self, lst: Any) -> None:
        self.said.append(lst)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if not self.ready.called:
            self.ready.errback(Failure(ConnectionError("before anything was said")))
            self.ready.addErrback(lambda _: None)
        self.gone.callback(None)

    def call(self, method: bytes, *arguments: int | bytes) -> None:
        self.sendEncoded([b"message", 1, b"root", method, 0, [b"tuple", *arguments], [b"dictionary"]])

    def methods(self) -> list[bytes]:
        return [one[3] for one in self.said if one[0] == b"message" and one[3] != b"beat"]

    def goodbyes(self) -> list[int]:
        return [one[5][1] for one in self.said if one[0] == b"message" and one[3] == b"goodbye"]


class ReplicationCase(TestCase):
    """Starts replicas, and stops them."""

    timeout = 10

    def replica(self, own: int, peers: Mapping[int, Address] | None = None, **options: Any) -> Replica:
        """A replica that listens; `peers` can be given later."""
        replica = Replica(own, peers or {}, options.pop("identity", None), **options)
        replica.network.startService()
        self.addCleanup(replica.network.stopService)
        return replica

    async def pair(self, **options: Any) -> tuple[Replica, Replica]:
        """Two replicas, 1 and 2, connected both ways."""
        first, second = self.replica(1, **options), self.replica(2, **options)
        first.network.set_peers({1: first.address, 2: second.address})
        second.network.set_peers({1: first.address, 2: second.address})
        await self.until(lambda: first.network.connected(2) and second.network.connected(1))
        return first, second

    async def until(self, condition: Callable[[], Any]) -> None:
        """Let the reactor run until `condition` holds."""
        while not condition():
            await deferLater(_REACTOR, 0.005)

    async def stranger(self, there: Replica, identity: TlsIdentity, protocol: Any = None) -> Any:
        """Somebody with a certificate who dials `there`, by hand; TLS has begun."""
        factory = Factory.forProtocol(protocol or Stranger)
        factory.noisy = False
        endpoint = HostnameEndpoint(_REACTOR, *there.address)
        connection: Any = await wrapClientTLS(identity.peer_options(), endpoint).connect(factory)
        self.addCleanup(lambda: connection.gone.called or connection.transport.abortConnection())
        return connection

    async def guest(self, there: Replica, own: int = 2, **hello: int) -> Stranger:
        """A stranger with the certificate of the peer `own` that was welcomed."""
        guest = await self.stranger(there, tls(replica_name(own)))
        await guest.ready
        guest.call(b"hello", 1, own, 1)
        await self.until(lambda: b"welcome" in guest.methods())
        return guest


class Silent(Protocol):
    """Holds its tongue. :ivar gone: fires when the connection is."""

    def __init__(self) -> None:
        self.gone: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.gone.callback(None)
