"""Which replicas there are, as the Raft engine sees it: who takes part, who is there, and where each is reached.

Rules of this file:

1. Who the peers are follows from this replica's own state, or else its configuration, and from what peers have told
   (`raft_places`): so a replica that was away while others changed finds those that it does not know yet.
2. Each replica says with which storage it is there, on each new connection. With that one, and no other, it is let in.
3. Who takes part in the log stays a peer until it does so no longer, though it may be a replica of the realm no more:
   the log cannot do without its majority, not even to let it go.
4. A replica that a majority of the others turns away as no member was removed, whatever its own log says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from twisted.logger import Logger
from zope.interface import implementer

from coname.errors import Refused, Unavailable
from coname.interfaces import AnswerRequest, ILogMembership, LogMember, LogStanding
from coname.messages.raft_pb2 import RaftIntroduction, RaftMessage, RaftPlace
from coname.replication.raft import Change, ChangeKind, Core, Role
from coname.replication.raft.settings import MOST_MEMBERS, MOST_NUMBER
from coname.replication.raft_driver import Driver
from coname.replication.raft_network import ReplicaNetwork
from coname.replication.raft_places import Places, Told

INTRODUCE_TICKS = 50
"""Between two introductions to everybody who is connected: one that got lost keeps nobody out for long."""

MOST_PLACE_CHARACTERS = 300
"""Of an address: a name of the DNS has 253, and a port five."""


class Running(Protocol):
    """What an engine has while it runs."""

    driver: Driver | None


@implementer(ILogMembership)
class Members:
    """See the module.

    :param own: this replica's id. :param engine: what these are the members of.
    """

    _log = Logger()

    def __init__(self, own: int, network: ReplicaNetwork, engine: Running) -> None:
        self._own = own
        self._network = network
        self._engine = engine
        self._named = frozenset(network.places())  # by the configuration
        self._places = Places()
        self._kept: frozenset[int] = frozenset()  # who stays where it was, being a member of the log
        self._storages: dict[int, int] = {}  # the incarnation that each peer said to have
        self._ticks = 0

    # who is there

    def setPeers(self, index: int, places: Mapping[int, str]) -> None:
        """See `ILogMembership`."""
        if self._places.know(index, places):
            self._place()
            for peer in self._places.used:
                self.introduce(peer)

    def _place(self) -> None:
        """Tell the network who the peers are. While there is no list of the own state, whom the configuration names
        stays where it says."""
        core, places = self._core, self._places.used
        named = self._named if core is None or not self._places.as_of else frozenset()
        self._kept = named.union(() if core is None else core.membership.ids)
        if not self._places.as_of:
            places = {peer: address for peer, address in places.items() if peer not in named}
        self._network.set_places(places, self._kept)
        present = {*places, *self._kept}
        self._storages = {peer: one for peer, one in self._storages.items() if peer in present}

    def introduce(self, peer: int) -> None:
        """Say to a peer who this replica is, and who the others are."""
        core = self._core
        if core is None or not self._network.connected(peer):
            return
        places = [RaftPlace(id=one, address=address) for one, address in sorted(self._places.own.items())]
        introduction = RaftIntroduction(applied=self._places.as_of, places=places)
        message = RaftMessage(sender=self._own, recipient=peer, incarnation=core.incarnation, introduction=introduction)
        self._network.send(peer, message.SerializeToString())

    def tick(self) -> None:
        """Time passes."""
        self._ticks += 1
        if self._places.as_of and self._core is not None and self._kept != frozenset(self._core.membership.ids):
            self._place()
        if self._ticks % INTRODUCE_TICKS == 0:
            if self._places.turn(self._network.connected):
                self._place()
            for peer in sorted(self._network.places()):
                self.introduce(peer)

    def introduced(self, message: RaftMessage) -> None:
        """A peer says who it is, and who the others are."""
        if not message.incarnation:
            return
        self._storages[message.sender] = message.incarnation
        told = message.introduction
        places = {place.id: place.address for place in told.places}
        if not _sound(told, places) or self._own not in places:
            return
        if not self._places.hear(message.sender, Told(told.applied, places, self._ticks), INTRODUCE_TICKS // 2):
            return
        self._log.info(
            "Replica {peer:x} tells of {count} replicas, as of entry {index}",
            peer=message.sender,
            count=len(places),
            index=told.applied,
        )
        self._place()

    # what is known of them

    def members(self) -> Sequence[LogMember]:
        """See `ILogMembership`."""
        core = self._core
        taking_part = [] if core is None else core.membership.ids
        return [self._member(core, one) for one in sorted({self._own, *self._places.used, *taking_part})]

    def _member(self, core: Core | None, replica: int) -> LogMember:
        own = replica == self._own
        if core is None:
            return LogMember(replica, None, own, None, False)
        membership = core.membership
        votes = replica in membership.voters if replica in membership else None
        storage = core.incarnation if own else self._storages.get(replica, 0)
        fits = membership.incarnation(replica) in (0, storage)
        return LogMember(
            replica=replica,
            votes=votes,
            connected=own or self._network.connected(replica),
            behind=self._behind(core, replica),
            present=bool(storage) and fits,
            strange=bool(storage) and not fits,
        )

    def _behind(self, core: Core, replica: int) -> int | None:
        if core.role is not Role.LEADER:
            return None
        progress = core.peers.get(replica)
        if progress is not None:
            return core.log.last_index - progress.match
        return 0 if replica == self._own else None

    def leader(self) -> int:
        """See `ILogMembership`."""
        return 0 if self._core is None else self._core.leader

    def changedAt(self) -> int:
        """See `ILogMembership`."""
        return 0 if self._core is None else self._core.membership_index

    def standing(self) -> tuple[LogStanding, str]:
        """See `ILogMembership`."""
        core = self._core
        if core is None:
            return LogStanding.MEMBER, ""
        others = [one for one in core.membership.voters if one != self._own]
        if self._own not in core.membership:
            if core.log.last_index:
                return LogStanding.REMOVED, "the replicas have removed this one, as its own log says"
            return LogStanding.WAITS, self._waiting()
        refusing = [one for one in others if self._disowned_by(one)]
        if others and 2 * len(refusing) > len(others):
            return LogStanding.REMOVED, f"{_named(refusing)} turn this replica away: it is no longer a member"
        return LogStanding.MEMBER, ""

    def _waiting(self) -> str:
        """What a replica without a log waits for."""
        peers = [one for one in self._network.places() if one != self._own]
        connected = [one for one in peers if self._network.connected(one)]
        refusing = [one for one in peers if self._disowned_by(one)]
        if connected:
            return f"let in by {_named(connected)}, this replica waits for the log or a copy of the database"
        if refusing:
            return f"{_named(refusing)} do not know this replica yet: add it with `coname cluster add`"
        return f"none of {_named(peers)} is reached; are these the addresses of the realm's replicas?"

    def _disowned_by(self, peer: int) -> bool:
        refusal = self._network.refusal(peer)
        return refusal is not None and refusal.as_stranger

    # changes

    def admit(self, replica: int) -> None:
        """See `ILogMembership`."""
        storage = self._storages.get(replica, 0)
        if not storage:
            raise Unavailable(f"replica {replica:x} was not heard of yet")
        self._propose(Change(ChangeKind.ADD_LEARNER, replica, storage))

    def promote(self, replica: int, data: bytes) -> None:
        """See `ILogMembership`."""
        self._propose(Change(ChangeKind.PROMOTE, replica, context=data))

    def expel(self, replica: int, data: bytes) -> None:
        """See `ILogMembership`."""
        if replica == self._own:
            raise Refused("a replica does not remove itself: another one has to lead first")
        self._propose(Change(ChangeKind.REMOVE, replica, context=data))

    def handOver(self) -> None:
        """See `ILogMembership`."""
        driver = self._engine.driver
        heirs = [] if driver is None else driver.heirs()
        if driver is not None and heirs:
            driver.hand_over(heirs[0])

    def _propose(self, change: Change) -> None:
        driver = self._engine.driver
        if driver is None:
            raise Unavailable("the log is not running")
        driver.core.propose_membership(change)
        self._log.info("Members of the log: {what} {replica:x}", what=change.kind.value, replica=change.member)
        driver.soon()

    def onRequest(self, answer: AnswerRequest) -> None:
        """See `ILogMembership`."""
        self._network.set_answerer(answer)

    @property
    def _core(self) -> Core | None:
        return None if self._engine.driver is None else self._engine.driver.core


def _sound(told: RaftIntroduction, places: Mapping[int, str]) -> bool:
    """Whether a list can be worked with."""
    return (
        told.applied < MOST_NUMBER
        and len(told.places) == len(places) <= MOST_MEMBERS
        and 0 not in places
        and all(0 < len(address) <= MOST_PLACE_CHARACTERS for address in places.values())
    )


def _named(replicas: Sequence[int]) -> str:
    return ", ".join(f"{one:016x}" for one in replicas) or "nobody"
