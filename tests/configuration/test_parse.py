"""What a parser of protobuf JSON accepts is accepted, the rest is named with its path, and all of it at once."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from twisted.trial.unittest import SynchronousTestCase

from coname.configuration.findings import Findings
from coname.configuration.parse import MAX_DEPTH, fill
from coname.messages.client_pb2 import AuthorizationPolicy, LookupProof, QuorumExpr
from coname.messages.config_pb2 import (
    RFC9381,
    CertificateAndKeyID,
    Config,
    KeyserverConfig,
    Limits,
    RegistrationPolicy,
    ReplicaConfig,
    TLSConfig,
)


class ParseCase(SynchronousTestCase):
    def accept(self, message: Message, document: Any) -> Any:
        findings = Findings()
        fill(message, document, findings)
        self.assertEqual(findings.mistakes, [])
        return message

    def refuse(self, message: Message, document: Any) -> list[str]:
        findings = Findings()
        fill(message, document, findings)
        self.assertNotEqual(findings.mistakes, [])
        return findings.mistakes


class AcceptedTests(ParseCase):
    def test_original_names(self) -> None:
        self.assertEqual(self.accept(ReplicaConfig(), {"public_addr": ":1"}).public_addr, ":1")

    def test_lower_camel_names(self) -> None:
        self.assertEqual(self.accept(ReplicaConfig(), {"publicAddr": ":1"}).public_addr, ":1")

    def test_names_that_are_not_lower_case(self) -> None:
        realm = self.accept(Config(), {"realms": [{"RealmName": "r", "URL": "u", "VRFPublic": "AAAA"}]}).realms[0]
        self.assertEqual((realm.RealmName, realm.URL, realm.VRFPublic), ("r", "u", b"\0\0\0"))

    def test_integers_as_numbers(self) -> None:
        self.assertEqual(self.accept(Limits(), {"entry_bytes": 2**64 - 1}).entry_bytes, 2**64 - 1)

    def test_integers_as_text(self) -> None:
        self.assertEqual(self.accept(Limits(), {"entry_bytes": "18446744073709551615"}).entry_bytes, 2**64 - 1)

    def test_whole_numbers_with_a_fraction_of_zero(self) -> None:
        self.assertEqual(self.accept(Limits(), {"entry_bytes": 4096.0}).entry_bytes, 4096)

    def test_whole_numbers_with_an_exponent(self) -> None:
        self.assertEqual(self.accept(Limits(), {"entry_bytes": "1.5e3"}).entry_bytes, 1500)

    def test_base64_of_both_alphabets_with_and_without_padding(self) -> None:
        for text in ("+/+/+w==", "-_-_-w==", "-_-_-w", "+/+/+w"):
            config = self.accept(KeyserverConfig(), {"tree_nonce": text})
            self.assertEqual(config.tree_nonce, b"\xfb\xff\xbf\xfb", text)

    def test_enums_by_name(self) -> None:
        self.assertEqual(self.accept(KeyserverConfig(), {"vrf_suite": "RFC9381"}).vrf_suite, RFC9381)

    def test_enums_by_number(self) -> None:
        self.assertEqual(self.accept(TLSConfig(), {"min_version": 771}).min_version, 771)

    def test_null_is_absent(self) -> None:
        config = self.accept(ReplicaConfig(), {"public_tls": None, "replica_id": None})
        self.assertEqual(config, ReplicaConfig())

    def test_empty_object_is_present(self) -> None:
        self.assertTrue(self.accept(ReplicaConfig(), {"manhole": {}}).HasField("manhole"))

    def test_map_with_integer_keys(self) -> None:
        policy = self.accept(AuthorizationPolicy(), {"public_keys": {"18446744073709551615": {"ed25519": "AA=="}}})
        self.assertEqual(policy.public_keys[2**64 - 1].ed25519, b"\0")

    def test_one_of_a_choice(self) -> None:
        policy = self.accept(RegistrationPolicy(), {"email_proof_by_dkim": {"to_addr": "a@b"}})
        self.assertEqual(policy.WhichOneof("policy_type"), "email_proof_by_dkim")

    def test_optional_field_of_empty_bytes_is_present(self) -> None:
        self.assertTrue(self.accept(LookupProof(), {"entry": ""}).HasField("entry"))

    def test_nesting_up_to_the_bound(self) -> None:
        self.accept(QuorumExpr(), _nested(MAX_DEPTH))


class RefusedTests(ParseCase):
    def one(self, message: Message, document: Any, expected: str) -> None:
        mistakes = self.refuse(message, document)
        self.assertEqual(len(mistakes), 1, mistakes)
        self.assertTrue(mistakes[0].startswith(expected), mistakes[0])

    def test_misspelt_field_with_what_was_meant(self) -> None:
        self.one(ReplicaConfig(), {"public_adr": ":1"}, "public_adr: there is no such field; did you mean public_addr?")

    def test_unknown_field_with_what_there_is(self) -> None:
        self.one(QuorumExpr(), {"zzz": 1}, "zzz: there is no such field; known here: threshold, candidates, sub")

    def test_unknown_field_of_strange_characters(self) -> None:
        self.one(QuorumExpr(), {"a\nb": 1}, "'a\\nb': there is no such field")

    def test_field_under_both_names(self) -> None:
        self.one(ReplicaConfig(), {"public_addr": ":1", "publicAddr": ":1"}, "public_addr: given together with")

    def test_two_of_a_choice(self) -> None:
        document = {"insecure_skip_email_proof": True, "email_proof_by_dkim": {}}
        self.one(RegistrationPolicy(), document, "email_proof_by_dkim: given together with insecure_skip_email_proof")

    def test_path_leads_through_objects_lists_and_maps(self) -> None:
        document = {"realms": [{}, {"verification_policy": {"public_keys": {"5": {"ed25519": 7}}}}]}
        self.one(Config(), document, 'realms[1].verification_policy.public_keys["5"].ed25519: bytes in base64')

    def test_path_of_an_element(self) -> None:
        self.one(CertificateAndKeyID(), {"certificate": ["AAAA", "!"]}, "certificate[1]: bytes in base64")

    def test_every_mistake_at_once(self) -> None:
        document = {"replica_id": "x", "public_addr": 1, "raft_heartbeat": {"seconds": 0.5}, "leveldb_path": "db"}
        message = ReplicaConfig()
        mistakes = self.refuse(message, document)
        self.assertEqual(
            [line.partition(":")[0] for line in mistakes], ["replica_id", "public_addr", "raft_heartbeat.seconds"]
        )
        self.assertEqual(message.leveldb_path, "db", "what is right is filled in")

    def test_number_instead_of_text(self) -> None:
        self.one(ReplicaConfig(), {"public_addr": 4625}, "public_addr: a text is expected, not 4625")

    def test_text_instead_of_number(self) -> None:
        self.one(Limits(), {"entry_bytes": "many"}, "entry_bytes: an integer is expected, not 'many'")

    def test_fraction_instead_of_integer(self) -> None:
        self.one(Limits(), {"entry_bytes": 0.5}, "entry_bytes: an integer is expected, not 0.5")

    def test_not_a_number(self) -> None:
        self.one(Limits(), {"entry_bytes": float("nan")}, "entry_bytes: an integer is expected")

    def test_infinity(self) -> None:
        self.one(Limits(), {"entry_bytes": float("-inf")}, "entry_bytes: an integer is expected")

    def test_true_is_no_integer(self) -> None:
        self.one(Limits(), {"entry_bytes": True}, "entry_bytes: an integer is expected, not true")

    def test_negative_where_none_can_be(self) -> None:
        self.one(Limits(), {"entry_bytes": -1}, "entry_bytes: -1 is out of range: 0 to 18446744073709551615")

    def test_too_large(self) -> None:
        self.one(QuorumExpr(), {"threshold": 2**32}, "threshold: 4294967296 is out of range: 0 to 4294967295")

    def test_astronomic_exponent_costs_nothing(self) -> None:
        self.one(Limits(), {"entry_bytes": "1e999"}, "entry_bytes: '1e999' is out of range")

    def test_huge_number_is_not_spelled_out(self) -> None:
        self.one(Limits(), {"entry_bytes": 1 << 100_000}, "entry_bytes: a number of more than 128 bits is out of range")

    def test_one_is_not_true(self) -> None:
        self.one(RegistrationPolicy(), {"insecure_skip_email_proof": 1}, "insecure_skip_email_proof: true or false")

    def test_cut_off_base64(self) -> None:
        self.one(KeyserverConfig(), {"tree_nonce": "AAAAA"}, "tree_nonce: this base64 is cut off")

    def test_unknown_enum_name(self) -> None:
        self.one(KeyserverConfig(), {"vrf_suite": "RFC9382"}, "vrf_suite: 'RFC9382' is none of VRF_2017, RFC9381")

    def test_object_instead_of_list(self) -> None:
        self.one(Config(), {"realms": {}}, "realms: a list is expected, not an object")

    def test_list_instead_of_object(self) -> None:
        self.one(ReplicaConfig(), {"public_tls": []}, "public_tls: an object is expected, not a list")

    def test_list_instead_of_map(self) -> None:
        self.one(AuthorizationPolicy(), {"public_keys": []}, "public_keys: an object is expected, not a list")

    def test_null_in_a_list(self) -> None:
        self.one(Config(), {"realms": [None]}, "realms[0]: an object is expected, not null")

    def test_map_key_of_the_wrong_kind(self) -> None:
        self.one(AuthorizationPolicy(), {"public_keys": {"x": {}}}, 'public_keys["x"]: an integer is expected')

    def test_two_spellings_of_one_map_key(self) -> None:
        document = {"public_keys": {"1": {}, "1.0": {}}}
        self.one(AuthorizationPolicy(), document, 'public_keys["1.0"]: this key stands twice')

    def test_half_a_surrogate_pair(self) -> None:
        self.one(ReplicaConfig(), {"public_addr": "\ud800"}, "public_addr: the text holds half of a surrogate pair")

    def test_long_value_is_shortened(self) -> None:
        self.assertLess(len(self.refuse(Limits(), {"entry_bytes": "x" * 10_000})[0]), 150)

    def test_nesting_beyond_the_bound(self) -> None:
        mistakes = self.refuse(QuorumExpr(), _nested(MAX_DEPTH + 1))
        self.assertEqual(len(mistakes), 1)
        self.assertTrue(mistakes[0].endswith("nested more than 100 levels deep"))

    def test_no_object_at_all(self) -> None:
        self.one(Config(), "x", "an object is expected, not 'x'")


def _nested(levels: int) -> dict[str, Any]:
    expr: dict[str, Any] = {}
    for _ in range(levels - 1):
        expr = {"subexpressions": [expr]}
    return expr
