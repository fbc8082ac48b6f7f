"""Asking a replica over the replication port, as an operator does: one question after the other.

Whoever holds a certificate of the realm's authority for one of its replicas, or for an operator, may ask. The answers
are believed for the sake of the certificate at the other end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory

from coname.errors import ConameError, NotPermitted, Unreachable
from coname.protocols.replication_broker import ReplicaBroker
from coname.protocols.replication_refusals import Reason, Refusals
from coname.protocols.replication_session import Session, Surroundings
from coname.protocols.replication_wire import PROTOCOL, TO_OPERATOR

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from coname.configuration.listen import Address
    from coname.configuration.tls import TlsIdentity

CONNECT_SECONDS = 3.0


class OperatorSession(Session):
    """The end that asks.

    :ivar ready: fires once the replica takes questions, or fails with `Unreachable` or `NotPermitted`.
    """

    methods = TO_OPERATOR

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.ready: Deferred[None] = Deferred()
        self._waiting: Deferred[bytes] | None = None
        self._why: ConameError = Unreachable("the connection was lost")

    def ask(self, request: bytes) -> Deferred[bytes]:
        """The answer to `request`. One at a time.

        Fails with `Unreachable` if the connection is lost before.
        """
        if self._waiting is not None or self._ending:
            return fail(self._why)
        self._waiting = waiting = Deferred[bytes]()
        self.say("ask", request)
        return waiting

    def opened(self) -> None:
        """See `Session`."""
        super().opened()
        self.say("operate", PROTOCOL)

    def remote_welcome(self, protocol: int) -> None:
        """The replica takes questions."""
        self.greet()
        if not self.ready.called:
            self.ready.callback(None)

    def remote_goodbye(self, code: int) -> None:
        """The replica says why it ends the connection."""
        words = Reason.named(code)
        stranger = code in (Reason.UNKNOWN_REPLICA, Reason.NO_REPLICA, Reason.REMOVED)
        self._why = NotPermitted(f"the replica there does not answer: {words}") if stranger else Unreachable(words)
        self.part(Reason.STOPPING)

    def remote_answer(self, answer: bytes) -> None:
        """What was asked for."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(answer)

    def closed(self, reason: Failure) -> None:
        """See `Session`."""
        super().closed(reason)
        waiting, self._waiting = self._waiting, None
        for one in (self.ready, waiting):
            if one is not None and not one.called:
                one.errback(self._why)


class _Connecting(Factory):
    noisy = False

    def __init__(self, session: OperatorSession) -> None:
        self._session = session

    def buildProtocol(self, addr: object) -> Any:
        """A `ReplicaBroker`, whose `factory` is not of the type that `Factory` declares."""
        return ReplicaBroker(self._session, True)


async def connect(address: Address, tls: TlsIdentity, heartbeat: float, reactor: Any) -> OperatorSession:
    """A connection to the replica at `address`.

    :param heartbeat: seconds, as the replicas have it.
    :raises Unreachable: nobody is there, or it is no replica of the realm. :raises NotPermitted: it does not answer us.
    """
    around = Surroundings(
        0, reactor, lambda call: reactor.callLater(0, call), heartbeat, Refusals(reactor), lambda replica: None
    )
    session = OperatorSession(around)
    endpoint = HostnameEndpoint(reactor, address.host or "localhost", address.port, timeout=CONNECT_SECONDS)
    try:
        await wrapClientTLS(tls.peer_options(), endpoint).connect(_Connecting(session))
    except Exception as error:  # whatever it is: name resolution, sockets and TLS fail in many ways
        raise Unreachable(f"{address}: {error}") from error
    await session.ready
    return session
