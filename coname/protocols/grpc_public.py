"""The public gRPC front: ``/proto.E2EKSPublic`` (protocol section 9), on gRPC's asyncio server in the reactor's loop.

Bytes in, bytes out: gRPC is given no message classes, so that an answer kept since the last request goes out as it is.
A client that goes away cancels the Deferred it was waiting for. The update itself goes on. What all gRPC fronts have in
common is in `coname.protocols.grpc_service`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coname.messages.client_pb2 import LookupRequest, PolicyChangesRequest, UpdateRequest
from coname.protocols.grpc_options import acceptors, concurrent_calls, server_options
from coname.protocols.grpc_service import GRACE_SECONDS, GrpcFront, decoded, new_server
from coname.protocols.request_bounds import check_lookup, check_small

if TYPE_CHECKING:
    import grpc

    from coname.configuration.tls import TlsIdentity
    from coname.interfaces import IKeyserver
    from coname.messages.config_pb2 import Limits

SERVICE = "proto.E2EKSPublic"


class GrpcService(GrpcFront):
    """Answers lookups, updates, and what the replicas' policy became, over gRPC with TLS."""

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
        :param limits: with its defaults filled in; `request_bytes`, `connections` and `pending_updates` are used.
        :param host: the address to listen on; empty for all of them.
        :param port: 0 for any free one.
        :param grace: seconds that ``stopService`` lets calls under way go on.
        """
        super().__init__(tls, host, port, grace)
        self._keyserver = keyserver
        self._limits = limits

    def new_servers(self) -> list[grpc.aio.Server]:
        """See `GrpcFront`."""
        methods = {
            "Lookup": self.unary(self._lookup),
            "Update": self.unary_with_certificate(self._update),
            "PolicyChanges": self.unary(self._policy_changes),
        }
        options, most_calls = server_options(self._limits), concurrent_calls(self._limits)
        return [new_server(SERVICE, methods, options, most_calls) for _ in range(acceptors(self._limits))]

    async def _lookup(self, data: bytes) -> bytes:
        check_lookup(data)
        return self._keyserver.lookup(decoded(LookupRequest, data)).protobuf()

    async def _update(self, data: bytes, certificate: bytes) -> bytes:
        answer = self._keyserver.update(decoded(UpdateRequest, data), certificate)
        return (await answer.asFuture(asyncio.get_running_loop())).protobuf()

    async def _policy_changes(self, data: bytes) -> bytes:
        check_small(data)
        return self._keyserver.policyChanges(decoded(PolicyChangesRequest, data)).protobuf()
