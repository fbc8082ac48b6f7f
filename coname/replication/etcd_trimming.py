"""Forgets what all replicas have in their databases.

Each replica notes in etcd up to where its database holds the log, durably. Whoever leads deletes the entries that all
replicas of the realm have, but for `MARGIN_ENTRIES`; a replica that never noted anything holds up all trimming, since
it will need the entries. And etcd itself remembers each key's former values until its keyspace is compacted; whoever
leads does that too, up to where it was `COMPACT_SECONDS` before, unless others take care of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from coname.errors import Corrupt, Unavailable
from coname.messages.etcd_pb2 import TxnResponse
from coname.replication.etcd_keys import Keys
from coname.replication.etcd_requests import Etcd, delete_range, do, found, found_one, get, get_range, put


@dataclass(frozen=True)
class Trimming:
    """How often, and how much.

    :ivar note_seconds: between two notes of what is applied. :ivar trim_seconds: between two looks at everybody's.
    :ivar margin_entries: kept although all have them: a backup that was restored, a little old, finds on.
    :ivar most_entries: deleted at once: a second's work at most.
    :ivar compact_seconds: between two compactions, and how far back etcd remembers at least. 0: others compact.
    """

    note_seconds: float = 5.0
    trim_seconds: float = 10.0
    margin_entries: int = 1000
    most_entries: int = 5000
    compact_seconds: float = 300.0


class Trimmer:
    """One replica's part in it."""

    _log = Logger()

    def __init__(
        self,
        etcd: Etcd,
        keys: Keys,
        name: str,
        replicas: Collection[str],
        started_at: int,
        clock: IReactorTime,
        trimming: Trimming,
    ) -> None:
        """
        :param name: this replica's. :param replicas: the names of all of the realm.
        :param started_at: where this replica's database stands now.
        """
        self._etcd = etcd
        self._keys = keys
        self._own = keys.applied + name.encode()
        self._started_at: int | None = started_at  # None once it was compared with what is noted
        self._replicas = replicas
        self._clock = clock
        self._trimming = trimming
        self._applied = self._noted = 0
        self._noted_at = self._trimmed_at = -trimming.trim_seconds
        self._compacted_at = clock.seconds()
        self._compactable = 0  # the revision at the last compaction; 0: not known

    def applied(self, index: int) -> None:
        """This replica's database holds the log up to there, durably."""
        self._applied = max(self._applied, index)

    async def beat(self, leading: bool, revision: int) -> None:
        """Do what is due.

        :param revision: etcd's, now.
        :raises coname.errors.Unavailable: etcd does not answer.
        """
        now = self._clock.seconds()
        if self._started_at is not None:
            await self._compare(self._started_at)
            self._started_at = None
        if self._applied > self._noted and now - self._noted_at >= self._trimming.note_seconds:
            applied = self._applied
            await self._etcd.txn(do(put(self._own, b"%d" % applied)))
            self._noted, self._noted_at = applied, now
        if leading and now - self._trimmed_at >= self._trimming.trim_seconds:
            self._trimmed_at = now
            await self._trim()
        if not leading:
            self._compactable = 0
        elif self._trimming.compact_seconds and now - self._compacted_at >= self._trimming.compact_seconds:
            self._compacted_at = now
            await self._compact(revision)

    async def _compare(self, started_at: int) -> None:
        """What was noted by a database that was lost must not let entries go that this one needs."""
        answer = await self._etcd.txn(do(get(self._own)))
        noted = found_one(answer, 0)
        if noted is not None and _number(noted.value) > started_at:
            self._log.warn(
                "This database was at entry {noted} of the log once, and is at {started_at}: it was restored from a "
                "backup. It catches up by itself",
                noted=_number(noted.value),
                started_at=started_at,
            )
            await self._etcd.txn(do(put(self._own, b"%d" % started_at)))

    async def _trim(self) -> None:
        answer = await self._etcd.txn(
            do(
                get_range(self._keys.applied, self._keys.applied_end),
                get_range(self._keys.logs, self._keys.logs_end, limit=1, keys_only=True),
            )
        )
        oldest = found(answer, 1)
        if not oldest:
            return
        first = self._keys.index_of(oldest[0].key)
        stop = min(self._applied_by_all(answer) - self._trimming.margin_entries, first + self._trimming.most_entries)
        if stop > first:
            await self._etcd.txn(do(delete_range(self._keys.logs, self._keys.entry(stop))))
            if stop == first + self._trimming.most_entries:
                self._trimmed_at = -self._trimming.trim_seconds  # there is more: go on with the next beat

    def _applied_by_all(self, answer: TxnResponse) -> int:
        noted = {one.key: one.value for one in found(answer, 0)}
        return min(_number(noted.get(self._keys.applied + name.encode(), b"0")) for name in self._replicas)

    async def _compact(self, revision: int) -> None:
        before, self._compactable = self._compactable, revision
        if not before:
            return
        try:
            await self._etcd.compact(before)
        except Unavailable as error:  # somebody else has compacted further, mostly
            self._log.debug("etcd was not compacted: {error}", error=error)


def _number(noted: bytes) -> int:
    try:
        return int(noted)
    except ValueError:
        raise Corrupt(f"a replica's note of what it has applied is {noted[:100]!r}, which is no number") from None
