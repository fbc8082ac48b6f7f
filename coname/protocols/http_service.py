"""An HTTP front as a service: what is common to the key directory's JSON and to HKP.

A front is a table of paths; each path has a handler for each method that it takes. ``HEAD`` is ``GET`` without the
body. Everything else (405 with ``Allow``, 404, errors as JSON, TLS, bounds, stopping) is the same for all; only to what
is not in its table a front may have an answer of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from coname.protocols import http_bounds as bounds
from coname.protocols.http_factory import BoundedFactory, Handler, TlsFactory
from coname.protocols.responses import HttpError, Response

if TYPE_CHECKING:
    from twisted.internet.address import IPv4Address
    from twisted.internet.interfaces import IListeningPort, IReactorTCP, IReactorTime

    from coname.configuration.tls import TlsIdentity
    from coname.messages.config_pb2 import Limits
    from coname.protocols.http_exchange import Exchange

    class ListeningReactor(IReactorTCP, IReactorTime):
        """What listens, and has a clock."""


Routes = Mapping[bytes, Mapping[bytes, Handler]]
"""path -> method -> handler"""


class HttpService(Service):
    """Listens with TLS, and answers from a table of routes.

    :ivar port: the port it listens on, once started; 0 before.
    :ivar answer: what each request is handed to.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        routes: Routes,
        limits: Limits,
        tls: TlsIdentity,
        host: str,
        port: int,
        reactor: ListeningReactor,
        *,
        grace: float = bounds.GRACE_SECONDS,
        otherwise: Handler | None = None,
    ) -> None:
        """
        :param name: what the log calls this front.
        :param limits: with its defaults filled in; `request_bytes` and `connections` are used.
        :param host: the address to listen on; empty for all of them.
        :param port: 0 for any free one.
        :param grace: seconds that ``stopService`` lets requests under way go on.
        :param otherwise: answers what is in no route, in place of 404 and 405.
        """
        self.setName(name)
        self.port = 0
        self._address = (host, port)
        self._tls = tls
        self._reactor = reactor
        self._grace = grace
        self.answer = router(routes, otherwise)
        self._limits = limits
        self._open: tuple[BoundedFactory, IListeningPort] | None = None

    def startService(self) -> None:
        """Listen.

        :raises twisted.internet.error.CannotListenError: the port cannot be had.
        """
        super().startService()
        host, port = self._address
        bounded = BoundedFactory(self.answer, self._limits.request_bytes, self._limits.connections, self._reactor)
        factory: Any = TlsFactory(self._tls.server_options([b"http/1.1"]), bounded, self._reactor)
        listening = self._reactor.listenTCP(port, factory, backlog=BACKLOG, interface=host)
        self._open = bounded, listening
        self.port = cast("IPv4Address", listening.getHost()).port
        self.log.info("{name} front on port {port}", name=self.name, port=self.port)

    def stopService(self) -> Deferred[None]:
        """Fires when the port is closed, and every connection has ended or was cut off after the grace time."""
        super().stopService()
        if self._open is None:
            return succeed(None)
        (bounded, listening), self._open = self._open, None
        return Deferred.fromCoroutine(self._stop(bounded, listening))

    async def _stop(self, bounded: BoundedFactory, listening: IListeningPort) -> None:
        closed = listening.stopListening()
        await bounded.drain(self._grace)
        await (closed or succeed(None))
        self.port = 0


BACKLOG = 1024
"""Connections that the kernel accepts before we do: a burst after a restart is not turned away."""


def router(routes: Routes, otherwise: Handler | None = None) -> Handler:
    """A handler that hands each exchange to its route's.

    Where there is none it hands it to `otherwise`; without that, it raises `HttpError`: 404, or 405 with the methods
    that the path takes.
    """

    def answer(exchange: Exchange) -> Response | Deferred[Response]:
        methods = routes.get(exchange.path, {})
        handler = methods.get(exchange.method)
        if handler is None and exchange.method == b"HEAD":
            handler = methods.get(b"GET")
        handler = handler or otherwise
        if handler is not None:
            return handler(exchange)
        if not methods:
            raise HttpError(404, "not_found", "there is nothing at this path")
        raise _method_not_allowed(methods)

    return answer


def _method_not_allowed(methods: Mapping[bytes, Handler]) -> HttpError:
    allowed = sorted(methods) + ([b"HEAD"] if b"GET" in methods else [])
    names = b", ".join(allowed)
    message = f"this path takes {names.decode()} only"
    return HttpError(405, "method_not_allowed", message, b"Allow: " + names + b"\r\n")
