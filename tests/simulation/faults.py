"""What goes wrong in a simulated world, for as long as its story lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.host import Host

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class Faults:
    """One after the other, of every kind."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._chance = simulation.chance
        self._paused = False
        self._later(self._next, simulation.story.fault_every)

    def heal(self) -> None:
        """All is well from now on; wall clocks stay wrong."""
        simulation = self._simulation
        simulation.network.weather = simulation.story.weather.calmed()
        simulation.network.mend_links(set(simulation.network.cut))
        simulation.slowness.clear()
        for host in list(simulation.hosts.values()):
            self._make_room(host)
            self._start(host)

    def pause(self) -> None:
        """All is well for a while."""
        self._simulation.say("all is calm")
        self._paused = True
        self.heal()

    def resume(self) -> None:
        """It is no longer, unless it is for good."""
        self._paused = False
        if not self._simulation.healed:
            self._simulation.say("no longer calm")
            self._simulation.network.weather = self._simulation.story.weather

    def _later(self, what: Callable[..., None], mean: float, *args: object) -> None:
        self._simulation.clock.callLater(2 * mean * self._chance.random(), what, *args)

    def _next(self) -> None:
        if self._simulation.healed:
            return
        kinds = [self._crash, self._crash, self._crash_many, self._stop, self._cut_link, self._isolate, self._isolate]
        fault = self._chance.choice([*kinds, self._slow_disk, self._full_disk, self._jump])
        if not self._paused:
            fault()
        self._later(self._next, self._simulation.story.fault_every)

    def _hosts(self) -> list[Host]:
        return [host for host in self._simulation.hosts.values() if not host.retired]

    def _some_host(self) -> Host:
        return self._chance.choice(self._hosts())

    # processes and machines

    def _crash(self) -> None:
        self._crash_one(self._some_host())

    def _crash_many(self) -> None:
        for host in self._hosts():
            if self._chance.random() < 0.7:
                self._crash_one(host)

    def _crash_one(self, host: Host) -> None:
        if host.running:
            self._simulation.note("crash", f"{host.id} crashes")
            host.crash()
            self._later(self._start, 0.5, host)

    def _stop(self) -> None:
        host = self._some_host()
        if host.running and host.ready:
            self._simulation.note("stop", f"{host.id} stops")
            stopped = host.stop().addCallback(lambda _: self._later(self._start, 0.2, host))
            stopped.addErrback(lambda failure: self._simulation.fail(failure.value))

    def _start(self, host: Host) -> None:
        if not (host.running or host.retired or host.disks.full):
            self._simulation.say(f"{host.id} starts")
            host.start()

    def _slow_disk(self) -> None:
        host = self._some_host()
        self._simulation.note("slow disk", f"{host.id} has a slow disk")
        self._simulation.slowness[host.id] = 0.3
        self._later(self._quick_disk, 1.0, host)

    def _quick_disk(self, host: Host) -> None:
        self._simulation.slowness.pop(host.id, None)

    def _full_disk(self) -> None:
        """Until somebody makes room, and starts the process again."""
        host = self._some_host()
        if host.running and host.ready and not host.disks.full:
            self._simulation.note("full disk", f"{host.id} has a full disk")
            host.disks.full = True
            self._later(self._make_room, 1.0, host)

    def _make_room(self, host: Host) -> None:
        if not host.disks.full:
            return
        host.disks.full = False
        self._simulation.say(f"{host.id} has room again")
        if host.running:
            host.crash()
        self._start(host)

    def _jump(self) -> None:
        host = self._some_host()
        host.skew = self._chance.randrange(-900, 900) * 10**9
        self._simulation.note("jump", f"{host.id} is {host.skew // 10**9} seconds off")

    # links

    def _cut_link(self) -> None:
        """In one direction."""
        one, other = self._chance.sample(list(self._simulation.hosts), 2)
        self._cut({(one, other)})

    def _isolate(self) -> None:
        """Some from the rest, mostly in both directions."""
        ids = list(self._simulation.hosts)
        some = set(self._chance.sample(ids, self._chance.randint(1, len(ids) // 2)))
        outward = {(one, other) for one in some for other in ids if other not in some}
        inward = {(other, one) for one, other in outward}
        self._cut(self._chance.choice([outward, inward, outward | inward, outward | inward]))

    def _cut(self, links: set[tuple[int, int]]) -> None:
        self._simulation.note("cut", f"cut: {sorted(links)}")
        self._simulation.network.cut_links(links)
        self._later(self._mend, 1.0, links)

    def _mend(self, links: set[tuple[int, int]]) -> None:
        self._simulation.say(f"mended: {sorted(links)}")
        self._simulation.network.mend_links(links)
