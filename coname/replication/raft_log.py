"""The log that several replicas keep together: Raft, as an `ILogReplicator`.

The rules of agreement are the core's (`coname.replication.raft`), which does nothing by itself; this engine gives it
time, a disk of its own, and a network. It never blocks the reactor, and takes part whether there is a leader or not:
a replica that is alone starts, and answers lookups.

What the log forgets: entries whose effects are durable in the database, once there are more than are kept for replicas
that were away. Who needs older ones gets a copy of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from zope.interface import implementer

from coname.errors import ConameError, Corrupt, Unavailable
from coname.interfaces import CommittedEntry, IKeyValueStore, ILogMembership, ILogReplicator, ILogStatus
from coname.messages.raft_pb2 import RaftEntry, RaftMessage, RaftSnapshot
from coname.replication.raft import Core, Membership, Role, Settings, SoftState
from coname.replication.raft_delivery import Delivery
from coname.replication.raft_driver import Blocking, Driver
from coname.replication.raft_members import Members
from coname.replication.raft_network import MakeNetwork
from coname.replication.raft_proposals import Proposals
from coname.replication.raft_snapshots import NoSnapshots
from coname.replication.raft_status import status_of
from coname.replication.raft_store import RaftStore

if TYPE_CHECKING:
    from random import Random

HEARTBEAT_SECONDS = 0.1
"""Between two signs of life of the leader."""

ELECTION_HEARTBEATS = 8
"""Without a sign of life for this long, up to twice as long, another leader is elected. Longer than the reactor is ever
held up; short enough that, with the epoch that follows, updates are acknowledged again within three seconds."""

KEPT_ENTRIES = 100_000
KEPT_BYTES = 256 << 20

KEPT_FOR_COPY = 4
"""Times as much is kept, at the most, for a replica that is sent a copy of the database: one that takes it slower than
that gets another copy, rather than the leader's disk."""

LEAST_FOR_COPY = 10_000
"""Entries that are kept for it in any case: half an hour of an idle realm's, however little is kept otherwise."""

COMPACTION_STEP = 5_000
"""Entries that are removed in one write, so that none takes long."""

PATIENCE_HEARTBEATS = 50
"""How long a proposal waits for a leader: two elections."""


@dataclass(frozen=True, slots=True)
class RaftLogSettings:
    """What does not change while the engine runs.

    :ivar replica: this one's id. :ivar first: the ids of the realm's first replicas, if this is one of them; empty:
        it joins them.
    :ivar heartbeat: seconds.
    :ivar kept_entries: that are applied, and kept for replicas that were away; :ivar kept_bytes: likewise.
    :ivar core: more of the core's settings, for tests.
    """

    replica: int
    first: tuple[int, ...]
    heartbeat: float = HEARTBEAT_SECONDS
    kept_entries: int = KEPT_ENTRIES
    kept_bytes: int = KEPT_BYTES
    core: Mapping[str, int] = field(default_factory=dict)


