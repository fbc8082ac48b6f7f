"""What the core reads of the disk. It never writes: a `Ready` says what is to be written.

What is stored, under an order of writes that a crash respects (a later write survives only with all earlier ones):

- the hard state,
- the entries of the log, without gaps,
- the snapshot's place: the index and term of the last entry before those, and the membership at that index. The
  database holds at least the effects of everything up to there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from coname.messages.raft_pb2 import RAFT_MEMBERSHIP, RaftEntry, RaftHardState, RaftSnapshot
from coname.replication.raft.membership import Membership, entry_data

FIRST_TERM = 1
"""The term of the first entry, which nobody was elected for: it says who takes part."""


class IRaftStorage(Protocol):
    """A replica's stored log. All methods answer at once, and show at least all that `Core.stored`, `Core.compacted`
    and `Core.installed` were told of; of what is being written, as much as they like.

    All raise `coname.errors.Corrupt` if what is stored is damaged or missing.
    """

    def hard_state(self) -> RaftHardState:
        """What was stored last; an empty message if nothing was. Asked when a core is made."""

    def snapshot(self) -> RaftSnapshot:
        """Where the log begins: after this index. An empty message if nothing was ever compacted or installed.
        Asked when a core is made."""

    def last_index(self) -> int:
        """Of the newest entry; the snapshot's index if there is none. Asked when a core is made."""

    def term(self, index: int) -> int:
        """Of the stored entry at `index`, which is after the snapshot."""

    def entries(self, first: int, end: int, most_bytes: int) -> Sequence[RaftEntry]:
        """The stored entries from `first` up to before `end`, at least one, and no more after `most_bytes` of data."""


def bootstrap(membership: Membership) -> tuple[RaftHardState, RaftEntry]:
    """What the storage of each first replica of a realm holds, the same in all of them: one committed entry that says
    who takes part. A replica that joins later begins with nothing at all."""
    entry = RaftEntry(term=FIRST_TERM, index=1, kind=RAFT_MEMBERSHIP, data=entry_data(membership))
    return RaftHardState(term=FIRST_TERM, committed=1), entry
