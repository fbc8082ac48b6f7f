"""The gRPC front for verifiers: ``/proto.E2EKSVerification`` (protocol section 9), over TLS with client certificates.

- Who calls is what the certificate says, whose common name is ``verifier`` and an id in hexadecimal. TLS has verified
  it against the authorities in the configuration before a call gets here.
- ``VerifierStream`` sends `page_size` steps, from `start` on: 2^64-1 is without end, 0 is none. Steps that are not
  there yet are waited for. gRPC takes the next step when the peer has room for it; until then a slow verifier costs one
  batch of steps, and nobody else any time.
- ``coname-published`` in the initial metadata is how many steps there were when the stream began.
- ``PushRatification`` is answered once the signature is durable.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import grpc

from coname.core.types import KeyId
from coname.errors import NotPermitted
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.verification_pb2 import VerifierStreamRequest
from coname.protocols.grpc_options import OTHER_CALLS, stream_server_options
from coname.protocols.grpc_service import GRACE_SECONDS, Context, GrpcFront, decoded, new_server
from coname.protocols.newest_steps import NewestSteps
from coname.protocols.pace import Pace
from coname.protocols.verifier_streams import Stream, VerifierStreams

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from coname.configuration.tls import TlsIdentity
    from coname.interfaces import IVerification
    from coname.messages.config_pb2 import Limits

SERVICE = "proto.E2EKSVerification"

NO_END = 2**64 - 1
"""A page_size that asks for all steps there will ever be."""

PUBLISHED = "coname-published"

_COMMON_NAME = re.compile(r"verifier ([0-9A-Fa-f]{1,16})")


class VerificationService(GrpcFront):
    """Streams the verifier log, and takes ratifications.

    :ivar streams: those that are open.
    """

    name_in_log = "gRPC front for verifiers"

    def __init__(
        self,
        verification: IVerification,
        limits: Limits,
        tls: TlsIdentity,
        host: str,
        port: int,
        *,
        grace: float = GRACE_SECONDS,
    ) -> None:
        """
        :param limits: with its defaults filled in; `request_bytes` and `connections` are used.
        :param tls: which asks for client certificates.
        :param host: the address to listen on; empty for all of them.
        :param port: 0 for any free one.
        :param grace: seconds that ``stopService`` lets pushes under way go on.
        """
        super().__init__(tls, host, port, grace)
        self.streams = VerifierStreams(limits.connections)
        self._verification = verification
        self._limits = limits
        self._newest = NewestSteps(verification)
        self._pace = Pace()

    def new_servers(self) -> list[grpc.aio.Server]:
        """See `GrpcFront`."""
        methods = {
            "VerifierStream": grpc.stream_stream_rpc_method_handler(self._stream),
            "PushRatification": grpc.stream_unary_rpc_method_handler(self.guarded(self._push)),
        }
        most_calls = self._limits.connections + OTHER_CALLS
        return [new_server(SERVICE, methods, stream_server_options(self._limits), most_calls)]

    def startService(self) -> None:
        """See `GrpcFront`."""
        super().startService()
        loop = asyncio.get_event_loop()
        self.streams.start(loop)
        self._newest.start(loop)

    def stopService(self) -> Deferred[None]:
        """End the streams; fires when every push has been answered, or was cut off after the grace time."""
        self.streams.stop()
        self._newest.stop()
        return super().stopService()

    async def _push(self, context: Context) -> bytes:
        verifier = caller(context)
        signed = decoded(SignedEpochHead, await self.arrivals.message(context))
        await self._verification.pushRatification(verifier, signed).asFuture(asyncio.get_running_loop())
        return b""

    async def _stream(self, _: object, context: Context) -> None:
        # A status is sent behind the steps before it, so that of a stuck peer waits: it keeps the stream's place.
        with ExitStack() as place:
            await self.guarded(partial(self._serve, place))(None, context)

    async def _serve(self, place: ExitStack, context: Context) -> None:
        verifier = caller(context)
        request = decoded(VerifierStreamRequest, await self.arrivals.message(context))
        stream = place.enter_context(self.streams.opened(verifier, context.peer(), request.start))
        try:
            await context.send_initial_metadata(((PUBLISHED, str(self._verification.published())),))
            await self._send(context, stream, min(request.start + request.page_size, NO_END))
        except asyncio.CancelledError:
            if stream.ended is None:  # the peer is gone
                raise
            raise stream.ended from None

    async def _send(self, context: Context, stream: Stream, end: int) -> None:
        """Send the steps before index `end`."""
        while stream.position < end:
            steps = await self._newest.after(stream.position)
            steps = steps[: end - stream.position]
            while steps:
                granted = await self._pace.take(len(steps))
                stream.writing = True
                for step in steps[:granted]:
                    await context.write(step)
                    stream.position += 1
                stream.writing = False
                steps = steps[granted:]


def caller(context: Context) -> KeyId:
    """The verifier whose certificate the connection has shown.

    :raises NotPermitted: it is no verifier's.
    """
    names = context.auth_context().get("x509_common_name", [])
    shown = [name.decode(errors="replace") for name in names]
    match = _COMMON_NAME.fullmatch(shown[0]) if len(shown) == 1 else None
    verifier = KeyId(int(match[1], 16)) if match else KeyId(0)
    if not verifier:
        raise NotPermitted(
            f"the client certificate is for {', '.join(map(repr, shown)) or 'nobody'}; "
            "verifiers have one for 'verifier ' and their id in hexadecimal"
        )
    return verifier
