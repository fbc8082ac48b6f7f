"""All connections of one HTTP front: how many there may be, when each has had its time, and how they end.

A connection over the count is closed as soon as it was accepted: the ones that are open keep their place. When
draining, answers carry ``Connection: close``; connections that stay quiet are closed soon, all others after the grace
time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.web.http import datetimeToString

from coname.protocols import http_bounds as bounds
from coname.protocols.http_channel import BoundedChannel, State

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IDelayedCall, IOpenSSLContextFactory, IReactorTime

    from coname.protocols.http_exchange import Exchange
    from coname.protocols.responses import Response

Handler = Callable[["Exchange"], "Response | Deferred[Response]"]


class BoundedFactory(ServerFactory):
    """Makes the channels and watches over them.

    :ivar answer: what is asked for every request's answer.
    :ivar body_bytes: the greatest length of a request's body.
    :ivar connections: the greatest number of open connections.
    :ivar channels: the open connections.
    :ivar now: the clock's time at the last sweep; what deadlines are reckoned by.
    :ivar date: the Date header's value, as of the last sweep.
    :ivar draining: no connection outlives its current request.
    """

    noisy = False

    def __init__(self, answer: Handler, body_bytes: int, connections: int, clock: IReactorTime) -> None:
        self.answer = answer
        self.body_bytes = body_bytes
        self.connections = connections
        self.channels: set[BoundedChannel] = set()
        self.draining = False
        self._clock = clock
        self._drained: Deferred[None] | None = None
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = clock
        self._tell_time()

    def startFactory(self) -> None:
        """The first listening port opens."""
        if not self._sweeping.running:
            self._sweeping.start(bounds.SWEEP_SECONDS, now=True)

    def buildProtocol(self, addr: IAddress | None) -> BoundedChannel | None:
        """A channel for a new connection, or None if there are too many."""
        if len(self.channels) >= self.connections or self.draining:
            return None
        return BoundedChannel(self)

    def forget(self, channel: BoundedChannel) -> None:
        """`channel`'s connection is gone."""
        self.channels.discard(channel)
        self._finish_if_drained()

    def drain(self, grace: float) -> Deferred[None]:
        """Let what was asked be answered, then close; fires when no connection is left, at most a little after `grace`
        seconds."""
        self.draining = True
        self._drained = Deferred()
        timers = [
            self._clock.callLater(min(bounds.QUIET_SECONDS, grace), self._close_quiet),
            self._clock.callLater(grace, self._abort),
        ]
        self._finish_if_drained()
        return self._drained.addCallback(self._rest, timers)

    def _sweep(self) -> None:
        self._tell_time()
        for channel in [channel for channel in self.channels if channel.deadline <= self.now]:
            channel.expire()

    def _tell_time(self) -> None:
        self.now = self._clock.seconds()
        self.date = datetimeToString(self.now)

    def _close_quiet(self) -> None:
        for channel in [channel for channel in self.channels if channel.state is State.REQUEST]:
            channel.loseConnection()

    def _abort(self) -> None:
        for channel in list(self.channels):
            channel.abort()

    def _finish_if_drained(self) -> None:
        if self._drained is not None and not self.channels and not self._drained.called:
            self._drained.callback(None)

    def _rest(self, _: None, timers: list[IDelayedCall]) -> None:
        for timer in timers:
            if timer.active():
                timer.cancel()
        if self._sweeping.running:
            self._sweeping.stop()


class TlsFactory(TLSMemoryBIOFactory):
    """TLS around a `BoundedFactory`, which may turn a connection down.

    Twisted's own server side gathers small writes for one turn of the reactor; each of our answers is one write.
    """

    protocol = TLSMemoryBIOProtocol
    wrappedFactory: BoundedFactory

    def __init__(self, options: IOpenSSLContextFactory, wrapped: BoundedFactory, clock: IReactorTime) -> None:
        super().__init__(options, False, wrapped, clock)

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        """TLS around a new channel, or None if there are too many."""
        channel = self.wrappedFactory.buildProtocol(addr)
        return None if channel is None else self.protocol(self, channel)
