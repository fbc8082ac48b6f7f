"""gRPC, by grpcio's asyncio interface.

It works in two kinds of programs: on asyncio, and on Twisted with the asyncio reactor, in whose loop gRPC then runs.
The program has chosen by ``txaio.use_asyncio()`` or ``txaio.use_twisted()``; what these methods return is of that kind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from zope.interface import implementer

from coname.client.framework import framework
from coname.client.interfaces import ITransport
from coname.client.proof_files import changes_from_binary, proof_from_binary
from coname.client.transports.refusals import BY_GRPC_STATUS, printable, refusal
from coname.client.transports.timeouts import LOOKUP_SECONDS, UPDATE_SECONDS
from coname.errors import ConameError, Misconfigured, Unreachable
from coname.messages.client_pb2 import (
    LookupProof,
    LookupRequest,
    PolicyChanges,
    PolicyChangesRequest,
    UpdateRequest,
)

SERVICE = "/proto.E2EKSPublic"

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""The largest answer that is taken in. Proofs are a few kilobytes; a profile may be more, but never this."""

CODE_KEY = "coname-code"
"""The trailing metadata in which our servers put their error's stable code."""


@implementer(ITransport)
class GrpcTransport:
    """One realm's public gRPC.

    :param target: host:port.
    :param credentials: for TLS; None for none at all, which only tests want.
    :param options: for the channel.
    :param lookup_seconds: how long to wait for an answer to a lookup; `update_seconds` for one to an update.
    """

    def __init__(
        self,
        target: str,
        credentials: grpc.ChannelCredentials | None,
        options: Sequence[tuple[str, Any]] = (),
        lookup_seconds: float = LOOKUP_SECONDS,
        update_seconds: float = UPDATE_SECONDS,
    ) -> None:
        self._target = target
        self._credentials = credentials
        self._options = [*options, ("grpc.max_receive_message_length", MAX_ANSWER_BYTES)]
        self._lookup_seconds = lookup_seconds
        self._update_seconds = update_seconds
        self._channel: grpc.aio.Channel | None = None  # made in the running loop, with the first call

    def lookup(self, request: LookupRequest) -> Any:
        """See `ITransport`."""
        return framework.as_future(self._proof, "Lookup", request, self._lookup_seconds)

    def update(self, request: UpdateRequest) -> Any:
        """See `ITransport`."""
        return framework.as_future(self._proof, "Update", request, self._update_seconds)

    def policy_changes(self, request: PolicyChangesRequest) -> Any:
        """See `ITransport`."""
        return framework.as_future(self._policy_changes, request)

    def close(self) -> Any:
        """See `ITransport`."""
        return framework.as_future(self._close)

    async def _close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await in_loop(lambda: channel.close(None))

    async def _proof(self, method: str, request: LookupRequest | UpdateRequest, seconds: float) -> LookupProof:
        try:
            return proof_from_binary(await self._call(method, request, seconds))
        except grpc.aio.AioRpcError as error:
            raise self._error(error, seconds) from error

    async def _policy_changes(self, request: PolicyChangesRequest) -> PolicyChanges:
        try:
            return changes_from_binary(await self._call("PolicyChanges", request, self._lookup_seconds))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return PolicyChanges()
            raise self._error(error, self._lookup_seconds) from error

    async def _call(self, method: str, request: Message, seconds: float) -> bytes:
        data = request.SerializeToString()
        answer: bytes = await in_loop(lambda: self._exchange(method, data, seconds))
        return answer

    async def _exchange(self, method: str, data: bytes, seconds: float) -> bytes:
        if self._channel is None:
            self._channel = self._open()
        call = self._channel.unary_unary(f"{SERVICE}/{method}", None, None)
        answer: bytes = await call(data, timeout=seconds)
        return answer

    def _open(self) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self._target, options=self._options)
        return grpc.aio.secure_channel(self._target, self._credentials, options=self._options)

    def _error(self, error: grpc.aio.AioRpcError, seconds: float) -> ConameError:
        details = error.details() or ""
        metadata: Any = error.trailing_metadata() or ()
        code = next((_text(value) for key, value in metadata if key == CODE_KEY), None)
        if code is None and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unreachable(f"no answer from {self._target} within {seconds:g} s")
        if code is None and error.code() is grpc.StatusCode.UNAVAILABLE:
            return Unreachable(f"{self._target} cannot be reached: {printable(details)}")
        return refusal(code, details, BY_GRPC_STATUS.get(error.code().name))


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


async def in_loop(job: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What the asyncio coroutine `job` returns, awaited in the running loop by a program of either kind.

    :raises Misconfigured: the program is on Twisted, with another reactor than the asyncio one.
    """
    if framework.using_asyncio:
        return await job()
    task = asyncio.ensure_future(job(), loop=await _running_loop())
    done = framework.create_future(canceller=lambda _: task.cancel())
    task.add_done_callback(lambda _: _hand_over(task, done))
    return await done


def _hand_over(task: asyncio.Task[Any], done: Any) -> None:
    if task.cancelled() or framework.is_called(done):
        return
    error = task.exception()
    if error is None:
        framework.resolve(done, task.result())
    else:
        framework.reject(done, framework.create_failure(error))


async def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        await framework.sleep(0)  # the caller may run before the reactor does: get called by the reactor
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise Misconfigured(
            ["gRPC in a Twisted program needs the asyncio reactor: twisted.internet.asyncioreactor.install()"]
        ) from None
