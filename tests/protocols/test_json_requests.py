"""Requests in JSON: what is taken, what is refused and how well, and that the two ways of reading agree."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import InvalidRequest, TooLarge
from coname.messages.client_pb2 import LookupRequest, QuorumExpr, UpdateRequest
from coname.protocols import json_requests
from coname.protocols.json_requests import careful, lookup_request, update_request
from coname.protocols.request_bounds import LOOKUP_BYTES

UINT64 = st.integers(0, 2**64 - 1)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


def plain_integers(values: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return values | values.map(str)


def standard_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-(2**70), 2**70),
    st.sampled_from(["", " 1", "1.0", "1e3", "-1", "0x10", "٣", "007", "\ud800", "ab", "ab==", "a-_b", "a+/b", "\n"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """`usual`, and now and then something else."""
    return st.one_of(usual, usual, usual, ODD)


def fields(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of these fields, and now and then under another name."""
    usual = st.fixed_dictionaries({}, optional={name: mostly(values) for name, values in strategies.items()})
    strange = st.dictionaries(st.sampled_from(["userId", "newEntry", "x", *strategies]), ODD, max_size=2)
    return st.one_of(usual, usual, usual, st.builds(lambda a, b: {**a, **b}, usual, strange))


BYTES = st.binary(max_size=12).map(standard_base64)
QUORUM = st.recursive(
    fields(
        threshold=plain_integers(st.integers(0, 2**32 - 1)), candidates=st.lists(plain_integers(UINT64), max_size=3)
    ),
    lambda inner: fields(threshold=plain_integers(st.integers(0, 3)), subexpressions=st.lists(inner, max_size=3)),
    max_leaves=4,
)
LOOKUP = fields(epoch=plain_integers(UINT64), user_id=TEXT, quorum_requirement=QUORUM)
SIGNATURES = st.dictionaries(
    mostly(UINT64.map(str)).filter(lambda key: isinstance(key, str)), mostly(BYTES), max_size=3
)
UPDATE = fields(
    update=fields(new_entry=BYTES, signatures=SIGNATURES),
    profile=BYTES,
    lookup_parameters=LOOKUP,
    email_proof=fields(dkim_proof=BYTES, oidc_token=TEXT, saml_response=TEXT),
)
BODY = st.binary(max_size=40)


class Agreement(SynchronousTestCase):
    """Whatever the body, it is read as protobuf's own parser reads it, or refused like there."""

    def _agree(self, body: bytes, kind: type[Message], read: Any) -> None:
        try:
            expected: Any = careful(body, kind)
        except InvalidRequest as error:
            refused = self.assertRaises(InvalidRequest, read, body)
            self.assertEqual(str(refused), str(error))
        else:
            self.assertEqual(read(body), expected)

    @given(LOOKUP)
    @settings(derandomize=True, max_examples=500, deadline=None)
    def test_on_lookups(self, value: Any) -> None:
        self._agree(json.dumps(value).encode(), LookupRequest, lookup_request)

    @given(UPDATE)
    @settings(derandomize=True, max_examples=500, deadline=None)
    def test_on_updates(self, value: Any) -> None:
        self._agree(json.dumps(value).encode(), UpdateRequest, update_request)

    @given(BODY)
    @settings(derandomize=True, max_examples=300, deadline=None)
    def test_on_arbitrary_bytes(self, body: bytes) -> None:
        self._agree(body, LookupRequest, lookup_request)

    @given(st.text(alphabet='{}[]":,user_id0123456789 ntf\\', max_size=30))
    @settings(derandomize=True, max_examples=500, deadline=None)
    def test_on_what_nearly_is_json(self, text: str) -> None:
        self._agree(text.encode(), LookupRequest, lookup_request)


class Plain(SynchronousTestCase):
    """What clients usually send goes the short way."""

    def setUp(self) -> None:
        def unexpected(body: bytes, kind: type[Message]) -> Message:
            raise AssertionError("went the careful way")

        self.patch(json_requests, "careful", unexpected)

    def test_a_lookup(self) -> None:
        body = b'{"epoch": "3", "user_id": "a@b", "quorum_requirement": {"threshold": 1, "candidates": ["7"]}}'
        quorum = QuorumExpr(threshold=1, candidates=[7])
        self.assertEqual(lookup_request(body), LookupRequest(epoch=3, user_id="a@b", quorum_requirement=quorum))

    def test_whatever_protobuf_writes_of_an_update(self) -> None:
        request = UpdateRequest(profile=b"\xff" * 5)
        request.update.new_entry = b"\x00\xfb\xff"
        request.update.signatures[2**64 - 1] = bytes(64)
        request.lookup_parameters.user_id = "alice@example.com"
        request.lookup_parameters.quorum_requirement.subexpressions.add(threshold=1, candidates=[2**63])
        request.email_proof.oidc_token = "token"
        self.assertEqual(update_request(MessageToJson(request, preserving_proto_field_name=True).encode()), request)


