"""The simulated realm behind a real gRPC server, in the running asyncio loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from coname.errors import ConameError
from coname.messages.client_pb2 import LookupRequest, PolicyChangesRequest, UpdateRequest
from tests.client.simulator import Realm


async def serve_grpc(
    realm: Realm, credentials: grpc.ServerCredentials | None = None, coded: bool = True
) -> tuple[grpc.aio.Server, int]:
    """Start it on a free port.

    :param coded: name each error by its code, as our servers do and the original's do not.
    """
    server = grpc.aio.server()
    methods = {
        "Lookup": _handler(lambda data: realm.lookup(LookupRequest.FromString(data)), coded),
        "Update": _handler(lambda data: realm.update(UpdateRequest.FromString(data)), coded),
    }
    if coded:  # the original's have no such method
        methods["PolicyChanges"] = _handler(
            lambda data: realm.policy_changes(PolicyChangesRequest.FromString(data)), coded
        )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("proto.E2EKSPublic", methods)])
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    return server, port


def _handler(answer: Callable[[bytes], Any], coded: bool) -> grpc.RpcMethodHandler:
    async def handle(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        try:
            result = answer(data)
        except ConameError as error:
            metadata = (("coname-code", error.code),) if coded else ()
            await context.abort(grpc.StatusCode[error.grpc_status], str(error), metadata)
        if result is None:  # the realm says nothing at all
            await asyncio.sleep(3600)
        return result if isinstance(result, bytes) else result.SerializeToString()

    return grpc.unary_unary_rpc_method_handler(handle)
