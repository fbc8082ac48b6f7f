"""Against protobuf's own JSON parser, for documents nobody thought of."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import tomli_w
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.configuration import documents
from coname.configuration.findings import Findings
from coname.configuration.parse import fill
from coname.messages.config_pb2 import Config, ReplicaConfig, VerifierConfig

MESSAGES: list[type[Message]] = [Config, ReplicaConfig, VerifierConfig]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
CHECKED = settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def scalars(field: Any) -> st.SearchStrategy[Any]:
    """Values, and spellings of them, that a parser accepts for `field`."""
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=9).flatmap(_spellings_of_bytes)
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.enum_type is not None:
        return st.sampled_from(list(field.enum_type.values_by_name)) | st.integers(0, 2**31 - 1)
    least, bits = (0, 64) if "UINT64" in str(field.type) else (0, 31)
    numbers = st.integers(least, 2**bits - 1)
    return numbers | numbers.map(str)


def _spellings_of_bytes(data: bytes) -> st.SearchStrategy[str]:
    standard, url = base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()
    return st.sampled_from([standard, url, standard.rstrip("="), url.rstrip("=")])


def documents_of(descriptor: Descriptor, depth: int = 4) -> st.SearchStrategy[dict[str, Any]]:
    """Documents that describe a message, with fields under either of their names and nulls for absent ones."""
    fields = [field for field in descriptor.fields if depth or field.message_type is None]
    chosen = st.lists(st.sampled_from(fields), max_size=4, unique_by=_slot) if fields else st.just([])
    return chosen.flatmap(lambda some: st.tuples(*(_named(field, depth) for field in some))).map(dict)


def _slot(field: Any) -> str:
    return str((field.containing_oneof or field).full_name)


def _named(field: Any, depth: int) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.sampled_from([field.name, field.json_name]), values(field, depth) | st.none())


def values(field: Any, depth: int) -> st.SearchStrategy[Any]:
    """Documents for one field."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        keys = st.integers(0, 2**64 - 1).map(str)
        return st.dictionaries(keys, values(field.message_type.fields_by_name["value"], depth), max_size=2)
    one = scalars(field) if field.message_type is None else documents_of(field.message_type, depth - 1)
    return st.lists(one, max_size=2) if field.is_repeated else one


def ours(kind: type[Message], document: Any) -> tuple[Message, Findings]:
    """The message that our parser makes, and what it finds."""
    message, findings = kind(), Findings()
    fill(message, document, findings)
    return message, findings


class ParityTests(SynchronousTestCase):
    @CHECKED
    @given(st.sampled_from(MESSAGES).flatmap(lambda k: st.tuples(st.just(k), documents_of(k.DESCRIPTOR))))
    def test_valid_documents_become_the_same_message(self, case: tuple[type[Message], dict[str, Any]]) -> None:
        kind, document = case
        message, findings = ours(kind, document)
        self.assertEqual(findings.mistakes, [])
        self.assertEqual(message, json_format.ParseDict(document, kind()))

    @CHECKED
    @given(st.sampled_from(MESSAGES), JSON)
    def test_arbitrary_json_raises_nothing(self, kind: type[Message], document: Any) -> None:
        ours(kind, document)

    @CHECKED
    @given(
        st.sampled_from(MESSAGES).flatmap(
            lambda k: st.tuples(st.just(k), documents_of(k.DESCRIPTOR), st.randoms(use_true_random=False), JSON)
        )
    )
    def test_spoilt_documents_are_judged_alike(self, case: tuple[type[Message], dict[str, Any], Any, Any]) -> None:
        kind, document, random, wrong = case
        spoil(document, random, wrong)
        message, findings = ours(kind, document)
        try:
            theirs = json_format.ParseDict(document, kind())
        except (json_format.ParseError, AttributeError, TypeError, ValueError, OverflowError):
            self.assertNotEqual(findings.mistakes, [])
        else:
            # Theirs lets pass what only its implementation knows: "1_0", base64 with holes, [] or "" for {}.
            if not findings.mistakes:
                self.assertEqual(message, theirs)
            for line in findings.mistakes:
                self.assertTrue(re.search("base64|integer|is none of|an object is expected", line), line)

    @CHECKED
    @given(st.sampled_from(MESSAGES).flatmap(lambda k: st.tuples(st.just(k), documents_of(k.DESCRIPTOR))))
    def test_toml_means_the_same_as_json(self, case: tuple[type[Message], dict[str, Any]]) -> None:
        kind, document = case
        document = _without_nulls(document)
        from_toml = documents.parse(tomli_w.dumps(document).encode(), toml=True, name="t")
        from_json = documents.parse(json.dumps(document).encode(), toml=False, name="j")
        self.assertEqual(ours(kind, from_toml)[0], ours(kind, from_json)[0])


def spoil(document: Any, random: Any, wrong: Any) -> None:
    """Replace something in `document` by `wrong`."""
    while document:
        keys: list[Any] = list(document) if isinstance(document, dict) else list(range(len(document)))
        key = random.choice(keys)
        inner = document[key]
        if not (isinstance(inner, dict | list) and inner) or random.random() < 0.3:
            document[key] = wrong
            return
        document = inner


def _without_nulls(document: Any) -> Any:
    """TOML has no null."""
    if isinstance(document, dict):
        return {name: _without_nulls(value) for name, value in document.items() if value is not None}
    return [_without_nulls(value) for value in document] if isinstance(document, list) else document
