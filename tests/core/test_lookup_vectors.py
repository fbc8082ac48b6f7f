"""The original's lookups, honest and tampered with: same verdicts, from binary and from JSON."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads
from coname.core.lookup import STEPS, Verified, realm_for, verify_lookup
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import EpochHead, LookupProof
from coname.messages.config_pb2 import Config, RealmConfig
from tests.core.cases import each_vector

FAILING_STEP = {
    "asked for another user": "user",
    "expired epoch": "freshness",
    "index changed": "index",
    "index proof changed": "index",
    "one ratification only": "signatures",
    "no ratifications": "ratification",
    "signatures changed": "signatures",
    "neighbor changed": "tree",
    "entry hash changed": "tree",
    "profile of another user": "profile",
    "entry of another user": "entry",
    "tree proof, entry and profile of another user": "tree",
    "absent user with an entry": "entry",
    "absent user with a profile": "profile",
}
"""Where each tampered case must fail: at the step that it is about."""


def _cases(content: dict[str, Any]) -> list[dict[str, Any]]:
    config = Config.FromString(bytes.fromhex(content["client_config_message"]))
    return [dict(lookup, config=config, config_json=content["client_config_json"]) for lookup in content["lookups"]]


def _binary(case: dict[str, Any]) -> LookupProof:
    return LookupProof.FromString(bytes.fromhex(case["lookup_proof_message"]))


def _json(case: dict[str, Any]) -> LookupProof:
    return json_format.ParseDict(case["lookup_proof_json"], LookupProof())


def _name(case: dict[str, Any]) -> str:
    return f"{case['name']} {case['user'].partition('@')[0]}"


class _LookupVectors(SynchronousTestCase):
    def realm(self, case: dict[str, Any]) -> RealmConfig:
        return realm_for(case["config"], case["user"])

    def verdict(self, case: dict[str, Any], proof: LookupProof) -> None:
        def verify() -> Verified:
            return verify_lookup(self.realm(case), case["user"], proof, case["now_seconds"])

        if case["accepted"]:
            self.accepted(case, verify())
        else:
            self.assertEqual(self.assertRaises(ProofInvalid, verify).step, FAILING_STEP[case["name"]])

    def accepted(self, case: dict[str, Any], verified: Verified) -> None:
        keys = {} if verified.profile is None else dict(verified.profile.keys)
        self.assertEqual({name: key.hex() for name, key in keys.items()}, case["keys"] or {})
        self.assertEqual(verified.profile is None, verified.entry is None)
        self.assertEqual([name for name, _ in verified.steps], list(STEPS))
        self.assertFalse(verified.vrf_trustworthy)


@each_vector("lookup", _cases, _name)
class Binary(_LookupVectors):
    def check(self, case: dict[str, Any]) -> None:
        self.verdict(case, _binary(case))


@each_vector("lookup", _cases, _name)
class Json(_LookupVectors):
    def check(self, case: dict[str, Any]) -> None:
        self.assertEqual(json_format.ParseDict(case["config_json"], Config()), case["config"])
        self.verdict(case, _json(case))


@each_vector("lookup", lambda content: [case for case in _cases(content) if case["accepted"]], _name)
class Heads(SynchronousTestCase):
    """What `heads.build` makes of an epoch is what the original made of it, to the byte."""

    def check(self, case: dict[str, Any]) -> None:
        for ratification in _binary(case).ratifications:
            head = heads.parse(ratification.head)
            issue_time = EpochHead.FromString(head.epoch_head).issue_time
            built = heads.build(head.realm, head.epoch, head.root_hash, issue_time, head.previous_summary_hash)
            self.assertEqual(built, head.epoch_head)
