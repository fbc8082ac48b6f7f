"""The HTTPS front: JSON in, JSON out, by treq. For programs on Twisted."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import treq
from google.protobuf import json_format
from google.protobuf.message import Message
from OpenSSL import SSL
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.web.client import RequestTransmissionFailed, ResponseFailed, ResponseNeverReceived
from zope.interface import implementer

from coname.client.interfaces import ITransport
from coname.client.proof_files import MAX_PROOF_BYTES, changes_from_json, proof_from_json
from coname.client.transports.refusals import BY_HTTP_STATUS, printable, refusal
from coname.client.transports.timeouts import LOOKUP_SECONDS, UPDATE_SECONDS
from coname.errors import ConameError, ProofInvalid, Unreachable
from coname.messages.client_pb2 import (
    LookupProof,
    LookupRequest,
    PolicyChanges,
    PolicyChangesRequest,
    UpdateRequest,
)

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from twisted.web.iweb import IResponse

T = TypeVar("T")

_NO_SUCH_QUESTION = (404, 405, 501)
"""What a front answers that does not know the question, as the original's."""

_UNREACHABLE = (
    ConnectError,
    ConnectionClosed,
    ConnectTimeout,
    DNSLookupError,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
    SSL.Error,
)


@implementer(ITransport)
class HttpsTransport:
    """One realm's HTTPS front.

    :param url: as in the realm's configuration, without /lookup.
    :param http: a `treq.client.HTTPClient`, which brings TLS, connections and the reactor.
    :param clock: for the timeouts.
    :param close: lets go of the connections; may return a Deferred.
    """

    def __init__(
        self,
        url: str,
        http: Any,
        clock: IReactorTime,
        close: Any = None,
        lookup_seconds: float = LOOKUP_SECONDS,
        update_seconds: float = UPDATE_SECONDS,
    ) -> None:
        self._url = url.rstrip("/")
        self._http = http
        self._clock = clock
        self._close_connections = close
        self._lookup_seconds = lookup_seconds
        self._update_seconds = update_seconds

    def lookup(self, request: LookupRequest) -> Deferred[LookupProof]:
        """See `ITransport`."""
        return self._timed(self._proof("lookup", request), self._lookup_seconds)

    def update(self, request: UpdateRequest) -> Deferred[LookupProof]:
        """See `ITransport`."""
        return self._timed(self._proof("update", request), self._update_seconds)

    def policy_changes(self, request: PolicyChangesRequest) -> Deferred[PolicyChanges]:
        """See `ITransport`."""
        return self._timed(self._policy_changes(request), self._lookup_seconds)

    def close(self) -> Deferred[None]:
        """See `ITransport`."""
        return ensureDeferred(self._close())

    async def _close(self) -> None:
        if self._close_connections is not None:
            await self._close_connections()

    def _timed(self, exchange: Coroutine[Any, Any, T], seconds: float) -> Deferred[T]:
        """The whole exchange within `seconds`: a server that sends its answer byte by byte is as good as none."""

        def give_up(_: object, __: float) -> NoReturn:
            # What cancelling led to below, in whatever error it is wrapped.
            raise Unreachable(f"no answer from {self._url} within {seconds:g} s")

        deferred: Deferred[T] = ensureDeferred(exchange)
        return deferred.addTimeout(seconds, self._clock, onTimeoutCancel=give_up)

    async def _proof(self, path: str, request: LookupRequest | UpdateRequest) -> LookupProof:
        status, answer = await self._post(path, request)
        if status != 200:
            raise _refusal(status, answer)
        return proof_from_json(answer)

    async def _policy_changes(self, request: PolicyChangesRequest) -> PolicyChanges:
        status, answer = await self._post("policy_changes", request)
        if status in _NO_SUCH_QUESTION:
            return PolicyChanges()
        if status != 200:
            raise _refusal(status, answer)
        return changes_from_json(answer)

    async def _post(self, path: str, request: Message) -> tuple[int, bytes]:
        """The status and the body that are answered."""
        body = json_format.MessageToJson(request, preserving_proto_field_name=True, indent=None).encode()
        try:
            response = await self._http.post(
                f"{self._url}/{path}",
                data=body,
                headers={b"content-type": [b"application/json"], b"accept": [b"application/json"]},
                allow_redirects=False,
                unbuffered=True,
            )
            return response.code, await _read(response)
        except _UNREACHABLE as error:
            raise Unreachable(f"{self._url} cannot be reached: {_reason(error)}") from error


async def _read(response: IResponse) -> bytes:
    pieces = bytearray()

    def collect(piece: bytes) -> None:
        pieces.extend(piece)
        if len(pieces) > MAX_PROOF_BYTES:
            raise ProofInvalid("form", f"the answer is larger than {MAX_PROOF_BYTES} bytes: no proof is")

    await treq.collect(response, collect)
    return bytes(pieces)


def _refusal(status: int, body: bytes) -> ConameError:
    """The error in ``{"error": {"code", "message"}}``, or in the original's plain text."""
    try:
        error = json.loads(body)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        code, message = "", body.decode("utf-8", "replace")
    return refusal(code, message or f"HTTP status {status}", BY_HTTP_STATUS.get(status))


def _reason(error: Exception) -> str:
    """What went wrong below, without the names of the layers it came through."""
    for reason in getattr(error, "reasons", ()):
        return _reason(reason.value)
    if isinstance(error, SSL.Error) and error.args:
        return "; ".join(printable(": ".join(part for part in each if part)) for each in error.args[0])
    return printable(str(error) or type(error).__name__)
