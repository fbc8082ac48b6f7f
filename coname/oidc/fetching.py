"""Asking a provider: over TLS, within bounds of time and size, and following no redirect to anybody else.

Nothing is decompressed, so that a small answer stays small. A connection carries one request; the answers are kept by
`coname.oidc.cached`, so that there are few.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from math import inf
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin

import treq
from OpenSSL import SSL
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.web.client import Agent, FileBodyProducer, RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from coname.core.text import quoted
from coname.errors import Unavailable
from coname.oidc.bounded import BoundedEndpoint
from coname.oidc.urls import UrlNotAllowed, origin

FETCH_SECONDS = 10.0
"""For a whole exchange, from looking up the name to the last byte. People wait for it."""

CONNECT_SECONDS = 5.0

ANSWER_BYTES = 512 * 1024
"""Of one answer, headers included. A set of a hundred keys with their certificates has 300 kB."""

TRUST_SECONDS = 3600.0
"""After which the system's authorities are read again: they may have been renewed."""

MOST_HOSTS = 16
"""For which that is kept. A provider names up to four."""

REDIRECTS = 3
"""That are followed, all within the same origin."""

_FAILURES = (
    ConnectError,
    ConnectionClosed,
    ConnectTimeout,
    DNSLookupError,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
    SSL.Error,
    ValueError,  # a host that is no name, which Twisted finds only now
)
_MOVED = (301, 302, 303, 307, 308)


class Fetched(NamedTuple):
    """An answer.

    :ivar headers: by lower-case name; of several of one name, joined by commas.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetcher:
    """Asks. Everything that goes wrong is `Unavailable`, and says whom it was asked of.

    :param trust: whose certificates are believed; None: those whom this system believes.
    :param seconds: for a whole exchange.
    """

    def __init__(self, reactor: Any, trust: Any = None, seconds: float = FETCH_SECONDS) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._agent: Any = Agent.usingEndpointFactory(reactor, _Endpoints(reactor, trust))

    async def get(self, url: str) -> Fetched:
        """What is at `url`, or where that leads within the same origin; its status is 200.

        :raises Unavailable: it cannot be had.
        """
        return await self._within(url, self._get(url))

    async def send(self, method: str, url: str, headers: Mapping[str, str], fields: Mapping[str, str]) -> Fetched:
        """The answer to a request, whatever its status; no redirect is followed.

        :param fields: of a form, sent in its body.
        :raises Unavailable: there is none.
        """
        return await self._within(url, self._exchange(method, url, headers, urlencode(fields).encode()))

    async def _within(self, url: str, exchange: Any) -> Fetched:
        def give_up(_: object, __: float) -> Fetched:
            raise Unavailable(f"{url} does not answer within {self._seconds:g} seconds")

        deferred: Deferred[Fetched] = Deferred.fromCoroutine(exchange)
        return await deferred.addTimeout(self._seconds, self._reactor, onTimeoutCancel=give_up)

    async def _get(self, url: str) -> Fetched:
        here, asked = origin(url), url
        for _ in range(1 + REDIRECTS):
            answer = await self._exchange("GET", asked, {}, b"")
            if answer.status not in _MOVED:
                break
            asked = urljoin(asked, answer.headers.get("location", ""))
            try:
                elsewhere = origin(asked) != here
            except UrlNotAllowed as error:
                raise Unavailable(f"{url} redirects: {error}") from error
            if elsewhere:
                raise Unavailable(f"{url} redirects to somebody else, {quoted(asked)}")
        else:
            raise Unavailable(f"{url} redirects more than {REDIRECTS} times")
        if answer.status != 200:
            raise Unavailable(f"{url} answers with the status {answer.status}")
        return answer

    async def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Fetched:
        sent = Headers({"accept": ["application/json"], "user-agent": ["coname"]})
        if body:
            sent.setRawHeaders("content-type", ["application/x-www-form-urlencoded"])
        for name, value in headers.items():
            sent.setRawHeaders(name, [value])
        try:
            response = await self._agent.request(method.encode(), url.encode(), sent, _producer(body))
            return Fetched(response.code, _by_name(response.headers), await _read(response, url))
        except _FAILURES as error:
            raise Unavailable(f"{url} cannot be reached: {_reason(error)}") from error


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Connections whose answers are bounded; TLS to whoever is not on this machine by plain http.

    Reading the system's authorities takes some milliseconds, and strangers can cause connections: so what was read is
    kept for a while, for each host.
    """

    def __init__(self, reactor: Any, trust: Any) -> None:
        self._reactor = reactor
        self._trust = trust
        self._options: dict[str, tuple[float, Any]] = {}  # when they were made, by host

    def endpointForURI(self, uri: Any) -> BoundedEndpoint:
        """See `IAgentEndpointFactory`."""
        host = uri.host.decode("ascii")
        endpoint: Any = HostnameEndpoint(self._reactor, host.strip("[]"), uri.port, timeout=CONNECT_SECONDS)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self._options_for(host), endpoint)
        return BoundedEndpoint(endpoint, ANSWER_BYTES)

    def _options_for(self, host: str) -> Any:
        made, options = self._options.get(host, (-inf, None))
        if self._reactor.seconds() >= made + TRUST_SECONDS:
            trust = ssl.platformTrust() if self._trust is None else self._trust
            options = ssl.optionsForClientTLS(host, trustRoot=trust)
            if len(self._options) >= MOST_HOSTS:
                self._options.clear()
            self._options[host] = self._reactor.seconds(), options
        return options


def _producer(body: bytes) -> Any:
    make: Any = FileBodyProducer  # Twisted's annotation asks for a cooperator
    return make(BytesIO(body)) if body else None


def _by_name(headers: Headers) -> dict[str, str]:
    found = {}
    for name, values in headers.getAllRawHeaders():
        found[name.decode("latin-1").lower()] = ", ".join(value.decode("latin-1") for value in values)
    return found


async def _read(response: Any, url: str) -> bytes:
    pieces: list[bytes] = []
    await treq.collect(response, pieces.append)
    return b"".join(pieces)


def _reason(error: Exception) -> str:
    """What went wrong below, without the names of the layers that it came through."""
    for reason in getattr(error, "reasons", ()):
        return _reason(reason.value)
    return quoted(str(error) or type(error).__name__, 300)
