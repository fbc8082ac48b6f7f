"""Follows the log in etcd: by range until its end, and by a watch from there.

Whatever goes wrong with a watch (the connection breaks, the member is lost or has no leader, etcd cancels it, the
revision is compacted away), the answer is one: read by range again, from the next entry needed on. That always works,
since entries are only deleted once every replica has applied them.

Each entry must follow from the one before it, by its chain hash; only then it is delivered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from coname.backoff import Backoff
from coname.errors import Corrupt, Unavailable
from coname.interfaces import CommittedEntry
from coname.messages.etcd_pb2 import KeyValue
from coname.replication.etcd_keys import Keys, Tail, decode_record, decode_tail
from coname.replication.etcd_opening import STOP_ALL, ClusterGuard, missing_entries
from coname.replication.etcd_requests import Etcd, Watch, do, found, found_one, get, get_range

SLICE_BYTES = 1024 * 1024
"""After so much hashing, three milliseconds, the reactor does something else."""

PAGE_ENTRIES = 32
"""Entries read at once: with the largest ones, 32 MiB."""


class Followed(NamedTuple):
    """An entry, and its place with its hash."""

    place: Tail
    entry: CommittedEntry


Deliver = Callable[[Sequence[Followed]], Awaitable[None]]


class Follower:
    """The way out of the log.

    :ivar position: up to where entries were delivered.
    """

    _log = Logger()

    def __init__(
        self,
        etcd: Etcd,
        keys: Keys,
        guard: ClusterGuard,
        position: Tail,
        deliver: Deliver,
        clock: IReactorTime,
        backoff: Backoff,
    ) -> None:
        """:param deliver: is given entries, in order; nothing is read until it is done with them."""
        self.position = position
        self._etcd = etcd
        self._keys = keys
        self._guard = guard
        self._deliver = deliver
        self._clock = clock
        self._backoff = backoff
        self._watch: Watch | None = None
        self._lost = False  # said that etcd cannot be reached, and not yet that it can

    async def run(self) -> None:
        """Deliver entries, until cancelled.

        :raises coname.errors.Corrupt: the log in etcd is not what it was.
        """
        while True:
            try:
                await self._watch_from(await self._read())
            except Unavailable as error:
                if not self._lost:
                    self._log.warn("The log in etcd cannot be followed for the moment: {error}", error=error)
                self._lost = True
            await deferLater(self._clock, self._backoff.next())

    def restart(self) -> None:
        """The watch that goes on shows nothing, although there is something."""
        if self._watch is not None:
            self._watch.close()

    async def _read(self) -> int:
        """Deliver all there is. Returns the revision from which on a watch shows what comes next."""
        while True:
            start = self._keys.entry(self.position.index + 1)
            answer = await self._etcd.txn(
                do(get(self._keys.tail), get_range(start, self._keys.logs_end, limit=PAGE_ENTRIES))
            )
            self._guard.check(answer.header)
            stored = found_one(answer, 0)
            tail = decode_tail(stored.value) if stored else Tail(-1, b"")
            self._check_tail(tail)
            entries = found(answer, 1)
            if not entries and tail.index > self.position.index:
                raise Corrupt(missing_entries(self.position.index, None))
            await self._take(entries)
            if self.position.index >= tail.index:
                return answer.header.revision + 1

    def _check_tail(self, tail: Tail) -> None:
        if tail.index < self.position.index or (tail.index == self.position.index and tail != self.position):
            raise Corrupt(
                f"the log in etcd ends at entry {tail.index} now, and is not the one that this replica has followed up "
                f"to entry {self.position.index}; {STOP_ALL}"
            )

    async def _watch_from(self, revision: int) -> None:
        """Deliver what comes, until the watch ends."""
        self._watch = watch = self._etcd.watch(self._keys.logs, self._keys.logs_end, revision)
        try:
            while True:
                response = await watch.next()
                self._guard.check(response.header)
                if response.canceled:
                    reason = response.cancel_reason or "compacted" if response.compact_revision else "no reason given"
                    self._log.info("etcd ended the watch ({reason}); reading on by range", reason=reason)
                    return
                self._recovered()
                await self._take([event.kv for event in response.events])
        finally:
            self._watch = None
            watch.close()

    def _recovered(self) -> None:
        self._backoff.reset()
        if self._lost:
            self._log.info("The log in etcd is followed again")
        self._lost = False

    async def _take(self, stored: Sequence[KeyValue]) -> None:
        """Check entries, and deliver those that were not yet."""
        place, new, hashed = self.position, [], 0
        for one in stored:
            index = self._keys.index_of(one.key)
            if index <= place.index:
                continue
            if hashed > SLICE_BYTES:
                hashed = 0
                await deferLater(self._clock, 0)
            if index != place.index + 1:
                raise Corrupt(missing_entries(place.index, index))
            record = decode_record(one.value)
            place = place.then(record.data)
            hashed += len(record.data)
            if record.chain != place.chain:
                raise Corrupt(
                    f"entry {index} of the log in etcd does not follow from what this replica has applied: there are "
                    f"two histories, or it was changed; {STOP_ALL}"
                )
            new.append(Followed(place, CommittedEntry(index, record.data)))
        if new:
            await self._deliver(new)
            self.position = place
