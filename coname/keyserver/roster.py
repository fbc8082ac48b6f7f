"""What the leader does next so that those who keep the log are those who are replicas of the realm. Pure.

The replicated state says who is a replica, and in which role (`coname.keyserver.membership`); the log has members of
its own. The two are brought together one step at a time, each decided anew from how things stand, so that whoever
leads next goes on where the one before ended:

==================================  ================================================================================
in the state                        what the leader does
==================================  ================================================================================
JOINING or more, not in the log     lets it receive the log, once it is there
JOINING, has caught up              proposes that it is to sign
ENTERING, and that is announced     lets it vote, with the delimiter of the next epoch in the same entry of the log
LEAVING, and that is announced      lets it take part no more, likewise
LEAVING, and leads itself           hands over first
gone, but in the log                lets it take part no more
signs, but does not vote            lets it vote: another delimiter came first
==================================  ================================================================================

That log and signing policy change at the same entry is for people to follow what happens; nothing relies on it. A
majority of the one and a majority of the other mostly share replicas, and neither can go on for long without its own.
"""

from __future__ import annotations

import enum
from collections.abc import Container, Mapping
from dataclasses import dataclass

from coname.interfaces import LogMember
from coname.messages.stored_pb2 import ENTERING, JOINING, LEAVING, VOTER, ReplicaRole


class Action(enum.Enum):
    """What the leader does."""

    ADMIT = "let in"
    PROMOTE = "let vote"
    EXPEL = "let go"
    PROPOSE = "propose that it is to sign"
    HAND_OVER = "hand over"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and to whom."""

    action: Action
    replica: int


@dataclass(frozen=True, slots=True)
class Situation:
    """How things stand, as the leader sees it. The state must be as new as the log's membership.

    :ivar own: the leader's id.
    :ivar roles: of all replicas, by the state. :ivar members: by id, as the log has them.
    :ivar announced: the newest epoch is ratified, and its head announces the change that is under way.
    :ivar caught_up: which of them have had nearly all of the log for a while.
    """

    own: int
    roles: Mapping[int, ReplicaRole]
    members: Mapping[int, LogMember]
    announced: bool
    caught_up: Container[int]


def next_step(now: Situation) -> Step | None:
    """What to do now, if there is anything, without waiting for a delimiter."""
    if now.roles.get(now.own, LEAVING) == LEAVING:
        return Step(Action.HAND_OVER, now.own)
    gone = (one for one, member in now.members.items() if member.votes is not None and one not in now.roles)
    for replica in gone:
        return Step(Action.EXPEL, replica)
    for replica, role in now.roles.items():
        member = now.members.get(replica)
        step = None if member is None or replica == now.own else _next_of(now, member, role)
        if step is not None:
            return Step(step, replica)
    return None


def _next_of(now: Situation, member: LogMember, role: ReplicaRole) -> Action | None:
    if member.votes is None:
        return Action.ADMIT if member.present and member.connected else None
    if member.votes:
        return None
    if member.strange and member.connected:
        return Action.EXPEL  # a learner that lost its storage: it is let in again with the one that it has now
    if role == VOTER:
        return Action.PROMOTE
    if role == JOINING and member.replica in now.caught_up and not _changing(now):
        return Action.PROPOSE
    return None


def step_with_delimiter(now: Situation) -> Step | None:
    """What is to be done in the same entry as the next delimiter, if there is anything."""
    if not now.announced:
        return None
    for replica, role in now.roles.items():
        member = now.members.get(replica)
        if member is None or member.votes is None:
            continue
        if role == ENTERING and not member.votes:
            return Step(Action.PROMOTE, replica)
        if role == LEAVING and replica != now.own:
            return Step(Action.EXPEL, replica)
    return None


def _changing(now: Situation) -> bool:
    return any(role in (ENTERING, LEAVING) for role in now.roles.values())
