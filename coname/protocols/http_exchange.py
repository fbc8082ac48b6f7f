"""One request and its answer, with no more machinery than that takes.

It stands where Twisted's ``Request`` stands in its channel, and has the same methods for the channel to call. What
``Request`` does beyond (cookies, forms, a header map and a temporary file for each request) takes longer than a lookup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate
from twisted.logger import Logger

from coname.errors import ConameError
from coname.protocols.responses import UNEXPECTED, Response, refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from coname.protocols.http_channel import BoundedChannel

log = Logger()


class RequestHeaders(dict[bytes, list[bytes]]):
    """A request's headers, by canonical name."""

    def addRawHeader(self, name: bytes, value: bytes) -> None:
        """Called by the channel for each header, in order."""
        self.setdefault(name, []).append(value)

    def getRawHeaders(self, name: bytes) -> Sequence[bytes]:
        """All values of the header `name`; none if it is absent."""
        return self.get(name, ())


class Exchange:
    """A request, from its headers to the end of its answer.

    :ivar method: as the client wrote it: b"GET".
    :ivar path: without the query, still percent-encoded.
    :ivar query: what follows the first ``?``; empty if nothing does.
    :ivar body: complete when the handler sees it.
    """

    __slots__ = ("_answered", "_chunks", "_received", "_waiting", "body", "channel", "method", "path", "query",
                 "requestHeaders")  # fmt: skip

    def __init__(self, channel: BoundedChannel) -> None:
        self.channel = channel
        self.requestHeaders = RequestHeaders()
        self._chunks: list[bytes] = []
        self._received = 0
        self._answered = False
        self._waiting: Deferred[Response] | None = None

    # What the channel calls, in this order.

    def parseCookies(self) -> None:
        """There are none."""

    def gotLength(self, length: int | None) -> None:
        """The headers are complete. `length`: of the body, 0 if there is none, None if it comes in chunks."""
        if length is not None and length > self.channel.server.body_bytes:
            self._too_large()

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body."""
        self._received += len(data)
        if self._received > self.channel.server.body_bytes:
            self._too_large()
        elif not self._answered:
            self._chunks.append(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The request is complete."""
        if self._answered:
            return
        self.method = command
        self.path, _, self.query = (path if path.startswith(b"/") else origin_form(path)).partition(b"?")
        self.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        try:
            outcome = self.channel.server.answer(self)
        except ConameError as error:
            outcome = refusal(error)
        except Exception:  # the last resort: whatever else went wrong is the operator's to see, not the client's
            log.failure("{method} {path} failed unexpectedly", method=self.method, path=self.path)
            outcome = UNEXPECTED
        if isinstance(outcome, Response):
            self._send(outcome)
        else:
            self._waiting = outcome
            outcome.addErrback(self._failed).addCallback(self._send)

    def certificate(self) -> bytes:
        """The client's certificate, DER, whose key its connection's handshake has proved; empty if it showed none."""
        shown = self.channel.transport.getPeerCertificate()
        return b"" if shown is None else dump_certificate(FILETYPE_ASN1, shown)  # which may be one that nobody can read

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone: nobody waits for this answer any more."""
        self._answered = True
        if self._waiting is not None:
            self._waiting.cancel()

    # The answer.

    def _failed(self, failure: Failure) -> Response:
        if isinstance(failure.value, ConameError):
            return refusal(failure.value)
        if not self._answered:
            log.failure("{method} {path} failed unexpectedly", failure, method=self.method, path=self.path)
        return UNEXPECTED

    def _send(self, response: Response) -> None:
        if self._answered:
            return
        self._answered = True
        channel = self.channel
        if channel.server.draining:
            channel.persistent = False
        channel.respond(response, body=self.method != b"HEAD")
        channel.requestDone(self)

    def _too_large(self) -> None:
        if not self._answered:
            self._answered = True
            limit = self.channel.server.body_bytes
            self.channel.refuse(413, "too_large", f"the request's body is over {limit} bytes")


def origin_form(target: bytes) -> bytes:
    """A request's target without scheme and host, which a client may send too (RFC 9112, section 3.2.2)."""
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        return target
    _, slash, path = rest.partition(b"/")
    return slash + path or b"/"
