"""What has gathered to be done, as a `Ready`.

Rules of this file:

1. Nothing is in two of them.
2. Term, vote and entries are in the same `Ready` as the messages that depend on them, or in an earlier one.
3. The stored commit index never goes beyond the entries that were handed out to be stored.
"""

from __future__ import annotations

from collections import deque

from coname.messages.raft_pb2 import RaftHardState, RaftProposal, RaftSnapshot
from coname.replication.raft.errors import ProposalRefused
from coname.replication.raft.node import Node
from coname.replication.raft.ready import Ready, SoftState
from coname.replication.raft.settings import MOST_ENTRIES


class Output:
    """Remembers what was asked for last."""

    def __init__(self, node: Node, hard_state: RaftHardState) -> None:
        self._node = node
        self._hard = hard_state
        self._soft = node.soft_state()
        self._number = 0
        self._unstored: deque[tuple[int, int, int]] = deque()  # number, term, vote
        self._asked_to_install: RaftSnapshot | None = None
        self._forwards: list[bytes] = []

    def forward(self, data: bytes) -> None:
        """Pass a proposal on to the leader.

        :raises ProposalRefused: too much waits already.
        """
        waiting = sum(map(len, self._forwards)) + len(data)
        if waiting > self._node.settings.forwarded_bytes or len(self._forwards) >= MOST_ENTRIES:
            raise ProposalRefused("too much waits to be passed on to the leader")
        self._forwards.append(data)

    def stored(self, number: int) -> list[tuple[int, int]]:
        """Terms and votes that are durable now, as the `Ready` of that number is."""
        done = []
        while self._unstored and self._unstored[0][0] <= number:
            _, term, vote = self._unstored.popleft()
            done.append((term, vote))
        return done

    def has_ready(self, deliver: bool) -> bool:
        """Whether there is anything to do."""
        node = self._node
        if node.restored is not None:
            return node.soft_state() != self._soft
        return bool(
            node.messages
            or node.messages_after
            or node.log.has_unstored
            or (deliver and node.log.has_deliverable)
            or self._forwards
            or node.snapshots
            or node.installing is not self._asked_to_install
            or self._is_hard_state_changed()
            or node.soft_state() != self._soft
            or (node.leadership is not None and node.leadership.feeding.has_to_feed())
        )

    def ready(self, deliver: bool) -> Ready:
        """All there is to do."""
        node = self._node
        self._number += 1
        if node.restored is not None:
            return Ready(self._number, soft=self._soft_state())
        if node.leadership:
            node.leadership.feeding.feed()
        self._send_forwards()
        hard_state, must_sync = self._hard_state()
        entries = node.log.hand_out(self._number)
        self._unstored.append((self._number, node.term, node.vote))
        messages, node.messages = node.messages, []
        messages_after, node.messages_after = node.messages_after, []
        snapshots, node.snapshots = node.snapshots, []
        return Ready(
            number=self._number,
            hard_state=hard_state,
            entries=entries,
            must_sync=must_sync or bool(entries),
            messages=messages,
            messages_after=messages_after,
            committed=node.log.deliver(node.settings.committed_bytes, MOST_ENTRIES) if deliver else (),
            install=self._to_install(),
            snapshots=snapshots,
            soft=self._soft_state(),
        )

    def _is_hard_state_changed(self) -> bool:
        node, last = self._node, self._hard
        return (node.log.committed, node.term, node.vote) != (last.committed, last.term, last.vote)

    def _hard_state(self) -> tuple[RaftHardState | None, bool]:
        if not self._is_hard_state_changed():
            return None, False
        node, last = self._node, self._hard
        must_sync = (node.term, node.vote) != (last.term, last.vote)
        node.recollections.keep(node.membership.ids)
        self._hard = RaftHardState(
            term=node.term, vote=node.vote, committed=node.log.committed, witnesses=node.recollections.stored()
        )
        return self._hard, must_sync

    def _to_install(self) -> RaftSnapshot | None:
        if self._node.installing is self._asked_to_install:
            return None
        self._asked_to_install = self._node.installing
        return self._asked_to_install

    def _soft_state(self) -> SoftState | None:
        soft = self._node.soft_state()
        if soft == self._soft:
            return None
        self._soft = soft
        return soft

    def _send_forwards(self) -> None:
        """Without a leader, proposals are lost: nobody was promised anything."""
        if self._forwards and self._node.leader not in (0, self._node.id):
            self._node.send(self._node.leader, proposal=RaftProposal(data=self._forwards))
        self._forwards = []
