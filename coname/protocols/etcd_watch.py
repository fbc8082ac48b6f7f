"""A watch on one member of an etcd cluster.

What comes is taken one response at a time, when it is asked for: with more, gRPC's flow control lets etcd wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

from coname.errors import Unavailable
from coname.messages.etcd_pb2 import WatchRequest, WatchResponse
from coname.protocols.etcd_calls import END, REQUEST_SECONDS, Member, Metadata, deferred


class EtcdWatch:
    """One watch, from the first `next` to `close`."""

    def __init__(
        self,
        member: Member,
        request: WatchRequest,
        metadata: Callable[[Member], Awaitable[Metadata]],
        failed: Callable[[BaseException], None],
    ) -> None:
        """:param failed: is called with what went wrong, unless it was closed here."""
        self._member = member
        self._request = request
        self._metadata = metadata
        self._failed = failed
        self._stream: Any = None
        self._closed = False

    def next(self) -> Deferred[WatchResponse]:
        """What comes next; the first response says that the watch exists. One call at a time."""
        return deferred(self._next())

    def close(self) -> None:
        """Watch no longer. A `next` that waits fails."""
        self._closed = True
        if self._stream is not None:
            self._stream.cancel()

    async def _next(self) -> WatchResponse:
        try:
            if self._closed:
                raise Unavailable("the watch was closed")
            if self._stream is None:
                async with asyncio.timeout(REQUEST_SECONDS):
                    return await self._begin()
            return await self._read()
        # What gRPC's asyncio side throws when a channel is closed differs from version to version.
        except (Exception, asyncio.CancelledError) as error:
            if not self._closed:
                self._failed(error)
            raise self._member.unavailable(error) from None

    async def _begin(self) -> WatchResponse:
        metadata = await self._metadata(self._member)
        self._stream = self._member.stream("Watch/Watch", WatchRequest, WatchResponse, metadata)
        await self._stream.write(self._request)
        return await self._read()

    async def _read(self) -> WatchResponse:
        answer = await self._stream.read()
        if answer is END:
            raise Unavailable(f"etcd at {self._member.endpoint} ended the watch")
        found: WatchResponse = answer
        return found
