"""Whatever is in a bundle, a verdict comes out; nobody is accused by chance, and nobody waits for it."""

from __future__ import annotations

import json
from collections.abc import Callable

from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import evidence_bounds, evidence_files
from coname.core.evidence import judge, read_bundle, write_bundle
from coname.errors import ProofInvalid
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.core.cases import each
from tests.core.evidence_case import JudgeCase
from tests.core.history import (
    ALL,
    NOW,
    REPLICA,
    History,
    build_head,
    bundle,
    change,
    entry,
    key,
    realm_config,
    sign_head,
    update,
)
from tests.core.test_evidence_framing import two_epochs
from tests.core.test_hostile_input import mangled

SETTINGS = settings(derandomize=True, deadline=None, max_examples=300)
CONFIG = realm_config()
TWO = ALL[:2]


def wrong_root() -> EvidenceBundle:
    history = History()
    first = history.close(change("alice"), change("bob"), change("carol"))
    second = history.close(change("alice", 1), change("zoe"), root=b"\1" * 32)
    return bundle(
        heads=[sign_head(first.head, REPLICA), sign_head(second.head, REPLICA)],
        transcripts=[history.transcript(second, REPLICA)],
        updates=second.updates,
        entries=[history.proven(0, first, name) for name in ("alice", "zoe")],
    )


def unauthorised() -> EvidenceBundle:
    history = History()
    first = history.close(change("alice"), change("bob"))
    second = history.close(update(entry("alice", 1, key("mallory")), key("mallory")))
    return bundle(
        heads=[sign_head(first.head, REPLICA), sign_head(second.head, REPLICA)],
        transcripts=[history.transcript(second, REPLICA)],
        updates=second.updates,
        entries=[history.proven(0, first, "alice")],
    )


def two_heads() -> EvidenceBundle:
    return bundle(heads=[sign_head(build_head(2), *TWO), sign_head(build_head(2, root=b"\1" * 32), *TWO)])


def fallen() -> EvidenceBundle:
    history = History()
    first = history.close(change("alice", 3), change("bob"))
    second = history.close(change("alice", 2))
    return bundle(
        heads=[sign_head(first.head, REPLICA), sign_head(second.head, REPLICA)],
        entries=[history.proven(0, first, "alice"), history.proven(1, second, "alice")],
    )


def skipped() -> EvidenceBundle:
    first = build_head(1)
    return bundle(heads=[sign_head(first, REPLICA), sign_head(build_head(9, first), REPLICA)])


GUILTY: dict[str, Callable[[], EvidenceBundle]] = {
    "wrong_root": wrong_root,
    "unauthorised_update": unauthorised,
    "two_heads": two_heads,
    "version_decreased": fallen,
    "skipped_epoch": skipped,
}


def places(message: Message, path: str = "") -> list[tuple[Message, str, object]]:
    """Every bytes value in `message` that was signed or hashed: (holder, field, key)."""
    found: list[tuple[Message, str, object]] = []
    for field, value in message.ListFields():
        if field.name == "signatures":
            found += [(message, field.name, signer) for signer in value]
        elif field.type == field.TYPE_BYTES:
            repeated = not isinstance(value, bytes)
            found += [(message, field.name, place) for place in range(len(value))] if repeated else []
            found += [] if repeated else [(message, field.name, None)]
        elif field.type == field.TYPE_MESSAGE and field.name in ("heads", "transcripts", "updates", "entries"):
            for inner in value:
                found += places(inner)
        elif field.name == "tree_proof":
            found += places(value)
    return found


