"""Appends proposals to the log in etcd, each once.

- What is proposed while a transaction is going on shares the next one: `BATCH_ENTRIES` and `BATCH_BYTES` at most.
- A transaction holds only on the very tail that it was made for, and makes the next one. So of two that were made for
  the same tail one succeeds, ever, and entries have no gaps. There is one in flight at a time: etcd keeps no order
  between requests, and one that overtakes another would only fail.
- When no answer comes, the same transaction is sent again. If the first one had succeeded, the second fails, and what
  lies at its index shows whose it is, by the chain hash.
- After `PATIENCE_SECONDS` it is given up, with `Unavailable`: whether it was appended shows in the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from coname.backoff import Backoff
from coname.errors import Corrupt, Overloaded, TooLarge, Unavailable
from coname.messages.etcd_pb2 import TxnRequest, TxnResponse
from coname.replication.etcd_keys import Keys, Record, Tail, decode_record, decode_tail
from coname.replication.etcd_opening import STOP_ALL, ClusterGuard
from coname.replication.etcd_requests import Etcd, absent, equal, found_one, get, put

BATCH_BYTES = 1024 * 1024
"""Of one transaction, and so of one proposal. etcd refuses requests over 1.5 MiB, unless it is configured otherwise."""

BATCH_ENTRIES = 100
"""Of one transaction. etcd takes 128 operations, unless it is configured otherwise."""

ENTRY_OVERHEAD = 500
"""Bytes of memory that an entry takes while it waits, besides its data."""

QUEUE_BYTES = 64 * BATCH_BYTES
"""What may wait. More is refused at once: somebody proposes faster than etcd takes it."""

PATIENCE_SECONDS = 5.0
"""How long one transaction is tried: a few elections of etcd's, and not as long as clients wait."""


class Appender:
    """The way into the log.

    :ivar tail: the newest end of the log known here; never goes back.
    """

    def __init__(self, etcd: Etcd, keys: Keys, guard: ClusterGuard, tail: Tail, clock: IReactorTime, backoff: Backoff):
        """:param tail: where the log ends, at the moment."""
        self.tail = tail
        self._etcd = etcd
        self._keys = keys
        self._guard = guard
        self._clock = clock
        self._backoff = backoff
        self._queue: deque[tuple[bytes, Deferred[None]]] = deque()
        self._queued_bytes = 0
        self._wake: Deferred[None] | None = None

    def propose(self, data: bytes) -> Deferred[None]:
        """See `ILogReplicator`. Fails with `TooLarge` for what can never be appended."""
        if len(data) > BATCH_BYTES:
            return fail(TooLarge(f"an entry of {len(data)} bytes was proposed; the log in etcd takes {BATCH_BYTES}"))
        if self._queued_bytes + len(data) + ENTRY_OVERHEAD > QUEUE_BYTES:
            return fail(Overloaded(f"{self._queued_bytes} bytes of proposals wait for etcd already"))
        taken: Deferred[None] = Deferred()
        self._queue.append((data, taken))
        self._queued_bytes += len(data) + ENTRY_OVERHEAD
        if self._wake is not None:
            wake, self._wake = self._wake, None
            wake.callback(None)
        return taken

    def learn(self, tail: Tail) -> None:
        """The log goes on at least up to there."""
        if tail.index > self.tail.index:
            self.tail = tail

    async def run(self) -> None:
        """Append what is proposed, until cancelled.

        :raises coname.errors.Corrupt: the log in etcd is not what it was.
        """
        while True:
            if not self._queue:
                self._wake = Deferred()
                await self._wake
            batch = self._take_batch()
            try:
                await self._append([data for data, _ in batch])
            except BaseException as error:  # cancelled, too: nobody is left waiting
                reason = error if isinstance(error, Unavailable) else Unavailable("the log in etcd is not followed now")
                _settle(batch, Failure(reason))
                if not isinstance(error, Unavailable):
                    raise
            else:
                _settle(batch, None)

    def fail_all(self, reason: Unavailable) -> None:
        """Nothing that waits will be appended."""
        batch, self._queue, self._queued_bytes = list(self._queue), deque(), 0
        _settle(batch, Failure(reason))

    def _take_batch(self) -> list[tuple[bytes, Deferred[None]]]:
        batch = [self._queue.popleft()]
        size = len(batch[0][0])
        while self._queue and len(batch) < BATCH_ENTRIES and size + len(self._queue[0][0]) <= BATCH_BYTES:
            batch.append(self._queue.popleft())
            size += len(batch[-1][0])
        self._queued_bytes -= size + len(batch) * ENTRY_OVERHEAD
        return batch

    async def _append(self, batch: Sequence[bytes]) -> None:
        patience = self._clock.seconds() + PATIENCE_SECONDS
        while True:
            known = self.tail
            places = _places(known, batch)
            answer, unanswered = await self._send(self._transaction(known, places, batch), patience)
            self._guard.check(answer.header)
            if answer.succeeded or self._is_ours(answer, known, places[0], unanswered):
                self.learn(places[-1])
                return

    async def _send(self, transaction: TxnRequest, patience: float) -> tuple[TxnResponse, bool]:
        """The answer to `transaction`, and whether one that was sent before it may have held without our knowing.

        It stays the same, even if the log is seen to go on meanwhile: that may be our own doing.
        """
        unanswered = False
        while True:
            try:
                answer = await self._etcd.txn(transaction)
            except Unavailable:
                unanswered = True
                if self._clock.seconds() >= patience:
                    raise
                await deferLater(self._clock, self._backoff.next())
            else:
                self._backoff.reset()
                return answer, unanswered

    def _transaction(self, known: Tail, places: Sequence[Tail], batch: Sequence[bytes]) -> TxnRequest:
        records = zip(places, batch, strict=True)
        first = self._keys.entry(places[0].index)
        return TxnRequest(
            compare=[equal(self._keys.tail, known.encode()), absent(first)],
            success=[
                *(put(self._keys.entry(place.index), Record(place.chain, data).encode()) for place, data in records),
                put(self._keys.tail, places[-1].encode()),
            ],
            failure=[get(self._keys.tail), get(first)],
        )

    def _is_ours(self, answer: TxnResponse, known: Tail, first: Tail, unanswered: bool) -> bool:
        """After a transaction that did not hold: whether an earlier attempt of the same did. Learns the tail.

        :param known: what it was made for. :param first: the place its first entry was to have.
        """
        tail, entry = found_one(answer, 0), found_one(answer, 1)
        if tail is None:
            raise Corrupt(f"the log in etcd is gone; {STOP_ALL}")
        there = decode_tail(tail.value)
        if there.index <= known.index:
            raise Corrupt(
                f"the log in etcd ends at entry {there.index}, but it had entry {known.index} before, and another one "
                f"than there is now; {STOP_ALL}"
            )
        self.learn(there)
        if entry is None and unanswered:
            raise Unavailable("the proposal may be in the log or not: what was written there is trimmed already")
        return entry is not None and unanswered and decode_record(entry.value).chain == first.chain


def _places(tail: Tail, batch: Sequence[bytes]) -> list[Tail]:
    """The places of entries that follow `tail`."""
    places = []
    for data in batch:
        tail = tail.then(data)
        places.append(tail)
    return places


def _settle(batch: Sequence[tuple[bytes, Deferred[None]]], failure: Failure | None) -> None:
    settle: Callable[[Deferred[None]], None] = (
        (lambda taken: taken.callback(None)) if failure is None else (lambda taken: taken.errback(failure))
    )
    for _, taken in batch:
        if not taken.called:  # whoever proposed may have cancelled
            settle(taken)
