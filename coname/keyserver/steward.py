"""Keeps the log's members and the realm's replicas the same: `coname.keyserver.roster`, with a clock.

Rules of this file:

1. The log is told who the replicas are, and where each is reached, whenever the state says something new about it.
2. Only a leader whose state is as new as the log's membership does anything about the members.
3. A delimiter that a change is to go along with waits for it, but not for long: epochs are closed in any case.
4. A replica that does not take part says so once, and takes no updates for as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from coname.errors import Refused, Unavailable
from coname.interfaces import ILogMembership, ILogReplicator, LogMember, LogStanding
from coname.keyserver import membership
from coname.keyserver.cluster_words import ROLES
from coname.keyserver.roster import Action, Situation, Step, next_step, step_with_delimiter
from coname.messages.config_pb2 import Replica
from coname.messages.stored_pb2 import ReplicaRecord, ReplicaState

LOOK_SECONDS = 0.25
"""Between two looks at the members. A look costs microseconds."""

CAUGHT_UP_ENTRIES = 1000
"""A learner that lacks no more has caught up: at the highest rates, that is what is under way to everybody."""

CAUGHT_UP_SECONDS = 1.0
"""For so long, without a break."""

HAND_OVER_SECONDS = 2.0
"""Until handing over is tried again: one attempt takes up to an election's timeout."""

SAY_SECONDS = 1.0
"""Between two lines in the log about why this replica does not take part."""

PATIENCE_SECONDS = 3.0
"""How long a delimiter waits for the change that is to go along with it."""


class Owner(Protocol):
    """The replica whose members these are."""

    @property
    def state(self) -> ReplicaState:
        """Where the durable state stands."""

    def propose_promotion(self, replica: int) -> None:
        """Propose that a learner is to sign."""

    def standing_changed(self, takes_part: bool) -> None:
        """Whether this replica takes part has changed."""