class Accepted(SynchronousTestCase):
    """All that protobuf's JSON allows."""

    def test_lower_camel_names(self) -> None:
        self.assertEqual(lookup_request(b'{"userId": "a@b"}'), LookupRequest(user_id="a@b"))

    def test_integers_as_numbers(self) -> None:
        self.assertEqual(lookup_request(b'{"epoch": 18446744073709551615}').epoch, 2**64 - 1)

    def test_integers_in_other_spellings(self) -> None:
        self.assertEqual(lookup_request(b'{"epoch": 1e3}').epoch, 1000)

    def test_url_safe_base64_without_padding(self) -> None:
        self.assertEqual(update_request(b'{"profile": "-_8"}').profile, b"\xfb\xff")

    def test_null_for_absent(self) -> None:
        self.assertEqual(
            lookup_request(b'{"user_id": "a@b", "quorum_requirement": null}'), LookupRequest(user_id="a@b")
        )

    def test_an_empty_quorum_is_there(self) -> None:
        self.assertTrue(lookup_request(b'{"quorum_requirement": {}}').HasField("quorum_requirement"))


class Refused(SynchronousTestCase):
    """The sentence says what is wrong and where."""

    def _refused(self, body: bytes, *words: str) -> None:
        message = str(self.assertRaises(InvalidRequest, lookup_request, body))
        for word in words:
            self.assertIn(word, message)
        self.assertLessEqual(len(message), json_requests.REASON_CHARACTERS)
        self.assertNotIn("\n", message)

    def test_no_json(self) -> None:
        self._refused(b'{"user_id":\n "a@b",,}', "not JSON", "line 2, column 8")

    def test_no_body(self) -> None:
        self._refused(b"", "not JSON", "line 1, column 1")

    def test_no_utf_8(self) -> None:
        self._refused(b'{"user_id": "\xff"}', "not UTF-8 at byte 13")

    def test_utf_16(self) -> None:
        self._refused('{"user_id": "a@b"}'.encode("utf-16"), "not UTF-8 at byte 0")

    def test_an_unknown_field(self) -> None:
        self._refused(b'{"user": "a@b"}', "LookupRequest", '"user"')

    def test_a_field_of_the_wrong_kind(self) -> None:
        self._refused(b'{"quorum_requirement": {"candidates": [1, "x"]}}', "quorum_requirement.candidates: ")

    def test_a_negative_number(self) -> None:
        self._refused(b'{"epoch": -1}', "epoch")

    def test_a_number_of_more_than_64_bits(self) -> None:
        self._refused(b'{"epoch": 18446744073709551616}', "epoch")

    def test_a_name_that_occurs_twice(self) -> None:
        self._refused(b'{"user_id": "a@b", "user_id": "c@d"}', "user_id")

    def test_half_of_a_surrogate_pair(self) -> None:
        self._refused(b'{"user_id": "\\ud800"}', "user_id")

    def test_lists_nested_without_end(self) -> None:
        self._refused(b"[" * 4000, "nested too deeply")

    def test_quorums_nested_without_end(self) -> None:
        self._refused(b'{"quorum_requirement": ' + b'{"subexpressions": [' * 200 + b"]}" * 200 + b"}", "deep")

    def test_a_complaint_does_not_repeat_the_body(self) -> None:
        self._refused(json.dumps({"quorum_requirement": {"candidates": "x" * 10_000}}).encode(), "candidates")

    def test_a_number_of_many_digits(self) -> None:
        self._refused(b'{"epoch": ' + b"9" * 10_000 + b"}")


class Sizes(SynchronousTestCase):
    """No body is decoded that has more parts than any honest one."""

    def _too_large(self, decode: Callable[[bytes], Message], body: bytes, words: str) -> None:
        def unexpected(*_: object) -> Message:
            raise AssertionError("decoded")

        self.patch(json_requests, "_decode", unexpected)
        self.patch(json_requests, "careful", unexpected)
        self.assertIn(words, str(self.assertRaises(TooLarge, decode, body)))

    def test_a_lookup_that_is_too_long(self) -> None:
        self._too_large(lookup_request, b'{"user_id": "' + b"a" * LOOKUP_BYTES + b'"}', "16384 bytes")

    def test_a_lookup_of_too_many_candidates(self) -> None:
        body = b'{"quorum_requirement": {"candidates": [' + b"1," * 5000 + b"1]}}"
        self._too_large(lookup_request, body, "4096 commas")

    def test_an_update_whose_lookup_has_too_many_parts(self) -> None:
        quorum = b'{"subexpressions": [' + b",".join([b"{}"] * 80_000) + b"]}"
        self._too_large(update_request, b'{"lookup_parameters": {"quorum_requirement": ' + quorum + b"}}", "4096")

    def test_an_update_of_too_many_signatures(self) -> None:
        signatures = b",".join(b'"%d": ""' % number for number in range(5000))
        self._too_large(update_request, b'{"update": {"signatures": {' + signatures + b"}}}", "4096")

    def test_an_update_that_is_nested_too_deeply(self) -> None:
        self._too_large(update_request, b'{"a":' * 5000, "4096")

    def test_an_update_with_a_large_profile_is_taken(self) -> None:
        request = UpdateRequest(profile=bytes(100_000))
        self.assertEqual(update_request(MessageToJson(request).encode()), request)

    def test_a_rich_quorum_is_taken(self) -> None:
        parts = [QuorumExpr(threshold=1, candidates=[2**64 - 1]) for _ in range(128)]
        request = LookupRequest(user_id="a@b", quorum_requirement=QuorumExpr(threshold=65, subexpressions=parts))
        self.assertEqual(lookup_request(MessageToJson(request, indent=None).encode()), request)
