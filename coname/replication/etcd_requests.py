"""What the engine asks of etcd: an interface that a client fills, and the few forms of requests it needs.

Everything but leases and watches is a transaction: what belongs together is read, and decided, at one moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from coname.messages.etcd_pb2 import (
    Compare,
    DeleteRangeRequest,
    KeyValue,
    PutRequest,
    RangeRequest,
    RequestOp,
    TxnRequest,
    TxnResponse,
    WatchResponse,
)


class Watch(Protocol):
    """A watch that goes on until it fails or is closed."""

    def next(self) -> Deferred[WatchResponse]:
        """What comes next. Fails with `coname.errors.Unavailable`, and with the same after `close`."""

    def close(self) -> None:
        """Watch no longer."""


class Etcd(Protocol):
    """A client of etcd. All methods are called in the reactor; all failures are `coname.errors.Unavailable`."""

    def txn(self, request: TxnRequest) -> Deferred[TxnResponse]:
        """Do it all, or nothing. When this fails, nobody knows whether it was done, or still will be."""

    def watch(self, start: bytes, stop: bytes, revision: int) -> Watch:
        """Follow what is put under keys from `start` up to `stop`, from `revision` on."""

    def grant(self, seconds: int) -> Deferred[int]:
        """Make a lease; fires with its id."""

    def keep_alive(self, lease: int) -> Deferred[int]:
        """Renew a lease; fires with the seconds that it lives now, 0 if there is none of that id."""

    def revoke(self, lease: int) -> Deferred[None]:
        """End a lease: its keys go at once."""

    def compact(self, revision: int) -> Deferred[None]:
        """Forget how all keys were before `revision`."""

    def close(self) -> Deferred[None]:
        """Close all connections. What is going on fails."""


def get(key: bytes) -> RequestOp:
    """Read one key."""
    return RequestOp(request_range=RangeRequest(key=key))


def get_range(start: bytes, stop: bytes, limit: int = 0, keys_only: bool = False) -> RequestOp:
    """Read start <= key < stop in order, `limit` of them at most; 0: all."""
    return RequestOp(request_range=RangeRequest(key=start, range_end=stop, limit=limit, keys_only=keys_only))


def put(key: bytes, value: bytes, lease: int = 0) -> RequestOp:
    """Write one key, which lives as long as `lease`; 0: for ever."""
    return RequestOp(request_put=PutRequest(key=key, value=value, lease=lease))


def delete_range(start: bytes, stop: bytes) -> RequestOp:
    """Remove start <= key < stop."""
    return RequestOp(request_delete_range=DeleteRangeRequest(key=start, range_end=stop))


def absent(key: bytes) -> Compare:
    """There is no such key."""
    return Compare(result=Compare.EQUAL, target=Compare.CREATE, key=key, create_revision=0)


def equal(key: bytes, value: bytes) -> Compare:
    """The key's value is that."""
    return Compare(result=Compare.EQUAL, target=Compare.VALUE, key=key, value=value)


def do(*operations: RequestOp) -> TxnRequest:
    """A transaction without conditions. If it only reads, it costs etcd no write to disk."""
    return TxnRequest(success=operations)


def found(response: TxnResponse, place: int) -> Sequence[KeyValue]:
    """What the read at `place` of the transaction's operations found."""
    return response.responses[place].response_range.kvs


def found_one(response: TxnResponse, place: int) -> KeyValue | None:
    """The same for a read of one key."""
    return next(iter(found(response, place)), None)
