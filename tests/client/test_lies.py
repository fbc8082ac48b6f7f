"""A server that lies: each lie by its name, and the step at which the client refuses it."""

from __future__ import annotations

from collections.abc import Callable

from nacl.bindings import crypto_core_ed25519_from_uniform, crypto_core_ed25519_scalar_invert
from twisted.trial.unittest import SynchronousTestCase

from coname.client import Change, Client, MemoryIdentity
from coname.core.hashes import shake
from coname.core.signatures import SigningKey
from coname.core.vrf import points
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import LookupProof
from coname.messages.config_pb2 import VRF_2017
from tests.client.simulator import Realm
from tests.client.transports import MemoryTransport

ALICE, BOB = "alice@example.com", "bob@example.com"


class LyingRealm(SynchronousTestCase):
    """Alice and Bob are registered; the client has seen Alice."""

    def setUp(self) -> None:
        self.realm = Realm()
        self.client = Client(self.realm.config(), lambda _: MemoryTransport(self.realm), clock=lambda: self.realm.now)
        self.alice, self.bob = MemoryIdentity(), MemoryIdentity()
        self.successResultOf(self.client.register(ALICE, {"pgp": b"alice's"}, self.alice))
        self.successResultOf(self.client.register(BOB, {"pgp": b"bob's"}, self.bob))

    def refused(self, step: str, address: str = ALICE, epoch: int = 0) -> None:
        error = self.failureResultOf(self.client.lookup(address, epoch), ProofInvalid).value
        self.assertEqual(error.step, step, str(error))

    def tampered(self, change: Callable[[LookupProof], None], step: str) -> None:
        self.realm.tamper = change
        self.refused(step)


class OneAnswer(LyingRealm):
    """What shows in the answer alone; the steps themselves are tested with `verify_lookup`."""

    def test_the_answer_to_another_question(self) -> None:
        self.tampered(lambda proof: proof.CopyFrom(self.realm.prove(BOB, 3)), "user")

    def test_the_answer_to_another_question_without_its_name(self) -> None:
        def swap(proof: LookupProof) -> None:
            proof.CopyFrom(self.realm.prove(BOB, 3))
            proof.ClearField("user_id")

        self.tampered(swap, "index")

    def test_a_key_slipped_into_the_profile(self) -> None:
        self.tampered(lambda proof: setattr(proof, "profile", self.realm.prove(BOB, 3).profile), "profile")

    def test_an_entry_of_the_servers_own(self) -> None:
        def swap(proof: LookupProof) -> None:
            proof.entry, proof.profile = self.realm.prove(BOB, 3).entry, self.realm.prove(BOB, 3).profile

        self.tampered(swap, "entry")

    def test_a_present_user_called_absent(self) -> None:
        def hide(proof: LookupProof) -> None:
            proof.ClearField("entry")
            proof.ClearField("profile")

        self.tampered(hide, "entry")

    def test_one_signature_too_few(self) -> None:
        self.tampered(lambda proof: proof.ratifications.__delitem__(slice(1, None)), "signatures")

    def test_an_epoch_that_has_expired(self) -> None:
        self.realm.now += 3601
        self.refused("freshness")

    def test_another_epoch_than_asked_for(self) -> None:
        self.realm.tamper = lambda proof: proof.CopyFrom(self.realm.prove(ALICE, 3))
        self.refused("epoch", epoch=2)

    def test_signers_that_the_client_did_not_choose(self) -> None:
        self.realm.signers = [SigningKey.generate() for _ in range(3)]
        self.refused("signatures")

    def test_an_answer_that_is_empty(self) -> None:
        self.tampered(lambda proof: proof.Clear(), "index")


