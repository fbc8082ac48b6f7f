"""TLS between two identities, in memory."""

from __future__ import annotations

from functools import cache
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, connect
from twisted.trial.unittest import SynchronousTestCase

from coname.configuration import certificates
from coname.configuration.authority import Authority
from coname.configuration.tls import Credential, TlsIdentity

HOST = "server.example.com"


_authority = cache(lambda name: Authority.create(name, certificates.utc_now()))


def authority(name: str = "test") -> Authority:
    """An authority that all tests share, valid now."""
    return _authority(name)


def credential(common_name: str = "server", hosts: tuple[str, ...] = (HOST,), issuer: str = "test") -> Credential:
    """A new credential by the authority `issuer`."""
    return authority(issuer).issue(common_name, hosts, certificates.utc_now())


def server(**fields: Any) -> TlsIdentity:
    """A server at HOST."""
    return TlsIdentity(**{"credentials": (credential(),), **fields})


def client(**fields: Any) -> TlsIdentity:
    """A client that trusts the authority ``test``."""
    return TlsIdentity(**{"root_cas": (authority().certificate,), **fields})


class End(Protocol):
    """One end of a connection. Says hello, and remembers what it hears, and how it ends."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost: Failure | None = None

    def connectionMade(self) -> None:
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.lost = reason

    @property
    def tls(self) -> SSL.Connection:
        """The TLS connection, to ask what was agreed on."""
        return self.transport.getHandle()


class TlsCase(SynchronousTestCase):
    """Tests that connect a client and a server."""

    def connect(
        self, server: TlsIdentity, client: TlsIdentity, host: str = HOST, protocols: tuple[bytes, ...] = ()
    ) -> tuple[End, End]:
        """The server's and the client's end, after everything has been said."""
        ends = End(), End()
        at_server, at_client = ends
        clock = Clock()
        wrapped = (
            _wrap(at_server, server.server_options(protocols), False, clock),
            _wrap(at_client, client.client_options(host, protocols), True, clock),
        )
        transports = FakeTransport(wrapped[0], isServer=True), FakeTransport(wrapped[1], isServer=False)
        pump = connect(wrapped[0], transports[0], wrapped[1], transports[1])
        pump.flush()
        while clock.getDelayedCalls():  # small writes are gathered for an instant
            clock.advance(0)
            pump.flush()
        return ends

    def assert_connects(self, server: TlsIdentity, client: TlsIdentity, host: str = HOST) -> tuple[End, End]:
        """Both hear the other."""
        ends = self.connect(server, client, host)
        self.assertEqual([end.heard for end in ends], [b"hello", b"hello"], [end.lost for end in ends])
        return ends

    def assert_refused(self, server: TlsIdentity, client: TlsIdentity, host: str = HOST) -> None:
        """The server hears nothing from the client, and the connection breaks."""
        at_server, at_client = self.connect(server, client, host)
        self.assertEqual(at_server.heard, b"")
        self.assertTrue(at_server.lost or at_client.lost)


def _wrap(end: End, options: Any, is_client: bool, clock: Clock) -> Any:
    """`end`, speaking TLS by `options`."""
    factory = Factory()
    factory.buildProtocol = lambda _: end  # type: ignore[method-assign]
    return TLSMemoryBIOFactory(options, is_client, factory, clock).buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
