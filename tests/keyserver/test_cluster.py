"""What operators are answered about the replicas."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import InvalidRequest, Refused, Unavailable
from coname.interfaces import LogMember
from coname.keyserver.cluster import ClusterDesk
from coname.keyserver.cluster_words import progress, remarks, rows
from coname.keyserver.steward import Steward
from coname.messages.cluster_pb2 import ClusterAnswer, ClusterRequest, ClusterStatusRequest
from coname.messages.config_pb2 import Replica
from coname.messages.replication_pb2 import ReplicaChange
from coname.messages.stored_pb2 import JOINING, LEARNER, VOTER, ReplicaRecord, ReplicaState
from tests.keyserver.harness import World
from tests.keyserver.test_steward import NEW, OTHER, OWN, Log

LEARNS = 4


class Steps:
    """Notes the changes that are proposed, which are all taken."""

    def __init__(self) -> None:
        self.changes: list[ReplicaChange] = []

    def change(self, change: ReplicaChange) -> Deferred[None]:
        self.changes.append(change)
        return succeed(None)


class DeskCase(SynchronousTestCase):
    realm = "example"
    shared = True

    def setUp(self) -> None:
        from twisted.internet.task import Clock

        self.steps, self.log = Steps(), Log()
        self.state = ReplicaState(applied_index=10, closed_epoch=4, ratified_epoch=4)
        self.steward = Steward(OWN, (Replica(id=OWN, raft_addr="host1:1"),), self.log, Clock(), self)  # type: ignore[arg-type]
        self.desk = ClusterDesk(self, self.log, self.shared)  # type: ignore[arg-type]

    def ask(self, **request: object) -> ClusterAnswer:
        encoded = ClusterRequest(**request).SerializeToString()  # type: ignore[arg-type]
        return ClusterAnswer.FromString(self.successResultOf(self.desk.answer(encoded)))

    def check_refused(self, code: str, **request: object) -> None:
        self.assertEqual(self.ask(**request).error.code, code)
        self.assertEqual(self.steps.changes, [])


class AnswerTests(DeskCase):
    def test_status_before_the_first_change_is_that_of_the_configuration(self) -> None:
        status = self.ask(status=ClusterStatusRequest()).status
        self.assertEqual((status.realm, status.answered_by, status.leader, status.epoch), ("example", OWN, OWN, 4))
        self.assertEqual([member.role for member in status.members], [VOTER])

    def test_a_change_is_proposed_and_answered_with_how_it_stands(self) -> None:
        change = ReplicaChange(add=Replica(id=NEW, raft_addr="host3:1"))
        self.assertEqual(self.ask(change=change).status.answered_by, OWN)
        self.assertEqual(self.steps.changes, [change])

    def test_what_is_no_question(self) -> None:
        self.check_refused("invalid_request")
        answer = ClusterAnswer.FromString(self.successResultOf(self.desk.answer(b"\xff")))
        self.assertEqual(answer.error.code, "invalid_request")

    def test_a_replica_that_nobody_could_reach(self) -> None:
        self.check_refused("invalid_request", change=ReplicaChange(add=Replica(id=NEW)))

    def test_a_replica_that_takes_no_part_changes_nothing(self) -> None:
        self.steward.why_not = "it was removed"
        self.check_refused("unavailable", change=ReplicaChange(remove=OTHER))

    def test_what_the_state_machine_refuses_is_told(self) -> None:
        def refuse(change: ReplicaChange) -> Deferred[None]:
            raise Refused("one at a time")

        self.patch(self.steps, "change", refuse)
        self.assertEqual(self.ask(change=ReplicaChange(remove=OTHER)).error.message, "one at a time")

    def test_each_error_keeps_its_code(self) -> None:
        for error in (Unavailable("later"), InvalidRequest("never")):
            self.patch(self.steps, "change", lambda change, error=error: Deferred.fromCoroutine(fails(error)))
            self.assertEqual(self.ask(change=ReplicaChange(remove=OTHER)).error.code, error.code)


class PrudenceTests(DeskCase):
    """Four replicas: this one, two other voters, and a learner."""

    def setUp(self) -> None:
        super().setUp()
        for replica, role in ((OWN, VOTER), (OTHER, VOTER), (NEW, VOTER), (LEARNS, LEARNER)):
            record = ReplicaRecord(replica=Replica(id=replica, raft_addr=f"host{replica}:1"), role=role)
            self.state.replicas.append(record)
            self.connected(replica, True)

    def connected(self, replica: int, connected: bool) -> None:
        self.log.known[replica] = LogMember(replica, True, connected, None, True)

    def test_a_learner_that_is_to_sign_joins(self) -> None:
        self.ask(change=ReplicaChange(promote=LEARNS))
        self.assertEqual(self.steps.changes, [ReplicaChange(add=self.state.replicas[3].replica)])

    def test_one_that_joins_already_does_so_still(self) -> None:
        self.state.replicas[3].role = JOINING
        self.ask(change=ReplicaChange(promote=LEARNS))
        self.assertEqual(self.steps.changes, [ReplicaChange(add=self.state.replicas[3].replica)])

    def test_a_voter_or_nobody_is_left_to_the_state(self) -> None:
        changes = [ReplicaChange(promote=OTHER), ReplicaChange(promote=9), ReplicaChange(remove=9)]
        for change in changes:
            self.ask(change=change)
        self.assertEqual(self.steps.changes, changes)

    def test_one_that_is_there_is_not_removed_while_another_is_missing(self) -> None:
        self.connected(NEW, False)
        self.check_refused("refused", change=ReplicaChange(remove=OTHER))

    def test_one_that_is_missing_is(self) -> None:
        self.connected(NEW, False)
        self.ask(change=ReplicaChange(remove=NEW))
        self.assertEqual(self.steps.changes, [ReplicaChange(remove=NEW)])

    def test_a_learner_may_go_whoever_is_there(self) -> None:
        self.connected(NEW, False)
        self.connected(OTHER, False)
        self.ask(change=ReplicaChange(remove=LEARNS))
        self.assertEqual(self.steps.changes, [ReplicaChange(remove=LEARNS)])


async def fails(error: Exception) -> None:
    raise error


class WordsTests(DeskCase):
    def become(self, **of_the_new_one: object) -> None:
        for replica, role in ((OWN, VOTER), (OTHER, VOTER), (NEW, JOINING)):
            record = ReplicaRecord(replica=Replica(id=replica, raft_addr=f"host{replica}:1"), role=role)
            self.state.replicas.append(record)
        self.log.known[OWN] = LogMember(OWN, True, True, 0, True)
        self.log.known[OTHER] = LogMember(OTHER, True, True, 7, True)
        new: dict[str, object] = {"votes": None, "connected": False, "behind": None, "present": False}
        self.log.known[NEW] = LogMember(NEW, **(new | of_the_new_one))  # type: ignore[arg-type]

    def test_rows(self) -> None:
        self.become()
        self.assertEqual(
            [row[1:] for row in rows(self.desk.status())],
            [
                ("voter", "host1:1", "asked", "0", "leader"),
                ("voter", "host2:1", "yes", "7", ""),
                ("joining", "host3:1", "no", "-", ""),
            ],
        )

    def check_progress(self, expected: str, **of_the_new_one: object) -> None:
        self.become(**of_the_new_one)
        self.assertIn(expected, progress(self.desk.status(), NEW))

    def test_one_that_does_not_run(self) -> None:
        self.check_progress("is it running?")

    def test_one_that_is_about_to_be_let_in(self) -> None:
        self.check_progress("about to get the log", connected=True, present=True)

    def test_one_that_is_behind(self) -> None:
        self.check_progress("5 entries", connected=True, votes=False, behind=5)

    def test_one_that_is_gone(self) -> None:
        self.assertIn("no replica any more", progress(self.desk.status(), NEW))

    def test_remarks(self) -> None:
        self.become()
        self.assertEqual(len(list(remarks(self.desk.status()))), 1)
        self.log.known[OTHER] = LogMember(OTHER, True, False, None, False)
        self.assertIn("Too few of the voters", list(remarks(self.desk.status()))[-1])
        self.steward.why_not = "it was removed"
        (only,) = remarks(self.desk.status())
        self.assertIn("it was removed", only)

    def test_one_of_three_that_is_away(self) -> None:
        self.become(votes=True, connected=False)
        self.state.replicas[-1].role = VOTER
        self.assertIn("If one more", list(remarks(self.desk.status()))[-1])


class OtherLogsTests(SynchronousTestCase):
    def refusal(self, shared: bool) -> str:
        world = World()
        world.parts = replace(world.parts, shared=shared)
        world.begin()
        desk = ClusterDesk(world.replica, world.log, shared)
        changing = Deferred.fromCoroutine(desk.change(ReplicaChange(remove=1)))
        return str(self.failureResultOf(changing, Refused).value)

    def test_a_lone_replica_says_how_it_can_have_others(self) -> None:
        self.assertIn("coname cluster convert", self.refusal(shared=False))

    def test_with_the_log_in_etcd_there_is_no_way(self) -> None:
        self.assertIn("etcd", self.refusal(shared=True))