def flipped(value: bytes, bit: int) -> bytes:
    return value[: bit // 8] + bytes((value[bit // 8] ^ 1 << bit % 8,)) + value[bit // 8 + 1 :]


@each(GUILTY, str)
class AnyBit(JudgeCase):
    """One bit of every byte that was signed or hashed."""

    def check(self, rule: str) -> None:
        original = GUILTY[rule]()
        self.assertEqual(set(self.found(original)), {rule})
        for place, where in enumerate(places(original)):
            for byte in range(len(self.value(*where))):
                evidence = EvidenceBundle()
                evidence.CopyFrom(original)
                self.flip(*places(evidence)[place], byte * 8 + (byte + place) % 8)
                self.nothing("damaged", evidence)

    @staticmethod
    def value(holder: Message, field: str, at: object) -> bytes:
        value = getattr(holder, field)
        return value if at is None else value[at]

    def flip(self, holder: Message, field: str, at: object, bit: int) -> None:
        value = flipped(self.value(holder, field, at), bit)
        if at is None:
            setattr(holder, field, value)
        else:
            getattr(holder, field)[at] = value


@each(GUILTY, str)
class AnySigner(JudgeCase):
    """One bit of the id that a signature is filed under. Only those on updates are hashed; the others say nothing:
    it is the same signer's signature under any id that is nobody else's."""

    def check(self, rule: str) -> None:
        findings = self.found(GUILTY[rule]())
        for kind in ("heads", "transcripts", "updates"):
            for place in range(len(getattr(GUILTY[rule](), kind))):
                for bit in range(0, 64, 7):
                    evidence = GUILTY[rule]()
                    signatures = getattr(evidence, kind)[place].signatures
                    signer = min(signatures)
                    signatures[signer ^ 1 << bit] = signatures.pop(signer)
                    if kind == "updates":
                        self.nothing("damaged", evidence)
                    else:
                        self.assertEqual(self.found(evidence), findings)


HONEST = two_epochs()[1].SerializeToString()
PROVEN = {rule: make().SerializeToString() for rule, make in GUILTY.items()}


class Mangled(JudgeCase):
    @SETTINGS
    @given(mangled(HONEST))
    def test_an_honest_history_never_becomes_proof(self, data: bytes) -> None:
        try:
            evidence = EvidenceBundle.FromString(data)
        except DecodeError:
            return
        self.assertEqual(judge(CONFIG, evidence, NOW).findings, ())

    @SETTINGS
    @given(st.data(), st.sampled_from(sorted(GUILTY)))
    def test_nobody_else_is_accused_and_of_nothing_else(self, data: st.DataObject, rule: str) -> None:
        try:
            evidence = EvidenceBundle.FromString(data.draw(mangled(PROVEN[rule])))
        except DecodeError:
            return
        before = judge(CONFIG, GUILTY[rule](), NOW).findings
        for found in judge(CONFIG, evidence, NOW).findings:
            self.assertIn((found.rule, found.signers), [(each.rule, each.signers) for each in before])

    @SETTINGS
    @given(st.data(), st.sampled_from(sorted(GUILTY)))
    def test_files(self, data: st.DataObject, rule: str) -> None:
        try:
            evidence = read_bundle(data.draw(mangled(write_bundle(GUILTY[rule]()))))
        except ProofInvalid:
            return
        judge(CONFIG, evidence, NOW)

    @SETTINGS
    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from([field.name for field in EvidenceBundle.DESCRIPTOR.fields] + ["signatures", "1"]),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        )
    )
    def test_any_json(self, content: object) -> None:
        try:
            evidence = read_bundle(json.dumps({"heads": content, "entries": [content], "noticed_at": content}).encode())
        except ProofInvalid:
            return
        judge(CONFIG, evidence, NOW)

    @SETTINGS
    @given(st.binary(max_size=200))
    def test_any_bytes(self, data: bytes) -> None:
        self.assertRaises(ProofInvalid, read_bundle, data)


class Bounds(JudgeCase):
    def test_numbers(self) -> None:
        for field, most in (("heads", "MAX_HEADS"), ("transcripts", "MAX_TRANSCRIPTS")):
            evidence = bundle()
            for _ in range(getattr(evidence_bounds, most) + 1):
                getattr(evidence, field).add()
            self.nothing("too_large", evidence)
        for _, most in (("updates", "MAX_UPDATES"), ("entries", "MAX_ENTRIES")):
            self.patch(evidence_bounds, most, 3)
            evidence = two_epochs()[1]
            evidence.MergeFrom(evidence)
            self.nothing("too_large", evidence)

    def test_signatures(self) -> None:
        self.patch(evidence_bounds, "MAX_SIGNATURES", 3)
        self.nothing("too_large", two_heads())

    def test_updates_that_were_not_looked_at_are_told(self) -> None:
        self.patch(evidence_bounds, "MAX_SIGNATURES", 13)
        evidence = two_epochs()[1]
        self.nothing("unproven", evidence)
        self.assertIn("not all updates", " ".join(self.judge(evidence).notes))

    def test_many_heads_are_judged_at_once(self) -> None:
        heads = [sign_head(build_head(2, root=bytes((n,)) * 32), REPLICA) for n in range(256)]
        self.assertEqual(len(heads), evidence_bounds.MAX_DIFFERENT_HEADS)
        self.assertEqual(set(self.found(bundle(heads=heads))), {"two_heads"})

    def test_different_heads(self) -> None:
        most = evidence_bounds.MAX_DIFFERENT_HEADS
        heads = [sign_head(build_head(n), REPLICA) for n in range(1, most + 2)]
        self.nothing("too_large", bundle(heads=heads))
        self.nothing("unproven", bundle(heads=heads[:1] * (most + 1)))

    def test_files(self) -> None:
        self.patch(evidence_files, "MAX_PARTS", 10)
        self.assertRaises(ProofInvalid, read_bundle, b'{"heads": [' + b"{}," * 20 + b"{}]}")


class NoTime(SynchronousTestCase):
    def test_a_clock_far_off_is_no_error(self) -> None:
        for now in (0.0, 1e12, -1e12):
            judge(CONFIG, two_heads(), now)
