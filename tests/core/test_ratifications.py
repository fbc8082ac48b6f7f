"""Ratifications of a lying keyserver are refused: none, others' heads, expired ones, too few good signatures."""

from __future__ import annotations

from coname.core import heads, times
from coname.core.ratifications import MAX_RATIFICATIONS
from coname.messages.client_pb2 import LookupProof, SignedEpochHead, Timestamp
from tests.core.honest import ISSUED, TTL, key
from tests.core.lookup_case import ALICE, LookupCase


class Ratification(LookupCase):
    def signed(self, **changes: object) -> LookupProof:
        """An answer under a head with `changes`, signed by everybody."""
        return self.realm.answer(ALICE, self.realm.head(**changes))

    def test_none_at_all(self) -> None:
        self.refused("ratification", self.with_ratifications())

    def test_more_than_are_looked_at(self) -> None:
        one = self.realm.ratification(self.realm.signers[0])
        self.refused("ratification", self.with_ratifications(*[one] * (MAX_RATIFICATIONS + 1)))

    def test_two_epoch_heads_in_one_answer(self) -> None:
        other = self.realm.head(epoch=8)
        first, second, third = self.realm.signers
        proof = self.with_ratifications(
            *map(self.realm.ratification, (first, second)), self.realm.ratification(third, other)
        )
        self.assertIn("8", self.refused("ratification", proof))

    def test_a_head_of_another_realm(self) -> None:
        self.assertIn("'elsewhere'", self.refused("ratification", self.signed(realm="elsewhere")))

    def test_epoch_0(self) -> None:
        self.refused("ratification", self.signed(epoch=0))

    def test_a_root_hash_that_is_too_short(self) -> None:
        self.refused("ratification", self.signed(root_hash=bytes(31)))

    def test_an_epoch_that_chains_to_nothing(self) -> None:
        self.refused("ratification", self.signed(previous_summary_hash=b""))

    def test_the_first_epoch_chains_to_nothing(self) -> None:
        self.verify(self.signed(epoch=1, previous_summary_hash=b""))

    def test_an_issue_time_out_of_range(self) -> None:
        self.refused("ratification", self.signed(issue_time=Timestamp(seconds=2**62)))

    def test_an_issue_time_with_too_many_nanoseconds(self) -> None:
        self.refused("ratification", self.signed(issue_time=Timestamp(seconds=ISSUED, nanos=10**9)))

    def test_a_signing_time_out_of_range(self) -> None:
        signer = self.realm.signers[0]
        head = heads.timestamped(self.realm.head(), Timestamp(seconds=-(2**63)))
        self.refused(
            "ratification", self.with_ratifications(SignedEpochHead(head=head, signatures={1: signer.sign(head)}))
        )

    def test_a_head_that_is_not_a_message(self) -> None:
        self.refused("ratification", self.with_ratifications(SignedEpochHead(head=b"\xff")))

    def test_an_empty_head(self) -> None:
        self.refused("ratification", self.with_ratifications(SignedEpochHead()))


class Freshness(LookupCase):
    def test_accepted_in_the_very_last_moment(self) -> None:
        self.verify(self.realm.answer(ALICE), now=ISSUED + TTL)

    def test_refused_just_after_it(self) -> None:
        self.assertIn("3600", self.refused("freshness", self.realm.answer(ALICE), now=ISSUED + TTL + 1e-3))

    def test_fractions_of_a_second_count(self) -> None:
        head = self.realm.head(issue_time=times.timestamp((ISSUED, 500_000_000)))
        self.verify(self.realm.answer(ALICE, head), now=ISSUED + TTL + 0.5)
        self.refused("freshness", self.realm.answer(ALICE, head), now=ISSUED + TTL + 0.501)

    def test_a_realm_without_a_time_to_live_is_never_fresh(self) -> None:
        self.config.ClearField("epoch_time_to_live")
        self.refused("freshness", self.realm.answer(ALICE))

    def test_a_clock_that_is_behind_does_not_refuse(self) -> None:
        verified = self.verify(self.realm.answer(ALICE), now=ISSUED - 5)
        self.assertIn("5.0 s behind", dict(verified.steps)["freshness"])

    def test_a_late_signature_does_not_prolong_it(self) -> None:
        proof = self.realm.answer(ALICE)
        del proof.ratifications[:]
        late = ISSUED + TTL
        proof.ratifications.extend(self.realm.ratification(signer, signed_at=late) for signer in self.realm.signers)
        self.refused("freshness", proof, now=late + 1)


