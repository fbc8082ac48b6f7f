"""A verifier log behind a real gRPC server in the running loop, with client certificates; it fails when told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from coname.config import VerifierSettings, load_replica, load_verifier
from coname.configuration.tls import TlsIdentity
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.verification_pb2 import VerifierStreamRequest
from tests.verifier.lying import LyingKeyserver


class LogServer:
    """Serves the steps of a `LyingKeyserver`, and takes ratifications.

    :ivar pushed: what was taken, in order. :ivar refusal: the status that pushes are answered with instead.
    :ivar starts: where each stream was to begin. :ivar says_published: whether it says how much it has.
    :ivar break_after: streams end with an error after that step.
    """

    def __init__(self, keyserver: LyingKeyserver, tls: TlsIdentity | None) -> None:
        self.keyserver = keyserver
        self.pushed: list[SignedEpochHead] = []
        self.refusal: grpc.StatusCode | None = None
        self.refused = 0
        self.starts: list[int] = []
        self.says_published = True
        self.break_after: int | None = None
        self.port = 0
        self._tls = tls
        self._more = asyncio.Event()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        self._server = server = grpc.aio.server()
        methods = {
            "VerifierStream": grpc.unary_stream_rpc_method_handler(self._stream),
            "PushRatification": grpc.unary_unary_rpc_method_handler(self._push),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("proto.E2EKSVerification", methods),))
        place = f"127.0.0.1:{self.port}"
        if self._tls is None:
            self.port = server.add_insecure_port(place)
        else:
            self.port = server.add_secure_port(place, self._tls.grpc_server_credentials())
        await server.start()

    async def stop(self) -> None:
        """Break off everything, and listen no more."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def publish(self) -> None:
        """Let streams look for new steps."""
        self._more.set()
        self._more = asyncio.Event()

    async def _stream(self, data: bytes, context: Any) -> None:
        start = VerifierStreamRequest.FromString(data).start
        self.starts.append(start)
        steps = self.keyserver.steps
        if self.says_published:
            await context.send_initial_metadata((("coname-published", str(len(steps))),))
        while True:
            while start < len(steps):
                if self.break_after is not None and start > self.break_after:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "going down\x1b[2J")
                await context.write(steps[start])
                start += 1
            await self._more.wait()

    async def _push(self, data: bytes, context: Any) -> bytes:
        if self.refusal is not None:
            self.refused += 1
            await context.abort(self.refusal, "no such verifier")
        self.pushed.append(SignedEpochHead.FromString(data))
        return b""


def identities(realm: Path) -> tuple[TlsIdentity, VerifierSettings]:
    """The TLS of the first replica's front for verifiers, and the first verifier, of a realm by ``coname init``."""
    front = load_replica(realm / "replica1" / "config.json").verifier
    assert front is not None
    return front.tls, load_verifier(realm / "verifier1" / "config.json")
