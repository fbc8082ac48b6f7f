"""How a follower's log becomes the leader's.

Rules of this file (Raft, section 5.3, and section 7):

1. Entries are taken only after one that both logs have. What contradicts them here is replaced, unless it is committed.
2. What is acknowledged is durable, and the same as the leader's: an entry that happens to be here, and was not compared
   with the leader's, is neither acknowledged nor committed.
3. A snapshot replaces the log only if the log does not hold what the snapshot stands for. Until the driver has
   installed it, nothing is appended, and this replica is no candidate.
"""

from __future__ import annotations

from collections.abc import Sequence

from coname.messages.raft_pb2 import (
    RaftAppend,
    RaftAppendAnswer,
    RaftEntry,
    RaftHeartbeatAnswer,
    RaftMessage,
    RaftSnapshot,
)
from coname.replication.raft.errors import ChangeRefused, MessageRefused
from coname.replication.raft.membership import Memberships, from_message
from coname.replication.raft.node import Node


class Following:
    """What a replica does at its leader's word. The messages are of the current term, and from its leader."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def append(self, message: RaftMessage) -> None:
        """Take entries.

        :raises MessageRefused: they contradict what is committed, or put an impossible membership in force.
        """
        node, append = self._node, message.append
        node.recollections.acknowledged(message.sender, message.incarnation, message.term, append.stored)
        if node.installing is not None:
            return
        last = append.previous_index + len(append.entries)
        if append.previous_index < node.log.committed:
            self._take(self._after_committed(append))
        elif node.log.matches(append.previous_index, append.previous_term):
            self._take(append.entries)
        else:
            self._refuse(message.sender, append)
            return
        node.log.commit(min(append.committed, last))
        self._acknowledge(message.sender, max(last, node.log.committed))

    def _after_committed(self, append: RaftAppend) -> Sequence[RaftEntry]:
        """What an append adds to what is committed here, which the leader must have as well."""
        log, entries = self._node.log, append.entries
        committed_place = log.committed - append.previous_index - 1
        if committed_place < len(entries) and not log.matches(log.committed, entries[committed_place].term):
            raise MessageRefused(
                f"the leader of term {self._node.term} contradicts the committed entry {log.committed}"
            )
        return entries[committed_place + 1 :]

    def _take(self, entries: Sequence[RaftEntry]) -> None:
        node = self._node
        new = self._new(entries)
        if not new:
            return
        first = new[0].index
        if first <= node.log.committed:
            raise MessageRefused(f"entry {first} is committed here with another term than {new[0].term}")
        try:
            node.memberships.check(first - 1, new)
        except ChangeRefused as error:
            raise MessageRefused(f"an entry cannot be taken: {error}") from None
        if first <= node.log.last_index:
            node.log.truncate(first)
            node.memberships.truncated(first)
        node.log.append(new)
        node.memberships.appended(new)

    def _new(self, entries: Sequence[RaftEntry]) -> Sequence[RaftEntry]:
        """The entries from the first one on that is not here."""
        for place, entry in enumerate(entries):
            if not self._node.log.matches(entry.index, entry.term):
                return entries[place:]
        return ()

    def _acknowledge(self, leader: int, index: int) -> None:
        self._node.own_word.acknowledged(self._node.term, index)
        self._node.send(leader, append_answer=RaftAppendAnswer(index=index))

    def _refuse(self, leader: int, append: RaftAppend) -> None:
        index, term = self._node.log.newest_not_after(append.previous_index, append.previous_term)
        answer = RaftAppendAnswer(refused=True, index=append.previous_index, hint_index=index, hint_term=term)
        self._node.send(leader, append_answer=answer)

    def heartbeat(self, message: RaftMessage) -> None:
        """Hear that the leader is there, and how much is committed.

        :raises MessageRefused: more is committed than this replica has, though it must have acknowledged it.
        """
        node, committed = self._node, message.heartbeat.committed
        node.recollections.acknowledged(message.sender, message.incarnation, message.term, message.heartbeat.stored)
        if committed > node.log.last_index and node.installing is None:
            raise MessageRefused(f"entry {committed} is said to be acknowledged here, which it is not")
        node.log.commit(min(committed, node.log.last_index))
        node.send(message.sender, heartbeat_answer=RaftHeartbeatAnswer())

    def snapshot(self, message: RaftMessage) -> None:
        """A snapshot has arrived, whole.

        :raises MessageRefused: its membership is malformed.
        """
        node, snapshot = self._node, message.snapshot
        if node.installing is not None:
            return
        if snapshot.index <= node.log.committed:
            self._acknowledge(message.sender, node.log.committed)
        elif node.log.matches(snapshot.index, snapshot.term):
            node.log.commit(snapshot.index)
            self._acknowledge(message.sender, snapshot.index)
        else:
            self._check(snapshot)
            node.installing = snapshot

    def _check(self, snapshot: RaftSnapshot) -> None:
        try:
            from_message(snapshot.membership)
        except ChangeRefused as error:
            raise MessageRefused(f"a snapshot that cannot be installed: {error}") from None

    def installed(self, snapshot: RaftSnapshot) -> None:
        """The snapshot that a `Ready` asked for is installed, durably."""
        node = self._node
        node.installing = None
        node.log.reset(snapshot)
        node.memberships = Memberships(snapshot)
        if node.leader:
            self._acknowledge(node.leader, snapshot.index)
