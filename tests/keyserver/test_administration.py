from __future__ import annotations

from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.core.signatures import SigningKey
from coname.core.types import Epoch, KeyId
from coname.errors import Unavailable
from coname.interfaces import IAdministration
from coname.keyserver import tables
from coname.keyserver.administration import Administration
from coname.messages.client_pb2 import SignedEpochHead
from tests.keyserver.harness import Owner, World


class Connected(NamedTuple):
    """A verifier's stream."""

    verifier: KeyId
    peer: str
    position: int


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
        self.assertEqual(status["replicas"], "1 sign")
        self.assertEqual(status["registered users"], 1)
        self.assertEqual(status["newest epoch"], "2 ratified, 2 closed")
        self.assertEqual(status["verifiers"], "0 known, 0 connected, 0 have signed the newest epoch")

    def test_verifiers_and_how_far_each_is_behind(self) -> None:
        keys = sorted((SigningKey.generate() for _ in range(2)), key=lambda key: key.key_id)
        for key in keys:
            self.world.realm.listed[key.key_id] = [key.public]
        self.world.begin()
        head = tables.read_epoch(self.world.store, Epoch(1)).timestamped_head
        signed = SignedEpochHead(head=head, signatures={keys[0].key_id: keys[0].sign(head)})
        self.world.replica.verification.pushRatification(keys[0].key_id, signed)
        self.world.settle()
        streams = [Connected(keys[1].key_id, "ipv4:192.0.2.1:4", position) for position in (0, 1)]
        administration = Administration(self.world.replica, self.world.store, self.world.log, lambda: streams)
        behind, current = administration.verifiers()
        self.assertEqual(list(behind.values()), [f"{keys[1].key_id:016x}", "ipv4:192.0.2.1:4", 0, "none", 1])
        self.assertEqual(list(current.values()), [f"{keys[0].key_id:016x}", "no", None, 1, 0])
        counts = administration.status()["verifiers"]
        self.assertEqual(counts, "2 known, 1 connected, 1 have signed the newest epoch")

    def test_many_signers_of_an_epoch_are_counted(self) -> None:
        self.world.begin()
        records = [tables.Put(tables.ratification_key(Epoch(1), KeyId(number)), b"") for number in range(20)]
        self.world.store.write(records, False)
        (row,) = self.administration.epochs(1)
        self.assertTrue(str(row["signed by"]).endswith(" and 13 more"))

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
