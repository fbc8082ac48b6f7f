"""Which updates are valid: the original's verdicts, and what only ours refuses or must withstand."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.core import policies, signatures
from coname.core.signatures import SigningKey
from coname.errors import Corrupt, UpdateInvalid
from coname.messages.client_pb2 import AuthorizationPolicy, Entry, PublicKey, QuorumExpr, SignedEntryUpdate
from tests.core.cases import each_vector
from tests.core.honest import key, policy

OLD, NEW, OTHER = key("old"), key("new"), key("other")


@each_vector("update_policy", name=lambda case: case["name"])
class UpdatePolicyVectors(SynchronousTestCase):
    def check(self, case: dict[str, Any]) -> None:
        update = SignedEntryUpdate.FromString(bytes.fromhex(case["update_message"]))
        current = None if case["current_entry"] is None else bytes.fromhex(case["current_entry"])
        if case["accepted"]:
            policies.check_update(current, update)
        else:
            self.assertRaises(UpdateInvalid, policies.check_update, current, update)


def _entry(version: int, update_policy: AuthorizationPolicy | None) -> bytes:
    return Entry(index=bytes(32), version=version, update_policy=update_policy).SerializeToString()


def _update(entry: bytes, *signers: SigningKey) -> SignedEntryUpdate:
    return SignedEntryUpdate(new_entry=entry, signatures={k.key_id: k.sign(entry) for k in signers})


class Updates(SynchronousTestCase):
    def refused(self, current: bytes | None, update: SignedEntryUpdate) -> str:
        return str(self.assertRaises(UpdateInvalid, policies.check_update, current, update))

    def test_an_entry_that_is_not_a_message(self) -> None:
        self.assertIn("not an Entry", self.refused(None, _update(b"\xff", OLD)))

    def test_no_entry(self) -> None:
        self.refused(None, SignedEntryUpdate())

    def test_a_current_entry_that_cannot_be_read_is_corrupt_not_absent(self) -> None:
        update = _update(_entry(1, policy(1, NEW)), NEW)
        self.assertRaises(Corrupt, policies.check_update, b"\xff", update)

    def test_a_current_entry_without_a_policy_can_never_be_replaced(self) -> None:
        self.assertIn("current", self.refused(_entry(0, None), _update(_entry(1, policy(1, NEW)), NEW)))

    def test_an_empty_current_entry_is_not_an_absent_one(self) -> None:
        self.assertIn("0", self.refused(b"", _update(_entry(0, policy(1, NEW)), NEW)))

    def test_the_sentence_says_what_was_wanted_and_what_came(self) -> None:
        sentence = self.refused(_entry(0, policy(1, OLD)), _update(_entry(1, policy(1, NEW)), NEW))
        self.assertIn(f"1 of ({OLD.key_id})", sentence)
        self.assertIn("none", sentence)

    def test_a_version_as_large_as_can_be(self) -> None:
        policies.check_update(_entry(0, policy(1, OLD)), _update(_entry(2**64 - 1, policy(1, OLD)), OLD))

    def test_signatures_of_no_concern_are_ignored(self) -> None:
        policies.check_update(None, _update(_entry(0, policy(1, NEW)), NEW, OTHER))

    def test_a_signature_that_served_both_policies_is_checked_once(self) -> None:
        checked: list[bytes] = []

        def verify(public: bytes, message: bytes, signature: bytes) -> bool:
            checked.append(public)
            return signatures.verify(public, message, signature)

        update = _update(_entry(1, policy(1, OLD)), OLD, OTHER)
        policies.check_update(_entry(0, policy(1, OLD)), update, verify)
        self.assertEqual(checked, [OLD.public])


class PolicySatisfied(SynchronousTestCase):
    def satisfied(self, asked: AuthorizationPolicy | None, *signers: SigningKey) -> bool:
        return policies.policy_satisfied(asked, b"message", {k.key_id: k.sign(b"message") for k in signers})

    def test_no_policy_is_never_satisfied(self) -> None:
        self.assertFalse(self.satisfied(None, OLD))

    def test_a_policy_without_a_quorum_is_never_satisfied(self) -> None:
        asked = policy(1, OLD)
        asked.ClearField("quorum")
        self.assertFalse(self.satisfied(asked, OLD))

    def test_threshold_0_is_satisfied_by_nobody(self) -> None:
        self.assertTrue(self.satisfied(policy(0)))

    def test_two_of_three(self) -> None:
        self.assertTrue(self.satisfied(policy(2, OLD, NEW, OTHER), OTHER, OLD))
        self.assertFalse(self.satisfied(policy(2, OLD, NEW, OTHER), OTHER))

    def test_a_candidate_without_a_key_signs_nothing(self) -> None:
        asked = policy(1, OLD)
        del asked.public_keys[OLD.key_id]
        self.assertFalse(self.satisfied(asked, OLD))

    def test_looking_does_not_change_the_policy(self) -> None:
        asked = policy(1, OLD)
        asked.quorum.candidates.append(NEW.key_id)
        before = asked.SerializeToString(deterministic=True)
        self.satisfied(asked, OLD, NEW)
        self.assertEqual(asked.SerializeToString(deterministic=True), before)

    def test_a_key_that_is_no_candidate_signs_nothing(self) -> None:
        asked = policy(1, OLD)
        asked.public_keys[NEW.key_id].ed25519 = NEW.public
        self.assertFalse(self.satisfied(asked, NEW))

    def test_a_key_of_unknown_type_signs_nothing(self) -> None:
        asked = policy(1, OLD)
        asked.public_keys[OLD.key_id].CopyFrom(PublicKey())
        self.assertFalse(self.satisfied(asked, OLD))

    def test_the_policys_own_id_counts_not_the_keys(self) -> None:
        """The original's tests file keys under ids that are not their hashes."""
        asked = AuthorizationPolicy(quorum=QuorumExpr(threshold=1, candidates=[1]))
        asked.public_keys[1].ed25519 = OLD.public
        self.assertFalse(self.satisfied(asked, OLD))
        self.assertTrue(policies.policy_satisfied(asked, b"message", {1: OLD.sign(b"message")}))

    def test_no_signature_is_checked_where_all_together_would_not_do(self) -> None:
        def verify(public: bytes, message: bytes, signature: bytes) -> bool:
            raise AssertionError("checked in vain")

        self.assertFalse(policies.policy_satisfied(policy(2, OLD, NEW), b"m", {OLD.key_id: b""}, verify))
