from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.errors import Unavailable
from coname.interfaces import IAdministration, IKeyserver, IVerification
from coname.keyserver.administration import Administration
from coname.keyserver.current import CurrentAdministration, CurrentReplica
from coname.keyserver.policy_changes import NONE
from coname.messages.client_pb2 import LookupRequest, PolicyChangesRequest, SignedEpochHead
from tests.keyserver.harness import REALM, Owner, World

ALICE = LookupRequest(user_id="alice@example.com")


class CurrentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.begin()
        self.world.replica.update(self.world.realm.request(Owner("alice@example.com")))
        self.world.settle(2)
        self.current = CurrentReplica(REALM)
        self.administration = CurrentAdministration(self.current, self.administer)

    def administer(self) -> Administration:
        return Administration(self.current.present(), self.world.store, self.world.log)

    def test_provides_the_interfaces(self) -> None:
        verifyObject(IKeyserver, self.current)
        verifyObject(IVerification, self.current.verification)
        verifyObject(IAdministration, self.administration)

    def test_passes_on_to_the_replica(self) -> None:
        self.current.set(self.world.replica)
        self.assertEqual(self.current.lookup(ALICE).protobuf(), self.world.replica.lookup(ALICE).protobuf())
        self.assertIs(self.current.policyChanges(PolicyChangesRequest()), NONE)
        self.assertEqual(self.current.verification.published(), self.world.replica.verification.published())
        self.assertTrue(self.current.verification.read(0, 1))
        self.assertEqual(self.administration.status(), self.administer().status())
        self.assertEqual(self.administration.epochs(1), self.administer().epochs(1))
        self.assertEqual(self.administration.verifiers(), [])
        self.assertEqual(
            self.administration.lookup("alice@example.com").protobuf(), self.current.lookup(ALICE).protobuf()
        )

    def test_between_two_replicas_everything_is_unavailable(self) -> None:
        verification = self.current.verification
        self.assertRaises(Unavailable, self.current.lookup, ALICE)
        self.assertRaises(Unavailable, self.current.policyChanges, PolicyChangesRequest())
        self.failureResultOf(self.current.update(self.world.realm.request(Owner("b@example.com"))), Unavailable)
        self.assertEqual(verification.published(), 0)
        self.assertRaises(Unavailable, verification.read, 0, 1)
        self.failureResultOf(verification.whenPublished(0), Unavailable)
        self.failureResultOf(verification.pushRatification(1, SignedEpochHead()), Unavailable)
        self.assertRaises(Unavailable, self.administration.status)
        self.assertFalse(self.current.inRotation)

    def test_what_the_operator_said_about_rotation_holds_for_the_next_replica(self) -> None:
        self.current.set(self.world.replica)
        self.assertTrue(self.current.inRotation)
        self.administration.setRotation(False)
        self.current.set(None)
        again = self.world.crash()
        self.current.set(again.replica)
        self.assertFalse(again.replica.inRotation)
        self.administration.setRotation(True)
        self.assertTrue(again.replica.inRotation)