class OverTime(LyingRealm):
    """What shows only to somebody who remembers. Every answer here is signed by the whole quorum."""

    def test_going_back_in_time(self) -> None:
        self.realm.serves = 2
        self.refused("memory")

    def test_another_history(self) -> None:
        self.realm.rewrite_history(1)
        self.refused("memory")

    def test_an_epoch_that_does_not_follow(self) -> None:
        self.realm.rewrite_history(1)
        self.realm.close_epoch()
        self.refused("memory")

    def test_another_history_below_the_newest_epoch(self) -> None:
        self.successResultOf(self.client.lookup(ALICE))
        self.realm.rewrite_history(2)
        self.refused("memory", epoch=2)

    def test_an_entry_that_vanishes(self) -> None:
        index, _ = self.realm.vrf.prove(self.realm.secret, ALICE.encode())
        del self.realm.entries[index], self.realm.profiles[index]
        self.realm.close_epoch()
        self.refused("memory")

    def test_an_entry_that_goes_back_to_an_older_version(self) -> None:
        index, _ = self.realm.vrf.prove(self.realm.secret, ALICE.encode())
        old = self.realm.entries[index], self.realm.profiles[index]
        self.successResultOf(self.client.update(ALICE, Change({"pgp": b"new"}), self.alice))
        self.realm.entries[index], self.realm.profiles[index] = old
        self.realm.close_epoch()
        self.refused("memory")

    def test_a_lie_is_refused_however_often_it_is_told(self) -> None:
        self.realm.serves = 2
        self.refused("memory")
        self.refused("memory")

    def test_the_truth_is_accepted_after_a_lie(self) -> None:
        self.realm.serves = 2
        self.refused("memory")
        self.realm.serves = None
        self.assertEqual(self.successResultOf(self.client.lookup(ALICE)).keys, {"pgp": b"alice's"})


class SecondIndex(SynchronousTestCase):
    """Under the suite of 2017, a provider can prove a second index for an address. Whoever saw the first refuses it."""

    def test_the_second_index_is_refused(self) -> None:
        realm = Realm(vrf_suite=VRF_2017)
        client = Client(realm.config(), lambda _: MemoryTransport(realm), clock=lambda: realm.now)
        self.successResultOf(client.lookup(ALICE))
        realm.vrf = ForgingVrf()
        realm.close_epoch()
        error = self.failureResultOf(client.lookup(ALICE), ProofInvalid).value
        self.assertEqual(error.step, "memory")
        self.assertIn("two indices", str(error))

    def test_whoever_has_not_seen_the_first_is_deceived(self) -> None:
        """Which is why the client warns with every result under this suite."""
        realm = Realm(vrf_suite=VRF_2017)
        client = Client(realm.config(), lambda _: MemoryTransport(realm), clock=lambda: realm.now)
        realm.vrf = ForgingVrf()
        self.assertFalse(self.successResultOf(client.lookup(ALICE)).verified.vrf_trustworthy)


class ForgingVrf:
    """The suite of 2017 in the hands of a provider who proves whatever index comes up.

    The challenge does not cover the point I: fix what it covers (A and C) first, then solve C = c·I + t·P for I.
    """

    def prove(self, secret: bytes, user_id: bytes) -> tuple[bytes, bytes]:
        x = points.clamp(shake(secret[:32], 64)[:32])
        r = points.reduce(shake(b"any number will do", 64))
        a, c = points.multiply_base(r), points.multiply_base(points.reduce(shake(b"and so will this", 64)))
        challenge = points.reduce(shake(a + c + user_id, 64))
        t = points.subtract_product(r, challenge, x)
        p = crypto_core_ed25519_from_uniform(shake(user_id, 32))
        i = points.multiply(crypto_core_ed25519_scalar_invert(challenge), points.subtract(c, points.multiply(t, p)))
        return shake(i + user_id, 32), challenge + t + i


class Updates(LyingRealm):
    """Lies about an update."""

    def refused_update(self, step: str) -> None:
        error = self.failureResultOf(self.client.update(ALICE, Change({"pgp": b"new"}), self.alice), ProofInvalid).value
        self.assertEqual(error.step, step)
        self.assertIsNotNone(self.alice.identity.pending)

    def test_claiming_success_without_doing_it(self) -> None:
        self.realm.admit = lambda request: None
        self.refused_update("update")

    def test_answering_with_an_older_epoch(self) -> None:
        real = self.realm.update
        self.realm.update = lambda request: real(request) and self.realm.prove(ALICE, 2)
        self.refused_update("memory")

    def test_claiming_a_registration_without_doing_it(self) -> None:
        self.realm.admit = lambda request: None
        store = MemoryIdentity()
        error = self.failureResultOf(self.client.register("carol@example.com", {"a": b"b"}, store), ProofInvalid).value
        self.assertEqual(error.step, "update")
        self.assertIsNotNone(store.identity.pending)
