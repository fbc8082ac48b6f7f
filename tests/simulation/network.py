"""What carries messages and copies between simulated replicas, and does to them what networks do.

Each direction of each pair can be cut. Whether two replicas take themselves for connected is another matter: they
notice a cut, and its end, a while later, or not at all if it does not last.

It is worse than a real one: what was sent to one life of a replica, or by somebody who has not noticed that this life
is over, may reach the next one, as no connection would let it. What makes agreement right must not depend on that.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import deferLater

from coname.errors import Unavailable
from coname.interfaces import AnswerRequest, ITransferReader, ITransferReceiver, Refusal
from coname.messages.raft_pb2 import RaftMessage
from tests.simulation.clocks import LifeClock, WorldClock

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

PIECE = 4 << 10
"""Bytes of a copy that are sent at once."""


@dataclass
class Weather:
    """What the network is like.

    :ivar loss: how probable it is for a message. :ivar duplication: likewise.
    :ivar longest_delay: seconds. :ivar notice: seconds until a connection is known to be broken, or there, at most.
    :ivar ordered: whether what one replica sends to another arrives in order.
    """

    loss: float
    duplication: float
    longest_delay: float
    notice: float
    ordered: bool

    @classmethod
    def drawn(cls, chance: random.Random) -> Weather:
        """Mostly, something is wrong with it."""
        return cls(
            loss=chance.choice([0, 0, 0.02, 0.1, 0.25]),
            duplication=chance.choice([0, 0, 0.05, 0.2]),
            longest_delay=chance.choice([0.01, 0.05, 0.3]),
            notice=chance.choice([0.05, 0.5, 2.0]),
            ordered=chance.random() < 0.5,
        )

    def calmed(self) -> Weather:
        """The same network when all is well."""
        return Weather(0, 0, min(0.05, self.longest_delay), 0.1, self.ordered)

    def delay(self, chance: random.Random) -> float:
        """How long a message takes: mostly little."""
        return chance.random() * (self.longest_delay if chance.random() < 0.2 else self.longest_delay / 10)


class Network:
    """All links.

    :ivar cut: those that carry nothing, as (from, to).
    """

    def __init__(self, simulation: Simulation, clock: WorldClock, weather: Weather) -> None:
        self.simulation = simulation
        self.clock = clock
        self.weather = weather
        self.cut: set[tuple[int, int]] = set()
        self.places: dict[int, Place] = {}
        self._free_at: dict[tuple[int, int], float] = {}  # when an ordered link has delivered what is on it

    def place(self, own: int, peers: Collection[int], clock: LifeClock) -> Callable[..., Place]:
        """Makes the network of one life of a replica. :param peers: whom its configuration names."""
        return lambda received, receiver: Place(self, own, peers, clock, received, receiver)

    def cut_links(self, links: set[tuple[int, int]]) -> None:
        """They carry nothing any more."""
        self.cut |= links
        self._notice_later(links)

    def mend_links(self, links: set[tuple[int, int]]) -> None:
        """They do again."""
        self.cut -= links
        self._notice_later(links)

    def up(self, one: int, other: int) -> bool:
        """Whether a connection between two can live, in fact."""
        return self._reached(one, other) and self._welcome(one, other) and self._welcome(other, one)

    def _reached(self, one: int, other: int) -> bool:
        return all(one in self.places for one in (one, other)) and not {(one, other), (other, one)} & self.cut

    def _welcome(self, one: int, other: int) -> bool:
        """Whether `one` takes `other` for a replica of the realm."""
        return other in self.places[one].peers

    def turns_away(self, one: int, other: int) -> bool:
        """Whether `one` would tell `other` that it is a stranger."""
        return self._reached(one, other) and self._welcome(other, one) and not self._welcome(one, other)

    def carry(self, sender: int, recipient: int, data: bytes) -> None:
        """A message is on its way."""
        chance, link = self.simulation.chance, (sender, recipient)
        message = RaftMessage.FromString(data)
        self.simulation.invariants.sent(message)
        if link in self.cut or chance.random() < self.weather.loss:
            return
        due = self.clock.seconds() + self.weather.delay(chance)
        if self.weather.ordered:
            due = self._free_at[link] = max(due, self._free_at.get(link, 0.0))
        self._arrive_at(due, link, data)
        if chance.random() < self.weather.duplication:
            self._arrive_at(due + 3 * self.weather.delay(chance), link, data)

    def _arrive_at(self, due: float, link: tuple[int, int], data: bytes) -> None:
        self.clock.callLater(due - self.clock.seconds(), self._arrive, link, data)

    def _arrive(self, link: tuple[int, int], data: bytes) -> None:
        place = self.places.get(link[1])
        if place is None or link in self.cut or not self._welcome(link[1], link[0]):
            return
        self.simulation.say(f"{link[0]} > {link[1]} {zlib.crc32(data):08x}", lambda: _words(data))
        place.clock.happen(place.received, (link[0], data))

    def started(self, place: Place) -> None:
        """A replica listens."""
        self.places[place.own] = place
        self._notice_around(place.own)

    def stopped(self, own: int) -> None:
        """It does no more."""
        if self.places.pop(own, None) is not None:
            self._notice_around(own)

    def changed(self, place: Place) -> None:
        """A replica has other peers than before."""
        if self.places.get(place.own) is place:
            self._notice_around(place.own)

    def _notice_around(self, own: int) -> None:
        others = [id for id in self.simulation.hosts if id != own]
        self._notice_later({(own, other) for other in others} | {(other, own) for other in others})

    def _notice_later(self, links: set[tuple[int, int]]) -> None:
        for one, other in sorted(links | {(other, one) for one, other in links}):
            self.clock.callLater(self.simulation.chance.random() * self.weather.notice, self._notice, one, other)

    def _notice(self, one: int, other: int) -> None:
        place = self.places.get(one)
        if place is not None:
            place.clock.happen(place.notice, (other, self.up(one, other)))


class Place:
    """`ReplicaNetwork` for one life of a replica.

    :ivar peers: whom it takes for replicas of the realm.
    """

    def __init__(
        self,
        network: Network,
        own: int,
        peers: Collection[int],
        clock: LifeClock,
        received: Callable[[int, bytes], None],
        receiver: ITransferReceiver,
    ) -> None:
        self.own = own
        self.clock = clock
        self.received = received
        self.receiver: Any = receiver
        self._network = network
        self.peers = set(peers)
        self._known: set[int] = set()
        self._refusals: set[int] = set()
        self._listeners: list[Callable[[int, bool], None]] = []

    def startService(self) -> None:
        """See `ReplicaNetwork`."""
        self._network.started(self)

    def stopService(self) -> None:
        """See `ReplicaNetwork`."""
        if self._network.places.get(self.own) is self:
            self._network.stopped(self.own)

    def onConnectionChange(self, listener: Callable[[int, bool], None]) -> None:
        """See `ReplicaNetwork`."""
        self._listeners.append(listener)

    def connected(self, peer: int) -> bool:
        """See `ReplicaNetwork`."""
        return peer in self._known

    def places(self) -> Collection[int]:
        """See `ReplicaNetwork`."""
        return self.peers

    def set_places(self, places: Mapping[int, str], keep: Collection[int]) -> None:
        """See `ReplicaNetwork`."""
        self.peers = {*places, *self.peers.intersection(keep)}
        self._network.changed(self)

    def refusal(self, peer: int) -> Refusal | None:
        """See `ReplicaNetwork`."""
        return Refusal(True, "it is no replica") if peer in self._refusals else None

    def set_answerer(self, answer: AnswerRequest) -> None:
        """See `ReplicaNetwork`. In a simulation, operators ask the replicas themselves."""

    def notice(self, peer: int, connected: bool) -> None:
        """See how the connection to a peer is."""
        if connected or self._network.turns_away(peer, self.own):
            (self._refusals.discard if connected else self._refusals.add)(peer)
        if connected == (peer in self._known):
            return
        (self._known.add if connected else self._known.discard)(peer)
        for listener in self._listeners:
            listener(peer, connected)

    def send(self, peer: int, message: bytes) -> bool:
        """See `ReplicaNetwork`."""
        if peer not in self._known:
            return False
        self._network.carry(self.own, peer, message)
        return True

    def offer(self, peer: int, transfer: int, reader: ITransferReader) -> Deferred[None]:
        """See `ReplicaNetwork`."""
        return Deferred.fromCoroutine(self._offer(peer, transfer, reader))

    async def _offer(self, peer: int, transfer: int, reader: Any) -> None:
        sent = False
        while not sent:
            await self._pause()
            if self.connected(peer) and self._network.up(self.own, peer):
                sent = await self._attempt(self._network.places[peer], transfer, reader)

    async def _attempt(self, other: Place, transfer: int, reader: Any) -> bool:
        """Whether all of it got there over one connection."""
        announced = (self.own, transfer, reader.size, reader.sha256, reader.metadata)
        begun: Deferred[Any] = maybeDeferred(other.receiver.begin, *announced)
        if not await self._done(other, begun):
            return False
        sink: Any = begun.result
        if sink is None:
            raise Unavailable("the copy is not wanted")
        try:
            for offset in range(sink.offset, reader.size, PIECE):
                data = await reader.read(offset, min(PIECE, reader.size - offset))
                await self._pause()
                if not self._reaches(other):
                    if other.clock.alive:
                        sink.interrupted()
                    return False
                if not await self._done(other, maybeDeferred(sink.write, offset, data)):
                    return False
            return await self._done(other, maybeDeferred(sink.finish))
        except CancelledError:
            if other.clock.alive:
                sink.abandon("it was cancelled")
            raise
        except OSError as error:
            sink.abandon(f"it could not be written: {error}")
            raise Unavailable(f"the copy was not taken: {error}") from error

    async def _done(self, other: Place, doing: Deferred[Any]) -> bool:
        """Wait for what the other one does, as long as the connection lasts."""
        while not doing.called:
            await self._pause()
            if not self._reaches(other):
                return False
        await doing
        return True

    def _reaches(self, other: Place) -> bool:
        return self._network.up(self.own, other.own) and self._network.places[other.own] is other

    async def _pause(self) -> None:
        await deferLater(self.clock, 0.02 + self._network.weather.delay(self._network.simulation.chance))


def _words(data: bytes) -> str:
    return str(RaftMessage.FromString(data)).replace("\n", " ")[:300]
