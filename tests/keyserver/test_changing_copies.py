"""A database's copy is judged by the policies that its own heads announced, from the configuration's on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from coname.core.signatures import SigningKey
from coname.core.types import Epoch
from coname.errors import Corrupt
from coname.interfaces import Delete, Put, Write
from coname.keyserver import tables
from coname.keyserver.copying import DatabaseCopies
from coname.messages.stored_pb2 import ReplicaState
from coname.storage.leveldb import LevelDBStore
from tests.keyserver.changing import KEYS, add, promote, remove, replica
from tests.keyserver.changing_world import ChangingWorld
from tests.keyserver.harness import REALM


class ChangingCopies(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = ChangingWorld()
        self.world.begin()
        self.world.epoch()
        for number in (1, 2):
            self.change(add(number), promote(number))
        self.change(remove(0))
        self.place = Path(self.mktemp())
        self.place.mkdir()

    def change(self, *steps: object) -> None:
        for step in steps:
            self.successResultOf(self.world.change(step))  # type: ignore[arg-type]
        self.world.epoch()
        self.world.epoch()

    def build(self) -> LevelDBStore:
        """The database that another replica makes of a copy."""
        copies = DatabaseCopies(self.world.store, REALM, self.world.realm.policy, b"", 1 << 20)
        copies.write(self.place / "copy")
        copies.build(self.place / "copy", self.place / "database")
        store = LevelDBStore(self.place / "database", create=False)
        self.addCleanup(store.close)
        return store

    def refused(self, because: str, *writes: Write) -> None:
        self.world.store.write(list(writes), True)
        self.assertIn(because, str(self.assertRaises(Corrupt, self.build)))

    def starts(self) -> list[Epoch]:
        return [start for start, _ in tables.read_policies(self.world.store)]

    def state(self, change: Callable[[ReplicaState], object]) -> Put:
        state = tables.read_state(self.world.store)
        change(state)
        return Put(tables.STATE_KEY, state.SerializeToString())

    def test_after_every_change(self) -> None:
        store = self.build()
        self.assertEqual(list(tables.read_policies(store)), list(tables.read_policies(self.world.store)))
        self.assertEqual(tables.read_state(store).replicas, self.world.replica.state.replicas)

    def test_while_one_enters(self) -> None:
        for step in (add(3), promote(3)):
            self.successResultOf(self.world.change(step))
        self.build()

    def test_while_a_change_is_announced_and_nobody_has_signed_that(self) -> None:
        for step in (add(3), promote(3)):
            self.successResultOf(self.world.change(step))
        self.world.replica.propose_epoch()
        self.world.settle()
        self.assertGreater(self.world.closed, self.world.ratified)
        self.build()

    def test_while_the_first_epoch_after_it_waits_for_its_signatures(self) -> None:
        for step in (add(3), promote(3)):
            self.successResultOf(self.world.change(step))
        self.world.epoch()
        self.world.replica.propose_epoch()
        self.world.settle()
        self.build()

    def test_with_many_verifiers(self) -> None:
        self.world.vouch(self.starts()[0] - 1, *(SigningKey.generate() for _ in range(5)))
        self.build()

    def test_a_policy_that_nobody_announced(self) -> None:
        policy = self.world.realm.policy.SerializeToString()
        self.refused("no epoch in it announces", Put(tables.policy_key(Epoch(10**15)), policy))

    def test_one_from_the_beginning(self) -> None:
        policy = self.world.realm.policy.SerializeToString()
        for start in (0, 1):
            self.refused("no epoch in it announces", Put(tables.policy_key(Epoch(start)), policy))

    def test_another_than_was_announced(self) -> None:
        policy = self.world.realm.policy.SerializeToString()
        self.refused("another than the one that was announced", Put(tables.policy_key(self.starts()[1]), policy))

    def test_one_more_than_was_announced(self) -> None:
        policy = self.world.realm.policy.SerializeToString()
        start = Epoch(self.starts()[0] + 1)
        self.refused("another than the one that was announced", Put(tables.policy_key(start), policy))

    def test_the_last_that_is_missing(self) -> None:
        self.refused("says that epoch", Delete(tables.policy_key(self.starts()[-1])))

    def test_all_that_are_missing(self) -> None:
        self.refused("says that epoch", *(Delete(tables.policy_key(start)) for start in self.starts()))

    def test_epochs_that_nobody_ratified(self) -> None:
        def closed(state: ReplicaState) -> None:
            state.closed_epoch += 2

        self.refused("of which", self.state(closed))

    def test_policies_before_anything_was_ratified(self) -> None:
        def none(state: ReplicaState) -> None:
            state.ratified_epoch = 0
            state.closed_epoch = 1

        self.refused("no epoch in it announces", self.state(none))

    def test_an_announcement_that_those_before_did_not_sign(self) -> None:
        key = tables.ratification_key(Epoch(self.starts()[0] - 1), KEYS[0].key_id)
        self.refused("is not signed by", Delete(key))

    def test_other_replicas_than_those_that_sign(self) -> None:
        self.refused("others than those that sign", self.state(lambda state: state.replicas.pop()))

    def test_replicas_that_are_none(self) -> None:
        def twice(state: ReplicaState) -> None:
            state.replicas.add().CopyFrom(state.replicas[0])

        self.refused("not in order", self.state(twice))

    def test_a_policy_that_does_not_decode(self) -> None:
        self.refused("policy from epoch", Put(tables.policy_key(self.starts()[0]), b"\xff"))

    def test_a_replica_goes_on_with_it(self) -> None:
        store = self.build()
        again = ChangingWorld(realm=self.world.realm, store=store, start=self.world.now)
        self.assertEqual(again.parts.machine.members.signing, self.world.parts.machine.members.signing)
        self.assertEqual(again.parts.machine.resumed().state.replicas[0].replica, replica(1))