class Steward:
    """See the module.

    :param own: this replica's id. :param configured: who the replicas are until the first change.
    :ivar why_not: why this replica does not take part; empty: it does.
    """

    _log = Logger()

    def __init__(
        self, own: int, configured: tuple[Replica, ...], log: ILogReplicator, clock: IReactorTime, owner: Owner
    ) -> None:
        self.own = own
        self.why_not = ""
        self._configured = configured
        self._replicator = log
        self.members: ILogMembership | None = ILogMembership(log, None)
        self._clock = clock
        self._owner = owner
        self._told: list[ReplicaRecord] = []
        self._near_since: dict[int, float] = {}
        self._handed_over_at = self._proposed_at = float("-inf")
        self._held_since: float | None = None
        self._standing = LogStanding.MEMBER
        self._said = ""
        self._said_at = float("-inf")
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    # life

    def tell(self) -> None:
        """Let the log know of replicas that are new, or have gone; also before it is started."""
        state = self._owner.state
        if self.members is None or not state.replicas or list(state.replicas) == self._told:
            return
        self._say_who(state)
        self._told = list(state.replicas)
        places = {record.replica.id: record.replica.raft_addr for record in self._told}
        self.members.setPeers(state.applied_index, places)

    def _say_who(self, state: ReplicaState) -> None:
        """Each replica logs each change: whoever runs one sees what was done at another."""
        roles = [f"{record.replica.id:016x} {ROLES.get(record.role, record.role)}" for record in state.replicas]
        self._log.info("Replicas as of entry {index}: {roles}", index=state.applied_index, roles=", ".join(roles))

    def start(self) -> None:
        """Look at the members from now on."""
        if self.members is not None:
            looking = self._looking.start(LOOK_SECONDS, now=False)
            looking.addErrback(lambda failure: self._log.failure("Nobody looks at the members", failure=failure))

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    # what others ask

    @property
    def records(self) -> list[ReplicaRecord]:
        """The replicas, by the state."""
        return list(membership.replicas(self._owner.state, self._configured))

    @property
    def under_way(self) -> bool:
        """Whether somebody is entering or leaving: epochs are to follow soon."""
        return membership.changing(self._owner.state.replicas) is not None

    def take_along(self, delimiter: bytes) -> bool:
        """Append a delimiter along with the change that is due with it.

        :param delimiter: the log entry that holds it.
        :returns: False if it is to be proposed alone.
        :raises Unavailable: not at the moment; try again soon.
        """
        now = self._situation()
        step = None if now is None else step_with_delimiter(now)
        if step is None:
            self._held_since = None
            return False
        try:
            self._do(step, delimiter)
        except (Refused, Unavailable) as error:
            return self._held(error)
        self._held_since = None
        return True

    def _held(self, error: Refused | Unavailable) -> bool:
        seconds = self._clock.seconds()
        self._held_since = seconds if self._held_since is None else self._held_since
        if seconds - self._held_since < PATIENCE_SECONDS:
            raise Unavailable(str(error))
        self._log.warn("The epoch is closed without the change of members: {error}", error=error)
        self._held_since = None
        return False

    # looking

    def _look(self) -> None:
        if self.members is None:
            return
        self._look_at_standing(self.members)
        now = self._situation()
        step = None if now is None else next_step(now)
        if step is None:
            return
        try:
            self._do(step, b"")
        except (Refused, Unavailable) as error:
            self._log.debug("Not yet: {step}: {error}", step=step, error=error)

    def _look_at_standing(self, members: ILogMembership) -> None:
        standing, self.why_not = members.standing()
        gone = self._told and all(record.replica.id != self.own for record in self._told)
        if standing is LogStanding.MEMBER and gone:
            standing, self.why_not = LogStanding.REMOVED, "the replicas have removed this one, as the log says"
        self._say(standing)
        if standing is not self._standing:
            self._standing = standing
            self._owner.standing_changed(standing is LogStanding.MEMBER)

    def _say(self, standing: LogStanding) -> None:
        """Log what has changed about it; not each of a rapid sequence of reasons."""
        seconds, words = self._clock.seconds(), f"This replica {standing.value}: {self.why_not}".rstrip(": ")
        if words == self._said or (standing is self._standing and seconds - self._said_at < SAY_SECONDS):
            return
        if self._said or standing is not LogStanding.MEMBER:
            self._log.warn("{words}", words=words)
        self._said, self._said_at = words, seconds

    def _situation(self) -> Situation | None:
        """How things stand; None: there is nothing for this replica to do, or it cannot know."""
        members, state = self.members, self._owner.state
        if members is None or not self._replicator.leading or not state.replicas:
            self._near_since.clear()
            return None
        if members.changedAt() > state.applied_index:
            return None
        known = {member.replica: member for member in members.members()}
        announced = 0 < state.announced_epoch == state.closed_epoch == state.ratified_epoch
        return Situation(
            own=self.own,
            roles={record.replica.id: record.role for record in state.replicas},
            members=known,
            announced=announced and self.under_way,
            caught_up=self._caught_up(known),
        )

    def _caught_up(self, members: Mapping[int, LogMember]) -> frozenset[int]:
        seconds = self._clock.seconds()
        near = {
            replica
            for replica, member in members.items()
            if member.connected and member.behind is not None and member.behind < CAUGHT_UP_ENTRIES
        }
        self._near_since = {replica: self._near_since.get(replica, seconds) for replica in near}
        return frozenset(one for one, since in self._near_since.items() if seconds - since >= CAUGHT_UP_SECONDS)

    # doing

    def _do(self, step: Step, data: bytes) -> None:
        members = self.members
        if members is None:
            return
        do: Mapping[Action, Callable[[], None]] = {
            Action.ADMIT: lambda: members.admit(step.replica),
            Action.PROMOTE: lambda: members.promote(step.replica, data),
            Action.EXPEL: lambda: members.expel(step.replica, data),
            Action.PROPOSE: lambda: self._propose(step.replica),
            Action.HAND_OVER: lambda: self._hand_over(members),
        }
        do[step.action]()

    def _propose(self, replica: int) -> None:
        if self._clock.seconds() - self._proposed_at >= HAND_OVER_SECONDS:
            self._proposed_at = self._clock.seconds()
            self._log.info("Replica {replica:x} has caught up: it is to sign", replica=replica)
            self._owner.propose_promotion(replica)

    def _hand_over(self, members: ILogMembership) -> None:
        if self._clock.seconds() - self._handed_over_at >= HAND_OVER_SECONDS:
            self._handed_over_at = self._clock.seconds()
            members.handOver()
