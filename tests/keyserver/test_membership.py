"""What each step of change does to the list of replicas, and what it refuses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.types import Epoch
from coname.errors import ConameError, InvalidRequest, Refused
from coname.keyserver import membership
from coname.messages.client_pb2 import PublicKey
from coname.messages.config_pb2 import Replica
from coname.messages.replication_pb2 import ReplicaChange
from coname.messages.stored_pb2 import ENTERING, JOINING, LEARNER, LEAVING, VOTER, ReplicaRecord, ReplicaState
from tests.keyserver.changing import KEYS, add, promote, remove, replica


class MembershipCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = ReplicaState()
        self.configured = [replica(0), replica(1), replica(2)]

    def change(self, step: ReplicaChange) -> bool:
        return membership.change(self.state, self.configured, step)

    def refused(self, step: ReplicaChange, because: str, error: type[ConameError] = Refused) -> None:
        before = self.state.SerializeToString()
        self.assertIn(because, str(self.assertRaises(error, self.change, step)))
        self.assertEqual(self.state.SerializeToString(), before)

    def role(self, number: int) -> int | None:
        records = membership.replicas(self.state, self.configured)
        found = membership.find(records, KEYS[number].key_id)
        return None if found is None else found.role


class AddTests(MembershipCase):
    def test_the_first_change_writes_down_who_was_there(self) -> None:
        self.assertTrue(self.change(add(3)))
        self.assertEqual([record.replica for record in self.state.replicas], [*self.configured, replica(3)])
        self.assertEqual([record.role for record in self.state.replicas], [VOTER, VOTER, VOTER, JOINING])

    def test_a_learner(self) -> None:
        self.change(add(3, learner=True))
        self.assertEqual(self.role(3), LEARNER)

    def test_the_same_again_is_success(self) -> None:
        self.change(add(3))
        self.assertFalse(self.change(add(3)))

    def test_a_voter_again_is_success(self) -> None:
        self.assertFalse(self.change(add(1)))

    def test_a_learner_may_be_told_to_join(self) -> None:
        self.change(add(3, learner=True))
        self.assertTrue(self.change(add(3)))
        self.assertEqual(self.role(3), JOINING)

    def test_one_that_joins_may_be_told_to_stay_a_learner(self) -> None:
        self.change(add(3))
        self.assertTrue(self.change(add(3, learner=True)))
        self.assertEqual(self.role(3), LEARNER)

    def test_a_voter_does_not_become_a_learner(self) -> None:
        self.refused(add(1, learner=True), "signs already")

    def test_one_that_leaves(self) -> None:
        self.change(remove(1))
        self.refused(add(1), "on its way out")

    def test_an_id_that_is_there_with_another_key(self) -> None:
        other = replica(3)
        other.id = KEYS[1].key_id
        self.refused(ReplicaChange(add=other), "is there already")

    def test_a_key_that_is_there_under_another_id(self) -> None:
        other = replica(1)
        other.id = 99
        self.refused(ReplicaChange(add=other), "another replica's")

    def test_a_second_key_that_is_there(self) -> None:
        self.refused(ReplicaChange(add=replica(3, 1)), "another replica's")

    def test_a_key_twice(self) -> None:
        self.refused(ReplicaChange(add=replica(3, 4, 4)), "has a key twice", InvalidRequest)

    def test_further_keys(self) -> None:
        self.change(ReplicaChange(add=replica(3, 4)))
        self.assertEqual(len(membership.keys_of(self.state.replicas[3].replica)), 2)

    def test_a_learner_whose_key_is_there(self) -> None:
        self.change(add(3, learner=True))
        other = replica(3)
        other.id = 99
        self.refused(ReplicaChange(add=other), "another replica's")

    def test_no_id(self) -> None:
        self.refused(ReplicaChange(add=Replica(public_keys=[PublicKey(ed25519=bytes(32))])), "not 0", InvalidRequest)

    def test_no_key(self) -> None:
        self.refused(ReplicaChange(add=Replica(id=9)), "this has 0", InvalidRequest)

    def test_too_many_keys(self) -> None:
        keys = [PublicKey(ed25519=bytes([number]) * 32) for number in range(membership.MOST_KEYS + 1)]
        self.refused(ReplicaChange(add=Replica(id=9, public_keys=keys)), "from 1 to", InvalidRequest)

    def test_a_huge_key(self) -> None:
        huge = Replica(id=9, public_keys=[PublicKey(ed25519=bytes(1 << 20))])
        self.refused(ReplicaChange(add=huge), "32 bytes", InvalidRequest)

    def test_a_key_of_another_kind(self) -> None:
        self.refused(ReplicaChange(add=Replica(id=9, public_keys=[PublicKey()])), "32 bytes", InvalidRequest)

    def test_a_huge_address(self) -> None:
        huge = replica(3)
        huge.raft_addr = "x" * 301
        self.refused(ReplicaChange(add=huge), "300 bytes", InvalidRequest)

    def test_fields_that_nobody_knows_are_not_kept(self) -> None:
        unknown = b"\xfa\x3e" + b"\xe8\x07" + bytes(1000)
        strange = Replica.FromString(replica(3).SerializeToString() + unknown)
        self.change(ReplicaChange(add=strange))
        self.assertEqual(self.state.replicas[3].replica, replica(3))

    def test_no_more_than_a_realm_can_have(self) -> None:
        for number in range(membership.MOST_REPLICAS - 3):
            key = PublicKey(ed25519=number.to_bytes(32, "big"))
            self.change(ReplicaChange(add=Replica(id=1000 + number, public_keys=[key]), learner=True))
        self.refused(add(3), "64 replicas")


class PromoteTests(MembershipCase):
    def test_a_learner_enters(self) -> None:
        self.change(add(3))
        self.assertTrue(self.change(promote(3)))
        self.assertEqual(self.role(3), ENTERING)

    def test_one_that_was_to_stay_a_learner(self) -> None:
        self.change(add(3, learner=True))
        self.change(promote(3))
        self.assertEqual(self.role(3), ENTERING)

    def test_the_same_again_is_success(self) -> None:
        self.change(add(3))
        self.change(promote(3))
        self.assertFalse(self.change(promote(3)))

    def test_a_voter_is_there_already(self) -> None:
        self.assertFalse(self.change(promote(1)))

    def test_nobody(self) -> None:
        self.refused(promote(3), "there is no replica")

    def test_one_that_leaves(self) -> None:
        self.change(remove(1))
        self.refused(promote(1), "is leaving still")

    def test_while_another_enters(self) -> None:
        self.change(add(3))
        self.change(add(4))
        self.change(promote(3))
        self.refused(promote(4), "is entering still")

    def test_while_another_leaves(self) -> None:
        self.change(add(3))
        self.change(remove(1))
        self.refused(promote(3), "is leaving still")


class RemoveTests(MembershipCase):
    def test_a_voter_leaves(self) -> None:
        self.assertTrue(self.change(remove(1)))
        self.assertEqual(self.role(1), LEAVING)

    def test_the_same_again_is_success(self) -> None:
        self.change(remove(1))
        self.assertFalse(self.change(remove(1)))

    def test_nobody_is_success(self) -> None:
        self.assertFalse(self.change(remove(3)))

    def test_a_learner_goes_at_once(self) -> None:
        self.change(add(3, learner=True))
        self.change(add(4))
        self.change(remove(3))
        self.change(remove(4))
        self.assertEqual([self.role(3), self.role(4)], [None, None])

    def test_a_learner_goes_while_another_change_is_under_way(self) -> None:
        self.change(add(3))
        self.change(remove(1))
        self.assertTrue(self.change(remove(3)))

    def test_one_that_enters_stays_until_it_has(self) -> None:
        self.change(add(3))
        self.change(promote(3))
        self.refused(remove(3), "is entering still")

    def test_a_second_one(self) -> None:
        self.change(remove(1))
        self.refused(remove(2), "is leaving still")

    def test_the_last_voter(self) -> None:
        self.configured = [replica(0)]
        self.change(add(3))
        self.refused(remove(0), "the only one that signs")


class HostileTests(MembershipCase):
    def test_no_change(self) -> None:
        self.refused(ReplicaChange(), "none that this version knows", InvalidRequest)

    def test_the_configuration_is_not_changed(self) -> None:
        before = [each.SerializeToString() for each in self.configured]
        self.change(remove(1))
        membership.announce(self.state, Epoch(5))
        membership.announce(self.state, Epoch(6))
        self.assertEqual([each.SerializeToString() for each in self.configured], before)


class AnnounceTests(MembershipCase):
    def test_without_a_change_nothing_is_announced(self) -> None:
        self.assertIsNone(membership.announce(self.state, Epoch(1)))
        self.change(add(3))
        self.assertIsNone(membership.announce(self.state, Epoch(2)))
        self.assertEqual(self.state.announced_epoch, 0)

    def test_one_that_enters_signs_from_the_next_epoch_on(self) -> None:
        self.change(add(3))
        self.change(promote(3))
        policy = membership.announce(self.state, Epoch(5))
        assert policy is not None
        self.assertIn(KEYS[3].key_id, policy.public_keys)
        self.assertEqual(self.state.announced_epoch, 5)
        self.assertNotIn(KEYS[3].key_id, membership.policy_of(self.state.replicas).public_keys)
        self.assertIsNone(membership.announce(self.state, Epoch(6)))
        self.assertEqual(self.role(3), VOTER)
        self.assertEqual(membership.policy_of(self.state.replicas), policy)
        self.assertEqual(self.state.announced_epoch, 5)

    def test_one_that_leaves_signs_until_then(self) -> None:
        self.change(remove(1))
        policy = membership.announce(self.state, Epoch(5))
        assert policy is not None
        self.assertNotIn(KEYS[1].key_id, policy.public_keys)
        self.assertIn(KEYS[1].key_id, membership.policy_of(self.state.replicas).public_keys)
        membership.announce(self.state, Epoch(6))
        self.assertIsNone(self.role(1))
        self.assertEqual(membership.policy_of(self.state.replicas), policy)

    def test_in_the_very_first_epoch(self) -> None:
        self.change(remove(1))
        self.assertIsNotNone(membership.announce(self.state, Epoch(1)))
        self.assertIsNone(membership.announce(self.state, Epoch(2)))

    def test_one_change_right_after_the_other(self) -> None:
        self.change(remove(1))
        membership.announce(self.state, Epoch(5))
        membership.announce(self.state, Epoch(6))
        self.change(remove(2))
        self.assertIsNotNone(membership.announce(self.state, Epoch(7)))
        self.assertEqual(self.state.announced_epoch, 7)

    def test_who_ratifies_does_not_depend_on_learners(self) -> None:
        before = membership.policy_of(self.configured_records())
        self.change(add(3))
        self.change(add(4, learner=True))
        self.assertEqual(membership.policy_of(self.state.replicas), before)

    def configured_records(self) -> list[ReplicaRecord]:
        return list(membership.replicas(ReplicaState(), self.configured))


class DescribeTests(MembershipCase):
    def words(self) -> str:
        return membership.describe(list(membership.replicas(self.state, self.configured)), self.state)

    def test_of_the_first(self) -> None:
        self.assertEqual(self.words(), "3 sign")

    def test_while_one_enters(self) -> None:
        self.change(add(3))
        self.assertEqual(self.words(), "3 sign, 1 learn")
        self.change(promote(3))
        self.assertEqual(self.words(), f"3 sign, 1 learn; {KEYS[3].key_id:016x} is entering, not announced yet")
        membership.announce(self.state, Epoch(5))
        self.state.closed_epoch = 5
        self.assertIn("is entering, announced by epoch 5", self.words())
        membership.announce(self.state, Epoch(6))
        self.assertEqual(self.words(), "4 sign, since epoch 6")

    def test_while_one_leaves(self) -> None:
        self.change(remove(0))
        self.assertEqual(self.words(), f"3 sign; {KEYS[0].key_id:016x} is leaving, not announced yet")
