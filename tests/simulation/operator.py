"""Who looks after the machines: adds replicas, promotes and removes them, and replaces a machine that is lost.

One thing at a time, as somebody would by ``coname cluster``, and patiently: what does not come about is left, and
something else is tried. What is wanted is any of what the rules permit, and now and then what they do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from coname.replication.raft import Change, ChangeKind, ChangeRefused, Membership, ProposalRefused, Role
from tests.simulation.host import Host

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

PATIENCE = 6.0
"""Seconds that one thing may take, before another is tried."""

MOST = 9
"""Machines at a time."""


class Operator:
    """See the module.

    :ivar busy: whether something is under way.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._chance = simulation.chance
        self.busy = False
        if simulation.story.change_every:
            self.do(self._work)

    def do(self, what: Callable[[], object]) -> None:
        """Begin something."""
        done: Deferred[None] = Deferred.fromCoroutine(what())  # type: ignore[arg-type]
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
            if not self.busy and not self._simulation.healed:
                self.busy = True
                what = self._chance.choice([self._add, self._add, self._promote, self._remove, self._hand_over])
                await what()
                self.busy = False

    # what is wanted

    async def _add(self) -> None:
        await self.add(self._spare())

    async def add(self, host: Host | None) -> None:
        """A machine receives the log."""
        if host is None:
            return
        self._simulation.say(f"{host.id} joins")
        host.retired = False
        if not host.running:
            host.start()
        if await self.until(lambda: host.ready and hasattr(host, "core")):
            change = Change(ChangeKind.ADD_LEARNER, host.id, host.core.incarnation)
            if await self._change(change, lambda members: host.id in members):
                self._simulation.note("learner", f"{host.id} is a learner")

    async def _promote(self) -> None:
        members = self.members()
        if members is not None and members.learners:
            await self.promote(self._chance.choice(list(members.learners)))

    async def promote(self, id: int) -> None:
        """A learner votes."""
        if await self._change(Change(ChangeKind.PROMOTE, id), lambda members: id in members.voters):
            self._simulation.note("voter", f"{id} is a voter")

    async def _remove(self) -> None:
        members = self.members()
        if members is None:
            return
        allowed = [id for id in members.ids if id > self._simulation.story.replicas]
        if allowed:
            await self.remove(self._chance.choice(allowed))

    async def remove(self, id: int) -> bool:
        """A machine is a member no more, and is switched off soon; whether that came about."""
        if not await self._change(Change(ChangeKind.REMOVE, id), lambda members: id not in members):
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

    async def _hand_over(self) -> None:
        leader, members = self.leader(), self.members()
        if leader is not None and members is not None:
            heir = self._chance.choice(list(members.voters))
            self._simulation.say(f"{leader.id} is to hand over to {heir}")
            leader.clock.happen(leader.log.driver.hand_over, (heir,))

    # how

    def leader(self) -> Host | None:
        """Who leads, as far as one can see."""
        leaders = [host for host in self._simulation.running if host.core.role is Role.LEADER]
        return max(leaders, key=lambda host: host.core.term, default=None)

    def members(self) -> Membership | None:
        """Who takes part."""
        leader = self.leader()
        return leader.core.membership if leader else None

    def _spare(self) -> Host | None:
        """A machine that is no member: a new one, or one that was one."""
        simulation = self._simulation
        if len([host for host in simulation.hosts.values() if not host.retired]) >= MOST:
            return None
        retired = [host for host in simulation.hosts.values() if host.retired]
        if retired and self._chance.random() < 0.5:
            return self._chance.choice(retired)
        return simulation.new_host()

    async def _change(self, change: Change, done: Callable[[Membership], bool]) -> bool:
        def try_it() -> bool:
            leader = self.leader()
            if leader is None:
                return False
            if done(leader.core.membership):
                return leader.core.membership_committed
            leader.clock.happen(self._propose, (leader, change))
            return False

        return await self.until(try_it)

    def _propose(self, leader: Host, change: Change) -> None:
        try:
            leader.core.propose_membership(change)
        except (ChangeRefused, ProposalRefused) as error:
            self._simulation.say(f"{leader.id} refuses {change.kind.value} {change.member}: {error}")
            return
        self._simulation.say(f"{leader.id} takes {change.kind.value} {change.member}")
        leader.log.driver.soon()
