"""Who takes part: voters decide, learners receive.

Rules of this file:

1. A membership is in force from the log entry on that holds it, committed or not; if the entry is replaced, the one
   before is in force again. (Ongaro's dissertation, section 4.1.)
2. Two memberships in succession differ in one member: then a majority of the one and a majority of the other share a
   voter. `check_step` is asked by the leader who proposes and by everybody who receives.
3. A member is a replica and the storage it has (its incarnation). A replica with another storage is not the member.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from google.protobuf.message import DecodeError

from coname.messages.raft_pb2 import (
    RAFT_MEMBERSHIP,
    RaftEntry,
    RaftMember,
    RaftMembership,
    RaftMembershipEntry,
    RaftSnapshot,
)
from coname.replication.raft.errors import ChangeRefused
from coname.replication.raft.settings import MOST_MEMBERS


@dataclass(frozen=True, slots=True)
class Membership:
    """The members, each with the incarnation of its storage; 0 where that is not known yet.

    :ivar voters: whose votes and acknowledgements count.
    :ivar learners: who receives the log, and neither votes nor counts.
    """

    voters: Mapping[int, int] = field(default_factory=dict)
    learners: Mapping[int, int] = field(default_factory=dict)

    def __contains__(self, member: int) -> bool:
        return member in self.voters or member in self.learners

    @property
    def ids(self) -> list[int]:
        """All members' ids, ascending."""
        return sorted([*self.voters, *self.learners])

    @property
    def majority(self) -> int:
        """How many voters decide."""
        return len(self.voters) // 2 + 1

    def incarnation(self, member: int) -> int:
        """Of a member's storage; 0 if it is not known, or there is no such member."""
        return self.voters.get(member) or self.learners.get(member, 0)

    def decided(self, members: Iterable[int]) -> bool:
        """Whether a majority of the voters is among `members`."""
        return bool(self.voters) and sum(member in self.voters for member in members) >= self.majority

    def agreed(self, acknowledged: Mapping[int, int]) -> int:
        """The greatest index that a majority of the voters has acknowledged; 0: none."""
        ranked = sorted((acknowledged.get(voter, 0) for voter in self.voters), reverse=True)
        return ranked[self.majority - 1] if ranked else 0


# changes


class ChangeKind(enum.Enum):
    """What may be done to a membership."""

    ADD_LEARNER = "add"
    PROMOTE = "promote"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """A step from one membership to the next.

    :ivar incarnation: of the new learner's storage.
    :ivar context: kept in the entry for whoever applies it, as the data of a normal entry.
    """

    kind: ChangeKind
    member: int
    incarnation: int = 0
    context: bytes = b""


def changed(current: Membership, change: Change) -> Membership:
    """The membership after a change.

    :raises ChangeRefused: it does not fit the current one.
    """
    return {
        ChangeKind.ADD_LEARNER: _with_learner,
        ChangeKind.PROMOTE: _with_promoted,
        ChangeKind.REMOVE: _with_removed,
    }[change.kind](current, change)


def _with_learner(current: Membership, change: Change) -> Membership:
    if not change.member or not change.incarnation:
        raise ChangeRefused("a member needs an id and an incarnation other than 0")
    if change.member in current:
        raise ChangeRefused(f"replica {change.member} is a member already")
    if len(current.ids) >= MOST_MEMBERS:
        raise ChangeRefused(f"there are {len(current.ids)} members; {MOST_MEMBERS} are the most")
    return Membership(current.voters, {**current.learners, change.member: change.incarnation})


def _with_promoted(current: Membership, change: Change) -> Membership:
    member = change.member
    if member not in current.learners:
        raise ChangeRefused(f"replica {member} is no learner")
    return Membership({**current.voters, member: current.learners[member]}, _without(current.learners, member))


def _with_removed(current: Membership, change: Change) -> Membership:
    member = change.member
    if member not in current:
        raise ChangeRefused(f"replica {member} is no member")
    if set(current.voters) == {member}:
        raise ChangeRefused(f"replica {member} is the last voter")
    return Membership(_without(current.voters, member), _without(current.learners, member))


