"""Raft: several replicas agree on one log. Pure: no network, no disk, no clock, no randomness of its own.

`Core` is one replica's part. Whoever drives it calls, one at a time:

- `Core.tick` at even intervals,
- `Core.receive` with each message from another replica,
- `Core.propose`, `propose_membership`, `transfer_leadership`, `report_unreachable`,

and after any of them, while `Core.has_ready`, takes a `Ready` and does what it says, in the order that is described
there: write, then send what depends on it, then report with `Core.stored`; apply what is committed; carry snapshots.
A simple driver does one after the other; a fast one sends `messages` at once and takes the next `Ready` while the
write is going on.

**Storage** (`IRaftStorage`) is what the driver has written, as the core reads it. A new realm's replicas each begin
with what `bootstrap` returns; a replica that joins begins with nothing, and is added as a learner by the others. Its
identity, `Settings.incarnation`, is drawn with the storage and lives as long as it: copying a storage to another
machine keeps it, emptying it ends it. `Settings.session` is drawn at each start.

**Log indices** begin at 1. Entries of the kinds `RAFT_MEMBERSHIP` and `RAFT_EMPTY` are delivered like all others, so
that nobody has to deal with gaps; the data of a membership entry is a `RaftMembershipEntry`, with the proposer's
`context`.

**Compaction** is the driver's decision: `Core.describe(index)` gives what to store in place of the entries up to
there, in one batch with their removal; then `Core.compacted`. Entries that were not applied durably must not go.

**Snapshots** are the driver's too, but for the question who needs one: `Ready.snapshots`. The driver takes a snapshot
of the database as of some applied index, at or after the log's beginning, and sends the bytes by its own means. When
all are there and checked, it delivers `Core.snapshot_message` to the peer's core; the peer's `Ready.install` says that
it is wanted. Until it is installed, atomically and durably, and `Core.installed` called, the peer takes no entries,
but goes on voting; a crash before that leaves the old state, one after it the new one. The leader calls
`Core.snapshot_sent` in any case.

**Membership** changes by one member at a time, `Change`; a learner first, then promoted. It is in force as soon as it
is appended. `Core.membership_committed` says when it can no longer be taken back.

**A replica that finds itself restored from a backup** (see `recollection`) says so in `SoftState.restored`; from then
on, it does nothing. The driver stops and tells the operator.

**Errors**: `MessageRefused` (count it, go on), `ProposalRefused`, `ChangeRefused`, `coname.errors.TooLarge`, and
`coname.errors.Corrupt`, after which the core must not be used again.

====================  =================================================================================================
`core`                the door: everything that goes in and comes out
`dispatch`, `checks`  what is done with a message, and what is refused
`node`                term, vote, role: what all parts share
`elections`           candidacies and votes
`leadership`          a leader's term: proposals, commitment, handing over
`feeding`,            how a leader brings its log to the others, and what it knows of each
`progress`
`following`           what a follower does at its leader's word
`roll_call`,          how a replica that was restored from a backup is recognised
`recollection`
`log`, `storage`      the entries, in memory and on disk
`membership`          who takes part, and since which entry
`output`, `ready`     what is to be done
====================  =================================================================================================
"""

from coname.replication.raft.core import Core
from coname.replication.raft.errors import ChangeRefused, MessageRefused, ProposalRefused
from coname.replication.raft.membership import Change, ChangeKind, Membership
from coname.replication.raft.progress import Feed, Progress
from coname.replication.raft.ready import Ready, Role, SoftState
from coname.replication.raft.settings import Settings
from coname.replication.raft.storage import IRaftStorage, bootstrap

__all__ = [
    "Change",
    "ChangeKind",
    "ChangeRefused",
    "Core",
    "Feed",
    "IRaftStorage",
    "Membership",
    "MessageRefused",
    "Progress",
    "ProposalRefused",
    "Ready",
    "Role",
    "Settings",
    "SoftState",
    "bootstrap",
]
