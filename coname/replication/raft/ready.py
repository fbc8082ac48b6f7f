"""What the core asks its driver to do."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from coname.messages.raft_pb2 import RaftEntry, RaftHardState, RaftMessage, RaftSnapshot


class Role(enum.Enum):
    """What a replica does at the moment. Learners are followers."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True, slots=True)
class SoftState:
    """What is worth telling, and need not be stored.

    :ivar leader: the leader's id; 0: unknown.
    :ivar restored: why this replica was found to be restored from a backup; from then on it does nothing.
    """

    role: Role
    leader: int
    term: int
    restored: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """What is to be done, by a driver that takes one after another and keeps their order.

    1. At once, if it likes before anything is written: send `messages`.
    2. Write `hard_state` and `entries`, in one batch; synced if `must_sync`. Entries replace everything stored from
       the index of the first one on.
    3. When all that had to be synced in this and every earlier `Ready` is durable: send `messages_after`, and call
       `Core.stored` with `number`. (If nothing has to be synced, now or earlier, that is at once.)
    4. In any order with those: apply `committed`, send snapshots to `snapshots`.
    5. When this and every earlier `Ready` is written and its entries are applied or will never be: `install`.

    Further ones may be taken before the writing of this one is done. Messages may be lost, doubled and overtake each
    other; that costs time, nothing else.

    `messages` hold only what a leader sends: appends and heartbeats. Its term was durable before it was elected, and
    its own copy of the entries counts for their commitment only once it is durable. So what leaves early promises
    nothing that a crash could take back.

    :ivar number: ascending, from 1.
    :ivar hard_state: None if it is as it was.
    :ivar must_sync: without it, the write may wait for the next one that is synced.
    :ivar committed: the next entries to apply, in order, each delivered once; they are stored here.
    :ivar install: a snapshot that has arrived: make it the database and the log's beginning, then call
        `Core.installed`. Until then nothing else is appended here.
    :ivar snapshots: peers that need what the log no longer has. Send each a snapshot of the database, then the message
        `Core.snapshot_message`, and report with `Core.snapshot_sent`.
    :ivar soft: None if it is as it was.
    """

    number: int
    hard_state: RaftHardState | None = None
    entries: Sequence[RaftEntry] = ()
    must_sync: bool = False
    messages: Sequence[RaftMessage] = ()
    messages_after: Sequence[RaftMessage] = ()
    committed: Sequence[RaftEntry] = ()
    install: RaftSnapshot | None = None
    snapshots: Sequence[int] = ()
    soft: SoftState | None = field(default=None)
