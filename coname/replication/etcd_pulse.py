"""What the etcd engine does every second: looks at the tail and the leader's key, and does what follows from them.

It is one read without a write to etcd's disk. It notices a log that went back, and a watch that shows nothing although
the log goes on; it keeps the leader's lease; and trims.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from coname.errors import Corrupt, Unavailable
from coname.replication.etcd_appender import Appender
from coname.replication.etcd_follower import Follower
from coname.replication.etcd_keys import Keys, Tail, decode_tail
from coname.replication.etcd_leadership import Leadership
from coname.replication.etcd_opening import STOP_ALL, ClusterGuard
from coname.replication.etcd_requests import Etcd, do, found_one, get
from coname.replication.etcd_trimming import Trimmer

BEAT_SECONDS = 1.0
"""A third of the lease: two beats may fail before the leader is none."""


class Pulse:
    """Beats, for one engine's parts."""

    _log = Logger()

    def __init__(
        self,
        etcd: Etcd,
        keys: Keys,
        guard: ClusterGuard,
        appender: Appender,
        follower: Follower,
        leadership: Leadership,
        trimmer: Trimmer,
        clock: IReactorTime,
    ) -> None:
        self._etcd = etcd
        self._keys = keys
        self._guard = guard
        self._appender = appender
        self._follower = follower
        self._leadership = leadership
        self._trimmer = trimmer
        self._clock = clock
        self._tail = appender.tail.index  # at the last beat
        self._behind_at = -1  # where the follower stood at the last beat, if it was behind then

    async def run(self) -> None:
        """Beat, until cancelled.

        :raises coname.errors.Corrupt: the log in etcd is not what it was.
        """
        while True:
            try:
                await self._beat()
            except Unavailable as error:
                self._log.debug("etcd did not answer the pulse: {error}", error=error)
            await deferLater(self._clock, BEAT_SECONDS)

    async def _beat(self) -> None:
        known = max(self._appender.tail, self._follower.position)
        answer = await self._etcd.txn(do(get(self._keys.tail), get(self._keys.leader)))
        self._guard.check(answer.header)
        stored = found_one(answer, 0)
        tail = decode_tail(stored.value) if stored else Tail(-1, b"")
        if tail.index < known.index or (tail.index == known.index and tail != known):
            raise Corrupt(
                f"the log in etcd ends at entry {tail.index}, and is not the one that had entry {known.index} before: "
                f"etcd was put back to an earlier state; {STOP_ALL}"
            )
        self._appender.learn(tail)
        self._watch_over_follower(tail)
        caught_up = self._follower.position.index >= self._tail
        self._tail = tail.index
        await self._leadership.beat(found_one(answer, 1), caught_up)
        await self._trimmer.beat(self._leadership.leading, answer.header.revision)

    def _watch_over_follower(self, tail: Tail) -> None:
        """A follower that was behind at the last beat and has not moved since sees nothing."""
        position = self._follower.position.index
        behind = position < tail.index
        if behind and self._behind_at == position:
            self._follower.restart()
        self._behind_at = position if behind else -1
