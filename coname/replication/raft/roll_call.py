"""After a start: asking what others remember of this replica, before it votes.

Rules of this file:

1. A replica neither votes nor becomes a candidate before a majority of the voters, itself included if it is one, has
   answered in this session and recalled nothing beyond its own word. Everybody answers, confirmed or not: a cluster
   that lost power as a whole starts.
2. Whoever recalls more ends this replica, in whichever message it comes: its storage is an old copy.
3. Who is a member by the first configuration, whose storages have no known incarnations, and is known to others with
   another storage, has lost its own, and ends likewise. Not so who has joined since: it reads of the member that once
   had its id, in entries of that time, and some may remember that one still.
"""

from __future__ import annotations

from coname.messages.raft_pb2 import RaftMessage, RaftRollAnswer, RaftRollCall
from coname.replication.raft.node import Node

JOIN_ANEW = "remove it from the cluster, empty its database, and let it join anew"


class RollCall:
    """See the module."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._answered = {node.id}
        self._ticks = 0
        self._decide()

    def tick(self) -> None:
        """Ask those who have not answered."""
        if self._node.confirmed:
            return
        if self._ticks % self._node.settings.heartbeat_ticks == 0:
            self._ask()
        self._ticks += 1

    def _ask(self) -> None:
        node = self._node
        for peer in node.membership.ids:
            if peer not in self._answered:
                node.send(peer, roll_call=RaftRollCall(session=node.settings.session))
        self._decide()

    def _decide(self) -> None:
        self._node.confirmed = self._node.confirmed or self._node.membership.decided(self._answered)

    def asked(self, message: RaftMessage) -> None:
        """Remind a peer, which has just started, of what it once said."""
        self._node.send(message.sender, roll_answer=RaftRollAnswer(session=message.roll_call.session))

    def answered(self, message: RaftMessage) -> None:
        """A peer has told what it recalls, and `judge` found nothing wrong with it."""
        node = self._node
        if message.roll_answer.session != node.settings.session:
            return
        known = message.recollection.incarnation
        if known not in (0, node.settings.incarnation):
            founder = node.id in node.membership and not node.settings.joined
            if founder and not node.membership.incarnation(node.id):
                node.restored = f"replica {message.sender} knows this one with another database: {JOIN_ANEW}"
            return
        self._answered.add(message.sender)
        self._decide()

    def judge(self, message: RaftMessage) -> None:
        """Compare what a message recalls with this replica's own word."""
        node, recalled = self._node, message.recollection
        if recalled.incarnation == node.settings.incarnation and not node.own_word.covers(recalled):
            node.restored = (
                f"this replica's database is an old copy: replica {message.sender} recalls term {recalled.term} and "
                f"entry {recalled.index}, here are term {node.term} and entry {node.log.last_index}; {JOIN_ANEW}"
            )
