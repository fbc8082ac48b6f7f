"""The log of a keyserver, kept in etcd: for organisations that run etcd already.

etcd orders and replicates; the entries here are its keys (`coname.replication.etcd_keys`). What a replica needs of it:

- `coname.replication.etcd_opening`: which log is it, and does it continue what this replica has applied?
- `coname.replication.etcd_appender`: proposals go in, each once, without gaps.
- `coname.replication.etcd_follower`: entries come out, each once, in order.
- `coname.replication.etcd_pulse`: the leader's lease, trimming, and whether all is as it was, every second.

etcd that cannot be reached is no failure: proposals fail with `Unavailable`, everything else waits. A log that is not
the one that was followed is: `waitCommitted` fails with `Corrupt`, and nothing more is appended.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from coname.errors import ConameError, Unavailable
from coname.interfaces import CommittedEntry, IKeyValueStore, ILogReplicator, Write
from coname.replication.etcd_appender import Appender
from coname.replication.etcd_backoff import new_backoff
from coname.replication.etcd_follower import Followed, Follower
from coname.replication.etcd_keys import Keys
from coname.replication.etcd_leadership import Leadership
from coname.replication.etcd_memory import Memory
from coname.replication.etcd_opening import Allowed, ClusterGuard, Opened, open_log
from coname.replication.etcd_outbox import Outbox
from coname.replication.etcd_pulse import Pulse
from coname.replication.etcd_requests import Etcd
from coname.replication.etcd_trimming import Trimmer, Trimming
from coname.replication.single import RunInThread

START_SECONDS = 10.0
"""How long `start` waits for etcd. Then it goes on waiting in the background, and lookups are answered meanwhile."""


@dataclass(frozen=True)
class EtcdLogSettings:
    """Which log, and whose.

    :ivar prefix: what all keys begin with. :ivar replica: this replica's name. :ivar replicas: of all of the realm.
    """

    prefix: str
    replica: str
    replicas: frozenset[str]
    allowed: Allowed = field(default_factory=Allowed)
    trimming: Trimming = field(default_factory=Trimming)


@implementer(ILogReplicator)
class EtcdLog:
    """`ILogReplicator` on etcd."""

    _log = Logger()

    def __init__(
        self,
        etcd: Etcd,
        store: IKeyValueStore,
        settings: EtcdLogSettings,
        clock: IReactorTime,
        run_in_thread: RunInThread,
        random: Callable[[], float],
    ) -> None:
        """
        :param etcd: a client, which `stop` closes.
        :param store: the state machine's, for the table ``x``.
        :param random: gives numbers from 0 up to 1.
        """
        self._etcd = etcd
        self._store = store
        self._settings = settings
        self._keys = Keys(settings.prefix)
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._random = random
        self._applied = 0
        self._running = False
        self._listeners: list[Callable[[], None]] = []
        self._loops: list[Deferred[None]] = []
        self._outbox = Outbox()
        self._writing: Deferred[None] = succeed(None)
        # From here on only once the log is open:
        self._memory: Memory | None = None
        self._appender: Appender | None = None
        self._follower: Follower | None = None
        self._trimmer: Trimmer | None = None
        self._leadership: Leadership | None = None

    @property
    def leading(self) -> bool:
        """See `ILogReplicator`: whether this replica holds the lease."""
        return self._running and self._leadership is not None and self._leadership.leading

    def start(self, applied: int) -> Deferred[None]:
        """See `ILogReplicator`. Fails with `Corrupt` if this replica may not follow the log. If etcd does not answer
        within `START_SECONDS`, it fires all the same, and proposals fail with `Unavailable` until it does."""
        self._applied = applied
        self._running = True
        started: Deferred[None] = Deferred()
        patience = self._clock.callLater(START_SECONDS, self._start_without, started)

        def opened(result: Failure | None) -> None:
            if patience.active():
                patience.cancel()
            if not started.called:
                started.callback(result)  # a Failure makes it fail

        opening = Deferred.fromCoroutine(self._open())
        self._loops.append(opening)
        opening.addErrback(self._stopped_because)
        opening.addBoth(opened)
        return started

    def propose(self, data: bytes) -> Deferred[None]:
        """See `ILogReplicator`. Fires when etcd has committed the entry; fails with `TooLarge` for what is over
        `coname.replication.etcd_appender.BATCH_BYTES`."""
        if not self._running:
            return fail(Unavailable("the log is not running"))
        if self._appender is None:
            return fail(Unavailable("etcd has not answered since this replica was started"))
        return self._appender.propose(data)

    def waitCommitted(self) -> Deferred[Sequence[CommittedEntry]]:
        """See `ILogReplicator`."""
        return self._outbox.take()

    def applied(self, index: int) -> None:
        """See `ILogReplicator`. Others learn of it within some seconds."""
        self._applied = max(self._applied, index)
        if self._trimmer is not None:
            self._trimmer.applied(index)

    def onLeaderChange(self, listener: Callable[[], None]) -> None:
        """See `ILogReplicator`."""
        self._listeners.append(listener)

    def stop(self) -> Deferred[None]:
        """See `ILogReplicator`. Another replica may lead at once."""
        self._end(None)
        return Deferred.fromCoroutine(self._close())

    # opening

    async def _open(self) -> None:
        self._memory = memory = Memory(self._store)
        backoff = new_backoff(self._random)
        while True:
            try:
                opened = await open_log(self._etcd, self._keys, memory, self._applied, self._settings.allowed)
                break
            except Unavailable as error:
                self._log.debug("etcd does not answer: {error}", error=error)
            await deferLater(self._clock, backoff.next())
        writes = memory.began(opened.log_id, opened.cluster_id, opened.position, opened.tail.index)
        await self._write(writes, True)
        self._begin(opened)

    def _begin(self, opened: Opened) -> None:
        if not self._running:
            return
        parts = (self._etcd, self._keys)
        settings = self._settings
        guard = ClusterGuard(opened.cluster_id)
        self._appender = appender = Appender(*parts, guard, opened.tail, self._clock, new_backoff(self._random))
        self._follower = follower = Follower(
            *parts, guard, opened.position, self._deliver, self._clock, new_backoff(self._random)
        )
        self._leadership = leadership = Leadership(*parts, settings.replica, self._clock, self._leader_changed)
        self._trimmer = trimmer = Trimmer(
            *parts, settings.replica, settings.replicas, opened.position.index, self._clock, settings.trimming
        )
        pulse = Pulse(*parts, guard, appender, follower, leadership, trimmer, self._clock)
        for run in (follower.run, appender.run, pulse.run):
            self._go(run())

    def _go(self, loop: Coroutine[Deferred[Any], Any, None]) -> None:
        running: Deferred[None] = Deferred.fromCoroutine(loop)
        running.addErrback(self._stopped_because)
        running.addErrback(lambda failure: None)  # said, and told to whoever waits
        self._loops.append(running)

    def _start_without(self, started: Deferred[None]) -> None:
        self._log.warn("etcd does not answer; lookups are answered from what is stored, updates when it does")
        started.callback(None)

    # delivery

    async def _deliver(self, followed: Sequence[Followed]) -> None:
        """Remember what entries these are, then let them be taken; done when there is room for more."""
        if self._memory is None:
            raise RuntimeError("entries came before the log was opened")
        tail = max(self._appender.tail.index if self._appender else 0, followed[-1].place.index)
        writes = self._memory.delivered([one.place for one in followed], tail, self._applied)
        await self._write(writes, False)
        if not self._running:
            return
        if self._appender is not None:
            self._appender.learn(followed[-1].place)
        await self._outbox.put([one.entry for one in followed])

    def _write(self, writes: Sequence[Write], sync: bool) -> Deferred[None]:
        """Write to the store. What is cancelled is the waiting: the write itself goes on, and `stop` waits for it."""
        told: Deferred[None] = Deferred()
        self._writing = Deferred.fromCoroutine(self._write_and_tell(writes, sync, told))
        return told

    async def _write_and_tell(self, writes: Sequence[Write], sync: bool, told: Deferred[None]) -> None:
        try:
            await self._run_in_thread(self._store.write, writes, sync)
        except Exception as error:  # whatever it is, the entries that it was for may not be delivered
            told.errback(error)
        else:
            told.callback(None)

    def _leader_changed(self) -> None:
        for listener in self._listeners:
            listener()

    # the end

    def _stopped_because(self, failure: Failure) -> Failure:
        """A loop has ended. If nobody stopped it, the log can be followed no further."""
        if self._running:
            error = failure.value
            if isinstance(error, ConameError):
                self._log.error("The log in etcd is followed no further: {error}", error=error)
            else:
                self._log.failure("The log in etcd is followed no further", failure=failure)
            self._end(error if isinstance(error, Exception) else RuntimeError(str(error)))
            if self._leadership is not None:
                Deferred.fromCoroutine(self._leadership.resign())
        return failure

    def _end(self, error: Exception | None) -> None:
        self._running = False
        for loop in self._loops:
            self._clock.callLater(0, loop.cancel)  # one of them may be what has called
        if self._appender is not None:
            self._appender.fail_all(Unavailable("the log is not running"))
        if self._leadership is not None:
            self._leadership.lose()
        self._outbox.end(error)

    async def _close(self) -> None:
        for loop in self._loops:
            with suppress(Exception):  # told already
                await loop
        await self._writing
        if self._leadership is not None:
            await self._leadership.resign()
        await self._etcd.close()
