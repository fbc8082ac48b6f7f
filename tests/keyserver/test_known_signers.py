"""For whose signatures an update may wait while replicas come and go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.quorums import replica_policy
from coname.errors import QuorumUnmet
from coname.keyserver import tables
from coname.keyserver.members import Members
from coname.keyserver.verifiers import KnownSigners
from coname.messages.client_pb2 import LookupRequest
from tests.keyserver.changing import KEYS, add, promote, remove, replica
from tests.keyserver.changing_world import ChangingWorld
from tests.keyserver.harness import Owner


class KnownSignersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = ChangingWorld()
        self.world.begin()
        self.world.epoch()
        members = self.world.parts.machine.members
        configured = [*self.world.realm.policy.public_keys, 77]
        self.signers = KnownSigners(members, configured, lambda signer: True)

    def known(self) -> list[int]:
        return [number for number in range(4) if KEYS[number].key_id in self.signers]

    def change(self, *steps: object) -> None:
        for step in steps:
            self.successResultOf(self.world.change(step))  # type: ignore[arg-type]

    def epochs(self) -> None:
        self.world.epoch()
        self.world.epoch()

    def test_learners_sign_nothing(self) -> None:
        self.change(add(1), add(2, learner=True))
        self.assertEqual(self.known(), [0, 3])  # 3 is nobody's: a verifier, if anything

    def test_who_is_entering_will(self) -> None:
        self.change(add(1), promote(1))
        self.assertIn(1, self.known())

    def test_who_has_left_does_not_any_more(self) -> None:
        self.change(add(1), promote(1))
        self.epochs()
        self.change(remove(0))
        self.assertIn(0, self.known())
        self.epochs()
        self.assertNotIn(0, self.known())

    def test_nor_after_a_restart(self) -> None:
        self.change(add(1), promote(1))
        self.epochs()
        self.change(remove(0))
        self.epochs()
        again = Members(self.world.store, self.world.realm.members, tables.read_state(self.world.store))
        self.assertNotIn(KEYS[0].key_id, KnownSigners(again, [KEYS[0].key_id], None))

    def test_others_of_the_configuration_do(self) -> None:
        self.assertIn(77, self.signers)

    def test_an_update_for_replicas_that_have_gone_is_told_so_at_once(self) -> None:
        request = self.world.realm.request(Owner("alice@example.com"))
        self.change(add(1), promote(1))
        self.epochs()
        self.change(remove(0))
        self.epochs()
        error = self.failureResultOf(self.world.replica.update(request), QuorumUnmet).value
        self.assertIn("signers that this realm does not have", str(error))

    def test_an_update_that_waits_for_a_new_one(self) -> None:
        self.change(add(1), promote(1))
        self.epochs()
        request = self.world.realm.request(Owner("alice@example.com"))
        policy = replica_policy([replica(0), replica(1)])
        request.lookup_parameters.quorum_requirement.CopyFrom(policy.quorum)
        answered = self.world.replica.update(request)
        self.world.settle(1)
        self.assertNoResult(answered)
        self.world.co_sign()
        self.assertEqual(self.successResultOf(answered).epoch, self.world.ratified)
        lookup = LookupRequest(user_id="alice@example.com", quorum_requirement=policy.quorum)
        self.assertEqual(set(self.world.replica.lookup(lookup).ratifications.heads), set(policy.public_keys))
