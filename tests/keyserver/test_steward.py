"""Log and state brought together over time, told to people, and never in the way of the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from coname.errors import Refused, Unavailable
from coname.interfaces import ILogMembership, LogMember, LogStanding
from coname.keyserver.steward import (
    CAUGHT_UP_ENTRIES,
    CAUGHT_UP_SECONDS,
    LOOK_SECONDS,
    PATIENCE_SECONDS,
    Steward,
)
from coname.messages.config_pb2 import Replica
from coname.messages.stored_pb2 import ENTERING, JOINING, LEAVING, VOTER, ReplicaRecord, ReplicaRole, ReplicaState

OWN, OTHER, NEW = 1, 2, 3


@implementer(ILogMembership)
class Log:
    """Notes what it is asked to do.

    :ivar done: that; :ivar refuses: whether it is not possible.
    """

    def __init__(self) -> None:
        self.leading = True
        self.known: dict[int, LogMember] = {}
        self.now = LogStanding.MEMBER, ""
        self.changed_at = 0
        self.refuses = False
        self.done: list[tuple[Any, ...]] = []
        self.peers: list[tuple[int, dict[int, str]]] = []

    def setPeers(self, index: int, places: Mapping[int, str]) -> None:
        self.peers.append((index, dict(places)))

    def members(self) -> Sequence[LogMember]:
        return list(self.known.values())

    def leader(self) -> int:
        return OWN

    def changedAt(self) -> int:
        return self.changed_at

    def standing(self) -> tuple[LogStanding, str]:
        return self.now

    def admit(self, replica: int) -> None:
        self._do("admit", replica)

    def promote(self, replica: int, data: bytes) -> None:
        self._do("promote", replica, data)

    def expel(self, replica: int, data: bytes) -> None:
        self._do("expel", replica, data)

    def handOver(self) -> None:
        self._do("hand over")

    def onRequest(self, answer: object) -> None:
        """Nobody asks."""

    def _do(self, *what: object) -> None:
        if self.refuses:
            raise Refused("not now")
        self.done.append(what)


class StewardCase(SynchronousTestCase):
    """:ivar state: the replica's. :ivar promoted: whom it proposed to promote. :ivar standing: as it was told."""

    def setUp(self) -> None:
        self.clock, self.log = Clock(), Log()
        self.state = ReplicaState(applied_index=10, closed_epoch=4, ratified_epoch=4)
        self.promoted: list[int] = []
        self.standings: list[bool] = []
        self.steward = Steward(OWN, (Replica(id=OWN),), self.log, self.clock, self)  # type: ignore[arg-type]
        self.steward.start()
        self.addCleanup(self.steward.stop)

    def propose_promotion(self, replica: int) -> None:
        self.promoted.append(replica)

    def standing_changed(self, takes_part: bool) -> None:
        self.standings.append(takes_part)

    def become(self, roles: dict[int, ReplicaRole]) -> None:
        del self.state.replicas[:]
        for replica, role in roles.items():
            place = Replica(id=replica, raft_addr=f"host{replica}:1")
            self.state.replicas.append(ReplicaRecord(replica=place, role=role))
        self.state.applied_index += 1
        self.steward.tell()

    def has(self, replica: int, votes: bool | None, behind: int = 0, connected: bool = True) -> None:
        self.log.known[replica] = LogMember(replica, votes, connected, behind, True)

    def look(self, seconds: float = LOOK_SECONDS) -> None:
        self.clock.pump([LOOK_SECONDS] * round(seconds / LOOK_SECONDS))


class PeersTests(StewardCase):
    def test_the_log_is_told_of_changes_and_of_nothing_else(self) -> None:
        self.steward.tell()
        self.assertEqual(self.log.peers, [])
        self.become({OWN: VOTER, NEW: JOINING})
        self.state.applied_index += 5
        self.steward.tell()
        self.assertEqual(self.log.peers, [(11, {OWN: "host1:1", NEW: "host3:1"})])
        self.become({OWN: VOTER})
        self.assertEqual(self.log.peers[1:], [(17, {OWN: "host1:1"})])

    def test_whoever_runs_a_replica_sees_each_change(self) -> None:
        with capturedLogs() as events:
            self.become({OWN: VOTER, NEW: JOINING})
            self.steward.tell()
        (line,) = [formatEvent(event) for event in events]
        self.assertEqual(line, f"Replicas as of entry 11: {OWN:016x} voter, {NEW:016x} joining")


