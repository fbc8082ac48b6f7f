"""What heads alone prove, and what they do not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.evidence import Verdict, judge
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.core.history import ALL, NOW, OTHER, REPLICA, VERIFIER, build_head, bundle, ids, realm_config, sign_head


class JudgeCase(SynchronousTestCase):
    """Judges bundles under the realm ``testing``."""

    config = realm_config()

    def judge(self, evidence: EvidenceBundle, now: float = NOW) -> Verdict:
        return judge(self.config, evidence, now)

    def found(self, evidence: EvidenceBundle, now: float = NOW) -> dict[str, tuple[int, ...]]:
        """Who broke which rule."""
        verdict = self.judge(evidence, now)
        self.assertEqual(verdict.reason, "", verdict.why)
        return {each.rule: each.signers for each in verdict.findings}

    def nothing(self, reason: str, evidence: EvidenceBundle, now: float = NOW) -> str:
        """Check that `evidence` proves nothing, and give why."""
        verdict = self.judge(evidence, now)
        self.assertEqual(verdict.findings, ())
        self.assertEqual(verdict.reason, reason, verdict.why)
        self.assertNotEqual(verdict.why, "")
        return verdict.why


FIRST = build_head(1)
ONE, TWO = build_head(2, FIRST), build_head(2, FIRST, b"\1" * 32)


class TwoHeads(JudgeCase):
    def test_whoever_signed_both_is_guilty(self) -> None:
        evidence = bundle(heads=[sign_head(ONE, REPLICA, VERIFIER), sign_head(TWO, REPLICA, OTHER)])
        self.assertEqual(self.found(evidence), {"two_heads": ids(REPLICA)})

    def test_all_who_signed_both_are_named(self) -> None:
        evidence = bundle(heads=[sign_head(ONE, *ALL), sign_head(TWO, *ALL)])
        self.assertEqual(self.found(evidence), {"two_heads": ids(*ALL)})

    def test_signatures_may_come_one_by_one(self) -> None:
        heads = [sign_head(head, signer, at=1e9 + n) for n, signer in enumerate(ALL) for head in (ONE, TWO)]
        self.assertEqual(self.found(bundle(heads=heads)), {"two_heads": ids(*ALL)})

    def test_nobody_is_guilty_of_what_two_others_signed(self) -> None:
        self.nothing("unproven", bundle(heads=[sign_head(ONE, REPLICA), sign_head(TWO, VERIFIER)]))

    def test_the_same_head_at_another_time_is_no_other_head(self) -> None:
        heads = [sign_head(ONE, VERIFIER, at=1e9), sign_head(ONE, VERIFIER, at=1.1e9), sign_head(ONE, REPLICA)]
        self.nothing("unproven", bundle(heads=heads))

    def test_what_the_bundle_claims_proves_nothing(self) -> None:
        claims = bundle(rule="two_heads", account="they did it", heads=[sign_head(ONE, *ALL)])
        self.nothing("unproven", claims)
        self.assertEqual(self.judge(claims).claim.rule, "two_heads")
