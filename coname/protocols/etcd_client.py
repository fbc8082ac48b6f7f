"""A client of an etcd cluster, as `coname.replication.etcd_requests.Etcd` describes it.

- One member is asked at a time, the same one as long as it answers. One that cannot be reached, hangs or has no leader
  is left, for the next in the list; whether to ask again is the caller's business.
- Every request says ``hasleader``: a member that is cut off from the others then refuses it, and ends its watches,
  rather than showing a past that it takes for the present.
- With a user name, a token is fetched at first, and again whenever etcd does not take it any more.
- Every failure is `Unavailable`, with what etcd said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from twisted.internet.defer import Deferred

from coname.messages import etcd_pb2 as pb
from coname.protocols.etcd_calls import EtcdAccess, Member, Metadata, deferred
from coname.protocols.etcd_watch import EtcdWatch

_ANOTHER_MIGHT = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.CANCELLED,
}
"""With everything else, it is not the member's fault."""

_STALE_TOKEN = ("invalid auth token", "revision of auth store is old")

ResponseT = TypeVar("ResponseT", bound=Message)


class EtcdClient:
    """Speaks to one member of the cluster at a time. Made in the reactor, while it runs."""

    def __init__(self, endpoints: Sequence[str], access: EtcdAccess) -> None:
        """:param endpoints: ``host:port`` of each member, in the order to try them."""
        self._members = [Member(endpoint, access) for endpoint in endpoints]
        self._current = 0
        self._access = access
        self._token = ""

    def txn(self, request: pb.TxnRequest) -> Deferred[pb.TxnResponse]:
        """A transaction."""
        return deferred(self._call("KV/Txn", request, pb.TxnResponse))

    def compact(self, revision: int) -> Deferred[None]:
        """Forget what was before `revision`."""
        request = pb.CompactionRequest(revision=revision)
        return deferred(self._call("KV/Compact", request, pb.CompactionResponse)).addCallback(lambda _: None)

    def grant(self, seconds: int) -> Deferred[int]:
        """Make a lease; fires with its id."""
        request = pb.LeaseGrantRequest(TTL=seconds)
        return deferred(self._call("Lease/LeaseGrant", request, pb.LeaseGrantResponse)).addCallback(_id_of)

    def keep_alive(self, lease: int) -> Deferred[int]:
        """Renew a lease; fires with the seconds that are left to it."""
        request = pb.LeaseKeepAliveRequest(ID=lease)
        call = self._call("Lease/LeaseKeepAlive", request, pb.LeaseKeepAliveResponse, once=True)
        return deferred(call).addCallback(_ttl_of)

    def revoke(self, lease: int) -> Deferred[None]:
        """End a lease."""
        request = pb.LeaseRevokeRequest(ID=lease)
        return deferred(self._call("Lease/LeaseRevoke", request, pb.LeaseRevokeResponse)).addCallback(lambda _: None)

    def watch(self, start: bytes, stop: bytes, revision: int) -> EtcdWatch:
        """Follow what is put under a range of keys, on the member that is asked at the moment."""
        member = self._members[self._current]
        create = pb.WatchCreateRequest(
            key=start,
            range_end=stop,
            start_revision=revision,
            filters=[pb.WatchCreateRequest.NODELETE],
            fragment=True,
        )
        request = pb.WatchRequest(create_request=create)
        return EtcdWatch(member, request, self._metadata, lambda error: self._blame(member, error))

    def close(self) -> Deferred[None]:
        """Close all connections."""

        async def close_all() -> None:
            for member in self._members:
                await member.close()

        return deferred(close_all())

    async def _call(self, method: str, request: Message, response: type[ResponseT], once: bool = False) -> ResponseT:
        member = self._members[self._current]
        call: Callable[[str, Message, type[ResponseT], Metadata], Awaitable[ResponseT]]
        call = member.call_once if once else member.call
        try:
            metadata = await self._metadata(member)
            try:
                answer = await call(method, request, response, metadata)
            except grpc.aio.AioRpcError as error:
                if not self._forget_token(error):
                    raise
                answer = await call(method, request, response, await self._metadata(member))
            return answer
        # What gRPC's asyncio side throws when a channel is closed differs from version to version.
        except (Exception, asyncio.CancelledError) as error:
            self._blame(member, error)
            raise member.unavailable(error) from None

    async def _metadata(self, member: Member) -> Metadata:
        """What goes along with each request to `member`."""
        leader = ("hasleader", "true")
        if not self._access.username:
            return (leader,)
        if not self._token:
            request = pb.AuthenticateRequest(name=self._access.username, password=self._access.password)
            answer = await member.call("Auth/Authenticate", request, pb.AuthenticateResponse, (leader,))
            self._token = answer.token
        return (leader, ("token", self._token))

    def _forget_token(self, error: grpc.aio.AioRpcError) -> bool:
        """Whether it was the token that was refused."""
        stale = bool(self._access.username) and any(sign in (error.details() or "") for sign in _STALE_TOKEN)
        if stale:
            self._token = ""
        return stale

    def _blame(self, member: Member, error: BaseException) -> None:
        """`member` has failed: ask the next one from now on, if it is its fault, and nobody has moved on yet."""
        if isinstance(error, grpc.aio.AioRpcError):
            self._forget_token(error)
            if error.code() not in _ANOTHER_MIGHT:
                return
        if isinstance(error, DecodeError) or self._members[self._current] is not member:
            return
        self._current = (self._current + 1) % len(self._members)


def _id_of(response: pb.LeaseGrantResponse) -> int:
    return response.ID


def _ttl_of(response: pb.LeaseKeepAliveResponse) -> int:
    return response.TTL
