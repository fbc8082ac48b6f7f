"""The public gRPC front: ``/proto.E2EKSPublic`` (protocol section 9), on gRPC's asyncio server in the reactor's loop.

Bytes in, bytes out: gRPC is given no message classes, so that an answer kept since the last request goes out as it is.

- An error from `coname.errors` ends the call with its status, its sentence, and its code in the trailing metadata
  ``coname-code``.
- A call whose message does not arrive is ended (`coname.protocols.grpc_arrivals`).
- The server object is made in ``startService`` only: gRPC's threads and sockets do not survive a fork.
- A client that goes away cancels the Deferred it was waiting for. The update itself goes on.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from coname.errors import ConameError, InvalidRequest
from coname.messages.client_pb2 import LookupRequest, UpdateRequest
from coname.protocols.grpc_arrivals import Arrivals
from coname.protocols.grpc_options import acceptors, concurrent_calls, server_options
from coname.protocols.request_bounds import check_lookup

if TYPE_CHECKING:
    from coname.configuration.tls import TlsIdentity
    from coname.interfaces import IKeyserver
    from coname.messages.config_pb2 import Limits

SERVICE = "proto.E2EKSPublic"

GRACE_SECONDS = 10.0
"""How long ``stopService`` waits for calls under way, unless told otherwise."""

_UNEXPECTED = "the server failed to answer; its operator finds the reason in the log"

Context = grpc.aio.ServicerContext[bytes, bytes]
Handler = Callable[[object, Context], Awaitable[bytes]]
RequestT = TypeVar("RequestT", bound=Message)


class GrpcService(Service):
    """Answers lookups and updates over gRPC with TLS.

    :ivar port: the port it listens on, once started; 0 before.
    """

    log = Logger()

    def __init__(
        self,
        keyserver: IKeyserver,
        limits: Limits,
        tls: TlsIdentity,
        host: str,
        port: int,
        *,
        grace: float = GRACE_SECONDS,
    ) -> None:
        """
        :param limits: with its defaults filled in; `request_bytes` and `connections` are used.
        :param host: the address to listen on; empty for all of them.
        :param port: 0 for any free one.
        :param grace: seconds that ``stopService`` lets calls under way go on.
        """
        self.port = 0
        self._calls = _Calls(keyserver, self.log)
        self._limits = limits
        self._tls = tls
        self._address = (host, port)
        self._grace = grace
        self._servers: list[grpc.aio.Server] = []
        self._starting: asyncio.Future[list[None]] | None = None

    def startService(self) -> None:
        """Bind the port at once, and answer as soon as the reactor runs.

        :raises OSError: the port cannot be had.
        """
        super().startService()
        host, port = self._address
        claim(host, port)
        for _ in range(acceptors(self._limits)):
            self._servers.append(self._new_server())
            self.port = port = _bind(self._servers[-1], host, port, self._tls.grpc_server_credentials())
        loop = asyncio.get_event_loop()
        self._calls.arrivals.start(loop)
        self._starting = asyncio.gather(*(loop.create_task(server.start()) for server in self._servers))
        self.log.info("gRPC front on port {port}", port=self.port)

    def _new_server(self) -> grpc.aio.Server:
        options = server_options(self._limits)
        server = grpc.aio.server(options=options, maximum_concurrent_rpcs=concurrent_calls(self._limits))
        server.add_generic_rpc_handlers((self._calls.handlers(),))
        return server

    def stopService(self) -> Deferred[None]:
        """Fires when every call has been answered, or was cut off after the grace time, and the port is closed."""
        super().stopService()
        servers, self._servers = self._servers, []
        return Deferred.fromFuture(asyncio.ensure_future(self._stop(servers))) if servers else succeed(None)

    async def _stop(self, servers: list[grpc.aio.Server]) -> None:
        if self._starting is not None:
            await self._starting  # stopping a server that is just starting leaves its port open
        await asyncio.gather(*(server.stop(self._grace) for server in servers))
        self._calls.arrivals.stop()
        self.port = 0


class _Calls:
    """The two methods, from bytes to bytes.

    :ivar arrivals: of the calls' messages.
    """

    def __init__(self, keyserver: IKeyserver, log: Logger) -> None:
        self.arrivals = Arrivals()
        self._keyserver = keyserver
        self._log = log

    def handlers(self) -> grpc.GenericRpcHandler[bytes, bytes]:
        methods = {"Lookup": self._guarded(self._lookup), "Update": self._guarded(self._update)}
        return grpc.method_handlers_generic_handler(
            SERVICE, {name: grpc.stream_unary_rpc_method_handler(method) for name, method in methods.items()}
        )

    async def _lookup(self, data: bytes) -> bytes:
        check_lookup(data)
        return self._keyserver.lookup(_decoded(LookupRequest, data)).protobuf()

    async def _update(self, data: bytes) -> bytes:
        answer = self._keyserver.update(_decoded(UpdateRequest, data))
        return (await answer.asFuture(asyncio.get_running_loop())).protobuf()

    def _guarded(self, method: Callable[[bytes], Awaitable[bytes]]) -> Handler:
        """`method` for a call's message, with every error made the call's status."""
        message = self.arrivals.message

        async def guarded(_: object, context: Context) -> bytes:
            try:
                return await method(await message(context))
            except ConameError as error:
                await _abort(context, error.grpc_status, str(error), error.code)
            except Exception:  # the last resort: whatever else went wrong is the operator's to see, not the client's
                self._log.failure("a gRPC call failed unexpectedly")
                await _abort(context, ConameError.grpc_status, _UNEXPECTED, ConameError.code)
            raise AssertionError("gRPC's abort returned")  # pragma: no cover

        return guarded


async def _abort(context: Context, status: str, message: str, code: str) -> None:
    await context.abort(grpc.StatusCode[status], message, trailing_metadata=(("coname-code", code),))


def _decoded(kind: type[RequestT], data: bytes) -> RequestT:
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
