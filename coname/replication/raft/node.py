"""What a replica is at the moment, and the moves that all its roles share.

Rules of this file:

1. Term and vote change here only, and never back: a newer term has no vote.
2. Who becomes a follower leads no longer: nothing of the leadership is left.
3. Every message names sender, storage and term, and reminds the recipient of what it once said: whoever sends cannot
   know in which life it will be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.messages.raft_pb2 import RaftHardState, RaftMessage, RaftSnapshot
from coname.replication.raft.log import RaftLog
from coname.replication.raft.membership import Membership, Memberships
from coname.replication.raft.ready import Role, SoftState
from coname.replication.raft.recollection import OwnWord, Recollections
from coname.replication.raft.settings import Settings

if TYPE_CHECKING:
    import random

    from coname.replication.raft.leadership import Leadership


class Node:
    """See the module. Everybody in this package may read all of it.

    :ivar quiet: ticks since a leader was heard, a vote granted, or a candidacy begun.
    :ivar leadership: not None exactly while this replica is the leader.
    :ivar confirmed: enough others have been asked what they remember; this replica may vote.
    :ivar installing: a snapshot that the driver was, or is to be, asked to install.
    :ivar restored: why this replica is at its end, or None.
    """

    def __init__(
        self,
        settings: Settings,
        log: RaftLog,
        memberships: Memberships,
        hard_state: RaftHardState,
        random: random.Random,
    ) -> None:
        self.settings = settings
        self.id = settings.id
        self.log = log
        self.memberships = memberships
        self._random = random
        self.term = hard_state.term
        self.vote = hard_state.vote
        self.recollections = Recollections(hard_state.witnesses)
        self.own_word = OwnWord(hard_state.term, log.last_index)
        self.role = Role.FOLLOWER
        self.leader = 0
        self.leadership: Leadership | None = None
        self.confirmed = False
        self.installing: RaftSnapshot | None = None
        self.restored: str | None = None
        self.messages: list[RaftMessage] = []
        self.messages_after: list[RaftMessage] = []
        self.snapshots: list[int] = []
        self.restart_timer()

    @property
    def membership(self) -> Membership:
        """Who takes part now."""
        return self.memberships.current

    @property
    def leased(self) -> bool:
        """Whether a leader was heard so lately that no other candidate is listened to."""
        return self.leader != 0 and self.quiet < self.settings.election_ticks

    def soft_state(self) -> SoftState:
        """As it is now."""
        return SoftState(self.role, self.leader, self.term, self.restored)

    def restart_timer(self) -> None:
        """Wait again for a leader, for a time that differs from the others'."""
        self.quiet = 0
        self.timeout = self._random.randrange(self.settings.election_ticks, 2 * self.settings.election_ticks)

    def hasten_timer(self) -> None:
        """Wait for half of the shortest time at most, and still for one that differs from the others'."""
        self.quiet = 0
        self.timeout = self._random.randint(1, max(2, self.settings.election_ticks // 2))

    def follow(self, term: int, leader: int = 0) -> None:
        """Be a follower, in this term or a newer one."""
        self.enter(term)
        self.role = Role.FOLLOWER
        self.leadership = None
        self.snapshots.clear()
        if leader != self.leader:
            self.leader = leader
            self.restart_timer()

    def enter(self, term: int) -> None:
        """Be in a term, which has no vote yet if it is a newer one."""
        if term > self.term:
            self.term = term
            self.vote = 0
            self.own_word.entered(term)

    def expected(self, peer: int) -> int:
        """The incarnation of the storage that a peer must have; 0: none is known yet."""
        return self.membership.incarnation(peer) or self.recollections.incarnation(peer)

    def send(self, to: int, *, at_once: bool = False, **body: object) -> None:
        """Put a message into the next `Ready`.

        :param at_once: it may leave before anything is written; only leaders do that.
        """
        message = RaftMessage(
            sender=self.id,
            recipient=to,
            incarnation=self.settings.incarnation,
            term=self.term,
            recollection=self.recollections.of(to),
            **body,  # type: ignore[arg-type]
        )
        (self.messages if at_once else self.messages_after).append(message)
