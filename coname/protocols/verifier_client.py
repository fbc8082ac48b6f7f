"""The verifier's end of ``/proto.E2EKSVerification`` (protocol section 9), on gRPC in the reactor's asyncio loop.

Rules:

- Read-ahead is bounded, in steps and bytes: a keyserver that sends faster than it can be verified fills its own side.
- Bytes come out as they came in: what was signed is never encoded again.
- Each connection has a channel of its own, which knows nothing of the failures of the one before; when to connect again
  is the caller's business, not gRPC's.
- A connection that is silent is asked for a sign of life, and given up if none comes (gRPC's keepalive).
- What a server says is a stranger's text: it is cut, and freed of control characters, before it gets into a log.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from twisted.internet.defer import Deferred, fail, succeed

from coname.errors import Refused, Unavailable, Unreachable
from coname.messages.verification_pb2 import VerifierStreamRequest

if TYPE_CHECKING:
    from coname.configuration.tls import TlsIdentity
    from coname.messages.client_pb2 import SignedEpochHead

SERVICE = "/proto.E2EKSVerification"

NO_END = 2**64 - 1
"""The page size that asks for everything there is, and then for what comes."""

PUBLISHED_KEY = "coname-published"
"""The initial metadata in which our keyservers say how many steps they have."""

READ_AHEAD_STEPS, READ_AHEAD_BYTES = 4096, 8 << 20
"""Received and not yet taken: about half a second's work."""

BATCH_STEPS, BATCH_BYTES = 1000, 2 << 20
"""Handed out at once: about a tenth of a second's work."""

LONGEST_REASON = 300
"""Characters of a server's sentence, or of gRPC's own, that get into the log."""

GATHER_SECONDS = 0.005
"""How long a step waits for others to go with it. Each batch is a round trip to a thread, and a write."""

MAX_STEP_BYTES = 4 << 20
"""The largest step that is taken in. Updates are a few hundred bytes, heads of a hundred replicas ten thousand; the
programs of 2017 take no more than this either."""

PUSH_SECONDS = 30.0
"""How long the keyserver may take to make a signature durable: with replicas, it waits for a majority of them."""

KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS = 60_000, 20_000
"""An idle realm closes an epoch a minute. After a minute without any a ping goes out, and 20 seconds later the
connection is given up. Servers of 2017 take offence at more than two pings between two messages of theirs."""

CONNECT_BACKOFF_MS = 10_000
"""What gRPC waits between its own attempts within one connection; by then the caller has made a new one."""

_END: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # which the stubs lack

_FOR_GOOD = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
}
"""Answers to a push that another attempt does not change."""


