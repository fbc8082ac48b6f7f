"""A whole cluster from one seed: the same seed gives the same run, to the last message.

Run by hand: ``python -m tests.replication.raft.simulation 0 1000`` runs these seeds, and stops at the first that fails;
``python -m tests.replication.raft.simulation 17 --trace`` runs one, and prints what happens. With ``--changing``,
members come and go all the time.

What happens besides time passing: proposals, at all replicas; loss, delay, duplication and reordering of messages;
links cut in one direction or both; crashes that lose what was not synced, of several at once; members added, promoted
and removed, replicas emptied and added again; logs compacted and snapshots sent; leadership handed over. After each
step, `Invariants` are checked. In the end the network heals, everybody starts, and a new entry must get through.
"""

from __future__ import annotations

import heapq
import random
import sys
from collections import Counter
from collections.abc import Callable
from itertools import count

from coname.messages.raft_pb2 import RaftMessage
from coname.replication.raft import (
    Change,
    ChangeKind,
    ChangeRefused,
    Core,
    Membership,
    ProposalRefused,
    Role,
    bootstrap,
)
from tests.replication.raft.disk import Disk
from tests.replication.raft.invariants import Invariants, Observed, Violation
from tests.replication.raft.simulated import Counting, Machine, SimulatedReplica

TICK = 100
"""A tick in the simulation's units of time."""

HEALED_TICKS = 120
"""After so many ticks without faults, new entries are applied everywhere: two dozen election timeouts."""


