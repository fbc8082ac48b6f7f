"""A connection that ends when the other side has sent more than it should."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer


class TooMuch(ConnectionAborted):
    """The other side sent more than it may."""


@implementer(IStreamClientEndpoint)
class BoundedEndpoint:
    """`endpoint`, whose connections take in no more than `most` bytes each."""

    def __init__(self, endpoint: Any, most: int) -> None:
        self._endpoint = endpoint
        self._most = most

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        """See `IStreamClientEndpoint`. Fires with the protocol that `protocolFactory` has made."""
        make: Any = WrappingFactory
        factory = make(protocolFactory)
        factory.noisy = protocolFactory.noisy = False  # a line in the log for each connection says nothing
        factory.protocol = lambda wrapping, inner: _Bounded(wrapping, inner, self._most)
        connected: Deferred[Any] = self._endpoint.connect(factory)
        return connected.addCallback(lambda outer: outer.wrappedProtocol)


class _Bounded(ProtocolWrapper):
    """Counts, and cuts the connection."""

    def __init__(self, factory: Any, inner: Any, most: int) -> None:
        super().__init__(factory, inner)
        self._left = most
        self._most = most

    def dataReceived(self, data: bytes) -> None:
        """Hand on what is within the bound."""
        self._left -= len(data)
        if self._left >= 0:
            super().dataReceived(data)
        else:
            self.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Say why, if it was for the bound."""
        if self._left < 0:
            reason = Failure(TooMuch(f"the answer has more than {self._most} bytes"))
        super().connectionLost(reason)
