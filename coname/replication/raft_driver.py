"""Drives a Raft core: time and messages in, writes and messages out, in the order that `Ready` asks for.

Rules of this file:

1. A message that depends on a write leaves after it is synced; one write at a time, in a thread, and all that gathered
   meanwhile shares the next (group commit).
2. What only the next synced write must hold waits for it: a commit index costs no write of its own.
3. The core is touched in the reactor only, and not again after it, or the disk, has failed.
4. What a peer sends can be refused, and is counted; it stops nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from google.protobuf.message import DecodeError
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from coname.errors import Corrupt
from coname.interfaces import IKeyValueStore, Write
from coname.messages.raft_pb2 import RaftEntry, RaftHardState, RaftMessage, RaftSnapshot
from coname.replication.raft import ChangeRefused, Core, MessageRefused, ProposalRefused, Ready, Role, SoftState
from coname.replication.raft_network import ReplicaNetwork
from coname.replication.raft_store import RaftStore

Blocking = Callable[..., Awaitable[Any]]
"""Calls a function where blocking harms nobody, and gives what it returns."""

LOG_EVERY = 1000
"""Refused messages between two lines in the log, after the first."""


class Engine(Protocol):
    """What a driver belongs to. All methods are called in the reactor."""

    def before_ready(self) -> None:
        """A `Ready` is about to be taken: now is the time to propose."""

    def takes_committed(self) -> bool:
        """Whether there is room for committed entries."""

    def committed(self, entries: Sequence[RaftEntry]) -> None:
        """These are to be applied next."""

    def changed(self, soft: SoftState) -> None:
        """Role, leader or term changed, or this replica is at its end."""

    def proposed(self) -> object:
        """What was proposed since the last `Ready`; given back to `stored`."""

    def stored(self, proposed: list[Any]) -> None:
        """What was proposed for those `Ready` is stored here."""

    def send_snapshots(self, peers: Sequence[int]) -> None:
        """These need one."""

    def wants_message(self, message: RaftMessage) -> bool:
        """Whether the core may see a message that says that a snapshot has arrived."""

    def install(self, snapshot: RaftSnapshot) -> None:
        """All before it is written: make it the database."""

    def failed(self, error: Exception) -> None:
        """The core or the disk has failed."""


class Driver:
    """See the module.

    :param database: what `store` reads from.
    """

    _log = Logger()

    def __init__(
        self,
        core: Core,
        store: RaftStore,
        database: IKeyValueStore,
        network: ReplicaNetwork,
        clock: IReactorTime,
        run_in_thread: Blocking,
        engine: Engine,
    ) -> None:
        self.core = core
        self.refused = 0  # messages
        self._store = store
        self._database = database
        self._network = network
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._engine = engine
        self._running = True
        self._scheduled = False
        self._unwritten: list[tuple[Ready, object]] = []
        self._hard_state: RaftHardState | None = None  # the newest that is not written
        self._compaction: RaftSnapshot | None = None
        self._install: RaftSnapshot | None = None
        self._busy = False
        self._writing: Deferred[None] = succeed(None)

    # what goes in

    def tick(self) -> None:
        """Time passes."""
        if self._running:
            self._guarded(self.core.tick)

    def receive(self, peer: int, data: bytes) -> None:
        """A message of the replica whose certificate says that it is `peer`."""
        if not self._running:
            return
        try:
            message = RaftMessage.FromString(data)
        except DecodeError:
            self._refuse(peer, "it does not decode")
            return
        if message.sender != peer:
            self._refuse(peer, f"it is in the name of replica {message.sender:x}")
        elif self._engine.wants_message(message):
            self._guarded(lambda: self.core.receive(message), peer)

    def unreachable(self, peer: int) -> None:
        """What was sent to a peer lately may be lost."""
        if self._running:
            self._guarded(lambda: self.core.report_unreachable(peer))

    def soon(self) -> None:
        """See what there is to do, once, in the reactor's next turn."""
        if not self._scheduled and self._running:
            self._scheduled = True
            self._clock.callLater(0, self._work)

    def compact(self, index: int) -> None:
        """Let the log begin after `index`, whose effects are durable."""
        if self._running and self._compaction is None:
            try:
                self._compaction = self.core.describe(index)
            except ChangeRefused:
                return
            self._write()

    def heirs(self) -> list[int]:
        """Who could lead instead of this replica, the one that is furthest first; nobody if it does not lead."""
        core = self.core
        if not self._running or core.role is not Role.LEADER:
            return []
        others = [peer for peer in core.peers if peer in core.membership.voters and self._network.connected(peer)]
        return sorted(others, key=lambda peer: core.peers[peer].match, reverse=True)

    def hand_over(self, peer: int) -> None:
        """Let another voter lead, if that is possible now."""
        try:
            self.core.transfer_leadership(peer)
        except (ChangeRefused, ProposalRefused) as error:
            self._log.info("Leadership is not handed over: {error}", error=error)
        self.soon()

    def stop(self) -> Deferred[None]:
        """Do nothing more. Fires when no write is going on."""
        self._running = False
        done: Deferred[None] = Deferred()
        self._writing.addBoth(lambda _: done.callback(None))
        return done

    # what comes out

    def _guarded(self, feed: Callable[[], None], peer: int | None = None) -> None:
        try:
            feed()
        except MessageRefused as error:
            self._refuse(peer or 0, str(error))
        except Corrupt as error:
            self._fail(error)
        self.soon()

    def _work(self) -> None:
        self._scheduled = False
        try:
            while self._running:
                self._engine.before_ready()
                deliver = self._engine.takes_committed()
                if not self.core.has_ready(deliver):
                    return
                self._do(self.core.ready(deliver))
        except Corrupt as error:
            self._fail(error)

    def _do(self, ready: Ready) -> None:
        self._send(ready.messages)
        self._unwritten.append((ready, self._engine.proposed()))
        self._install = ready.install or self._install
        if ready.soft is not None:
            self._engine.changed(ready.soft)
        if ready.committed:
            self._engine.committed(ready.committed)
        if ready.snapshots:
            self._engine.send_snapshots(ready.snapshots)
        self._write()

    def _send(self, messages: Sequence[RaftMessage]) -> None:
        for message in messages:
            if not self._network.send(message.recipient, message.SerializeToString()) and message.HasField("append"):
                self.core.report_unreachable(message.recipient)

    def _write(self) -> None:
        if not self._busy:
            self._busy = True
            self._writing = Deferred.fromCoroutine(self._write_all())
            self._writing.addErrback(self._not_written)

    async def _write_all(self) -> None:
        while self._running and (self._unwritten or self._compaction):
            batch, self._unwritten = self._unwritten, []
            compaction, self._compaction = self._compaction, None
            writes, sync = self._writes(batch, compaction)
            if compaction is not None:  # before it is written: what is being removed, the core must not ask for
                self._store.compacted(compaction)
                self.core.compacted(compaction)
            if sync or compaction:
                await self._run_in_thread(self._database.write, writes, sync)
            for ready, _ in batch:
                self._store.written(ready.entries)
            if self._running:
                self._written(batch)
        self._busy = False

    def _writes(
        self, batch: Sequence[tuple[Ready, object]], compaction: RaftSnapshot | None
    ) -> tuple[list[Write], bool]:
        writes: list[Write] = []
        last = self._store.last_index()
        sync = False
        for ready, _ in batch:
            self._hard_state = ready.hard_state or self._hard_state
            writes += self._store.writes(None, ready.entries, last)
            last = ready.entries[-1].index if ready.entries else last
            sync = sync or ready.must_sync
        if sync or compaction:
            writes += self._store.writes(self._hard_state, (), last)
            self._hard_state = None
        if compaction is not None:
            writes += self._store.compaction(compaction)
        return writes, sync

    def _written(self, batch: Sequence[tuple[Ready, object]]) -> None:
        for ready, _ in batch:
            self._send(ready.messages_after)
        if batch:
            self.core.stored(batch[-1][0].number)
            self._engine.stored([proposed for _, proposed in batch])
        if self._install is not None and not self._unwritten:
            install, self._install = self._install, None
            self._engine.install(install)
        self.soon()

    def _refuse(self, peer: int, why: str) -> None:
        self.refused += 1
        if self.refused % LOG_EVERY == 1:
            self._log.warn("A message of replica {peer:x} was refused: {why}", peer=peer, why=why)

    def _not_written(self, failure: Failure) -> None:
        error = failure.value
        self._fail(error if isinstance(error, Exception) else Corrupt(str(error)))

    def _fail(self, error: Exception) -> None:
        if self._running:
            self._running = False
            self._engine.failed(error)
