"""Lookups of an honest realm verify; those of a lying one fail, at the step that the lie is about."""

from __future__ import annotations

from coname.core.hashes import profile_commitment
from coname.core.lookup import STEPS
from coname.core.vrf import VRF_2017
from coname.errors import Misconfigured
from coname.messages.client_pb2 import Duration, Entry, LookupProof, TreeProof
from tests.core.honest import ISSUED, Realm, policy, profile
from tests.core.lookup_case import ALICE, BOB, NOBODY, LookupCase


class Honest(LookupCase):
    def test_a_registered_user_is_found_with_the_registered_keys(self) -> None:
        verified = self.verify(self.realm.answer(ALICE))
        self.assertEqual(verified.profile.keys["pgp"], ALICE.encode())
        self.assertEqual(verified.entry.index, verified.index)
        self.assertEqual(verified.epoch, 7)

    def test_nobody_is_proven_absent(self) -> None:
        verified = self.verify(self.realm.answer(NOBODY), NOBODY)
        self.assertIsNone(verified.entry)
        self.assertIsNone(verified.profile)

    def test_each_signer_is_told_with_its_own_time(self) -> None:
        verified = self.verify(self.realm.answer(ALICE))
        self.assertEqual(verified.signers, {k.key_id: ISSUED + n for n, k in enumerate(self.realm.signers)})

    def test_every_step_is_explained(self) -> None:
        steps = self.verify(self.realm.answer(ALICE)).steps
        self.assertEqual(tuple(name for name, _ in steps), STEPS)
        self.assertTrue(all(sentence for _, sentence in steps))

    def test_the_rfc_suite_is_trustworthy(self) -> None:
        self.assertTrue(self.verify(self.realm.answer(ALICE)).vrf_trustworthy)

    def test_the_2017_suite_is_not(self) -> None:
        self.realm = Realm(suite=VRF_2017)
        self.config = self.realm.config()
        self.assertFalse(self.verify(self.realm.answer(ALICE)).vrf_trustworthy)

    def test_a_realm_may_have_a_tree_nonce(self) -> None:
        self.realm = Realm(tree_nonce=b"nonce")
        self.config = self.realm.config()
        self.assertIsNotNone(self.verify(self.realm.answer(ALICE)).entry)
        self.assertIsNone(self.verify(self.realm.answer(NOBODY), NOBODY).entry)

    def test_an_empty_tree_proves_absence(self) -> None:
        self.realm.entries.clear()
        self.assertIsNone(self.verify(self.realm.answer(ALICE)).entry)

    def test_the_answer_need_not_repeat_the_user_id(self) -> None:
        self.verify(self.tampered(lambda proof: proof.ClearField("user_id")))

    def test_a_realm_without_domains_answers_for_any(self) -> None:
        del self.config.domains[:]
        self.verify(self.realm.answer("x@other.example"), "x@other.example")

    def test_an_entry_without_keys_in_its_profile(self) -> None:
        self.realm.register(ALICE, b"")
        self.assertEqual(len(self.verify(self.realm.answer(ALICE)).profile.keys), 0)


class User(LookupCase):
    def test_an_answer_for_somebody_else(self) -> None:
        self.assertIn(BOB, self.refused("user", self.realm.answer(BOB)))

    def test_the_sentence_stays_short(self) -> None:
        endless = self.tampered(lambda proof: setattr(proof, "user_id", "x" * 10**6))
        self.assertLess(len(self.refused("user", endless)), 500)

    def test_user_ids_are_compared_byte_for_byte(self) -> None:
        self.refused("user", self.realm.answer("Alice@wonder.land"))

    def test_an_address_of_another_realms_domain(self) -> None:
        self.refused("user", self.realm.answer("alice@other.example"), "alice@other.example")

    def test_a_user_id_that_is_no_unicode_text(self) -> None:
        self.refused("user", self.tampered(lambda proof: proof.ClearField("user_id")), "\ud800@wonder.land")


class IndexStep(LookupCase):
    def test_the_index_of_somebody_else(self) -> None:
        """With everything that belongs to it: a whole answer for bob, passed off as alice's."""
        self.refused("index", self.tampered(lambda proof: setattr(proof, "user_id", ALICE), BOB))

    def test_the_proof_of_somebody_else(self) -> None:
        other = self.realm.answer(BOB).index_proof
        self.refused("index", self.tampered(lambda proof: setattr(proof, "index_proof", other)))

    def test_no_index(self) -> None:
        self.refused("index", self.tampered(lambda proof: proof.ClearField("index")))

    def test_no_proof(self) -> None:
        self.refused("index", self.tampered(lambda proof: proof.ClearField("index_proof")))

    def test_a_proof_of_another_suite(self) -> None:
        self.refused("index", Realm(suite=VRF_2017).answer(ALICE))

    def test_a_realm_whose_key_is_cut_short(self) -> None:
        self.config.VRFPublic = self.config.VRFPublic[:31]
        self.refused("index", self.realm.answer(ALICE))


