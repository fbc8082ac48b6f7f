"""One member of an etcd cluster, spoken to over gRPC in the reactor's asyncio loop.

Only the methods that the log engine needs. A call names its method by path, so that no generated stub is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message
from twisted.internet.defer import Deferred

from coname.errors import Unavailable

REQUEST_SECONDS = 1.5
"""For one request. A member that takes longer hangs, is cut off, or has passed the request on to a leader that is dead,
which it would notice after 5 seconds and more; another one is asked."""

KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS = 10_000, 5_000
"""A connection that is silent for so long is asked for a sign of life, and given up. etcd takes offence at less than
5 seconds (``--grpc-keepalive-min-time``)."""

RECONNECT_MS = 2_000
"""The longest pause of gRPC's between two attempts to connect to one member."""

MAX_RESPONSE_BYTES = 64 << 20
"""The longest response taken: a page of the largest entries is half of it."""

LONGEST_REASON = 300
"""Characters of what a server says that get into a sentence."""

OPTIONS: list[tuple[str, Any]] = [
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", RECONNECT_MS),
    ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
    ("grpc.use_local_subchannel_pool", 1),  # nobody else's failures
    ("grpc.enable_http_proxy", 0),
]

END: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # which the stubs lack

ResponseT = TypeVar("ResponseT", bound=Message)
T = TypeVar("T")
Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class EtcdAccess:
    """How to get in.

    :ivar authority: certificates of those who issue the members', PEM; None: no TLS at all.
    :ivar certificate: the client's own, PEM; None: it shows none. :ivar key: of that, PEM.
    :ivar username: for etcd's own authentication; empty: it is not used.
    """

    authority: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    username: str = ""
    password: str = field(default="", repr=False)


def deferred(call: Coroutine[Any, Any, T]) -> Deferred[T]:
    """What `call` comes to. Cancelling it fails it at once with Twisted's CancelledError, and cancels the call."""
    task = asyncio.ensure_future(call)

    def cancel(result: Deferred[T]) -> None:
        task.cancel()

    result: Deferred[T] = Deferred(cancel)

    def done(task: asyncio.Task[T]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if result.called:
            return
        if error is None:
            result.callback(task.result())
        else:
            result.errback(error)

    task.add_done_callback(done)
    return result


class Member:
    """One endpoint, and the connection to it, which gRPC makes when it is needed.

    Made in the reactor, while it runs.
    """

    def __init__(self, endpoint: str, access: EtcdAccess) -> None:
        """:param endpoint: ``host:port``."""
        self.endpoint = endpoint
        self._channel: Any  # the stubs of grpc.aio are wrong on streams
        if access.authority is None:
            self._channel = grpc.aio.insecure_channel(endpoint, options=OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(access.authority, access.key, access.certificate)
            self._channel = grpc.aio.secure_channel(endpoint, credentials, options=OPTIONS)

    async def call(self, method: str, request: Message, response: type[ResponseT], metadata: Metadata) -> ResponseT:
        """One request, one response.

        :param method: ``KV/Txn``.
        :raises grpc.aio.AioRpcError: it failed.
        """
        make = self._channel.unary_unary(
            f"/etcdserverpb.{method}", type(request).SerializeToString, response.FromString
        )
        answer: ResponseT = await make(request, timeout=REQUEST_SECONDS, metadata=metadata)
        return answer

    async def call_once(
        self, method: str, request: Message, response: type[ResponseT], metadata: Metadata
    ) -> ResponseT:
        """The same for a method that takes a stream of requests, and is sent one.

        :raises grpc.aio.AioRpcError: it failed.
        """
        stream = self.stream(method, type(request), response, metadata)
        try:
            await stream.write(request)
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await stream.read()
        finally:
            stream.cancel()
        if answer is END:
            raise Unavailable(f"etcd at {self.endpoint} ended a call of {method} without an answer")
        found: ResponseT = answer
        return found

    def stream(self, method: str, request: type[Message], response: type[Message], metadata: Metadata) -> Any:
        """A stream of requests and one of responses."""
        return self._channel.stream_stream(f"/etcdserverpb.{method}", request.SerializeToString, response.FromString)(
            metadata=metadata
        )

    async def close(self) -> None:
        """Break off everything that goes on."""
        with contextlib.suppress(grpc.aio.UsageError):
            await self._channel.close()

    def unavailable(self, error: BaseException) -> Unavailable:
        """What went wrong with this member, as a sentence."""
        if isinstance(error, Unavailable):
            return error
        if isinstance(error, grpc.aio.AioRpcError):
            said = "".join(c if c.isprintable() else "?" for c in (error.details() or "")[:LONGEST_REASON])
            return Unavailable(f"etcd at {self.endpoint} said {error.code().name.lower()}: {said or 'no more'}")
        if isinstance(error, TimeoutError):
            return Unavailable(f"etcd at {self.endpoint} did not answer within {REQUEST_SECONDS:g} seconds")
        if isinstance(error, asyncio.CancelledError | grpc.aio.UsageError):
            return Unavailable(f"the connection to etcd at {self.endpoint} was closed")
        return Unavailable(f"the connection to etcd at {self.endpoint} failed: {error}")