@implementer(ILogReplicator, ILogStatus)
class RaftLog:
    """See the module.

    :param open_database: opens the log's own database, made if it is not there. It is called in a thread.
    :param run_in_thread: for reading and writing the log, one call after the other.
    :param stopped: called when nothing is read or written any more.
    :param random: for identities and election timeouts.
    :ivar snapshots: sends and receives copies of the state's database.
    :ivar driver: while the engine runs.
    """

    _log = Logger()

    def __init__(
        self,
        settings: RaftLogSettings,
        open_database: Callable[[], IKeyValueStore],
        make_network: MakeNetwork,
        clock: IReactorTime,
        run_in_thread: Blocking,
        random: Random,
        snapshots: NoSnapshots | None = None,
        stopped: Callable[[], None] = lambda: None,
    ) -> None:
        self.leading = False
        self.snapshots = snapshots or NoSnapshots()
        self._settings = settings
        self._when_stopped = stopped
        self._open_database = open_database
        self._network = make_network(self._received, self.snapshots)
        self._network.onConnectionChange(self._connection_changed)
        self._members = Members(settings.replica, self._network, self)
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._random = random
        self._database: IKeyValueStore | None = None
        self._store: RaftStore
        self.driver: Driver | None = None
        self._delivery = Delivery(self._look)
        self._proposals = Proposals(clock, PATIENCE_HEARTBEATS * settings.heartbeat)
        self._listeners: list[Callable[[], None]] = []
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = clock
        self._applied = 0
        self._leader = 0  # the last that was known
        self._stopping: Deferred[None] | None = None
        self._stopped = False

    # life

    def start(self, applied: int) -> Deferred[None]:
        """See `ILogReplicator`. Fires when this replica takes part, whether there is a leader or not.

        Fails with `Corrupt` if what is stored is damaged or does not fit to the database, with `Misconfigured` if the
        log of a database that is not empty is missing.
        """
        return Deferred.fromCoroutine(self._start(applied))

    async def _start(self, applied: int) -> None:
        self._applied = applied
        core = await self._run_in_thread(self._open, applied)
        if self._stopped or self._database is None:
            raise Unavailable("the log was stopped while it started")
        driver = Driver(core, self._store, self._database, self._network, self._clock, self._run_in_thread, self)
        self.driver = driver
        self.snapshots.start(driver, self._network)
        self._network.startService()
        self._ticker.start(self._settings.heartbeat, now=False)
        driver.soon()

    def _open(self, applied: int) -> Core:
        """In a thread: it reads the whole log."""
        settings, draw = self._settings, self._draw
        self._database = self._open_database()
        members = Membership(dict.fromkeys(settings.first, 0)) if settings.first else None
        self._store = RaftStore(self._database, settings.replica, members, applied, draw)
        own = {"id": settings.replica, "incarnation": self._store.incarnation, "session": draw()}
        core_settings = Settings(
            joined=self._store.joined, **{**own, "election_ticks": ELECTION_HEARTBEATS, **settings.core}
        )
        return Core(core_settings, self._store, applied, self._random)

    def _draw(self) -> int:
        return self._random.getrandbits(63) + 1

    def stop(self) -> Deferred[None]:
        """See `ILogReplicator`."""
        self._end("the log is stopping", None)
        done: Deferred[None] = Deferred()
        if self._stopping is None:
            self._stopping = Deferred.fromCoroutine(self._stop())
        self._stopping.addCallback(lambda _: done.callback(None))
        return done

    async def _stop(self) -> None:
        await self._hand_over()
        if self._ticker.running:
            self._ticker.stop()
        self.snapshots.stop()
        if self.driver is not None:
            await self.driver.stop()
            await maybeDeferred(self._network.stopService)
        if self._database is not None:
            if self.driver is not None and self.driver.core.restored is not None:
                await self._keep_verdict(self._database, self.driver.core.restored)
            self._database.close()
        self._when_stopped()

    async def _keep_verdict(self, database: IKeyValueStore, why: str) -> None:
        """Those who remember may be away when this replica is started again: it must know by itself."""
        try:
            await self._run_in_thread(database.write, self._store.verdict(why), True)
        except (ConameError, OSError) as error:
            self._log.error("That this database is an old copy could not be written down: {error}", error=error)

    async def _hand_over(self) -> None:
        """A leader that stops lets another lead first: updates go on at once, not after an election's timeout."""
        driver = self.driver
        heirs = [] if driver is None else driver.heirs()
        if driver is None or not heirs:
            return
        driver.hand_over(heirs[0])
        for _ in range(2 * ELECTION_HEARTBEATS):
            if driver.core.role is not Role.LEADER:
                return
            await deferLater(self._clock, self._settings.heartbeat / 2)

    def _end(self, words: str, reason: Exception | None) -> None:
        self._stopped = True
        self._set_leader(0, False)
        self._proposals.end(words)
        self._delivery.end(reason)

    # what the keyserver uses

    def propose(self, data: bytes) -> Deferred[None]:
        """See `ILogReplicator`. On the leader, it fires when the entry is stored; elsewhere, when it was passed on."""
        if self.driver is None or self._stopped:
            return fail(Unavailable("the log is not running"))
        taken = self._proposals.add(data)
        self.driver.soon()
        return taken

    def waitCommitted(self) -> Deferred[Sequence[CommittedEntry]]:
        """See `ILogReplicator`."""
        return self._delivery.wait()

    def applied(self, index: int) -> None:
        """See `ILogReplicator`. Forgets what is more than is kept."""
        self._applied = max(self._applied, index)
        self._compact()

    def onLeaderChange(self, listener: Callable[[], None]) -> None:
        """See `ILogReplicator`."""
        self._listeners.append(listener)

    # what the operator sees

    def status(self) -> Mapping[str, object]:
        """See `ILogStatus`."""
        if self.driver is None:
            return {"raft": "not started"}
        return status_of(self._settings.replica, self.driver, self._store, self._network, self._members)

    def __conform__(self, interface: object) -> object:
        """How the members change is a matter of its own: ``ILogMembership(log)``."""
        return self._members if interface is ILogMembership else None

    # what the driver calls

    def before_ready(self) -> None:
        """See `Engine`. What is for the leader waits until there is a connection to it."""
        driver = self.driver
        if driver is None:
            return
        core = driver.core
        if core.role is Role.LEADER or (core.leader and self._network.connected(core.leader)):
            self._proposals.give(core.propose)
        if core.role is not Role.LEADER:
            self._proposals.passed_on()

    def takes_committed(self) -> bool:
        """See `Engine`."""
        return self._delivery.has_room

    def committed(self, entries: Sequence[RaftEntry]) -> None:
        """See `Engine`."""
        self._delivery.put(entries)

    def proposed(self) -> object:
        """See `Engine`."""
        return self._proposals.given()

    def stored(self, proposed: list[Any]) -> None:
        """See `Engine`."""
        for taken in proposed:
            self._proposals.stored(taken)

    def changed(self, soft: SoftState) -> None:
        """See `Engine`."""
        if soft.restored is not None:
            self.failed(Corrupt(soft.restored))
            return
        self._log.info("Raft: {role} in term {term}, leader {leader}", role=soft.role.value, **_words(soft))
        self.snapshots.leading(soft.role is Role.LEADER)
        self._set_leader(soft.leader, soft.role is Role.LEADER)

    def send_snapshots(self, peers: Sequence[int]) -> None:
        """See `Engine`."""
        for peer in peers:
            self.snapshots.send(peer)

    def wants_message(self, message: RaftMessage) -> bool:
        """See `Engine`. Introductions are for this engine only."""
        if message.HasField("introduction"):
            self._members.introduced(message)
            return False
        return not message.HasField("snapshot") or self.snapshots.has(message.snapshot.index)

    def install(self, snapshot: RaftSnapshot) -> None:
        """See `Engine`."""
        self.snapshots.install(snapshot)

    def failed(self, error: Exception) -> None:
        """See `Engine`."""
        self._log.critical("The log cannot go on: {error}", error=error)
        self._end(f"the log cannot go on: {error}", error)
        self.stop()

    # by itself

    def _tick(self) -> None:
        if self.driver is not None:
            self._proposals.expire()
            self._members.tick()
            self.driver.tick()

    def _received(self, peer: int, message: bytes) -> None:
        if self.driver is not None:
            self.driver.receive(peer, message)

    def _look(self) -> None:
        if self.driver is not None:
            self.driver.soon()

    def _connection_changed(self, peer: int, connected: bool) -> None:
        if self.driver is not None:
            if connected:
                self._members.introduce(peer)
            else:
                self.driver.unreachable(peer)
            self.driver.soon()

    def _set_leader(self, leader: int, leading: bool) -> None:
        """Listeners hear of every new leader, since what was passed on to the one before may be lost."""
        changed = leading != self.leading or leader not in (0, self._leader)
        self.leading = leading
        self._leader = leader or self._leader
        if changed:
            for listener in self._listeners:
                listener()

    def _compact(self) -> None:
        if self.driver is None:
            return
        settings, begin = self._settings, self._store.snapshot().index
        needed_from = self.snapshots.needed_from(self._applied)
        forgettable = min(self._applied, needed_from) - begin
        most = max(KEPT_FOR_COPY * settings.kept_entries, LEAST_FOR_COPY), KEPT_FOR_COPY * settings.kept_bytes
        if 0 <= forgettable < self._applied - begin and self._store.excess(*most, forgettable + 1) > forgettable:
            self.snapshots.take_too_long()
        gone = self._store.excess(settings.kept_entries, settings.kept_bytes, min(forgettable, COMPACTION_STEP))
        if gone > 0:
            self.driver.compact(begin + gone)


def _words(soft: SoftState) -> dict[str, object]:
    return {"term": soft.term, "leader": f"{soft.leader:x}" if soft.leader else "unknown"}
