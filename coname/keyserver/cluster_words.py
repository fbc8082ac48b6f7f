"""How the replicas of a realm are shown to people, on whichever way they asked."""

from __future__ import annotations

from collections.abc import Iterator

from coname.messages.cluster_pb2 import ClusterMember, ClusterStatus
from coname.messages.stored_pb2 import ENTERING, JOINING, LEARNER, LEAVING, VOTER

ROLES = {VOTER: "voter", LEARNER: "learner", JOINING: "joining", ENTERING: "entering", LEAVING: "leaving"}
"""As people read them."""

COLUMNS = ("replica", "role", "address", "connected", "behind", "")


def rows(status: ClusterStatus) -> Iterator[tuple[str, ...]]:
    """A row of `COLUMNS` for each replica."""
    for member in status.members:
        yield (
            f"{member.replica.id:016x}",
            ROLES.get(member.role, str(member.role)),
            member.replica.raft_addr,
            _connected(status, member),
            _behind(member),
            "leader" if member.replica.id == status.leader else "",
        )


def _connected(status: ClusterStatus, member: ClusterMember) -> str:
    if member.replica.id == status.answered_by:
        return "asked"
    return "?" if not member.known else "yes" if member.connected else "no"


def _behind(member: ClusterMember) -> str:
    if not member.known or member.behind < 0:
        return "-"
    return "waits" if not member.in_log else str(member.behind)


def member_of(status: ClusterStatus, replica: int) -> ClusterMember | None:
    """The replica of that id, if there is one."""
    return next((member for member in status.members if member.replica.id == replica), None)


def progress(status: ClusterStatus, replica: int) -> str:
    """In a few words, how far a change of that replica is."""
    member = member_of(status, replica)
    if member is None:
        return "is no replica any more"
    if member.role in (LEARNER, JOINING) and not member.in_log:
        if not member.connected:
            return "is known to all; it is not connected yet: is it running?"
        return "is connected, and about to get the log"
    if member.role == JOINING:
        return f"gets what it lacks, {member.behind} entries" if member.behind >= 0 else "gets what it lacks"
    if member.role == ENTERING:
        return "has caught up; the next epoch announces that it signs"
    if member.role == LEAVING:
        return "is leaving; the next epoch announces that it signs no more"
    return f"is a {ROLES[member.role]}"


def remarks(status: ClusterStatus) -> Iterator[str]:
    """What is going on, and what to look at: a sentence each."""
    if status.standing:
        yield f"This replica does not take part: {status.standing}"
        return
    if not status.leader:
        yield "There is no leader at the moment: nothing is taken into the log."
    for member in status.members:
        if member.role in (JOINING, ENTERING, LEAVING):
            yield f"{member.replica.id:016x} {progress(status, member.replica.id)}"
    voters = [member for member in status.members if member.role == VOTER]
    away = sum(member.known and not member.connected for member in voters)
    if 2 * (len(voters) - away) <= len(voters):
        yield "Too few of the voters are connected: nothing can be changed until one is back."
    elif away and 2 * (len(voters) - away - 1) <= len(voters):
        yield "If one more of the voters is lost, nothing can be changed until one is back."
