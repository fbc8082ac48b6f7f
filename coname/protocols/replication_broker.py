"""Perspective Broker, cut down to what replicas say to each other (`coname.protocols.replication_wire`).

Rules:

- nothing of the peer is decoded before its certificate has said who it is; bytes arrive only after the TLS handshake,
  so the first of them is the moment to look;
- Perspective Broker's own login is not used: the object that the peer may call is given by its certificate;
- an expression that breaks a rule ends the connection, and whatever was behind it is not looked at;
- what the peer does not read is not piled up: the session is told when to stop writing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.spread import pb

from coname.protocols.replication_refusals import Reason
from coname.protocols.replication_wire import (
    BROKER_VERSION,
    MAX_DEPTH,
    MAX_EXPRESSION_BYTES,
    MAX_ITEMS,
    Methods,
    OnlyBytesAndNumbers,
    breach,
)

if TYPE_CHECKING:
    from cryptography import x509

_SECURITY = OnlyBytesAndNumbers()


class Owner(Protocol):
    """What a broker belongs to: a session, which is the object that the peer may call."""

    methods: Methods

    def connected(self, broker: ReplicaBroker) -> None:
        """There is a connection; TLS has not begun."""

    def identify(self, certificate: x509.Certificate | None) -> bool:
        """Whether to go on with the peer that the certificate names; if not, the session has refused it."""

    def opened(self) -> None:
        """Both ends speak Banana."""

    def heard(self) -> None:
        """Something arrived."""

    def refuse(self, reason: Reason, detail: str) -> None:
        """Count it, and part."""

    def paused(self) -> None:
        """The peer does not read as fast as this end writes."""

    def resumed(self) -> None:
        """It has caught up."""

    def closed(self, reason: Failure) -> None:
        """The connection is gone."""


class _TooDeep(Exception):
    pass


class _Stack(list[Any]):
    """The lists that Banana is reading, the innermost last."""

    def append(self, entry: tuple[int, list[object]]) -> None:
        if len(self) >= MAX_DEPTH or entry[0] > MAX_ITEMS:
            raise _TooDeep(f"{entry[0]} items at depth {len(self) + 1}")
        super().append(entry)


class ReplicaBroker(pb.Broker):
    """One connection, at either end.

    :ivar full: whether the peer must read before more is written.
    """

    transport: Any  # TLS on TCP
    knownDialects = [b"pb"]  # noqa: RUF012 # as Banana has it

    def __init__(self, owner: Owner, is_client: bool) -> None:
        super().__init__(is_client, _SECURITY)
        self.full = False
        self.listStack = _Stack()
        self.setNameForLocal("root", owner)
        self._owner = owner
        self._peer = self.remoteForName("root")
        self._identified = False
        self._parted = False
        self._pending = 0  # bytes since the last whole expression

    def connectionMade(self) -> None:
        """TCP's; the server's greeting waits in TLS until the handshake is over."""
        self.transport.setTcpNoDelay(True)
        self._owner.connected(self)
        super().connectionMade()

    def dataReceived(self, chunk: bytes) -> None:
        """Bytes of the peer, after its handshake."""
        if self._parted or not self._known():
            return
        self._owner.heard()
        self._pending += len(chunk)
        try:
            super().dataReceived(chunk)
        except Exception as error:  # there is no list of what Banana raises on bytes that are not its own
            self._owner.refuse(Reason.UNDECODABLE, f"{type(error).__name__} in Banana")
        if self._pending > MAX_EXPRESSION_BYTES:
            self._owner.refuse(Reason.TOO_LARGE, "an expression")

    def expressionReceived(self, sexp: Any) -> None:
        """One expression, decoded, of lists, bytes and numbers."""
        self._pending = 0
        if self._parted:
            return
        wrong = breach(sexp, self._owner.methods)
        if wrong:
            self._owner.refuse(Reason.NOT_IN_PROTOCOL, wrong)
        elif sexp[0] == b"message":
            super().expressionReceived(sexp)

    def connectionReady(self) -> None:
        """Banana's negotiation is over, and TLS's: during a handshake TLS calls every transport full."""
        self.transport.registerProducer(self, True)
        self.sendCall(b"version", BROKER_VERSION)
        self._owner.opened()

    def say(self, method: str, *arguments: int | bytes) -> None:
        """Call `method` of the peer's session; nothing comes back. Nothing happens once the connection has ended."""
        if not self._parted and not self.disconnected:
            self._peer.callRemote(method, *arguments, pbanswer=False)

    def read(self, on: bool) -> None:
        """Whether to take what arrives, or to leave it to the other end's buffers."""
        (self.transport.resumeProducing if on else self.transport.pauseProducing)()

    def part(self) -> None:
        """Read no more, send what was written, and close."""
        if not self._parted:
            self._parted = True
            self.transport.unregisterProducer()  # or TLS waits for its end
            self.transport.loseConnection()

    def cut(self) -> None:
        """Close at once, whatever the peer does."""
        self._parted = True
        if not self.disconnected:
            self.transport.abortConnection()

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self.full = True
        self._owner.paused()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty."""
        self.full = False
        self._owner.resumed()

    def stopProducing(self) -> None:
        """The connection is gone, which `connectionLost` says too."""

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 # as Twisted has it
        """However it came."""
        self._parted = True
        super().connectionLost(reason)
        self.buffer = b""
        self._owner.closed(reason)

    def _known(self) -> bool:
        if not self._identified:
            certificate = self.transport.getPeerCertificate()
            self._identified = self._owner.identify(certificate and certificate.to_cryptography())
        return self._identified
