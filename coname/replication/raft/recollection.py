"""How a replica that was restored from a backup is recognised.

Everybody remembers of each peer what it has said to be durable: its term, and in this term how much of the log; a
leader says that as well, as its own copy counts. What is remembered goes along with messages, and the peer itself
judges it. Its own word is what it had stored when it started, and what it has said since. A recollection that goes
beyond that is of a later life of the same storage: what is here now is an old copy. This holds whatever the network
delays, doubles or reorders, as nothing is said before it is durable.

Recollections are stored along with the hard state whenever that is written anyway, so that they outlive restarts; the
last few may be lost in a crash.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coname.messages.raft_pb2 import RaftRecollection, RaftWitness

MOST_TERMS = 64
"""Of how many terms a replica knows what it said in them. Terms pass with elections; messages do not live so long."""


class OwnWord:
    """What this replica has stored when it started, and has said since."""

    def __init__(self, term: int, last_index: int) -> None:
        self._said = {term: last_index}  # acknowledged up to where, by term, ascending
        self._judged_from = term

    def entered(self, term: int) -> None:
        """This replica is in a newer term."""
        self._said[term] = 0
        if len(self._said) > MOST_TERMS:
            del self._said[next(iter(self._said))]
            self._judged_from = next(iter(self._said))

    def acknowledged(self, term: int, index: int) -> None:
        """In its newest term, this replica says to have stored the log up to `index`."""
        self._said[term] = max(self._said[term], index)

    def covers(self, recalled: RaftRecollection) -> bool:
        """Whether that was said here, or may have been before."""
        return recalled.term < self._judged_from or self._said.get(recalled.term, -1) >= recalled.index


@dataclass(slots=True)
class _Witness:
    incarnation: int
    term: int
    index: int


class Recollections:
    """What peers have said to be durable."""

    def __init__(self, stored: Iterable[RaftWitness]) -> None:
        self._witnesses = {one.id: _Witness(one.incarnation, one.term, one.index) for one in stored}

    def incarnation(self, peer: int) -> int:
        """Of the storage that the peer was met with; 0: it was not met."""
        witness = self._witnesses.get(peer)
        return witness.incarnation if witness else 0

    def heard(self, peer: int, incarnation: int, term: int) -> None:
        """The peer, which has this storage, is in that term."""
        witness = self._witnesses.get(peer)
        if witness is None or witness.incarnation != incarnation:
            self._witnesses[peer] = _Witness(incarnation, term, 0)
        elif term > witness.term:
            witness.term, witness.index = term, 0

    def acknowledged(self, peer: int, incarnation: int, term: int, index: int) -> None:
        """The peer, if it is known with this storage and in this term, has stored the log up to `index`."""
        witness = self._witnesses.get(peer)
        if witness and (witness.incarnation, witness.term) == (incarnation, term) and index > witness.index:
            witness.index = index

    def of(self, peer: int) -> RaftRecollection | None:
        """What to remind the peer of."""
        witness = self._witnesses.get(peer)
        if witness is None:
            return None
        return RaftRecollection(incarnation=witness.incarnation, term=witness.term, index=witness.index)

    def keep(self, peers: Iterable[int]) -> None:
        """Forget all others, so that nothing grows."""
        self._witnesses = {peer: self._witnesses[peer] for peer in peers if peer in self._witnesses}

    def stored(self) -> list[RaftWitness]:
        """All of it, to be stored."""
        return [
            RaftWitness(id=peer, incarnation=witness.incarnation, term=witness.term, index=witness.index)
            for peer, witness in self._witnesses.items()
        ]
