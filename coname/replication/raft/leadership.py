"""What a leader does in its term: it takes proposals, feeds the others, and decides what is committed.

Rules of this file (Raft, sections 5.3, 5.4.2 and 8; Ongaro's dissertation, sections 3.10, 4 and 6.2):

1. An entry is committed when a majority of the voters has stored it, and it is of this term; all before it with it. The
   own copy counts when it is stored. A term begins with an empty entry, so that this happens soon.
2. A leader that has not heard from a majority for an election timeout leads no longer.
3. One change of membership at a time: the one before is committed, and so is an entry of this term. A leader that
   removes itself leads until that is committed, and does not count. What would leave a majority that is not there is
   refused.
4. While it hands over, it takes no proposals; the other is told to stand once it has the whole log. If that takes
   longer than an election timeout, the leader stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from coname.messages.raft_pb2 import (
    RAFT_EMPTY,
    RAFT_MEMBERSHIP,
    RAFT_NORMAL,
    RaftEntry,
    RaftEntryKind,
    RaftMessage,
    RaftTimeoutNow,
)
from coname.replication.raft.errors import ChangeRefused, ProposalRefused
from coname.replication.raft.feeding import Feeding
from coname.replication.raft.log import size
from coname.replication.raft.membership import Change, ChangeKind, changed, entry_data
from coname.replication.raft.node import Node
from coname.replication.raft.progress import Feed


class Leadership:
    """One term of one leader.

    :ivar feeding: how the others get the log.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._uncommitted: deque[tuple[int, int]] = deque()  # index and size of own entries
        self._uncommitted_bytes = 0
        self._ticks = 0
        self._handing_to = 0
        self._handing_since = 0
        self._told_to_stand = False
        self._first = node.log.last_index + 1
        self.feeding = Feeding(node)
        self._append(RAFT_EMPTY, b"")
        self.feeding.heartbeat()

    # time

    def tick(self) -> None:
        """Time passes: heartbeats, and from time to time the question whether a majority is still there."""
        self._ticks += 1
        settings = self._node.settings
        if self._handing_to and self._ticks - self._handing_since >= settings.election_ticks:
            self._handing_to = 0
        if self._ticks % settings.election_ticks == 0 and not self._has_majority():
            self._node.follow(self._node.term)
        elif self._ticks % settings.heartbeat_ticks == 0:
            self.feeding.heartbeat()

    def _has_majority(self) -> bool:
        return self._node.membership.decided({self._node.id, *self.feeding.count_active()})

    # proposals

    def propose(self, data: bytes) -> None:
        """Append an entry.

        :raises ProposalRefused: leadership is being handed over, or too much waits for a majority.
        """
        if self._handing_to:
            raise ProposalRefused(f"leadership is being handed over to replica {self._handing_to}")
        if self._uncommitted_bytes > self._node.settings.uncommitted_bytes:
            raise ProposalRefused(f"{self._uncommitted_bytes} bytes of entries wait for a majority")
        self._append(RAFT_NORMAL, data)

    def propose_change(self, change: Change) -> None:
        """Append a change of membership, which is in force at once.

        :raises ChangeRefused: it is not permitted, or not yet.
        :raises ProposalRefused: leadership is being handed over.
        """
        if self._handing_to:
            raise ProposalRefused(f"leadership is being handed over to replica {self._handing_to}")
        self._check_turn()
        membership = changed(self._node.membership, change)
        if change.kind is ChangeKind.PROMOTE and self.feeding.peers[change.member].feed is not Feed.REPLICATE:
            raise ChangeRefused(f"replica {change.member} does not follow the log yet")
        if not membership.decided({self._node.id, *self.feeding.lately_active()}):
            raise ChangeRefused("afterwards, too few of the voters would be there to decide anything")
        self._append(RAFT_MEMBERSHIP, entry_data(membership, change.context))
        self.feeding.adjust()
        if self._handing_to not in membership.voters:
            self._handing_to = 0

    def _check_turn(self) -> None:
        node = self._node
        if node.memberships.changed_at > node.log.committed:
            raise ChangeRefused("an earlier change of membership is not committed yet")
        if node.log.committed < self._first:
            raise ChangeRefused("nothing of this leader's term is committed yet")

    def _append(self, kind: RaftEntryKind, data: bytes) -> None:
        node = self._node
        entry = RaftEntry(term=node.term, index=node.log.last_index + 1, kind=kind, data=data)
        node.log.append([entry])
        if kind == RAFT_MEMBERSHIP:
            node.memberships.appended([entry])
        self._uncommitted.append((entry.index, size(entry)))
        self._uncommitted_bytes += size(entry)

    # commitment

    def advance(self) -> None:
        """Commit what a majority has stored."""
        node, agreed = self._node, self._agreed()
        if agreed > node.log.committed and self._may_commit(agreed):
            node.log.commit(agreed)
            self._committed()

    def _agreed(self) -> int:
        acknowledged = {peer: progress.match for peer, progress in self.feeding.peers.items()}
        acknowledged[self._node.id] = self._node.log.stored
        return self._node.membership.agreed(acknowledged)

    def _may_commit(self, index: int) -> bool:
        return index >= self._first

    def _committed(self) -> None:
        node = self._node
        while self._uncommitted and self._uncommitted[0][0] <= node.log.committed:
            self._uncommitted_bytes -= self._uncommitted.popleft()[1]
        if node.id not in node.membership.voters and node.memberships.changed_at <= node.log.committed:
            self._leave()

    def _leave(self) -> None:
        """This replica is no longer a voter, for good: let the one that is farthest take over."""
        self.feeding.feed()
        heir = max(self._node.membership.voters, key=lambda voter: (self.feeding.peers[voter].match, voter))
        self._node.send(heir, at_once=True, timeout_now=RaftTimeoutNow())
        self._node.follow(self._node.term)

    def append_answered(self, message: RaftMessage) -> None:
        """A follower has stored entries, or lacks what they follow.

        :raises MessageRefused: it has stored what was never sent, or is no member.
        """
        if self.feeding.append_answered(message):
            self._tell_to_stand()
            self.advance()

    # handing over

    def hand_over(self, peer: int) -> None:
        """Let another replica lead as soon as it has the whole log.

        :raises ChangeRefused: it is no other voter.
        """
        if peer == self._node.id:
            self._handing_to = 0
            return
        if peer not in self._node.membership.voters:
            raise ChangeRefused(f"replica {peer} is no voter")
        self._handing_to, self._handing_since, self._told_to_stand = peer, self._ticks, False
        self._tell_to_stand()

    def _tell_to_stand(self) -> None:
        heir, log = self._handing_to, self._node.log
        if heir and not self._told_to_stand and self.feeding.peers[heir].match == log.last_index:
            self._told_to_stand = True
            self._node.send(heir, at_once=True, timeout_now=RaftTimeoutNow())

    def forwarded(self, data: Sequence[bytes]) -> None:
        """Take what a follower was asked to propose, as far as it may be taken: nobody waits for an answer."""
        for one in data:
            try:
                self.propose(one)
            except ProposalRefused:
                return
