"""Where each replica is reached: what this replica's own state says, and what its peers tell. Pure.

The own state may be old: then a peer knows better. But one peer may be wrong, or lie, and nobody would ever correct a
list as of an entry that will never be. So:

1. The own state's list counts. What is told adds to it, and takes nothing away; it is forgotten once the own state is
   as new.
2. Of a replica with several addresses, one is tried after the other, until there is a connection.
3. What a peer told is not passed on to others, and one peer cannot drown what others tell: each has a list of its own.
4. A peer is listened to once in a while, whatever it tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from coname.replication.raft.settings import MOST_MEMBERS

MOST_STRANGERS = MOST_MEMBERS
"""Replicas that others told of, and that the own state does not have."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one peer told.

    :ivar applied: as of which log entry. :ivar heard_at: when, by the caller's count.
    """

    applied: int
    places: Mapping[int, str]
    heard_at: int


class Places:
    """See the module.

    :ivar as_of: the log entry that the own list is as of; 0: there is none.
    :ivar own: the own list. :ivar used: where each replica is to be dialled.
    """

    def __init__(self) -> None:
        self.as_of = 0
        self.own: Mapping[int, str] = {}
        self.used: Mapping[int, str] = {}
        self._told: dict[int, Told] = {}

    def know(self, index: int, places: Mapping[int, str]) -> bool:
        """The own state says so as of the log entry `index`; whether that is news."""
        if index <= self.as_of:
            return False
        if not self.as_of:
            self.used = {}  # what was told did not count where there is an own address
        self.as_of, self.own = index, dict(places)
        self._told = {peer: told for peer, told in self._told.items() if told.applied > index and peer in places}
        self._choose()
        return True

    def hear(self, peer: int, told: Told, pause: int) -> bool:
        """A peer told a list; whether that changes where anybody is dialled.

        :param pause: for how long after another one of that peer it is not listened to.
        """
        before = self._told.get(peer)
        if told.applied <= self.as_of or (before is not None and told.heard_at - before.heard_at < pause):
            return False
        self._told[peer] = told
        return self._choose()

    def turn(self, connected: Callable[[int], bool]) -> bool:
        """Try the next address of those that are not connected; whether that changes anything."""
        used = dict(self.used)
        for replica, addresses in self._addresses().items():
            if len(addresses) > 1 and not connected(replica):
                used[replica] = addresses[(addresses.index(used[replica]) + 1) % len(addresses)]
        changed, self.used = used != self.used, used
        return changed

    def _choose(self) -> bool:
        """Go on with the address that is used, where it is one still."""
        used = {
            replica: self.used[replica] if self.used.get(replica) in addresses else addresses[0]
            for replica, addresses in self._addresses().items()
        }
        changed, self.used = used != self.used, used
        return changed

    def _addresses(self) -> dict[int, list[str]]:
        """All that is known of each, the own state's first."""
        found = {replica: [address] for replica, address in self.own.items()}
        for replica in islice(self._strangers(), MOST_STRANGERS):
            found[replica] = []
        for told in self._told.values():
            for replica, address in told.places.items():
                if replica in found and address not in found[replica]:
                    found[replica].append(address)
        return found

    def _strangers(self) -> Iterator[int]:
        """Those whom only others know: one of each list in turn, so that a long one keeps out nobody else's."""
        lists = [[one for one in told.places if one not in self.own] for told in self._told.values()]
        seen: set[int] = set()
        for place in range(max(map(len, lists), default=0)):
            for each in lists:
                if place < len(each) and each[place] not in seen:
                    seen.add(each[place])
                    yield each[place]
