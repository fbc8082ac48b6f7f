"""Where a message goes, and whether it goes anywhere.

Rules of this file:

1. A message is checked before anything is changed by it. After a refusal in a later step, log, membership and vote are
   as they were; at most the sender's newer term was taken over.
2. A message of a newer term ends whatever this replica was in its term; a leader of an older term is told the newer
   one. Votes and roll calls have rules of their own about terms.
3. An answer counts only from a member, with the storage that it is a member with. A question may come from somebody
   who is not known here: the membership here may be the older one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from coname.messages.raft_pb2 import RaftHeartbeatAnswer, RaftMessage
from coname.replication.raft import checks
from coname.replication.raft.elections import Elections
from coname.replication.raft.errors import MessageRefused
from coname.replication.raft.following import Following
from coname.replication.raft.node import Node
from coname.replication.raft.roll_call import RollCall

_FROM_LEADERS = frozenset({"append", "heartbeat", "snapshot", "timeout_now"})
_TO_LEADERS = frozenset({"append_answer", "heartbeat_answer"})
_ANSWERS = _TO_LEADERS | {"vote_answer"}


class Dispatch:
    """Hands messages to those who work on them."""

    def __init__(self, node: Node, elections: Elections, following: Following, roll_call: RollCall) -> None:
        self._node = node
        self._roll_call = roll_call
        self._handlers: Mapping[str, Callable[[RaftMessage], None]] = {
            "vote_request": elections.requested,
            "vote_answer": elections.answered,
            "roll_call": roll_call.asked,
            "roll_answer": roll_call.answered,
            "append": following.append,
            "heartbeat": following.heartbeat,
            "snapshot": following.snapshot,
            "timeout_now": lambda message: elections.campaign(forced=True),
            "append_answer": self._append_answered,
            "heartbeat_answer": self._heartbeat_answered,
            "proposal": self._forwarded,
        }

    def receive(self, message: RaftMessage) -> None:
        """See `Core.receive`."""
        kind = checks.check(message, self._node.settings)
        self._check_sender(message, kind)
        self._roll_call.judge(message)
        if self._node.restored is None and self._fits_term(message, kind):
            self._handlers[kind](message)

    def _check_sender(self, message: RaftMessage, kind: str) -> None:
        node, sender = self._node, message.sender
        same = node.expected(sender) in (0, message.incarnation)
        known = sender in node.membership
        if kind in _ANSWERS and not (same and known):
            raise MessageRefused(f"replica {sender} answers, and is no member with the storage {message.incarnation}")
        if same and known:
            node.recollections.heard(sender, message.incarnation, message.term)

    def _fits_term(self, message: RaftMessage, kind: str) -> bool:
        node = self._node
        if kind in _FROM_LEADERS:
            return self._fits_leader(message, kind)
        if kind in _TO_LEADERS and message.term > node.term:
            node.follow(message.term)
        return kind not in _TO_LEADERS or message.term == node.term

    def _fits_leader(self, message: RaftMessage, kind: str) -> bool:
        node = self._node
        if message.term < node.term:
            node.send(message.sender, heartbeat_answer=RaftHeartbeatAnswer())
            return False
        if message.term == node.term and node.leader not in (0, message.sender):
            raise MessageRefused(f"replicas {node.leader} and {message.sender} lead in the same term {node.term}")
        if kind == "timeout_now":
            return message.term == node.term and node.leader == message.sender
        node.follow(message.term, message.sender)
        node.quiet = 0
        return True

    # to a leader: a former one is not interested

    def _append_answered(self, message: RaftMessage) -> None:
        if self._node.leadership:
            self._node.leadership.append_answered(message)

    def _heartbeat_answered(self, message: RaftMessage) -> None:
        if self._node.leadership:
            self._node.leadership.feeding.heartbeat_answered(message)

    def _forwarded(self, message: RaftMessage) -> None:
        if self._node.leadership:
            self._node.leadership.forwarded(message.proposal.data)
