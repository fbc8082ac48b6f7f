"""What the state machine makes of entries that no honest replica proposes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads
from coname.core.signatures import SigningKey
from coname.core.times import timestamp
from coname.core.types import Epoch
from coname.errors import Corrupt
from coname.interfaces import Delete
from coname.keyserver import tables
from coname.keyserver.effects import EpochClosed, HeadSigned, UpdateApplied, UpdateRejected
from coname.keyserver.machine import Applied
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.replication_pb2 import AdmittedUpdate, EpochDelimiter, KeyserverStep
from tests.keyserver.harness import REALM, START, Owner, Realm
from tests.keyserver.machines import Machine


class MachineCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Realm()
        self.machine = Machine(self.realm)
        self.alice = Owner("alice@example.com")


class OrderTests(MachineCase):
    def test_an_entry_out_of_order_is_reported(self) -> None:
        self.machine.index += 1
        with self.assertRaises(Corrupt):
            self.machine.apply()

    def test_an_entry_delivered_twice_is_reported(self) -> None:
        self.machine.apply()
        self.machine.index -= 1
        with self.assertRaises(Corrupt):
            self.machine.apply()

    def test_an_entry_that_does_not_decode_changes_nothing_but_the_index(self) -> None:
        applied = self.machine.apply_data(b"\xff\xff")
        self.assertEqual(applied.effects, [])
        self.assertEqual([write.key for write in applied.writes], [tables.STATE_KEY])

    def test_an_entry_of_the_engines_own(self) -> None:
        self.assertEqual(self.machine.apply_data(b"").effects, [])

    @settings(derandomize=True, max_examples=50)
    @given(st.binary(max_size=200))
    def test_arbitrary_bytes_never_stop_it(self, data: bytes) -> None:
        self.machine.apply_data(data)

    def test_two_machines_compute_the_same(self) -> None:
        other = Machine(self.realm)
        for data in self.entries():
            self.assertEqual(self.machine.apply_data(data).writes, other.apply_data(data).writes)

    def entries(self) -> list[bytes]:
        source = Machine(self.realm)
        found: list[bytes] = []
        apply_data = source.apply_data

        def recorded(data: bytes) -> Applied:
            found.append(data)
            return apply_data(data)

        source.apply_data = recorded  # type: ignore[method-assign]
        for epoch in range(1, 4):
            for number in range(5):
                source.update(Owner(f"user{epoch}{number}@example.com"))
            source.delimit(epoch)
            source.sign(epoch)
        return found

    def test_a_machine_made_from_the_database_goes_on_as_the_first_would(self) -> None:
        entries = self.entries()
        whole = Machine(self.realm)
        for data in entries:
            whole.apply_data(data)
        for cut in range(len(entries)):
            parted = Machine(self.realm)
            for data in entries[:cut]:
                parted.apply_data(data)
            again = Machine(self.realm, parted.store)
            for data in entries[cut:]:
                again.apply_data(data)
            self.assertEqual(list(again.store.iterate(b"\0", b"\xff")), list(whole.store.iterate(b"\0", b"\xff")))


class UpdateTests(MachineCase):
    def test_is_in_the_epoch_that_closes_next(self) -> None:
        self.assertEqual(self.machine.update(self.alice, uid=7).effects, [UpdateApplied(7, Epoch(1))])

    def test_after_a_delimiter_it_is_in_the_one_after(self) -> None:
        self.machine.delimit(1)
        self.assertEqual(self.machine.update(self.alice, uid=7).effects, [UpdateApplied(7, Epoch(2))])

    def test_rejected_with_the_reason(self) -> None:
        (effect,) = self.machine.update(self.alice, version=4).effects
        assert isinstance(effect, UpdateRejected)
        self.assertIn("version", str(effect.error))

    def test_an_entry_that_does_not_decode(self) -> None:
        admitted = AdmittedUpdate(profile=b"", user_id="x@example.com")
        admitted.update.new_entry = b"\xff"
        (effect,) = self.machine.apply(KeyserverStep(update=admitted)).effects
        self.assertIsInstance(effect, UpdateRejected)

    def test_damage_in_the_database_is_not_read_as_unregistered(self) -> None:
        self.machine.update(self.alice)
        self.machine.store.write([Delete(tables.step_key(0))], False)
        with self.assertRaises(Corrupt):
            self.machine.update(Owner(self.alice.user_id))


class DelimiterTests(MachineCase):
    def closes(self, applied: Applied) -> bool:
        return any(isinstance(effect, EpochClosed) for effect in applied.effects)

    def test_the_next_number_closes(self) -> None:
        self.assertTrue(self.closes(self.machine.delimit(1)))

    def test_any_other_number_does_not(self) -> None:
        for number in (0, 2, 2**64 - 1):
            self.assertFalse(self.closes(self.machine.delimit(number)))

    def test_the_same_again_does_not(self) -> None:
        self.machine.delimit(1)
        self.assertFalse(self.closes(self.machine.delimit(1)))

    def test_not_before_the_previous_is_ratified(self) -> None:
        self.machine.delimit(1)
        self.assertFalse(self.closes(self.machine.delimit(2)))
        self.machine.sign(1)
        self.assertTrue(self.closes(self.machine.delimit(2)))

    def test_issue_times_never_decrease(self) -> None:
        self.machine.delimit(1, START)
        self.machine.sign(1)
        self.assertFalse(self.closes(self.machine.delimit(2, START - 1)))
        self.assertTrue(self.closes(self.machine.delimit(2, START)))

    def test_a_time_that_is_none(self) -> None:
        step = KeyserverStep(epoch_delimiter=EpochDelimiter(epoch_number=1))
        step.epoch_delimiter.timestamp.nanos = -5
        self.assertFalse(self.closes(self.machine.apply(step)))


class SignatureTests(MachineCase):
    def setUp(self) -> None:
        super().setUp()
        self.machine.delimit(1)

    def nothing_happens(self, applied: Applied) -> None:
        self.assertEqual(applied.effects, [])
        self.assertEqual(applied.state.ratified_epoch, 0)

    def test_of_the_replica_ratifies(self) -> None:
        applied = self.machine.sign(1)
        self.assertEqual(applied.effects, [HeadSigned(Epoch(1), (self.realm.key.key_id,))])
        self.assertEqual(applied.state.ratified_epoch, 1)

    def test_of_somebody_else(self) -> None:
        self.nothing_happens(self.machine.sign(1, SigningKey.generate()))

    def test_that_does_not_verify(self) -> None:
        head = tables.read_epoch(self.machine.store, Epoch(1)).timestamped_head
        signed = SignedEpochHead(head=head, signatures={self.realm.key.key_id: bytes(64)})
        self.nothing_happens(self.machine.apply(KeyserverStep(replica_signed=signed)))

    def test_of_another_head_for_the_epoch(self) -> None:
        head = heads.build(REALM, Epoch(1), bytes(32), timestamp(START), b"")
        self.nothing_happens(self.machine.sign(1, head=heads.timestamped(head, timestamp(START))))

    def test_of_an_epoch_that_is_far_away(self) -> None:
        head = heads.build(REALM, Epoch(2**64 - 1), bytes(32), timestamp(START), bytes(64))
        self.nothing_happens(self.machine.sign(1, head=heads.timestamped(head, timestamp(START))))

    def test_without_any_signature(self) -> None:
        head = tables.read_epoch(self.machine.store, Epoch(1)).timestamped_head
        self.nothing_happens(self.machine.apply(KeyserverStep(replica_signed=SignedEpochHead(head=head))))

    def test_of_no_head_at_all(self) -> None:
        self.nothing_happens(self.machine.apply(KeyserverStep(replica_signed=SignedEpochHead(head=b"\xff"))))

    def test_given_again_it_changes_nothing(self) -> None:
        self.machine.sign(1)
        self.assertEqual(self.machine.sign(1).effects, [])


class VerifierLogTests(MachineCase):
    def test_is_updates_head_updates_head(self) -> None:
        self.machine.update(self.alice)
        self.machine.delimit(1)
        self.machine.update(Owner("late@example.com"))  # applied before epoch 1 is ratified
        self.machine.sign(1)
        self.machine.delimit(2)
        self.machine.sign(2)
        kinds = []
        for position in range(self.machine.machine.resumed().state.verifier_log_length):
            kinds.append(self.machine.step(position).WhichOneof("type"))
        self.assertEqual(kinds, ["Update", "Epoch", "Update", "Epoch"])
