"""What must hold at every instant in a cluster, looked at from above.

Each check is made where something changes, and costs little: the whole follows by induction. Raft's names for the
properties are those of the paper's figure 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol

from coname.messages.raft_pb2 import RaftEntry, RaftMessage
from coname.replication.raft import Core, Membership, Role


class Violation(AssertionError):
    """Something that must hold does not."""


class Observed(Protocol):
    """A replica, as the checks see it."""

    id: int
    core: Core

    def has_durably(self, index: int, term: int) -> bool:
        """Whether its disk would keep that entry, or a snapshot of it, in a crash."""


class Invariants:
    """What was seen so far.

    :ivar decided: the terms of the committed entries, by index - 1.
    """

    def __init__(self, first: Iterable[RaftEntry]) -> None:
        self._entries: dict[tuple[int, int], tuple[int, int, bytes]] = {}
        self._leaders: dict[int, int] = {}
        self._votes: dict[tuple[int, int, int], int] = {}
        self._decided_in: dict[int, int] = {}  # how much was decided, by the term of the deciding leader
        self._committed: dict[Core, int] = {}
        self._applied: list[bytes] = []
        self.decided: list[int] = [entry.term for entry in first]

    # what a replica does

    def appended(self, replica: Observed, entries: Sequence[RaftEntry]) -> None:
        """Log matching: an entry of an index and a term is the same everywhere, and so is the one before it."""
        if not entries:
            return
        before = replica.core.log.term(entries[0].index - 1) or 0
        for entry in entries:
            content = (before, entry.kind, entry.data)
            if self._entries.setdefault((entry.index, entry.term), content) != content:
                raise Violation(f"log matching: replica {replica.id} has another entry {entry.index}, {entry.term}")
            before = entry.term
        self._see_changes(replica, entries[0].index)

    def _see_changes(self, replica: Observed, first: int) -> None:
        """Membership: nobody has a change in its log after one that is not decided."""
        changes = [index for index, _ in replica.core._node.memberships._history]
        for before, after in pairwise(changes):
            if after >= first and before > len(self.decided):
                raise Violation(f"membership: replica {replica.id} has change {after} upon {before}, which may yet go")

    def applied(self, replica: Observed, entries: Sequence[RaftEntry]) -> None:
        """State machine safety: what is applied at an index is the same everywhere, and is decided."""
        for entry in entries:
            if entry.index > len(self.decided) or self.decided[entry.index - 1] != entry.term:
                raise Violation(f"state machine safety: replica {replica.id} applies entry {entry.index}, {entry.term}")
            if entry.index == len(self._applied) + 1:
                self._applied.append(entry.data)
            elif self._applied[entry.index - 1] != entry.data:
                raise Violation(f"state machine safety: replica {replica.id} applies another entry {entry.index}")

    def sent(self, message: RaftMessage) -> None:
        """One vote a term, whatever happens in between."""
        answer = message.vote_answer
        if answer.granted and not answer.trial:
            vote = (message.sender, message.incarnation, answer.term)
            if self._votes.setdefault(vote, message.recipient) != message.recipient:
                raise Violation(f"replica {message.sender} votes twice in term {answer.term}")

    def look(self, replica: Observed, replicas: dict[int, Observed]) -> None:
        """After anything has happened to a replica."""
        core = replica.core
        if core.role is Role.LEADER:
            self._see_leader(replica)
        known = self._committed.get(core, 0)
        committed = core.log.committed
        if committed < known:
            raise Violation(f"replica {replica.id} takes back entry {known}")
        if committed > known:
            self._committed[core] = committed
            self._see_commit(replica, committed, replicas)

    def forget(self, core: Core) -> None:
        """That replica has stopped."""
        self._committed.pop(core, None)

    def _see_leader(self, replica: Observed) -> None:
        term = replica.core.term
        if term not in self._leaders:
            self._check_election(replica.id, term, replica.core.membership)
        if self._leaders.setdefault(term, replica.id) != replica.id:
            raise Violation(f"election safety: replicas {self._leaders[term]} and {replica.id} lead in term {term}")
        decided = max((index for before, index in self._decided_in.items() if before < term), default=0)
        log = replica.core.log
        if decided > log.snapshot_index and not log.matches(decided, self.decided[decided - 1]):
            raise Violation(f"leader completeness: replica {replica.id} leads in term {term} without entry {decided}")

    def _check_election(self, leader: int, term: int, membership: Membership) -> None:
        """Only members vote, each with the storage that it is a member with."""
        votes = [
            voter
            for (voter, incarnation, voted_in), candidate in self._votes.items()
            if (voted_in, candidate) == (term, leader) and membership.incarnation(voter) in (0, incarnation)
        ]
        if not membership.decided({leader, *votes}):
            raise Violation(f"replica {leader} leads in term {term} with the votes of {votes} only")

    def _see_commit(self, replica: Observed, committed: int, replicas: dict[int, Observed]) -> None:
        core = replica.core
        term = core.log.term(committed) or 0
        if committed <= len(self.decided):
            if self.decided[committed - 1] != term:
                raise Violation(f"replica {replica.id} commits another entry {committed}")
            return
        if core.role is not Role.LEADER and core.leader:
            raise Violation(f"follower {replica.id} commits entry {committed}, which no leader did")
        self._check_majority(core.membership, committed, term, replicas)
        self.decided += [core.log.term(index) or 0 for index in range(len(self.decided) + 1, committed + 1)]
        self._decided_in[core.term] = committed

    def _check_majority(self, membership: Membership, index: int, term: int, replicas: dict[int, Observed]) -> None:
        have = [voter for voter in membership.voters if voter in replicas and replicas[voter].has_durably(index, term)]
        if not membership.decided(have):
            raise Violation(f"entry {index} is committed, and durable on {have} of {list(membership.voters)} only")
