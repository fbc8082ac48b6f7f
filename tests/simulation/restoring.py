"""A machine that is put back to an old backup of all its disks: it must find that out, and neither vote nor sign.

That is the loss of one machine, as far as the others are concerned. To lose another at the same moment is more than is
promised, so nothing else goes wrong from a while before until it has found out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.messages.stored_pb2 import ENTERING, LEAVING, VOTER
from coname.replication.raft import Role
from tests.replication.raft.invariants import Violation
from tests.simulation.disks import Disks
from tests.simulation.host import Host

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

CALM_SECONDS = 1.5
"""Before a machine is put back: the others have heard what it said last, and written it down."""

ALMOST = 5
"""Entries that may be on their way to the leader's knowledge."""

RECOGNISED_SECONDS = 6.0
"""Two elections: others may have to find a leader first."""


class Restoring:
    """One machine's fate."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._chance = simulation.chance
        if simulation.story.restores:
            simulation.operator.do(self._work)

    async def _work(self) -> None:
        operator, story = self._simulation.operator, self._simulation.story
        await operator.pause(self._chance.random() * story.seconds / 3)
        host = self._chance.choice(list(self._simulation.hosts.values()))
        await operator.until(lambda: host.disks.begun)
        backup = host.disks.copy()
        self._simulation.say(f"{host.id} is backed up")
        await operator.pause(self._chance.random() * story.seconds / 3)
        operator.held = True
        await operator.until(lambda: not operator.under_way)
        await self._calm()
        if self._is_heard() and self._may_be_lost(host):
            await self._put_back(host, backup)
        operator.held = False

    async def _calm(self) -> None:
        simulation, operator = self._simulation, self._simulation.operator
        simulation.faults.pause()
        await operator.until(lambda: all(host.ready for host in simulation.hosts.values() if not host.retired))
        await operator.until(self._is_heard)
        await operator.pause(CALM_SECONDS)

    def _is_heard(self) -> bool:
        """Whether the leader has heard from all members, so that it can remind each of what it said last. One that was
        cut off may have said it to others only."""
        for host in self._simulation.running:
            if host.core.role is Role.LEADER:
                almost = host.core.log.committed - ALMOST
                return all(progress.match >= almost for progress in host.core.peers.values())
        return False

    def _may_be_lost(self, host: Host) -> bool:
        """Whether it may be lost: the others are enough without it."""
        roles = self._simulation.operator.roles()
        voters = [id for id, role in roles.items() if role in (VOTER, ENTERING, LEAVING)]
        return host.id in self._simulation.operator.members() and host.ready and len(voters) >= 3

    async def _put_back(self, host: Host, backup: Disks) -> None:
        simulation, operator = self._simulation, self._simulation.operator
        simulation.note("restored", f"{host.id} is put back")
        host.crash()
        host.put_back(backup)
        loses = host.lost is not None and host.lost.newest() > backup.newest()
        await operator.pause(self._chance.random())
        if not host.running:
            host.start()
        found = await operator.until(lambda: host.restored, RECOGNISED_SECONDS)
        if loses and not found:
            raise Violation(f"replica {host.id} was put back to a backup, and does not find out")
        host.lost = host.lost if found else None
        simulation.faults.resume()
        if found:
            simulation.happened["recognised"] += 1
            await operator.pause(self._chance.random())
            await self._replace(host)

    async def _replace(self, host: Host) -> None:
        """It joins anew, with empty disks."""
        operator = self._simulation.operator
        while not await operator.remove(host.id):
            await operator.pause(1.0)
        await operator.add(host)
