"""One simulated replica: the real core, a driver that lets writes and messages overlap, a disk that takes its time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from coname.messages.raft_pb2 import RaftEntry, RaftMessage, RaftSnapshot
from coname.replication.raft import ChangeRefused, Core, MessageRefused, ProposalRefused, Ready, Settings
from tests.replication.raft.disk import Disk

if TYPE_CHECKING:
    from tests.replication.raft.simulation import Simulation


class Machine(Protocol):
    """The state machine of a simulated replica, with its database.

    :ivar applied: the newest entry it has applied.
    :ivar durable: the newest entry whose effects a crash leaves.
    """

    applied: int
    durable: int

    def apply(self, entries: Sequence[RaftEntry]) -> None: ...

    def sync(self) -> None: ...

    def crash(self) -> None: ...

    def snapshot(self) -> object:
        """The whole state as of `applied`."""

    def install(self, state: object) -> None:
        """Replace all by another's snapshot, durably."""


class Counting:
    """The least machine: it knows how far it is."""

    applied = durable = 0

    def apply(self, entries: Sequence[RaftEntry]) -> None:
        self.applied += len(entries)

    def sync(self) -> None:
        self.durable = self.applied

    def crash(self) -> None:
        self.applied = self.durable

    def snapshot(self) -> object:
        return self.applied

    def install(self, state: object) -> None:
        assert isinstance(state, int)
        self.applied = self.durable = state


class SimulatedReplica:
    """See the module. What it does takes time, which the simulation makes pass.

    :ivar life: counts starts; what was begun in an earlier one comes to nothing.
    """

    def __init__(self, simulation: Simulation, id: int, incarnation: int, disk: Disk, machine: Machine) -> None:
        self.simulation = simulation
        self.id = id
        self.incarnation = incarnation
        self.disk = disk
        self.machine = machine
        self.life = 0
        self.alive = False
        self.core: Core
        self._staged: dict[int, object] = {}  # states of snapshots that have arrived, by index
        self.start()

    # life

    def start(self) -> None:
        self.life += 1
        self.alive = True
        self._unwritten: list[Ready] = []  # taken, and not written yet
        self._unsynced: list[Ready] = []  # written, and not durable yet
        self._writing = 0  # how many of them the write that is going on holds
        self._installing: RaftSnapshot | None = None
        chance = self.simulation.chance
        settings = Settings(
            id=self.id, incarnation=self.incarnation, session=chance.getrandbits(62) + 1, **self.simulation.settings
        )
        rolls = random.Random(chance.getrandbits(32))
        self.core = self.simulation.core(settings, self.disk, self.machine.applied, rolls)

    def crash(self) -> None:
        """Of what was written and not synced, any prefix may survive."""
        begun = self._unsynced + self._unwritten
        for ready in begun[: self.simulation.chance.randrange(len(begun) + 1)]:
            self.disk.write(ready)
        self.machine.crash()
        self._staged.clear()
        self.alive = False
        self.simulation.invariants.forget(self.core)

    def has_durably(self, index: int, term: int) -> bool:
        disk = self.disk
        if index <= disk.now.snapshot.index:
            return True
        return index <= disk.last_index() and disk.term(index) == term

    # what goes in

    def tick(self) -> None:
        self.core.tick()
        self.work()

    def receive(self, message: RaftMessage, state: object = None) -> None:
        if state is not None:
            self._staged[message.snapshot.index] = state
        try:
            self.core.receive(message)
        except MessageRefused as error:
            if not any(words in str(error) for words in self.simulation.tolerated):
                raise
        self.work()

    def propose(self, data: bytes) -> bool:
        try:
            self.core.propose(data)
        except ProposalRefused:
            return False
        self.work()
        return True

    def compact(self, keep: int) -> None:
        """Forget entries that are applied durably, but the last few."""
        self.machine.sync()
        index = self.machine.durable - keep
        if index > self.disk.now.snapshot.index:
            start = self.core.describe(index)
            self.disk.compact(start)
            self.core.compacted(start)
        self.work()

    # what comes out

    def work(self) -> None:
        """Do what the core asks for."""
        simulation, core = self.simulation, self.core
        while core.has_ready():
            ready = core.ready()
            simulation.invariants.appended(self, ready.entries)
            for message in ready.messages:
                simulation.send(message)
            self._unwritten.append(ready)
            simulation.invariants.look(self, simulation.observed)
            simulation.invariants.applied(self, ready.committed)
            self.machine.apply(ready.committed)
            for peer in ready.snapshots:
                self._send_snapshot(peer)
            self._installing = ready.install or self._installing
            self._write()
        simulation.invariants.look(self, simulation.observed)

    def _write(self) -> None:
        """Begin to write what waits, if nothing is being written."""
        if self._writing or not self._unwritten:
            return
        self._writing = len(self._unwritten)
        if any(ready.must_sync for ready in self._unwritten):
            self.simulation.later(self.simulation.disk_time(), self._written, self.life)
        else:
            self._written(self.life)

    def _written(self, life: int) -> None:
        if life != self.life or not self.alive:
            return
        done, self._unwritten = self._unwritten[: self._writing], self._unwritten[self._writing :]
        self._writing = 0
        self._unsynced += (ready for ready in done if ready.hard_state is not None or ready.entries)
        if any(ready.must_sync for ready in done):
            self._sync()
        for ready in done:
            for message in ready.messages_after:
                self.simulation.send(message)
        self.core.stored(done[-1].number)
        self._write()
        if self._installing is not None and not self._unwritten:
            self._install()
        self.work()

    def _sync(self) -> None:
        for ready in self._unsynced:
            self.disk.write(ready)
        self._unsynced = []

    # snapshots

    def _send_snapshot(self, peer: int) -> None:
        """The bytes take a while, and may get lost; in any case the core hears of it."""
        try:
            message = self.core.snapshot_message(peer, self.machine.applied)
        except (ChangeRefused, ProposalRefused):
            self.core.snapshot_sent(peer, 0)
            return
        state = self.machine.snapshot()
        arrives = self.simulation.send(message, state, slow=True)
        sent = message.snapshot.index if arrives else 0
        self.simulation.later(self.simulation.delay() * 4, self._snapshot_sent, self.life, peer, sent)

    def _snapshot_sent(self, life: int, peer: int, index: int) -> None:
        if life == self.life and self.alive:
            self.core.snapshot_sent(peer, index)
            self.work()

    def _install(self) -> None:
        """In one synced batch: the state, the log's beginning, no entries."""
        wanted, self._installing = self._installing, None
        assert wanted is not None
        self._sync()
        self.machine.install(self._staged.pop(wanted.index))
        self.disk.install(wanted, [])
        self.simulation.happened["install"] += 1
        self.core.installed(wanted)