class Signatures(LookupCase):
    def test_as_many_as_the_policy_asks_for(self) -> None:
        ratifications = map(self.realm.ratification, self.realm.signers[:2])
        self.assertEqual(len(self.verify(self.with_ratifications(*ratifications)).signers), 2)

    def test_one_too_few(self) -> None:
        signer = self.realm.signers[1]
        sentence = self.refused("signatures", self.with_ratifications(self.realm.ratification(signer)))
        self.assertIn("2 of (", sentence)
        self.assertIn(str(signer.key_id), sentence)

    def test_one_signer_twice_is_one(self) -> None:
        one = self.realm.signers[0]
        ratifications = (self.realm.ratification(one, signed_at=ISSUED + n) for n in range(3))
        self.refused("signatures", self.with_ratifications(*ratifications))

    def test_of_a_signer_who_signed_twice_the_first_time_is_told(self) -> None:
        one, other, _ = self.realm.signers
        twice = (self.realm.ratification(one, signed_at=ISSUED + n) for n in (3, 1))
        verified = self.verify(self.with_ratifications(*twice, self.realm.ratification(other)))
        self.assertEqual(verified.signers, {one.key_id: ISSUED + 3, other.key_id: ISSUED})

    def test_one_signer_under_two_ids(self) -> None:
        one, other, _ = self.realm.signers
        ratification = self.realm.ratification(one)
        ratification.signatures[other.key_id] = ratification.signatures[one.key_id]
        self.refused("signatures", self.with_ratifications(ratification))

    def test_signers_of_no_concern_are_ignored(self) -> None:
        stranger = self.realm.ratification(key("stranger"))
        self.refused("signatures", self.with_ratifications(stranger, self.realm.ratification(self.realm.signers[0])))
        honest = map(self.realm.ratification, self.realm.signers)
        self.assertNotIn(key("stranger").key_id, self.verify(self.with_ratifications(stranger, *honest)).signers)

    def test_bad_signatures_are_ignored_as_long_as_enough_are_good(self) -> None:
        proof = self.realm.answer(ALICE)
        proof.ratifications[0].signatures[self.realm.signers[0].key_id] = bytes(64)
        self.assertNotIn(self.realm.signers[0].key_id, self.verify(proof).signers)

    def test_a_bad_signature_does_not_hide_a_good_one(self) -> None:
        first, second, _ = self.realm.signers
        bad = self.realm.ratification(first)
        bad.signatures[first.key_id] = bytes(64)
        good = map(self.realm.ratification, (first, second))
        self.assertEqual(len(self.verify(self.with_ratifications(bad, *good)).signers), 2)

    def test_several_signatures_on_one_head(self) -> None:
        ratification = self.realm.ratification(self.realm.signers[0])
        for signer in self.realm.signers[1:]:
            ratification.signatures[signer.key_id] = signer.sign(ratification.head)
        self.assertEqual(len(self.verify(self.with_ratifications(ratification)).signers), 3)

    def test_a_signature_over_the_inner_head_is_none(self) -> None:
        one, other, _ = self.realm.signers
        ratification = self.realm.ratification(other)
        ratification.signatures[one.key_id] = one.sign(self.realm.head())
        self.refused("signatures", self.with_ratifications(ratification))

    def test_a_changed_signing_time(self) -> None:
        proof = self.realm.answer(ALICE)
        for ratification in proof.ratifications:
            ratification.head = heads.timestamped(self.realm.head(), times.timestamp(ISSUED + 100))
        self.refused("signatures", proof)

    def test_a_signature_of_the_wrong_length(self) -> None:
        proof = self.realm.answer(ALICE)
        for ratification in proof.ratifications:
            for signer in ratification.signatures:
                ratification.signatures[signer] += b"\0"
        self.refused("signatures", proof)

    def test_a_realm_without_a_policy_believes_nobody(self) -> None:
        self.config.ClearField("verification_policy")
        self.refused("signatures", self.realm.answer(ALICE))

    def test_a_key_of_unknown_type_signs_nothing(self) -> None:
        for signer in self.realm.signers:
            self.config.verification_policy.public_keys[signer.key_id].Clear()
        self.refused("signatures", self.realm.answer(ALICE))

    def test_a_signer_who_is_no_candidate_does_not_count(self) -> None:
        del self.config.verification_policy.quorum.candidates[1:]
        self.refused("signatures", self.realm.answer(ALICE))
