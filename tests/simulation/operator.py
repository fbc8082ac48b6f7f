"""Who looks after the machines: adds replicas, promotes and removes them, and replaces a machine that is lost.

Mostly one thing at a time, as somebody would by ``coname cluster``; what does not come about is left, and something
else is tried. What is asked for is what that command asks for, at any replica; the rest the replicas do themselves. A
machine is switched off once it is no replica any more, and its disks are emptied before it is used again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from coname.errors import InvalidRequest, Refused
from coname.messages.replication_pb2 import ReplicaChange
from coname.messages.stored_pb2 import ENTERING, JOINING, LEARNER, LEAVING, VOTER, ReplicaRole
from coname.replication.raft import Membership, Role
from tests.simulation.host import Host
from tests.simulation.realm import member

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

PATIENCE = 8.0
"""Seconds that one thing may take, before another is tried."""

ANSWERED_WITHIN = 2.0
"""Seconds, before another replica is asked."""

IMPATIENCE = 0.2
"""How probable it is that the next thing is wanted before one has come about."""

MOST = 9
"""Machines at a time."""


class Operator:
    """See the module.

    :ivar under_way: how many things are. :ivar held: whether nothing new is to be begun.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._chance = simulation.chance
        self.under_way = 0
        self.held = False
        if simulation.story.change_every:
            self.do(self._work)

    def do(self, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin something."""
        done = Deferred.fromCoroutine(what())
        done.addErrback(lambda failure: self._simulation.fail(failure.value))

    async def pause(self, seconds: float) -> None:
        """Time passes."""
        await deferLater(self._simulation.clock, seconds)

    async def until(self, done: Callable[[], bool], seconds: float = PATIENCE) -> bool:
        """Wait for something; whether it came."""
        end = self._simulation.clock.seconds() + seconds
        while not done():
            if self._simulation.clock.seconds() >= end:
                return False
            await self.pause(0.1)
        return True

    async def _work(self) -> None:
        while not self._simulation.healed:
            await self.pause(2 * self._simulation.story.change_every * self._chance.random())
            if self.held or self._simulation.healed:
                continue
            self.under_way += 1
            what = self._chance.choice([self._add, self._add, self._promote, self._remove, self._hand_over])
            if self._chance.random() < IMPATIENCE:
                self.do(partial(self._finish, what))
            else:
                await self._finish(what)

    async def _finish(self, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await what()
        self.under_way -= 1

    @property
    def busy(self) -> bool:
        """Whether anybody waits for something."""
        return self.under_way > 0 or self.held

    # how things stand

    @property
    def newest(self) -> Host | None:
        """The running replica that has applied most."""
        running = self._simulation.running
        return max(running, key=lambda host: host.replica.state.applied_index, default=None)

    def roles(self) -> Mapping[int, ReplicaRole]:
        """Who is a replica, as far as any that runs knows."""
        newest = self.newest
        records = newest.replica.steward.records if newest else []
        return {record.replica.id: record.role for record in records}

    def members(self) -> Membership:
        """Who takes part in the log, as the leader has it; nobody if there is none."""
        leaders = [host for host in self._simulation.running if host.core.role is Role.LEADER]
        leader = max(leaders, key=lambda host: host.core.term, default=None)
        return leader.core.membership if leader else Membership()

    def agree(self) -> bool:
        """Whether the log's members are the replicas, and nobody is coming or going."""
        roles, members = self.roles(), self.members()
        voters = {id for id, role in roles.items() if role == VOTER}
        learners = {id for id, role in roles.items() if role == LEARNER}
        return voters == set(members.voters) and learners == set(members.learners) == set(roles) - voters

    # what is wanted

    async def _add(self) -> None:
        host = self._spare()
        if host is not None:
            await self.add(host, learner=self._chance.random() < 0.4)

    async def add(self, host: Host, learner: bool = False) -> None:
        """A machine becomes a replica."""
        if not await self.until(lambda: bool(self.roles())):
            return
        self._simulation.say(f"{host.id} joins")
        host.retired = False
        host.peers = tuple(self.roles())
        if not host.running:
            host.start()
        if await self._ask(ReplicaChange(add=member(host.id), learner=learner)):
            wanted = LEARNER if learner else VOTER
            there = await self.until(lambda: self.roles().get(host.id) == wanted and host.id in self.members())
            if there:
                self._simulation.note("learner" if learner else "voter", f"{host.id} is a replica")

    async def _promote(self) -> None:
        learners = [id for id, role in self.roles().items() if role in (LEARNER, JOINING)]
        if learners:
            id = self._chance.choice(learners)
            if await self._ask(ReplicaChange(promote=id)) and await self.until(lambda: self.roles().get(id) == VOTER):
                self._simulation.note("voter", f"{id} signs and votes")

    async def _remove(self) -> None:
        able = [id for id in self.roles() if self._may_go(id)]
        if able:
            await self.remove(self._chance.choice(able))

    def _may_go(self, id: int) -> bool:
        """Whether enough others are left who live."""
        left = [one for one, role in self.roles().items() if role in (VOTER, ENTERING, LEAVING) and one != id]
        lost = [one for one in left if self._simulation.hosts[one].restored]
        return len(left) >= 2 and 2 * (len(left) - len(lost)) > len(left)

    async def remove(self, id: int) -> bool:
        """A machine is a replica no more, and is switched off soon; whether that came about."""
        if not await self._ask(ReplicaChange(remove=id)):
            return False
        if not await self.until(lambda: self._has_gone(id)):
            return False
        self._simulation.note("removed", f"{id} is removed")
        await self.pause(self._chance.choice([0, 0.5, 3.0]))
        self._simulation.say(f"{id} is switched off")
        host = self._simulation.hosts[id]
        host.retired = True
        if host.running:
            host.crash()
        host.empty()
        return True

    def _has_gone(self, id: int) -> bool:
        members = self.members()
        return id not in self.roles() and bool(members.voters) and id not in members

    async def _hand_over(self) -> None:
        leaders = [host for host in self._simulation.running if host.core.role is Role.LEADER]
        if leaders and leaders[0].log.driver is not None:
            heir = self._chance.choice(list(leaders[0].core.membership.voters))
            self._simulation.say(f"{leaders[0].id} is to hand over to {heir}")
            leaders[0].clock.happen(leaders[0].log.driver.hand_over, (heir,))

    # how

    def _spare(self) -> Host | None:
        """A machine that is no replica: a new one, or one that was one."""
        simulation = self._simulation
        if len([host for host in simulation.hosts.values() if not host.retired]) >= MOST:
            return None
        retired = [host for host in simulation.hosts.values() if host.retired]
        if retired and self._chance.random() < 0.5:
            return self._chance.choice(retired)
        return simulation.new_host()

    async def _ask(self, change: ReplicaChange) -> bool:
        """Ask one replica after another for a change; whether it is in force, or under way."""
        for _ in range(4):
            answer = await self._ask_one(change)
            if not isinstance(answer, Failure):
                return answer
            if answer.check(Refused, InvalidRequest):
                self._simulation.say(f"the operator hears: {answer.getErrorMessage()}")
                return False
        return False

    async def _ask_one(self, change: ReplicaChange) -> bool | Failure:
        running = self._simulation.running
        if not running:
            await self.pause(ANSWERED_WITHIN)
            return False
        host, answers = self._chance.choice(running), list[object]()
        clock = host.clock
        self._simulation.say(f"the operator asks {host.id}: {change!s}".replace("\n", " ")[:120])
        clock.happen(lambda: maybeDeferred(host.replica.steps.change, change).addBoth(answers.append))
        await self.until(lambda: bool(answers) or not clock.alive, ANSWERED_WITHIN)
        if not answers:
            return Failure(TimeoutError())
        return answers[0] if isinstance(answers[0], Failure) else True