class Simulation:
    """One run.

    :param ticks: how long there are faults.
    :param core: the class of the cores; another one for bugs that are planted.
    :param machine: makes a replica's state machine.
    :cvar option: of the command that runs it again.
    :ivar chance: all that is random comes from here.
    :ivar tolerated: words in reasons of refusals that do not show a mistake.
    :ivar happened: how often what happened, so that a test can tell that it does.
    """

    option = ""

    def __init__(
        self,
        seed: int,
        ticks: int = 30,
        core: type[Core] = Core,
        machine: Callable[[], Machine] = Counting,
        trace: bool = False,
    ) -> None:
        self.seed = seed
        self.chance = chance = random.Random(seed)
        self.ticks = ticks
        self.core = core
        self.machine = machine
        self.trace = trace
        self.now = 0
        self._numbers = count()
        self._events: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._draw_world(chance)
        voters = {id: self._incarnation() for id in range(1, chance.choice([3, 3, 3, 4, 5, 5, 7]) + 1)}
        self._first = Membership(voters)
        self.invariants = Invariants([bootstrap(self._first)[1]])
        self.replicas: dict[int, SimulatedReplica] = {}
        self.cut: set[tuple[int, int]] = set()
        self.proposed = 0
        self.tolerated = ["is no member"]
        self.happened: Counter[str] = Counter()
        for id, incarnation in voters.items():
            self._add(id, incarnation, Disk(self._first))

    def _draw_world(self, chance: random.Random) -> None:
        self.loss = chance.choice([0, 0, 0.02, 0.1, 0.3])
        self.duplication = chance.choice([0, 0, 0.05, 0.2])
        self.longest_delay = chance.choice([TICK // 10, TICK, 4 * TICK])
        self.slowest_disk = chance.choice([1, TICK // 2, 2 * TICK])
        self.propose_every = chance.choice([1, 2, 8])  # ticks, as those below
        self.fault_every = chance.choice([2, 2, 5, 1000])
        self.change_every = chance.choice([1, 4, 1000])
        self.compact_every = chance.choice([2, 10, 1000])
        self.settings = {
            "election_ticks": 4,
            "heartbeat_ticks": chance.choice([1, 2]),
            "append_bytes": chance.choice([1, 100, 100_000]),
            "inflight_appends": chance.choice([1, 3, 64]),
            "tail_bytes": chance.choice([1, 1_000, 100_000]),
            "committed_bytes": chance.choice([1, 1_000, 100_000]),
        }

    @property
    def observed(self) -> dict[int, Observed]:
        return self.replicas  # type: ignore[return-value]

    def _incarnation(self) -> int:
        return self.chance.getrandbits(62) + 1

    def _add(self, id: int, incarnation: int, disk: Disk) -> None:
        self.replicas[id] = SimulatedReplica(self, id, incarnation, disk, self.machine())
        self.later(self.chance.randrange(TICK), self._tick, self.replicas[id])

    # time

    def later(self, delay: int, what: Callable[..., None], *args: object) -> None:
        """Let something happen after a while."""
        heapq.heappush(self._events, (self.now + delay, next(self._numbers), what, args))

    def run(self) -> None:
        """All of it.

        :raises Violation: with the seed in it.
        """
        try:
            for every, what in (
                (self.propose_every, self._propose),
                (self.fault_every, self._fault),
                (self.change_every, self._change),
                (self.compact_every, self._compact),
            ):
                self.later(self.chance.randrange(every * TICK) + 1, self._again, every, what)
            self._run_until(self.ticks * TICK)
            self._heal()
            self._run_until(self.now + HEALED_TICKS * TICK, self._is_settled)
            self._check_settled()
        except Exception as error:
            command = f"python -m tests.replication.raft.simulation {self.seed} --trace{self.option}"
            raise Violation(f"seed {self.seed}: {type(error).__name__}: {error}; again by: {command}") from error

    def _run_until(self, end: int, done: Callable[[], bool] = lambda: False) -> None:
        look_at = self.now
        while self._events and self._events[0][0] < end:
            self.now, _, what, args = heapq.heappop(self._events)
            what(*args)
            if self.now >= look_at:
                if done():
                    return
                look_at = self.now + TICK
        self.now = end

    def say(self, what: str) -> None:
        """For those who watch."""
        if self.trace:
            print(f"{self.now / TICK:8.2f} {what}")

    def _tick(self, replica: SimulatedReplica) -> None:
        if self.replicas.get(replica.id) is replica:
            if replica.alive:
                replica.tick()
            self.later(TICK + self.chance.randrange(-TICK // 10, TICK // 10), self._tick, replica)

    def _again(self, every: int, what: Callable[[], None]) -> None:
        if self.now < self.ticks * TICK:
            what()
            self.later(self.chance.randrange(2 * every * TICK) + 1, self._again, every, what)

    # network and disks

    def delay(self) -> int:
        """How long a message takes: mostly little."""
        return self.chance.randrange(self.longest_delay if self.chance.random() < 0.2 else self.longest_delay // 5) + 1

    def disk_time(self) -> int:
        """How long a synced write takes."""
        return self.chance.randrange(self.slowest_disk) + 1

    def send(self, message: RaftMessage, state: object = None, slow: bool = False) -> bool:
        """Whether the message will arrive, once at least."""
        self.invariants.sent(message)
        if (message.sender, message.recipient) in self.cut or self.chance.random() < self.loss:
            return False
        self.later(self.delay() * (4 if slow else 1), self._arrive, message, state)
        if self.chance.random() < self.duplication:
            self.later(self.delay() * 3, self._arrive, message, state)
        return True

    def _arrive(self, message: RaftMessage, state: object) -> None:
        recipient = self.replicas.get(message.recipient)
        if recipient is not None and recipient.alive:
            if self.trace:
                text = str(message).replace("\n", " ")
                self.say(f"{message.sender} -> {message.recipient}: {text[:300]}")
            recipient.receive(message, state)

    # what people do

    def _propose(self) -> None:
        for _ in range(self.chance.choice([1, 1, 1, 5])):
            data = b"%d" % self.proposed
            self.proposed += 1
            alive = self._alive()
            if alive:
                self.chance.choice(alive).propose(data)

    def _alive(self) -> list[SimulatedReplica]:
        return [replica for replica in self.replicas.values() if replica.alive]

    def _leaders(self) -> list[SimulatedReplica]:
        return [replica for replica in self._alive() if replica.core.role is Role.LEADER]

    def _change(self) -> None:
        """Somebody tries to change who takes part."""
        for leader in self._leaders():
            change = self._draw_change(leader.core.membership)
            try:
                if change is None:
                    leader.core.transfer_leadership(self.chance.choice(list(leader.core.membership.voters)))
                else:
                    leader.core.propose_membership(change)
            except (ChangeRefused, ProposalRefused) as error:
                self.say(f"{leader.id} refuses {change}: {error}")
                continue
            self.say(f"{leader.id} takes {change}")
            self.happened["change" if change else "transfer"] += 1
            if change is not None and change.kind is ChangeKind.ADD_LEARNER:
                self._add(change.member, change.incarnation, Disk())
            leader.work()

    def _draw_change(self, membership: Membership) -> Change | None:
        kind = self.chance.choice([None, *ChangeKind])
        if kind is ChangeKind.ADD_LEARNER:
            return Change(kind, max(self.replicas) + 1, self._incarnation()) if len(membership.ids) < 7 else None
        candidates = list(membership.learners) if kind is ChangeKind.PROMOTE else membership.ids
        if kind is None or not candidates or (kind is ChangeKind.REMOVE and len(membership.voters) <= 2):
            return None
        return Change(kind, self.chance.choice(candidates))

    def _compact(self) -> None:
        for replica in self._alive():
            if self.chance.random() < 0.5:
                replica.compact(self.chance.choice([0, 3, 20]))

    # faults

    def _fault(self) -> None:
        fault = self.chance.choice([self._crash, self._crash, self._cut_link, self._isolate, self._crash_all])
        fault()

    def _crash(self) -> None:
        alive = self._alive()
        if alive:
            self._crash_one(self.chance.choice(alive))

    def _crash_all(self) -> None:
        if self.chance.random() < 0.3:
            for replica in self._alive():
                self._crash_one(replica)

    def _crash_one(self, replica: SimulatedReplica) -> None:
        self.say(f"{replica.id} crashes")
        self.happened["crash"] += 1
        replica.crash()
        self.later(self.chance.randrange(10 * TICK) + 1, self._restart, replica)

    def _restart(self, replica: SimulatedReplica) -> None:
        if not replica.alive and self.replicas.get(replica.id) is replica:
            self.say(f"{replica.id} starts")
            replica.start()

    def _cut_link(self) -> None:
        """In one direction."""
        one, other = self.chance.choice(list(self.replicas)), self.chance.choice(list(self.replicas))
        self._cut({(one, other)})

    def _isolate(self) -> None:
        """Some from the rest, mostly in both directions."""
        ids = list(self.replicas)
        some = set(self.chance.sample(ids, self.chance.randint(1, max(1, len(ids) // 2))))
        outward = {(one, other) for one in some for other in ids if other not in some}
        inward = {(other, one) for one, other in outward}
        self._cut(self.chance.choice([outward, inward, outward | inward, outward | inward]))

    def _cut(self, links: set[tuple[int, int]]) -> None:
        self.say(f"cut: {sorted(links)}")
        self.cut |= links
        self.later(self.chance.randrange(15 * TICK) + 1, self._mend, links)

    def _mend(self, links: set[tuple[int, int]]) -> None:
        self.cut -= links

    # the end

    def _heal(self) -> None:
        self.say("all heals")
        self.cut.clear()
        self.loss = self.duplication = 0
        self.longest_delay = self.slowest_disk = TICK // 5
        for replica in self.replicas.values():
            self._restart(replica)
        self._goal = (0, 0)  # term and index of an entry to be applied everywhere

    def _is_settled(self) -> bool:
        """Propose something at the leader, and wait until all its members have applied it."""
        leaders = self._leaders()
        if len(leaders) != 1:
            return False
        leader = leaders[0]
        if self._goal[0] != leader.core.term:
            if leader.propose(b"last"):
                self._goal = (leader.core.term, leader.core.log.last_index)
            return False
        members = [member for member in leader.core.membership.ids if not self.replicas[member].core.restored]
        return all(self.replicas[member].machine.applied >= self._goal[1] for member in members)

    def _check_settled(self) -> None:
        self._check_restored()
        if not self._is_settled():
            state = [
                (one.id, one.core.role.value, one.core.term, one.core.log.committed, one.core.log.last_index)
                for one in self.replicas.values()
            ]
            raise Violation(f"no progress after {HEALED_TICKS} ticks without faults: {state}")

    def _check_restored(self) -> None:
        for replica in self.replicas.values():
            if replica.core.restored:
                raise Violation(f"replica {replica.id} takes itself for restored: {replica.core.restored}")


class ChangingSimulation(Simulation):
    """One in which members come and go all the time, and parts of the cluster do not hear from each other."""

    option = " --changing"

    def __init__(self, seed: int, ticks: int = 60, core: type[Core] = Core, trace: bool = False) -> None:
        super().__init__(seed, ticks, core, trace=trace)

    def _draw_world(self, chance: random.Random) -> None:
        super()._draw_world(chance)
        self.fault_every = self.change_every = self.propose_every = 1
        self.loss = min(self.loss, 0.02)

    def _fault(self) -> None:
        fault = self.chance.choice([*[self._isolate] * 6, self._crash])
        fault()


def main() -> None:
    """Run the seeds that were named: one, or from the first to before the second."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    first, end = numbers[0], numbers[1] if len(numbers) > 1 else numbers[0] + 1
    kind = ChangingSimulation if "--changing" in sys.argv else Simulation
    for seed in range(first, end):
        kind(seed, trace="--trace" in sys.argv).run()
    print(f"{end - first} seeds hold")


if __name__ == "__main__":
    main()