def check_step(before: Membership, after: Membership) -> None:
    """Check that `after` may come next: one member more, one less, or one learner that votes now.

    :raises ChangeRefused: more than that changes, or nobody votes.
    """
    if not after.voters:
        raise ChangeRefused("a membership needs a voter")
    was = {(member, False) for member in before.voters} | {(member, True) for member in before.learners}
    now = {(member, False) for member in after.voters} | {(member, True) for member in after.learners}
    if len({member for member, _ in was ^ now}) > 1:
        raise ChangeRefused("memberships in succession differ in more than one member")
    if any(after.incarnation(member) != before.incarnation(member) for member in before.ids if member in after):
        raise ChangeRefused("a member's storage changed; it has to be removed first")


def _without(members: Mapping[int, int], member: int) -> dict[int, int]:
    return {other: incarnation for other, incarnation in members.items() if other != member}


# messages


def to_message(membership: Membership) -> RaftMembership:
    """As it is sent and stored."""
    members = [
        RaftMember(id=member, incarnation=membership.incarnation(member), learner=member in membership.learners)
        for member in membership.ids
    ]
    return RaftMembership(members=members)


def from_message(message: RaftMembership) -> Membership:
    """The membership that was sent or stored.

    :raises ChangeRefused: too many members, or an id that is 0 or there twice.
    """
    ids = {member.id for member in message.members}
    if len(ids) != len(message.members) or 0 in ids or len(ids) > MOST_MEMBERS:
        raise ChangeRefused("the list of members is malformed")
    return Membership(
        {member.id: member.incarnation for member in message.members if not member.learner},
        {member.id: member.incarnation for member in message.members if member.learner},
    )


def entry_data(membership: Membership, context: bytes = b"") -> bytes:
    """The data of a membership entry."""
    return RaftMembershipEntry(membership=to_message(membership), context=context).SerializeToString(deterministic=True)


def from_entry(entry: RaftEntry) -> Membership:
    """What a membership entry puts in force.

    :raises ChangeRefused: it is malformed.
    """
    try:
        return from_message(RaftMembershipEntry.FromString(entry.data).membership)
    except DecodeError:
        raise ChangeRefused(f"entry {entry.index} holds no membership") from None


def snapshot(index: int, term: int, membership: Membership) -> RaftSnapshot:
    """Where a log that was compacted up to `index` begins."""
    return RaftSnapshot(index=index, term=term, membership=to_message(membership))


class Memberships:
    """The memberships along a log.

    :ivar current: in force now, though it may not be committed.
    :ivar changed_at: the index of the entry that put it in force.
    """

    def __init__(self, start: RaftSnapshot) -> None:
        """:raises ChangeRefused: the stored membership is malformed."""
        self._history = [(start.index, from_message(start.membership))]

    @property
    def current(self) -> Membership:
        """In force now."""
        return self._history[-1][1]

    @property
    def changed_at(self) -> int:
        """The index of the entry that put the current one in force, or that of a snapshot since."""
        return self._history[-1][0]

    def at(self, index: int) -> Membership:
        """In force at an index that was not compacted."""
        return next(membership for changed_at, membership in reversed(self._history) if changed_at <= index)

    def check(self, before: int, entries: Sequence[RaftEntry]) -> None:
        """Check memberships that are to follow the entry `before`.

        :raises ChangeRefused: one is malformed, or may not follow the one before it.
        """
        found = [from_entry(entry) for entry in entries if entry.kind == RAFT_MEMBERSHIP]
        for earlier, later in pairwise([self.at(before), *found] if found else []):
            if earlier.ids:
                check_step(earlier, later)

    def appended(self, entries: Iterable[RaftEntry]) -> bool:
        """Put in force what new entries hold; whether there was anything."""
        found = [(entry.index, from_entry(entry)) for entry in entries if entry.kind == RAFT_MEMBERSHIP]
        self._history += found
        return bool(found)

    def truncated(self, first: int) -> bool:
        """The entries from `first` on are gone; whether that changed the membership."""
        before = len(self._history)
        self._history = [item for item in self._history if item[0] < first]
        return len(self._history) != before

    def compacted(self, index: int) -> None:
        """The entries up to `index` are gone, but what they put in force stays so."""
        membership = self.at(index)
        self._history = [(index, membership), *(item for item in self._history if item[0] > index)]
