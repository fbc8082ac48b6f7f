"""One HTTP/1.1 connection: Twisted's parser, held to bounds of size and time.

Twisted's channel parses requests, answers them one at a time and pushes back on a client that sends faster than it
reads. This one adds what a server on the open Internet needs:

- Every state of the connection has a deadline that data cannot push further: a client that sends a byte every few
  seconds is cut off like one that sends none (`coname.protocols.http_bounds`).
- A body is refused as soon as its announced or its real length is over the bound, and what still arrives of it is
  thrown away.
- While answers wait unread, no further request of the same connection is begun, also none that is already here.
- A connection that was told to close is cut if the client does not let go.
- What the parser itself refuses is answered in the same JSON as every other error.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import connectionDone
from twisted.web.http import HTTPChannel
from twisted.web.iweb import INonQueuedRequestFactory
from zope.interface import directlyProvides

from coname.protocols import http_bounds as bounds
from coname.protocols.http_exchange import Exchange
from coname.protocols.responses import error_response, header_lines

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from coname.protocols.http_factory import BoundedFactory
    from coname.protocols.responses import Response

NEVER = float("inf")


class State(Enum):
    """What the connection is waiting for."""

    REQUEST = "the first byte of a request"
    HEADERS = "the rest of a request's headers"
    BODY = "the rest of a request's body"
    ANSWER = "our own answer"
    END = "the client to let go"


class BoundedChannel(HTTPChannel):
    """One connection to a `BoundedFactory`.

    :ivar state: what is being waited for.
    :ivar deadline: when the wait is over, on the factory's clock.
    """

    maxHeaders = bounds.HEADER_COUNT
    totalHeadersSize = bounds.HEADER_BYTES
    MAX_LENGTH = bounds.HEADER_BYTES
    timeOut = None  # Twisted's own, which every byte starts anew
    requestFactory = Exchange  # type: ignore[assignment]
    transport: Any  # TLS over TCP; Twisted's annotation allows for less

    def __init__(self, server: BoundedFactory) -> None:
        super().__init__()
        self.server = server
        self._wait(State.REQUEST, bounds.HEADER_SECONDS)

    def _wait(self, state: State, seconds: float) -> None:
        self.state = state
        self.deadline = self.server.now + seconds

    def connectionMade(self) -> None:
        """The server keeps account of every open connection."""
        super().connectionMade()
        self.server.channels.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whoever works on an answer is told through the exchange."""
        super().connectionLost(reason)
        self.server.forget(self)

    def dataReceived(self, data: bytes) -> None:
        """Parse, unless the connection is ending: then nothing is kept."""
        if self.state is State.END:
            return
        if self.state is State.REQUEST:
            self._wait(State.HEADERS, bounds.HEADER_SECONDS)
        super().dataReceived(data)
        if self.state is State.REQUEST and self._buffer and not self.paused:
            self._wait(State.HEADERS, bounds.HEADER_SECONDS)  # behind an answered request, a part of the next

    def _maybeChooseTransferDecoder(self, header: bytes, data: bytes) -> bool:
        """Twisted reads the digits of a length as a number without counting them first."""
        if header == b"Content-Length" and len(data) > bounds.LENGTH_DIGITS:
            return bool(self._failChooseTransferDecoder())
        return bool(super()._maybeChooseTransferDecoder(header, data))

    def checkPersistence(self, request: Exchange, version: bytes) -> bool:
        """Whether the connection outlives the answer: in HTTP/1.1, unless either side wants it closed."""
        if version != b"HTTP/1.1" or self.server.draining:
            return False
        return not any(b"close" in value.lower() for value in request.requestHeaders.getRawHeaders(b"Connection"))

    def allHeadersReceived(self) -> None:
        """The headers are complete; Twisted then calls the exchange's ``gotLength``, which may refuse the body."""
        self._wait(State.BODY, bounds.BODY_SECONDS)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:
        """The request is complete, and is being answered for as long as the keyserver takes."""
        if self.state is not State.END:
            self.state, self.deadline = State.ANSWER, NEVER
            super().allContentReceived()

    def requestDone(self, request: Exchange) -> None:
        """The answer has been written; Twisted goes on with what has been received meanwhile."""
        if self.state is not State.END:
            self._wait(State.REQUEST, bounds.WRITE_SECONDS if self.paused else bounds.IDLE_SECONDS)
            super().requestDone(request)

    def pauseProducing(self) -> None:
        """The client does not read its answers: begin no further one, and read nothing more."""
        super().pauseProducing()
        self.paused = True
        self.deadline = min(self.deadline, self.server.now + bounds.WRITE_SECONDS)
        self._networkProducer.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has read its answers: go on with what was received before."""
        super().resumeProducing()
        self._networkProducer.resumeProducing()
        self.paused = False
        if self.state is State.ANSWER:
            self.deadline = NEVER
        elif self._buffer:
            self.dataReceived(b"")

    def expire(self) -> None:
        """The deadline has passed."""
        if self.state is State.END or self.paused:
            self.abort()
        elif self.state in (State.HEADERS, State.BODY):
            self.refuse(408, "request_timeout", "the request did not arrive in time")
        else:
            self.loseConnection()

    def refuse(self, status: int, code: str, message: str) -> None:
        """Answer what cannot be answered as a request, and end the connection."""
        if self.state is not State.END:
            self.persistent = False
            self.respond(error_response(status, code, message))
            self.loseConnection()

    def respond(self, response: Response, body: bool = True) -> None:
        """Write an answer, in one piece.

        :param body: False for HEAD.
        """
        head = header_lines(response, self.server.date, close=not self.persistent)
        self.transport.write(head + response.body if body else head)

    def loseConnection(self) -> None:
        """Say that this was all; the client has a few seconds to let go."""
        if self.state is not State.END:
            self._wait(State.END, bounds.CLOSE_SECONDS)
            super().loseConnection()

    def abort(self) -> None:
        """Cut the connection."""
        self.transport.abortConnection()

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line longer than all headers may be together."""
        self.refuse(431, "headers_too_large", f"the request's headers are over {bounds.HEADER_BYTES} bytes")

    def _respondToBadRequestAndDisconnect(self) -> None:
        if self._receivedHeaderSize > self.totalHeadersSize or self._receivedHeaderCount > self.maxHeaders:
            limit = f"{bounds.HEADER_BYTES} bytes or {bounds.HEADER_COUNT} lines"
            self.refuse(431, "headers_too_large", f"the request's headers are over {limit}")
        else:
            self.refuse(400, "invalid_request", "this is not an HTTP/1.1 request")


directlyProvides(Exchange, INonQueuedRequestFactory)