class VerifierLink:
    """One connection to a keyserver, with one stream; a `coname.following.links.Link`.

    Made in the reactor, while it runs.

    :param target: host:port.
    :param start: the verifier log index of the first step to stream.
    :param tls: None for no TLS at all, which only tests want.
    """

    def __init__(self, target: str, start: int, tls: TlsIdentity | None) -> None:
        self.up = False
        self._closed = False
        self.published: int | None = None
        self._steps: deque[bytes] = deque()
        self._bytes = 0
        self._broken: Unreachable | None = None
        self._reader: Deferred[Sequence[bytes]] | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._room = asyncio.Event()
        self._channel = _open(target, tls)
        self._push = self._channel.unary_unary(f"{SERVICE}/PushRatification", None, None)
        self._call: Any = self._channel.unary_stream(f"{SERVICE}/VerifierStream", None, None)(
            VerifierStreamRequest(start=start, page_size=NO_END).SerializeToString()
        )
        self._tasks = [asyncio.ensure_future(self._greet()), asyncio.ensure_future(self._pump())]

    def read(self) -> Deferred[Sequence[bytes]]:
        """See `Link`."""
        if self._steps:
            return succeed(self._batch())
        if self._broken is not None:
            return fail(self._broken)
        self._reader = Deferred(self._stop_waiting)
        return self._reader

    def push(self, signed: SignedEpochHead) -> Deferred[None]:
        """See `Link`."""
        return Deferred.fromFuture(asyncio.ensure_future(self._pushed(signed.SerializeToString())))

    def close(self) -> Deferred[None]:
        """See `Link`."""
        return Deferred.fromFuture(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        self._closed = True
        self._call.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channel.close(None)
        self._break("this end has closed the connection")

    async def _greet(self) -> None:
        """Learn from the answer's headers that the keyserver is there, and how much it has."""
        metadata: Any = await self._call.initial_metadata()
        for key, value in metadata or ():
            if key == PUBLISHED_KEY and str(value).isdecimal() and len(value) < 20:
                self.published = int(value)
        self.up = self._call.done() is False

    async def _pump(self) -> None:
        """Take steps off the network while there is room for them."""
        try:
            while (step := await self._call.read()) is not _END:
                self._steps.append(step)
                self._bytes += len(step)
                self._hand_out_soon()
                while len(self._steps) >= READ_AHEAD_STEPS or self._bytes >= READ_AHEAD_BYTES:
                    self._room.clear()
                    await self._room.wait()
            self._break(await _ending(self._call))
        except grpc.aio.AioRpcError as error:
            self._break(_sentence(error.code(), error.details()))
        except asyncio.CancelledError:
            self._break("the connection was cancelled")
            raise
        except Exception as error:  # whatever gRPC comes up with: a reader that waits for ever would be worse
            self._break(f"{type(error).__name__}: {_printable(str(error))}")

    def _break(self, reason: str) -> None:
        self.up = False
        if self._broken is None:
            self._broken = Unreachable(reason)
        self._hand_out()

    def _hand_out_soon(self) -> None:
        """Give a waiting reader a whole batch at once, less than that after a moment."""
        if len(self._steps) >= BATCH_STEPS:
            self._hand_out()
        elif self._reader is not None and self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._hand_out)

    def _hand_out(self) -> None:
        """Give a waiting reader what there is: steps, or the reason that no more will come."""
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        reader = self._reader
        if reader is None or not (self._steps or self._broken):
            return
        self._reader = None
        if self._steps:
            reader.callback(self._batch())
        else:
            reader.errback(self._broken)

    def _batch(self) -> list[bytes]:
        batch: list[bytes] = []
        size = 0
        while self._steps and len(batch) < BATCH_STEPS and size < BATCH_BYTES:
            batch.append(self._steps.popleft())
            size += len(batch[-1])
        self._bytes -= size
        self._room.set()
        return batch

    def _stop_waiting(self, reader: Deferred[Sequence[bytes]]) -> None:
        self._reader = None

    async def _pushed(self, data: bytes) -> None:
        if self._closed:
            raise Unavailable("the connection is closed")
        try:
            await self._push(data, timeout=PUSH_SECONDS)
        except grpc.aio.AioRpcError as error:
            reason = _sentence(error.code(), error.details())
            raise (Refused if error.code() in _FOR_GOOD else Unavailable)(reason) from None
        except asyncio.CancelledError:
            raise Unavailable("the connection was closed") from None


def _open(target: str, tls: TlsIdentity | None) -> grpc.aio.Channel:
    options: list[tuple[str, Any]] = [
        ("grpc.use_local_subchannel_pool", 1),  # or the failures of the channel before count for this one, too
        ("grpc.max_receive_message_length", MAX_STEP_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),  # of pings that measure, in whose place none is sent
        ("grpc.http2.max_pings_without_data", 0),  # the stream is one-way: this end sends no data for hours
        ("grpc.initial_reconnect_backoff_ms", CONNECT_BACKOFF_MS),
        ("grpc.enable_retries", 0),
    ]
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(
        target, tls.grpc_channel_credentials(), options=[*options, *tls.grpc_channel_options()]
    )


async def _ending(call: Any) -> str:
    """Why a stream has ended."""
    code = await call.code()
    if code is grpc.StatusCode.OK:
        return "it has ended the stream"
    return _sentence(code, await call.details())


def _sentence(code: grpc.StatusCode, details: str | None) -> str:
    return f"{code.name}: {_printable(details)}" if details else code.name


def _printable(text: str) -> str:
    """A stranger's text without what could break a line or move a cursor, and not too long."""
    shown = "".join(character if character.isprintable() else " " for character in text[:LONGEST_REASON])
    return shown if len(text) <= LONGEST_REASON else f"{shown}…"
