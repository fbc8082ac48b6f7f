from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.errors import Unavailable
from coname.interfaces import IAdministration
from coname.keyserver.administration import Administration
from tests.keyserver.harness import Owner, World


class AdministrationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.administration = Administration(self.world.replica, self.world.store, self.world.log)

    def test_provides_the_interface(self) -> None:
        verifyObject(IAdministration, self.administration)

    def test_status_counts(self) -> None:
        self.world.begin()
        self.world.settle(5)
        self.world.replica.update(self.world.realm.request(Owner("alice@example.com")))
        self.world.settle()
        status = self.administration.status()
        self.assertEqual(status["registered users"], 1)
        self.assertEqual(status["newest epoch"], "2 ratified, 2 closed")

    def test_epochs_newest_first(self) -> None:
        self.world.begin()
        self.world.settle(60)
        self.world.settle(60)
        self.assertEqual([row["epoch"] for row in self.administration.epochs(2)], [3, 2])
        self.assertEqual(len(self.administration.epochs(100)), 3)

    def test_no_epochs_yet(self) -> None:
        self.assertEqual(self.administration.epochs(10), [])

    def test_proposes_an_epoch_before_its_time(self) -> None:
        self.world.begin()
        proposed = self.administration.proposeEpoch()
        self.assertNoResult(proposed)
        self.world.settle()
        self.assertEqual(self.successResultOf(proposed), 2)

    def test_does_not_propose_before_the_last_is_ratified(self) -> None:
        self.world.replica.state.closed_epoch = 1
        self.failureResultOf(self.administration.proposeEpoch(), Unavailable)

    def test_takes_out_of_rotation(self) -> None:
        self.world.begin()
        self.administration.setRotation(False)
        self.assertFalse(self.world.replica.inRotation)

    def test_looks_up(self) -> None:
        self.world.begin()
        self.assertIsNone(self.administration.lookup("bob@example.com").entry)
