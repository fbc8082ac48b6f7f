"""What the tests of `coname.core.evidence` share."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.evidence import Verdict, judge
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.core.history import NOW, realm_config


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