class LookingTests(StewardCase):
    def setUp(self) -> None:
        super().setUp()
        self.has(OWN, True)
        self.has(OTHER, True)

    def test_nothing_where_nothing_was_ever_changed(self) -> None:
        self.has(NEW, None)
        self.look(5)
        self.assertEqual(self.log.done, [])

    def test_a_new_one_is_let_in(self) -> None:
        self.become({OWN: VOTER, OTHER: VOTER, NEW: JOINING})
        self.has(NEW, None)
        self.look()
        self.assertEqual(self.log.done, [("admit", NEW)])

    def test_only_by_the_leader(self) -> None:
        self.log.leading = False
        self.test_nothing_where_nothing_was_ever_changed()
        self.become({OWN: VOTER, OTHER: VOTER, NEW: JOINING})
        self.look(5)
        self.assertEqual(self.log.done, [])

    def test_only_with_a_state_as_new_as_the_membership(self) -> None:
        self.become({OWN: VOTER, OTHER: VOTER})
        self.has(NEW, False)  # by an entry that this replica has still to apply
        self.log.changed_at = self.state.applied_index + 1
        self.look(5)
        self.assertEqual(self.log.done, [])
        self.log.changed_at = self.state.applied_index
        self.look()
        self.assertEqual(self.log.done, [("expel", NEW, b"")])

    def test_what_is_not_possible_is_tried_again(self) -> None:
        self.become({OWN: VOTER, OTHER: VOTER})
        self.has(NEW, False)
        self.log.refuses = True
        self.look(5)
        self.log.refuses = False
        self.look()
        self.assertEqual(self.log.done, [("expel", NEW, b"")])

    def test_who_is_near_for_a_while_has_caught_up(self) -> None:
        self.become({OWN: VOTER, OTHER: VOTER, NEW: JOINING})
        self.has(NEW, False, behind=CAUGHT_UP_ENTRIES - 1)
        self.look(CAUGHT_UP_SECONDS)
        self.assertEqual(self.promoted, [])
        self.look()
        self.assertEqual(self.promoted, [NEW])

    def test_not_with_a_break_in_between(self) -> None:
        self.become({OWN: VOTER, OTHER: VOTER, NEW: JOINING})
        for _ in range(10):
            self.has(NEW, False)
            self.look(CAUGHT_UP_SECONDS)
            self.has(NEW, False, connected=False)
            self.look()
        self.assertEqual(self.promoted, [])

    def test_nor_who_is_far_behind(self) -> None:
        self.become({OWN: VOTER, OTHER: VOTER, NEW: JOINING})
        self.has(NEW, False, behind=CAUGHT_UP_ENTRIES)
        self.look(10 * CAUGHT_UP_SECONDS)
        self.assertEqual(self.promoted, [])

    def test_the_proposal_is_made_again_but_not_all_the_time(self) -> None:
        self.become({OWN: VOTER, OTHER: VOTER, NEW: JOINING})
        self.has(NEW, False)
        self.look(10)
        self.assertIn(len(self.promoted), range(3, 7))

    def test_a_leader_that_leaves_hands_over_and_gives_that_time(self) -> None:
        self.become({OWN: LEAVING, OTHER: VOTER})
        self.look(10)
        self.assertIn(self.log.done.count(("hand over",)), range(3, 7))


class DelimiterTests(StewardCase):
    def setUp(self) -> None:
        super().setUp()
        self.has(OWN, True)
        self.has(NEW, False)
        self.become({OWN: VOTER, NEW: ENTERING})

    def test_before_it_is_announced_a_delimiter_is_nothing_special(self) -> None:
        self.assertFalse(self.steward.take_along(b"delimiter"))

    def test_once_it_is_the_delimiter_goes_along(self) -> None:
        self.state.announced_epoch = 4
        self.assertTrue(self.steward.take_along(b"delimiter"))
        self.assertEqual(self.log.done, [("promote", NEW, b"delimiter")])

    def test_not_before_that_epoch_is_ratified(self) -> None:
        self.state.announced_epoch = self.state.closed_epoch = 5
        self.assertFalse(self.steward.take_along(b"delimiter"))

    def test_not_with_an_announcement_of_long_ago(self) -> None:
        self.state.announced_epoch = 3
        self.assertFalse(self.steward.take_along(b"delimiter"))

    def test_it_waits_for_the_change_but_not_for_ever(self) -> None:
        self.state.announced_epoch = 4
        self.log.refuses = True
        with self.assertRaises(Unavailable):
            self.steward.take_along(b"delimiter")
        self.clock.advance(PATIENCE_SECONDS)
        self.assertFalse(self.steward.take_along(b"delimiter"))

    def test_epochs_are_to_follow_soon_while_a_change_is_under_way(self) -> None:
        self.assertTrue(self.steward.under_way)
        self.become({OWN: VOTER, NEW: VOTER})
        self.assertFalse(self.steward.under_way)


class StandingTests(StewardCase):
    def test_a_replica_that_was_removed_takes_no_updates_until_it_is_back(self) -> None:
        self.log.now = LogStanding.REMOVED, "they say so"
        self.look()
        self.assertEqual((self.steward.why_not, self.standings), ("they say so", [False]))
        self.log.now = LogStanding.MEMBER, ""
        self.look(5)
        self.assertEqual((self.steward.why_not, self.standings), ("", [False, True]))

    def test_one_that_its_own_state_has_removed(self) -> None:
        self.become({OTHER: VOTER})
        self.look()
        self.assertEqual(self.standings, [False])
        self.assertIn("as the log says", self.steward.why_not)

    def test_one_that_takes_part_says_nothing(self) -> None:
        self.look(5)
        self.assertEqual(self.standings, [])


class NoMembershipTests(SynchronousTestCase):
    def test_a_log_of_one_replica_needs_none_of_it(self) -> None:
        from twisted.internet.defer import succeed

        from coname.replication.single import SingleLog
        from coname.storage.memory import MemoryStore

        class Owner:
            state = ReplicaState()

        clock = Clock()
        log = SingleLog(MemoryStore(), lambda function, *arguments: succeed(function(*arguments)))
        steward = Steward(OWN, (Replica(id=OWN),), log, clock, Owner())  # type: ignore[arg-type]
        steward.tell()
        steward.start()
        self.assertEqual(clock.getDelayedCalls(), [])
        self.assertFalse(steward.take_along(b"delimiter"))
        steward.stop()
