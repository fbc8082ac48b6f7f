"""Dialling one address again and again: after a failure later each time, and never together with all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from coname.backoff import Backoff
from coname.protocols.replication_broker import ReplicaBroker
from coname.protocols.replication_waiting import happened

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IReactorTime

    from coname.configuration.listen import Address
    from coname.protocols.replication_session import Session

FIRST_SECONDS = 0.1
"""After the first failure: a process that is started again is back within seconds."""

MOST_SECONDS = 2.0
"""However long it lasts: a realm has few replicas, and whoever comes back shall be heard before the next election."""

CONNECT_SECONDS = 3.0
"""For TCP's handshake: one lost packet, which the system sends again after a second, and the next."""


class Dialler:
    """
    :param session: makes the session of each attempt.
    :param failed: called for each attempt that was not greeted.
    :param random: gives numbers from 0 up to 1.
    """

    def __init__(
        self,
        reactor: Any,
        clock: IReactorTime,
        address: Address,
        tls: IOpenSSLClientConnectionCreator,
        session: Callable[[], Session],
        failed: Callable[[], None],
        random: Callable[[], float],
    ) -> None:
        self._clock = clock
        endpoint = HostnameEndpoint(reactor, address.host, address.port, timeout=CONNECT_SECONDS)
        self._endpoint = wrapClientTLS(tls, endpoint)
        self._session = session
        self._failed = failed
        self._random = random
        self._stopped = False
        self._running: Deferred[None] | None = None

    def start(self) -> None:
        """Dial, and whenever the connection is lost, dial again."""
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(lambda failure: failure.trap(CancelledError) and None)

    def stop(self) -> None:
        """Dial no more. A connection there is stays."""
        self._stopped = True
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        backoff = Backoff(FIRST_SECONDS, MOST_SECONDS, self._random)
        while not self._stopped:
            if await self._attempt():
                backoff.reset()
            else:
                self._failed()
            if self._stopped:  # to cancel a connection that is being made may look like any failure
                return
            await deferLater(self._clock, backoff.next())

    async def _attempt(self) -> bool:
        """One connection from beginning to end; whether the peer greeted."""
        factory = _Brokers(self._session)
        try:
            await self._endpoint.connect(factory)
        except (ConnectError, ConnectingCancelledError, DNSLookupError, OSError):
            return False
        session = factory.last
        await happened(session.gone)
        return session.greeted


class _Brokers(Factory):
    """Makes the broker of a connection, once there is one.

    :ivar last: the newest's session.
    """

    noisy = False
    last: Session

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    def buildProtocol(self, addr: object) -> Any:
        """A `ReplicaBroker`, whose `factory` is not of the type that `Factory` declares."""
        self.last = self._session()
        return ReplicaBroker(self.last, True)
