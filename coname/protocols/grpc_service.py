"""What the gRPC fronts have in common: servers in the reactor's asyncio loop that share a port, and calls whose errors
become their status.

- An error from `coname.errors` ends a call with its status, its sentence, and its code in the trailing metadata
  ``coname-code``.
- A call whose message does not arrive is ended (`coname.protocols.grpc_arrivals`).
- The server objects are made in ``startService`` only: gRPC's threads and sockets do not survive a fork.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ssl import PEM_cert_to_DER_cert
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from coname.errors import ConameError, InvalidRequest
from coname.protocols.grpc_arrivals import Arrivals

if TYPE_CHECKING:
    from coname.configuration.tls import TlsIdentity

GRACE_SECONDS = 10.0
"""How long ``stopService`` waits for calls under way, unless told otherwise."""

_UNEXPECTED = "the server failed to answer; its operator finds the reason in the log"

Context = grpc.aio.ServicerContext[bytes, bytes]
Handler = Callable[[object, Context], Awaitable[Any]]
ResultT = TypeVar("ResultT")
RequestT = TypeVar("RequestT", bound=Message)


class GrpcFront(Service):
    """Servers on one port, with TLS, that answer the methods of one gRPC service.

    A front derives from it and says which methods there are.

    :ivar port: the port it listens on, once started; 0 before.
    :ivar arrivals: of the calls' messages.
    """

    log = Logger()
    name_in_log = "gRPC front"

    def __init__(self, tls: TlsIdentity, host: str, port: int, grace: float) -> None:
        """
        :param host: the address to listen on; empty for all of them.
        :param port: 0 for any free one.
        :param grace: seconds that ``stopService`` lets calls under way go on.
        """
        self.port = 0
        self.arrivals = Arrivals()
        self._tls = tls
        self._address = (host, port)
        self._grace = grace
        self._servers: list[grpc.aio.Server] = []
        self._starting: asyncio.Future[list[None]] | None = None

    def new_servers(self) -> Sequence[grpc.aio.Server]:
        """The servers that share the port, with their options and methods, not started."""
        raise NotImplementedError

    def startService(self) -> None:
        """Bind the port at once, and answer as soon as the reactor runs.

        :raises OSError: the port cannot be had.
        """
        super().startService()
        host, port = self._address
        claim(host, port)
        for server in self.new_servers():
            self._servers.append(server)
            self.port = port = _bind(server, host, port, self._tls.grpc_server_credentials())
        loop = asyncio.get_event_loop()
        self.arrivals.start(loop)
        self._starting = asyncio.gather(*(loop.create_task(server.start()) for server in self._servers))
        self.log.info("{name} on port {port}", name=self.name_in_log, port=self.port)

    def stopService(self) -> Deferred[None]:
        """Fires when every call has been answered, or was cut off after the grace time, and the port is closed."""
        super().stopService()
        servers, self._servers = self._servers, []
        return Deferred.fromFuture(asyncio.ensure_future(self._stop(servers))) if servers else succeed(None)

    async def _stop(self, servers: list[grpc.aio.Server]) -> None:
        if self._starting is not None:
            await self._starting  # stopping a server that is just starting leaves its port open
        await asyncio.gather(*(server.stop(self._grace) for server in servers))
        self.arrivals.stop()
        self.port = 0

    def guarded(self, method: Callable[[Context], Awaitable[ResultT]]) -> Handler:
        """`method` for a call, with every error made the call's status."""

        async def guarded(_: object, context: Context) -> ResultT:
            try:
                return await method(context)
            except ConameError as error:
                await _abort(context, error.grpc_status, str(error), error.code)
            except grpc.aio.InternalError:  # what has begun to be sent cannot be: the client is gone
                raise asyncio.CancelledError from None
            except Exception:  # the last resort: whatever else went wrong is the operator's to see, not the client's
                self.log.failure("a gRPC call failed unexpectedly")
                await _abort(context, ConameError.grpc_status, _UNEXPECTED, ConameError.code)
            raise AssertionError("gRPC's abort returned")  # pragma: no cover

        return guarded

    def unary(self, method: Callable[[bytes], Awaitable[bytes]]) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The handler of a method that is bytes in, bytes out."""

        async def answered(context: Context) -> bytes:
            return await method(await self.arrivals.message(context))

        return grpc.stream_unary_rpc_method_handler(self.guarded(answered))

    def unary_with_certificate(
        self, method: Callable[[bytes, bytes], Awaitable[bytes]]
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The same, and the method is given the client's certificate, DER; empty if it has shown none."""

        async def answered(context: Context) -> bytes:
            return await method(await self.arrivals.message(context), client_certificate(context))

        return grpc.stream_unary_rpc_method_handler(self.guarded(answered))


def client_certificate(context: Context) -> bytes:
    """The certificate, DER, whose key the handshake of the call's connection has proved; empty if there is none."""
    for encoded in context.auth_context().get("x509_pem_cert", ()):
        return PEM_cert_to_DER_cert(encoded.decode("ascii"))
    return b""


def new_server(
    service: str,
    methods: Mapping[str, grpc.RpcMethodHandler[bytes, bytes]],
    options: Sequence[tuple[str, int]],
    most_calls: int,
) -> grpc.aio.Server:
    """A server for `methods` of `service`, with at most so many calls at once."""
    server = grpc.aio.server(options=list(options), maximum_concurrent_rpcs=most_calls)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, dict(methods)),))
    return server


async def _abort(context: Context, status: str, message: str, code: str) -> None:
    try:
        await context.abort(grpc.StatusCode[status], message, trailing_metadata=(("coname-code", code),))
    except grpc.aio.InternalError:  # the client is gone
        raise asyncio.CancelledError from None


def decoded(kind: type[RequestT], data: bytes) -> RequestT:
    """:raises InvalidRequest: `data` is no encoding of `kind`."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise InvalidRequest(f"the request is not an encoded {kind.DESCRIPTOR.full_name}: {error}") from error


def claim(host: str, port: int) -> None:
    """Make sure that nobody else listens there: servers that share a port would take it from another replica's, too.

    :raises OSError: the port is in use, or cannot be had for another reason.
    """
    if port == 0:
        return
    passive = socket.AI_PASSIVE
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=passive
    ):
        with socket.socket(family, kind, protocol) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what is only closing does not count
            if family == socket.AF_INET6:
                attempt.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            attempt.bind(address)


def _bind(server: grpc.aio.Server, host: str, port: int, credentials: grpc.ServerCredentials) -> int:
    literal = f"[{host}]" if ":" in host else host or "[::]"
    try:
        return server.add_secure_port(f"{literal}:{port}", credentials)
    except RuntimeError as error:
        raise OSError(f"cannot listen for gRPC on {literal}:{port}: {error}") from error