class Tree(LookupCase):
    def test_no_tree_proof(self) -> None:
        self.refused("tree", self.tampered(lambda proof: proof.ClearField("tree_proof")))

    def test_an_empty_tree_proof(self) -> None:
        self.refused("tree", self.tampered(lambda proof: proof.tree_proof.CopyFrom(TreeProof())))

    def test_more_neighbors_than_bits(self) -> None:
        more = [bytes(32)] * 300
        self.refused("tree", self.tampered(lambda proof: proof.tree_proof.neighbors.extend(more)))

    def test_the_tree_of_another_realm(self) -> None:
        self.config.tree_nonce = b"nonce"
        self.refused("tree", self.realm.answer(ALICE))

    def test_a_present_user_passed_off_as_absent(self) -> None:
        def hide(proof: LookupProof) -> None:
            for field in ("entry", "profile"):
                proof.ClearField(field)
            proof.tree_proof.ClearField("existing_index")
            proof.tree_proof.ClearField("existing_entry_hash")

        self.refused("tree", self.tampered(hide))


class Contents(LookupCase):
    def test_an_entry_that_is_left_out(self) -> None:
        self.refused("entry", self.tampered(lambda proof: proof.ClearField("entry")))

    def test_a_profile_that_is_left_out(self) -> None:
        self.refused("profile", self.tampered(lambda proof: proof.ClearField("profile")))

    def test_an_older_entry(self) -> None:
        old = self.realm.answer(ALICE).entry
        self.realm.register(ALICE, profile("new key"))
        self.refused("entry", self.tampered(lambda proof: setattr(proof, "entry", old)))

    def test_another_profile(self) -> None:
        self.refused("profile", self.tampered(lambda proof: setattr(proof, "profile", profile("evil"))))

    def test_an_entry_encoded_in_another_way(self) -> None:
        """The bytes count, not what they mean."""
        self.refused("entry", self.tampered(lambda proof: setattr(proof, "entry", proof.entry + b"\x10\x00")))

    def test_an_absent_user_with_an_entry(self) -> None:
        entry = self.realm.answer(BOB).entry
        proof = self.tampered(lambda proof: setattr(proof, "entry", entry), NOBODY)
        self.refused("entry", proof, NOBODY)

    def test_an_absent_user_with_an_empty_entry(self) -> None:
        self.refused("entry", self.tampered(lambda proof: setattr(proof, "entry", b""), NOBODY), NOBODY)

    def test_an_absent_user_with_a_profile(self) -> None:
        proof = self.tampered(lambda proof: setattr(proof, "profile", profile("x")), NOBODY)
        self.refused("profile", proof, NOBODY)

    def test_an_entry_that_is_not_a_message(self) -> None:
        self.realm.put(ALICE, b"\xff", profile("x"))
        self.refused("entry", self.realm.answer(ALICE))

    def test_a_profile_that_is_not_a_message(self) -> None:
        self.realm.register(ALICE, b"\xff")
        self.refused("profile", self.realm.answer(ALICE))

    def test_the_entry_of_somebody_else_at_this_index(self) -> None:
        """The provider puts bob's own entry into the tree where alice's belongs; bob never signed for that place."""
        self.realm.put(ALICE, self.realm.entries[self.realm.index(BOB)], self.realm.profiles[self.realm.index(BOB)])
        self.assertIn("made for the index", self.refused("entry", self.realm.answer(ALICE)))

    def test_an_entry_that_names_no_index(self) -> None:
        self.realm.register(ALICE, profile("x"), index=b"")
        self.refused("entry", self.realm.answer(ALICE))

    def test_an_entry_that_commits_to_nothing(self) -> None:
        self.realm.register(ALICE, profile("x"), profile_commitment=b"")
        self.refused("profile", self.realm.answer(ALICE))

    def test_an_entry_nested_too_deeply(self) -> None:
        quorum = b""
        for _ in range(150):
            quorum = b"\x1a" + _varint(len(quorum)) + quorum
        policy = b"\x12" + _varint(len(quorum)) + quorum
        entry = Entry(index=self.realm.index(ALICE), profile_commitment=profile_commitment(b"")).SerializeToString()
        self.realm.put(ALICE, entry + b"\x1a" + _varint(len(policy)) + policy, b"")
        self.refused("entry", self.realm.answer(ALICE))


def _varint(number: int) -> bytes:
    return bytes((number,)) if number < 128 else bytes((number & 127 | 128,)) + _varint(number >> 7)


class Configuration(LookupCase):
    def test_a_suite_that_does_not_exist(self) -> None:
        self.config.vrf_suite = 77
        self.assertRaises(Misconfigured, self.verify, self.realm.answer(ALICE))

    def test_a_time_to_live_out_of_range(self) -> None:
        self.config.epoch_time_to_live.CopyFrom(Duration(seconds=2**62))
        self.assertRaises(Misconfigured, self.verify, self.realm.answer(ALICE))

    def test_a_quorum_without_threshold_believes_anybody(self) -> None:
        """As configured: the realm's own fault, and the original's behaviour."""
        self.config.verification_policy.quorum.ClearField("threshold")
        proof = self.realm.answer(ALICE)
        for ratification in proof.ratifications:
            ratification.ClearField("signatures")
        self.assertEqual(self.verify(proof).signers, {})

    def test_nested_quorums_are_followed(self) -> None:
        first, *others = self.realm.signers
        self.config.verification_policy.CopyFrom(policy(2, *self.realm.signers))
        quorum = self.config.verification_policy.quorum
        quorum.candidates[:] = [first.key_id]
        quorum.subexpressions.add(threshold=1, candidates=[signer.key_id for signer in others])
        self.verify(self.realm.answer(ALICE))
        quorum.subexpressions[0].threshold = 3
        self.refused("signatures", self.realm.answer(ALICE))
