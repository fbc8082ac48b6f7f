"""How a leader is found.

Rules of this file (Raft, section 5.2 and 5.4.1; Ongaro's dissertation, sections 4.2.3, 6.4 and 9.6):

1. Before a replica goes into a new term, a majority must have said that it would vote for it. So who is cut off, or
   has an old log, disturbs nobody when it comes back.
2. While a leader was heard within the shortest election timeout, no candidate is answered, unless the leader itself
   hands over.
3. One vote a term, for a candidate whose log is at least as new; granted, and counted for oneself, when it is durable.
4. Candidates that took votes from each other do not wait for a whole timeout again: a first trial decides soon who of
   them asks next.
5. Whose vote counts is decided by the candidate's membership alone: a replica may have become a voter without knowing
   it. Learners are never asked.
"""

from __future__ import annotations

from collections.abc import Callable

from coname.messages.raft_pb2 import RaftMessage, RaftVoteAnswer, RaftVoteRequest
from coname.replication.raft.leadership import Leadership
from coname.replication.raft.node import Node
from coname.replication.raft.ready import Role


class Elections:
    """Candidacies and votes of one replica."""

    def __init__(self, node: Node, lead: Callable[[Node], Leadership]) -> None:
        self._node = node
        self._lead = lead
        self._votes: dict[int, bool] = {}

    def tick(self) -> None:
        """Become a candidate if no leader was heard for too long."""
        self._node.quiet += 1
        if self._node.quiet >= self._node.timeout:
            self._node.leader = 0
            self.campaign()

    def campaign(self, forced: bool = False) -> None:
        """Ask for votes: on trial, or at once if the leader hands over. Does nothing if this replica may not lead."""
        node = self._node
        node.restart_timer()
        if node.id not in node.membership.voters or not node.confirmed or node.installing is not None:
            node.role = Role.FOLLOWER
            return
        node.leader = 0
        self._votes = {}
        if forced:
            self._stand(forced=True)
            return
        node.role = Role.PRE_CANDIDATE
        self._ask(trial=True, forced=False)
        self._count(node.id, True)

    def _stand(self, forced: bool = False) -> None:
        """Become a candidate in a new term. The own vote counts when it is stored."""
        node = self._node
        node.enter(node.term + 1)
        node.vote = node.id
        node.role = Role.CANDIDATE
        self._votes = {}
        self._ask(trial=False, forced=forced)

    def _ask(self, *, trial: bool, forced: bool) -> None:
        node = self._node
        request = RaftVoteRequest(
            trial=trial,
            forced=forced,
            term=node.term + trial,
            last_index=node.log.last_index,
            last_term=node.log.last_term,
        )
        for voter in node.membership.voters:
            if voter != node.id:
                node.send(voter, vote_request=request)

    def stored(self, term: int, vote: int) -> None:
        """This term and vote are durable."""
        node = self._node
        if node.role is Role.CANDIDATE and term == node.term and vote == node.id:
            self._count(node.id, True)

    # votes for others

    def requested(self, message: RaftMessage) -> None:
        """A candidate asks for this replica's vote."""
        node, request = self._node, message.vote_request
        if not node.confirmed or (node.leased and not request.forced):
            return
        if request.trial:
            granted = request.term > node.term and self._is_fit(request)
        else:
            granted = self._grant(message.sender, request)
        answer = RaftVoteAnswer(trial=request.trial, granted=granted, term=request.term)
        node.send(message.sender, vote_answer=answer)

    def _grant(self, candidate: int, request: RaftVoteRequest) -> bool:
        node = self._node
        if request.term > node.term:
            node.follow(request.term)
        if request.term < node.term or node.vote not in (0, candidate) or not self._is_fit(request):
            return False
        node.vote = candidate
        node.restart_timer()
        return True

    def _is_fit(self, request: RaftVoteRequest) -> bool:
        return self._node.log.is_behind(request.last_index, request.last_term)

    # votes for this replica

    def answered(self, message: RaftMessage) -> None:
        """A vote, or the refusal of one."""
        node, answer = self._node, message.vote_answer
        if message.term > node.term:
            node.follow(message.term)
            return
        expected = Role.PRE_CANDIDATE if answer.trial else Role.CANDIDATE
        if node.role is expected and answer.term == node.term + answer.trial:
            if not (answer.trial or answer.granted):
                node.hasten_timer()
            self._count(message.sender, answer.granted)

    def _count(self, voter: int, granted: bool) -> None:
        node = self._node
        self._votes.setdefault(voter, granted)
        if node.membership.decided(voter for voter, vote in self._votes.items() if vote):
            if node.role is Role.PRE_CANDIDATE:
                self._stand()
            else:
                node.role = Role.LEADER
                node.leader = node.id
                node.quiet = 0
                node.leadership = self._lead(node)
        elif node.membership.decided(voter for voter, vote in self._votes.items() if not vote):
            node.follow(node.term)
