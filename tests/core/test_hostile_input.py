"""Whatever arrives, only the declared errors come out; and what verifies after a change means what it meant before."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads, policies
from coname.core.lookup import verify_lookup
from coname.core.proofs import TreeProofParts, verify_tree_proof
from coname.core.types import Index
from coname.core.vrf import RFC9381, VRF_2017
from coname.errors import Corrupt, ProofInvalid, UpdateInvalid
from coname.messages.client_pb2 import (
    Entry,
    LookupProof,
    QuorumExpr,
    SignedEntryUpdate,
    SignedEpochHead,
    TreeProof,
)
from tests.core.honest import ISSUED, Realm, key, policy

ALICE = "alice@wonder.land"
SETTINGS = settings(derandomize=True, deadline=None, max_examples=300)

REALM = Realm()
CONFIG = REALM.config()
ANSWER = REALM.answer(ALICE)
ENCODED = ANSWER.SerializeToString()
PROVEN = verify_lookup(CONFIG, ALICE, ANSWER, ISSUED)

short = st.binary(max_size=70)
hash_like = st.one_of(short, st.binary(min_size=32, max_size=32))


@st.composite
def mangled(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` after up to three changes: bits flipped, pieces removed, repeated or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        piece = draw(st.one_of(st.binary(max_size=8), st.just(data[start:end] * 2), st.just(bytes(end - start))))
        data = data[:start] + piece + data[end:]
    return data


ratifications = st.builds(
    SignedEpochHead,
    head=st.one_of(short, st.just(ANSWER.ratifications[0].head), mangled(ANSWER.ratifications[0].head)),
    signatures=st.dictionaries(st.sampled_from([k.key_id for k in REALM.signers] + [0]), short, max_size=3),
)
tree_proofs = st.builds(
    TreeProof,
    neighbors=st.lists(hash_like, max_size=5),
    existing_index=st.one_of(hash_like, st.just(ANSWER.index)),
    existing_entry_hash=hash_like,
)
answers = st.builds(
    LookupProof,
    user_id=st.one_of(st.just(ALICE), st.just(""), st.text(max_size=5)),
    index=st.one_of(st.just(ANSWER.index), hash_like),
    index_proof=st.one_of(st.just(ANSWER.index_proof), st.binary(max_size=100), mangled(ANSWER.index_proof)),
    ratifications=st.one_of(st.just(list(ANSWER.ratifications)), st.lists(ratifications, max_size=3)),
    tree_proof=st.one_of(st.none(), st.just(ANSWER.tree_proof), tree_proofs),
    entry=st.one_of(st.none(), st.just(ANSWER.entry), short, mangled(ANSWER.entry)),
    profile=st.one_of(st.none(), st.just(ANSWER.profile), short),
)


class Lookups(SynchronousTestCase):
    def judged(self, answer: LookupProof) -> None:
        try:
            verified = verify_lookup(CONFIG, ALICE, answer, ISSUED)
        except ProofInvalid:
            return
        # A change that left it valid changed nothing that was proven.
        self.assertEqual((verified.entry, verified.profile), (PROVEN.entry, PROVEN.profile))
        self.assertEqual((verified.index, verified.head.epoch_head), (PROVEN.index, PROVEN.head.epoch_head))

    @SETTINGS
    @given(st.binary(max_size=300))
    def test_arbitrary_bytes(self, data: bytes) -> None:
        try:
            answer = LookupProof.FromString(data)
        except DecodeError:
            return
        self.judged(answer)

    @SETTINGS
    @given(mangled(ENCODED))
    def test_an_honest_answer_mangled(self, data: bytes) -> None:
        try:
            answer = LookupProof.FromString(data)
        except DecodeError:
            return
        self.judged(answer)

    @SETTINGS
    @given(answers)
    def test_fields_in_any_combination(self, answer: LookupProof) -> None:
        self.judged(answer)

    def test_every_bit_of_an_honest_answer_changed_in_turn(self) -> None:
        for place in range(len(ENCODED)):
            data = ENCODED[:place] + bytes((ENCODED[place] ^ 1 << place % 8,)) + ENCODED[place + 1 :]
            try:
                answer = LookupProof.FromString(data)
            except DecodeError:
                continue
            self.judged(answer)


class Updates(SynchronousTestCase):
    CURRENT = Entry(index=bytes(32), update_policy=policy(1, key("old"))).SerializeToString()
    NEW = Entry(index=bytes(32), version=1, update_policy=policy(1, key("old"))).SerializeToString()
    UPDATE = SignedEntryUpdate(new_entry=NEW, signatures={key("old").key_id: key("old").sign(NEW)})

    def judged(self, current: bytes | None, update: SignedEntryUpdate) -> bool:
        try:
            policies.check_update(current, update)
        except UpdateInvalid:
            return False
        except Corrupt:
            self.assertRaises(DecodeError, Entry.FromString, current)
            return False
        return True

    def test_the_honest_one_is_accepted(self) -> None:
        self.assertTrue(self.judged(self.CURRENT, self.UPDATE))

    @SETTINGS
    @given(st.one_of(st.none(), short, mangled(CURRENT)), mangled(UPDATE.SerializeToString()))
    def test_an_honest_update_mangled(self, current: bytes | None, data: bytes) -> None:
        try:
            update = SignedEntryUpdate.FromString(data)
        except DecodeError:
            return
        self.judged(current, update)

    @SETTINGS
    @given(mangled(NEW))
    def test_no_other_entry_is_accepted_under_the_same_signature(self, entry: bytes) -> None:
        update = SignedEntryUpdate(new_entry=entry, signatures=self.UPDATE.signatures)
        self.assertEqual(self.judged(self.CURRENT, update), entry == self.NEW)


class Parts(SynchronousTestCase):
    @SETTINGS
    @given(mangled(ANSWER.ratifications[0].head))
    def test_heads(self, data: bytes) -> None:
        try:
            heads.parse(data)
        except ProofInvalid as error:
            self.assertEqual(error.step, "ratification")

    @SETTINGS
    @given(
        hash_like, short, hash_like, st.builds(TreeProofParts, st.lists(hash_like, max_size=4), hash_like, hash_like)
    )
    def test_tree_proofs(self, root: bytes, nonce: bytes, index: bytes, parts: TreeProofParts) -> None:
        self.assertRaises(ProofInvalid, verify_tree_proof, root, nonce, Index(index), parts)

    @SETTINGS
    @given(st.sampled_from([RFC9381, VRF_2017]), hash_like, short, hash_like, st.data())
    def test_index_proofs(self, suite: Any, public: bytes, user: bytes, index: bytes, data: st.DataObject) -> None:
        proof = data.draw(st.one_of(short, st.binary(min_size=suite.proof_size, max_size=suite.proof_size)))
        self.assertRaises(ProofInvalid, suite.verify, public, user, index, proof)

    def test_messages_nested_beyond_reason_do_not_decode(self) -> None:
        encoded = b""
        for _ in range(10_000):
            encoded = QuorumExpr(threshold=1).SerializeToString() + b"\x1a" + _varint(len(encoded)) + encoded
        self.assertRaises(DecodeError, QuorumExpr.FromString, encoded)


def _varint(number: int) -> bytes:
    return bytes((number,)) if number < 128 else bytes((number & 127 | 128,)) + _varint(number >> 7)
