"""A few replicas on one table: the tests move messages, disks and time by hand.

Everything is delivered and stored at once by `settle`, unless a link was cut or a disk held back.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from coname.messages.raft_pb2 import RAFT_NORMAL, RaftEntry, RaftHardState, RaftMessage, RaftSnapshot
from coname.replication.raft import Core, Membership, MessageRefused, Ready, Role, Settings
from tests.replication.raft.disk import Disk

INCARNATION = 1000
"""Replica n has a storage of the incarnation 1000 + n."""


class Replica:
    """A core, its disk, and a driver that does one `Ready` after the other."""

    def __init__(self, id: int, disk: Disk, core: type[Core], **settings: int) -> None:
        self.id = id
        self.disk = disk
        self.core_class = core
        self.settings: dict[str, int] = {"incarnation": INCARNATION + id, **settings}
        self.starts = 0
        self.sent: list[RaftMessage] = []  # messages that have left
        self.applied: list[RaftEntry] = []
        self.snapshots: list[int] = []
        self.install: RaftSnapshot | None = None
        self.held_back: list[Ready] | None = None
        self.deliver = True
        self.start()

    def start(self) -> None:
        self.starts += 1
        settings = Settings(id=self.id, session=self.starts, **self.settings)
        applied = max(self.disk.snapshot().index, len(self.applied))
        self.core = self.core_class(settings, self.disk, applied, random.Random(self.id))

    def crash(self) -> None:
        """What is on the disk stays, if it was synced; then start again."""
        self.disk.crash()
        self.sent.clear()
        self.held_back = None if self.held_back is None else []
        self.start()

    def work(self) -> bool:
        """Do what the core asks for; whether it asked for anything."""
        worked = False
        while self.core.has_ready(self.deliver):
            worked = True
            ready = self.core.ready(self.deliver)
            self.sent += ready.messages
            self.applied += ready.committed
            self.snapshots += ready.snapshots
            self.install = ready.install or self.install
            if self.held_back is None:
                self.store(ready)
            else:
                self.held_back.append(ready)
        return worked

    def store(self, ready: Ready) -> None:
        self.disk.write(ready)
        self.disk.sync()
        self.sent += ready.messages_after
        self.core.stored(ready.number)

    def release(self) -> None:
        """The disk catches up with what it held back."""
        held_back, self.held_back = self.held_back or [], None
        for ready in held_back:
            self.store(ready)

    @property
    def data(self) -> list[bytes]:
        """What proposers wrote, as applied."""
        return [entry.data for entry in self.applied if entry.kind == RAFT_NORMAL]

    @property
    def terms(self) -> list[int]:
        """The terms of the log's entries, from index 2 on."""
        log = self.core.log
        return [log.term(index) or 0 for index in range(2, log.last_index + 1)]


class Cluster:
    """Replicas with the ids 1 to `size`.

    :ivar cut: links that lose everything, as (from, to).
    """

    def __init__(self, size: int = 3, core: type[Core] = Core, **settings: int) -> None:
        self.core = core
        self.common = settings
        self.membership = Membership({id: INCARNATION + id for id in range(1, size + 1)})
        self.replicas: dict[int, Replica] = {}
        self.cut: set[tuple[int, int]] = set()
        self.lost: list[RaftMessage] = []
        self.refused: list[MessageRefused] = []
        self.filter: Callable[[RaftMessage], bool] = lambda message: True
        for id in self.membership.voters:
            self.add(id, Disk(self.membership))

    def __getitem__(self, id: int) -> Replica:
        return self.replicas[id]

    def add(self, id: int, disk: Disk | None = None, **settings: int) -> Replica:
        self.replicas[id] = Replica(id, disk or Disk(), self.core, **{**self.common, **settings})
        return self.replicas[id]

    def with_logs(self, logs: dict[int, list[int]], term: int = 0) -> Cluster:
        """Give replicas logs with entries of these terms, from index 2 on, and start them."""
        for id, terms in logs.items():
            disk = self[id].disk
            for index, entry_term in enumerate(terms, 2):
                data = b"%d of term %d" % (index, entry_term)
                disk.now.entries.append(RaftEntry(term=entry_term, index=index, data=data))
            newest = max([term, 1, *terms])
            disk.now.hard_state = RaftHardState(term=newest, committed=1)
            disk.sync()
            self[id].start()
        return self

    # what happens

    def settle(self, *ids: int) -> None:
        """Let these replicas, or all, work and exchange messages until there is nothing left."""
        among = [self[id] for id in ids] if ids else list(self.replicas.values())
        for _ in range(10_000):
            worked = [replica.work() for replica in among]
            moved = [self.move(replica) for replica in among]
            if not any(worked) and not any(moved):
                return
        raise AssertionError("the replicas do not come to rest")

    def move(self, sender: Replica) -> bool:
        """Deliver what a replica has sent."""
        sent, sender.sent = sender.sent, []
        for message in sent:
            self.deliver(message)
        return bool(sent)

    def deliver(self, message: RaftMessage) -> None:
        reachable = (message.sender, message.recipient) not in self.cut and message.recipient in self.replicas
        if not reachable or not self.filter(message):
            self.lost.append(message)
            return
        try:
            self[message.recipient].core.receive(message)
        except MessageRefused as error:
            self.refused.append(error)

    def tick(self, ticks: int = 1, *ids: int) -> None:
        """Let time pass for these replicas, or all."""
        for _ in range(ticks):
            for id in ids or list(self.replicas):
                self[id].core.tick()
            self.settle()

    def elect(self, id: int) -> Replica:
        """Let a replica lead: time passes for it alone, so that the others' leases are over and it asks first."""
        self.tick(1)
        for other in self.replicas.values():
            other.core._node.leader = 0
        for _ in range(100):
            if self[id].core.role is Role.LEADER:
                return self[id]
            self[id].core.tick()
            self.settle()
        raise AssertionError(f"replica {id} is not elected")

    def isolate(self, *ids: int) -> None:
        """Cut these off from everybody else, but not from each other."""
        for one in self.replicas:
            for other in ids:
                if (one in ids) != (other in ids):
                    self.cut |= {(one, other), (other, one)}

    def heal(self) -> None:
        self.cut.clear()

    def leaders(self) -> list[int]:
        return [id for id, replica in self.replicas.items() if replica.core.role is Role.LEADER]

    def propose(self, id: int, *data: bytes) -> None:
        for one in data:
            self[id].core.propose(one)
        self.settle()

    def send_snapshots(self, id: int) -> None:
        """What the leader's driver does: the bytes, then the message, then the report."""
        for peer in self[id].snapshots:
            index = self[id].core.log.delivered
            self.deliver(self[id].core.snapshot_message(peer, index))
            self[id].core.snapshot_sent(peer, index)
            self.settle()
            self.install(peer, self[id].applied[:index])
        self[id].snapshots.clear()
        self.settle()

    def install(self, id: int, applied: Iterable[RaftEntry]) -> None:
        replica = self[id]
        if replica.install is not None:
            wanted, replica.install = replica.install, None
            replica.disk.install(wanted, [])
            replica.applied = list(applied)
            replica.core.installed(wanted)
            self.settle()
