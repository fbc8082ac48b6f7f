"""What the leader does next, for every way in which state and log can stand to each other."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.interfaces import LogMember
from coname.keyserver.roster import Action, Situation, Step, next_step, step_with_delimiter
from coname.messages.stored_pb2 import ENTERING, JOINING, LEARNER, LEAVING, VOTER, ReplicaRole


def member(replica: int, votes: bool | None = True, **more: object) -> LogMember:
    settings = {"connected": True, "behind": 0, "present": True, "strange": False} | more
    return LogMember(replica, votes, **settings)  # type: ignore[arg-type]


def situation(
    roles: dict[int, ReplicaRole],
    *members: LogMember,
    announced: bool = False,
    caught_up: tuple[int, ...] = (),
) -> Situation:
    """As the leader, 1, sees it."""
    known = {one.replica: one for one in (member(1), *members)}
    return Situation(1, {1: VOTER, **roles}, known, announced, caught_up)


class NextStepTests(SynchronousTestCase):
    def assert_step(self, now: Situation, action: Action | None, replica: int = 2) -> None:
        self.assertEqual(next_step(now), None if action is None else Step(action, replica))

    def test_nothing_where_all_is_as_it_should_be(self) -> None:
        self.assert_step(situation({2: VOTER, 3: LEARNER}, member(2), member(3, False)), None)

    def test_a_new_replica_is_let_in_once_it_is_there(self) -> None:
        self.assert_step(situation({2: JOINING}, member(2, None)), Action.ADMIT)

    def test_a_new_replica_that_was_not_heard_of(self) -> None:
        self.assert_step(situation({2: JOINING}, member(2, None, present=False)), None)

    def test_a_new_replica_that_is_gone_again(self) -> None:
        self.assert_step(situation({2: JOINING}, member(2, None, connected=False)), None)

    def test_a_replica_that_the_log_has_not_even_met(self) -> None:
        self.assert_step(situation({2: JOINING}), None)

    def test_a_learner_for_good_is_let_in_and_left_alone(self) -> None:
        self.assert_step(situation({2: LEARNER}, member(2, None)), Action.ADMIT)
        self.assert_step(situation({2: LEARNER}, member(2, False), caught_up=(2,)), None)

    def test_who_has_caught_up_is_to_sign(self) -> None:
        self.assert_step(situation({2: JOINING}, member(2, False)), None)
        self.assert_step(situation({2: JOINING}, member(2, False), caught_up=(2,)), Action.PROPOSE)

    def test_one_at_a_time(self) -> None:
        for role in (ENTERING, LEAVING):
            others = (member(2, False), member(3, role == LEAVING))
            self.assert_step(situation({2: JOINING, 3: role}, *others, caught_up=(2,)), None)

    def test_who_is_gone_from_the_state_is_let_go(self) -> None:
        self.assert_step(situation({}, member(2)), Action.EXPEL)
        self.assert_step(situation({}, member(2, False)), Action.EXPEL)
        self.assert_step(situation({}, member(2, None)), None)

    def test_who_signs_already_is_to_vote(self) -> None:
        self.assert_step(situation({2: VOTER}, member(2, False)), Action.PROMOTE)

    def test_a_voter_that_is_not_in_the_log_at_all_comes_back_as_a_learner(self) -> None:
        self.assert_step(situation({2: VOTER}, member(2, None)), Action.ADMIT)

    def test_a_learner_with_another_storage_is_let_in_anew(self) -> None:
        lost = member(2, False, present=False, strange=True)
        self.assert_step(situation({2: JOINING}, lost), Action.EXPEL)

    def test_a_voter_with_another_storage_is_left_to_the_operator(self) -> None:
        self.assert_step(situation({2: VOTER}, member(2, True, present=False, strange=True)), None)

    def test_a_leader_that_leaves_hands_over_whatever_else_there_is_to_do(self) -> None:
        now = situation({1: LEAVING, 2: VOTER, 3: JOINING}, member(2), member(3, None))
        self.assert_step(now, Action.HAND_OVER, 1)

    def test_a_leader_that_is_no_replica_any_more_hands_over(self) -> None:
        now = Situation(1, {2: VOTER}, {1: member(1), 2: member(2)}, False, ())
        self.assert_step(now, Action.HAND_OVER, 1)


class WithDelimiterTests(SynchronousTestCase):
    def assert_step(self, now: Situation, action: Action | None) -> None:
        self.assertEqual(step_with_delimiter(now), None if action is None else Step(action, 2))

    def test_nothing_before_it_is_announced(self) -> None:
        self.assert_step(situation({2: ENTERING}, member(2, False)), None)
        self.assert_step(situation({2: LEAVING}, member(2)), None)

    def test_who_enters_votes_from_the_delimiter_on(self) -> None:
        self.assert_step(situation({2: ENTERING}, member(2, False), announced=True), Action.PROMOTE)

    def test_who_leaves_takes_part_up_to_the_delimiter(self) -> None:
        self.assert_step(situation({2: LEAVING}, member(2), announced=True), Action.EXPEL)

    def test_who_votes_already_needs_no_step(self) -> None:
        self.assert_step(situation({2: ENTERING}, member(2), announced=True), None)

    def test_who_is_gone_already_needs_no_step(self) -> None:
        self.assert_step(situation({2: LEAVING}, member(2, None), announced=True), None)

    def test_a_leader_does_not_let_itself_go(self) -> None:
        now = Situation(1, {1: LEAVING, 2: VOTER}, {1: member(1), 2: member(2)}, True, ())
        self.assert_step(now, None)
