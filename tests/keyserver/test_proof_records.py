"""Each proof lets somebody in once, by whichever replica, and is forgotten when nobody takes it any more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.types import Epoch
from coname.errors import ConameError, RegistrationExpired, RegistrationRefused, RegistrationReplayed
from coname.keyserver import proof_records
from coname.keyserver.effects import UpdateApplied, UpdateRejected
from coname.keyserver.machine import Applied
from coname.messages.replication_pb2 import AdmittedUpdate, KeyserverStep, ProofRecord
from tests.keyserver.harness import START, Owner, Realm
from tests.keyserver.machines import Machine

FIRST, SECOND = b"1" * 32, b"2" * 32


class ProofCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Realm()
        self.machine = Machine(self.realm)
        self.alice, self.bob = Owner("alice@example.com"), Owner("bob@example.com")

    def admitted(
        self, owner: Owner, proof: bytes = FIRST, expires: int = START + 600, version: int = 0
    ) -> KeyserverStep:
        request = self.realm.request(owner, version)
        update = AdmittedUpdate(
            update=request.update, profile=request.profile, user_id=owner.user_id, index_proof=bytes(80)
        )
        update.proof.CopyFrom(ProofRecord(id=proof, expires=expires, kind="oidc", bound=True))
        return KeyserverStep(UID=7, update=update)

    def taken(self, step: KeyserverStep, epoch: int = 1) -> None:
        self.assertEqual(self.machine.apply(step).effects, [UpdateApplied(7, Epoch(epoch))])

    def refused(self, kind: type[ConameError], step: KeyserverStep) -> None:
        (effect,) = self.machine.apply(step).effects
        assert isinstance(effect, UpdateRejected)
        self.assertIs(type(effect.error), kind)

    def close(self, epoch: int, seconds: float) -> Applied:
        applied = self.machine.delimit(epoch, seconds)
        self.machine.sign(epoch)
        return applied

    def remembered(self) -> int:
        return sum(1 for _ in self.machine.store.iterate(b"q", b"r"))

    def ends(self) -> int:
        return sum(1 for _ in self.machine.store.iterate(b"w", b"x"))


class UseTests(ProofCase):
    def test_a_proof_lets_in(self) -> None:
        self.taken(self.admitted(self.alice))

    def test_it_lets_nobody_else_in(self) -> None:
        self.taken(self.admitted(self.alice))
        self.refused(RegistrationReplayed, self.admitted(self.bob))

    def test_nor_in_the_same_log_entry(self) -> None:
        effects = self.machine.apply(self.admitted(self.alice), self.admitted(self.bob)).effects
        self.assertIsInstance(effects[0], UpdateApplied)
        self.assertIsInstance(effects[1], UpdateRejected)

    def test_the_same_registration_sent_again_is_answered(self) -> None:
        step = self.admitted(self.alice)
        self.taken(step)
        self.taken(step)

    def test_another_proof_lets_another_in(self) -> None:
        self.taken(self.admitted(self.alice, FIRST))
        self.taken(self.admitted(self.bob, SECOND))

    def test_a_registration_that_breaks_a_rule_does_not_use_it_up(self) -> None:
        broken = self.admitted(self.alice)
        broken.update.update.signatures.clear()
        self.assertIsInstance(self.machine.apply(broken).effects[0], UpdateRejected)
        self.taken(self.admitted(self.alice))

    def test_whoever_has_an_entry_uses_none_up(self) -> None:
        self.machine.update(self.alice)
        self.taken(self.admitted(self.alice, version=1))
        self.assertEqual(self.remembered(), 0)

    def test_it_survives_the_epoch_and_a_restart(self) -> None:
        self.taken(self.admitted(self.alice))
        self.close(1, START)
        self.machine = Machine(self.realm, self.machine.store)
        self.refused(RegistrationReplayed, self.admitted(self.bob))

    def test_an_id_of_another_length(self) -> None:
        self.refused(RegistrationRefused, self.admitted(self.alice, b"short"))

    def test_all_replicas_compute_the_same(self) -> None:
        other = Machine(self.realm)
        for step in (self.admitted(self.alice), self.admitted(self.bob), self.admitted(self.bob, SECOND)):
            self.assertEqual(self.machine.apply(step).writes, other.apply(step).writes)
        self.assertEqual(self.machine.delimit(1, START + 700).writes, other.delimit(1, START + 700).writes)


class ForgetTests(ProofCase):
    def test_at_its_end(self) -> None:
        self.taken(self.admitted(self.alice))
        self.close(1, START + 599)
        self.assertEqual((self.remembered(), self.ends()), (1, 1))
        self.close(2, START + 600)
        self.assertEqual((self.remembered(), self.ends()), (0, 0))

    def test_from_then_on_it_is_too_old(self) -> None:
        self.taken(self.admitted(self.alice))
        self.close(1, START + 600)
        self.refused(RegistrationExpired, self.admitted(self.bob))
        self.refused(RegistrationExpired, self.admitted(self.bob, SECOND, START + 600))
        self.taken(self.admitted(self.bob, SECOND, START + 601), epoch=2)

    def test_only_what_has_ended(self) -> None:
        self.taken(self.admitted(self.alice, FIRST, START + 10))
        self.taken(self.admitted(self.bob, SECOND, START + 20))
        self.close(1, START + 15)
        self.assertEqual((self.remembered(), self.ends()), (1, 1))

    def test_a_bounded_number_with_each_epoch(self) -> None:
        self.patch(proof_records, "FORGOTTEN_AT_ONCE", 2)
        for number in range(5):
            self.taken(self.admitted(Owner(f"user{number}@example.com"), bytes([number]) * 32, START + 1))
        left = []
        for epoch in (1, 2, 3):
            self.close(epoch, START + epoch)
            left.append((self.remembered(), self.ends()))
        self.assertEqual(left, [(3, 3), (1, 1), (0, 0)])

    def test_a_delimiter_without_effect_forgets_nothing(self) -> None:
        self.taken(self.admitted(self.alice))
        self.machine.delimit(5, START + 10_000)
        self.assertEqual(self.remembered(), 1)

    def test_an_end_beyond_all_times(self) -> None:
        self.taken(self.admitted(self.alice, expires=2**64 - 1))
        self.close(1, START)
        self.refused(RegistrationReplayed, self.admitted(self.bob, expires=2**64 - 1))

    def test_an_epoch_before_1970(self) -> None:
        self.taken(self.admitted(self.alice))
        self.close(1, -5)
        self.assertEqual(self.remembered(), 1)
