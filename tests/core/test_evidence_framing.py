"""How somebody might try to have honest signers convicted: with genuine material, put together wrongly."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha512

from coname.core import transcripts
from coname.core.evidence import judge
from coname.core.types import Epoch
from coname.core.vrf import points
from coname.core.vrf.points import FIELD, ORDER
from coname.messages.client_pb2 import PublicKey, SignedEpochHead
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.core.cases import each
from tests.core.evidence_case import JudgeCase
from tests.core.history import (
    ALL,
    NOW,
    OTHER,
    REPLICA,
    VERIFIER,
    History,
    build_head,
    bundle,
    change,
    entry,
    ids,
    index,
    key,
    realm_config,
    sign_head,
    sign_transcript,
    update,
)


def two_epochs() -> tuple[History, EvidenceBundle]:
    """An honest history of two epochs, all of it shown."""
    history = History()
    first = history.close(*(change(name) for name in ("alice", "bob", "carol", "dave")))
    second = history.close(change("alice", 1), change("zoe"), change("alice", 2))
    return history, bundle(
        heads=[sign_head(first.head, *ALL), sign_head(second.head, *ALL)],
        transcripts=[history.transcript(first, *ALL), history.transcript(second, *ALL)],
        updates=second.updates,
        entries=[history.proven(0, first, name) for name in ("alice", "zoe")],
    )


class Honest(JudgeCase):
    def test_an_honest_history_proves_nothing(self) -> None:
        self.nothing("unproven", two_epochs()[1])


def _reordered(bundle: EvidenceBundle) -> None:
    updates = [bundle.updates[place] for place in (2, 1, 0)]
    del bundle.updates[:]
    bundle.updates.extend(updates)


def _first_update_left_out(bundle: EvidenceBundle) -> None:
    del bundle.updates[0]


def _an_update_added(bundle: EvidenceBundle) -> None:
    bundle.updates.add().CopyFrom(update(entry("alice", 3, key("mallory")), key("mallory")))


def _a_signature_taken_from_an_update(bundle: EvidenceBundle) -> None:
    bundle.updates[0].signatures.clear()


def _a_proof_cut_short(bundle: EvidenceBundle) -> None:
    del bundle.entries[0].tree_proof.neighbors[-1]


def _a_proof_made_longer(bundle: EvidenceBundle) -> None:
    bundle.entries[0].tree_proof.neighbors.append(bytes(32))


def _a_proof_of_another_index(bundle: EvidenceBundle) -> None:
    bundle.entries[0].index = index("bob")


def _a_proof_under_another_head(bundle: EvidenceBundle) -> None:
    bundle.entries[0].head = 1


def _an_absence_made_up(bundle: EvidenceBundle) -> None:
    bundle.entries[0].tree_proof.ClearField("existing_index")
    bundle.entries[0].tree_proof.ClearField("existing_entry_hash")
    bundle.entries[0].ClearField("entry")


def _an_entry_put_where_there_is_none(bundle: EvidenceBundle) -> None:
    bundle.entries[1].entry = entry("zoe", 7)


def _another_entry(bundle: EvidenceBundle) -> None:
    bundle.entries[0].entry = entry("alice", 7)


def _an_old_transcript_for_the_last(bundle: EvidenceBundle) -> None:
    del bundle.transcripts[1]


def _a_transcript_of_a_head_that_is_not_there(bundle: EvidenceBundle) -> None:
    del bundle.heads[1]


def _another_head_before(bundle: EvidenceBundle) -> None:
    bundle.heads[0].CopyFrom(sign_head(build_head(1, root=bytes(32))))


def _a_head_that_nobody_signed(bundle: EvidenceBundle) -> None:
    bundle.heads.add().CopyFrom(sign_head(build_head(2)))


def _a_head_by_a_stranger(bundle: EvidenceBundle) -> None:
    bundle.heads.add().CopyFrom(sign_head(build_head(2), key("stranger")))


def _a_signature_under_anothers_id(bundle: EvidenceBundle) -> None:
    forged = sign_head(build_head(2), VERIFIER)
    bundle.heads.add().CopyFrom(
        SignedEpochHead(head=forged.head, signatures={REPLICA.key_id: forged.signatures[VERIFIER.key_id]})
    )


def _a_signature_of_another_head(bundle: EvidenceBundle) -> None:
    forged = sign_head(build_head(2))
    forged.signatures[REPLICA.key_id] = bundle.heads[1].signatures[REPLICA.key_id]
    bundle.heads.add().CopyFrom(forged)


def _a_transcripts_signature_for_a_head(bundle: EvidenceBundle) -> None:
    signed = bundle.transcripts[1]
    head = transcripts.signed_bytes(signed.transcript)
    bundle.heads.add().CopyFrom(SignedEpochHead(head=head, signatures=dict(signed.signatures)))


def _a_heads_signature_for_a_transcript(bundle: EvidenceBundle) -> None:
    bundle.transcripts[1].transcript = bundle.heads[1].head
    bundle.transcripts[1].signatures.clear()
    bundle.transcripts[1].signatures.update(bundle.heads[1].signatures)


def _a_transcript_of_ones_own(bundle: EvidenceBundle) -> None:
    forged = transcripts.build("testing", Epoch(2), build_head(2), 5, [])
    bundle.transcripts[1].transcript = forged


def _no_tree_proof(bundle: EvidenceBundle) -> None:
    bundle.entries[0].ClearField("tree_proof")


def _an_entry_of_a_head_that_is_not_there(bundle: EvidenceBundle) -> None:
    bundle.entries[0].head = 2**32 - 1


def _a_later_format(bundle: EvidenceBundle) -> None:
    bundle.format = 2


DAMAGE: list[Callable[[EvidenceBundle], None]] = [
    _reordered,
    _first_update_left_out,
    _an_update_added,
    _a_signature_taken_from_an_update,
    _a_proof_cut_short,
    _a_proof_made_longer,
    _a_proof_of_another_index,
    _a_proof_under_another_head,
    _an_absence_made_up,
    _an_entry_put_where_there_is_none,
    _another_entry,
    _an_old_transcript_for_the_last,
    _a_transcript_of_a_head_that_is_not_there,
    _another_head_before,
    _a_head_that_nobody_signed,
    _a_head_by_a_stranger,
    _a_signature_under_anothers_id,
    _a_signature_of_another_head,
    _a_transcripts_signature_for_a_head,
    _a_heads_signature_for_a_transcript,
    _a_transcript_of_ones_own,
    _no_tree_proof,
    _an_entry_of_a_head_that_is_not_there,
    _a_later_format,
]


@each(DAMAGE, lambda damage: damage.__name__)
class Damaged(JudgeCase):
    def check(self, damage: Callable[[EvidenceBundle], None]) -> None:
        _, evidence = two_epochs()
        damage(evidence)
        self.nothing("damaged", evidence)


def strange(signature: bytes) -> bytes:
    """The same signature with S + L for S: libsodium refuses it, the programs of 2017 take it."""
    return signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")


STRANGER = key("stranger")


class MixedKey:
    """A key with a part of order 2, which libsodium calls no valid point."""

    def __init__(self) -> None:
        self._secret = 12345
        order_2 = (FIELD - 1).to_bytes(32, "little")
        self.public = points.add(points.multiply_base(self._number(self._secret)), order_2)

    def sign(self, message: bytes) -> bytes:
        for nonce in range(1, 100):
            r = points.multiply_base(self._number(nonce))
            h = int.from_bytes(sha512(r + self.public + message).digest(), "little") % ORDER
            if h % 2 == 0:  # then h times the part of order 2 is nothing
                return r + self._number((nonce + h * self._secret) % ORDER)
        raise AssertionError("a hundred odd numbers")

    @staticmethod
    def _number(value: int) -> bytes:
        return value.to_bytes(32, "little")


class Genuine(JudgeCase):
    """Everything is as it was signed, and yet nobody is guilty."""

    def test_a_realm_begun_anew_with_new_keys(self) -> None:
        new = (key("new replica"), key("new verifier"))
        heads = [sign_head(build_head(2), *ALL), sign_head(build_head(2, root=b"\1" * 32), *new)]
        for config in (realm_config(), realm_config(keys=new)):
            verdict = judge(config, bundle(heads=heads), NOW)
            self.assertEqual((verdict.findings, verdict.reason), ((), "damaged"))

    def test_an_update_whose_signature_only_the_programs_of_2017_take(self) -> None:
        history = History()
        first = history.close(change("alice"), change("bob"))
        changed = change("alice", 1)
        changed.signatures[key("alice").key_id] = strange(changed.signatures[key("alice").key_id])
        second = history.close(changed)
        evidence = bundle(
            heads=[sign_head(each.head, *ALL) for each in (first, second)],
            transcripts=[history.transcript(second, *ALL)],
            updates=second.updates,
            entries=[history.proven(0, first, "alice")],
        )
        self.nothing("unproven", evidence)

    def test_strangers_alone_convict_nobody(self) -> None:
        heads = [sign_head(build_head(2), STRANGER), sign_head(build_head(2, root=b"\1" * 32), STRANGER)]
        self.assertIn(str(STRANGER.key_id), self.nothing("damaged", bundle(heads=heads)))

    def test_what_a_stranger_says_of_updates_counts_for_nobody(self) -> None:
        history = History()
        first = history.close(change("alice"), root=bytes(32))
        evidence = bundle(
            heads=[sign_head(first.head, REPLICA)],
            transcripts=[history.transcript(first, STRANGER)],
            updates=first.updates,
        )
        self.nothing("unproven", evidence)
        evidence.updates[0].new_entry += b"\0"
        self.nothing("damaged", evidence)

    def test_a_bad_signature_of_a_known_signer_spoils_what_others_signed(self) -> None:
        heads = [sign_head(build_head(2), *ALL), sign_head(build_head(2, root=b"\1" * 32), *ALL)]
        heads[0].signatures[OTHER.key_id] = bytes(64)
        self.nothing("damaged", bundle(heads=heads))

    def test_an_update_with_more_signatures_than_anybody_asked_for(self) -> None:
        history = History()
        changed = change("alice")
        changed.signatures[1] = b"nonsense"
        first = history.close(changed)
        evidence = bundle(
            heads=[sign_head(first.head)], transcripts=[history.transcript(first, *ALL)], updates=first.updates
        )
        self.nothing("unproven", evidence)

    def test_another_head_before_by_the_same_signers_is_not_the_one_before(self) -> None:
        # Two heads of an epoch by two signers: each is honest, for all that is known; the tree of one says nothing of
        # what follows from the other.
        history, evidence = two_epochs()
        evidence.heads[0].CopyFrom(sign_head(build_head(1, root=bytes(32)), OTHER))
        evidence.heads[1].CopyFrom(sign_head(history.closed[1].head, REPLICA))
        del evidence.entries[:]
        del evidence.transcripts[:]
        evidence.transcripts.append(history.transcript(history.closed[1], REPLICA))
        self.nothing("unproven", evidence)

    def test_a_key_of_small_order_convicts_nobody(self) -> None:
        # Anybody can sign by the key 1: whatever h is, h times the neutral point is neutral.
        neutral = b"\1" + bytes(31)
        config = realm_config()
        config.verification_policy.public_keys[9].CopyFrom(PublicKey(ed25519=neutral))
        heads = [sign_head(build_head(2)), sign_head(build_head(2, root=b"\1" * 32))]
        for head in heads:
            head.signatures[9] = neutral + bytes(32)
        self.assertEqual(judge(config, bundle(heads=heads), NOW).reason, "damaged")


class NoEscape(JudgeCase):
    """And how a guilty signer might try to get away."""

    def test_by_signatures_that_libsodium_refuses(self) -> None:
        heads = [sign_head(build_head(2), REPLICA), sign_head(build_head(2, root=b"\1" * 32), REPLICA)]
        heads[1].signatures[REPLICA.key_id] = strange(heads[1].signatures[REPLICA.key_id])
        self.assertEqual(self.found(bundle(heads=heads)), {"two_heads": ids(REPLICA)})

    def test_by_one_key_under_two_ids(self) -> None:
        config = realm_config()
        config.verification_policy.public_keys[9].CopyFrom(PublicKey(ed25519=REPLICA.public))
        heads = [sign_head(build_head(2), REPLICA), sign_head(build_head(2, root=b"\1" * 32), REPLICA)]
        heads[1].signatures[9] = heads[1].signatures.pop(REPLICA.key_id)
        self.assertEqual(judge(config, bundle(heads=heads), NOW).findings[0].signers, (9,))

    def test_by_letting_a_stranger_sign_along(self) -> None:
        heads = [sign_head(build_head(2), REPLICA), sign_head(build_head(2, root=b"\1" * 32), REPLICA, STRANGER)]
        self.assertEqual(self.found(bundle(heads=heads)), {"two_heads": ids(REPLICA)})
        self.assertIn(str(STRANGER.key_id), " ".join(self.judge(bundle(heads=heads)).notes))

    def test_by_letting_a_stranger_sign_the_transcript(self) -> None:
        history, evidence = two_epochs()
        evidence.heads.append(sign_head(build_head(2, root=b"\1" * 32), REPLICA))
        del evidence.transcripts[:]
        evidence.transcripts.append(history.transcript(history.closed[1], STRANGER))
        self.assertEqual(self.found(evidence)["two_heads"], ids(REPLICA))

    def test_by_a_key_with_a_part_of_small_order(self) -> None:
        signer = MixedKey()
        config = realm_config()
        config.verification_policy.public_keys[9].CopyFrom(PublicKey(ed25519=signer.public))
        heads = [sign_head(build_head(2)), sign_head(build_head(2, root=b"\1" * 32))]
        for head in heads:
            head.signatures[9] = strange(signer.sign(head.head))
        self.assertEqual(judge(config, bundle(heads=heads), NOW).findings[0].signers, (9,))

    def test_by_heads_that_no_client_would_read(self) -> None:
        one = build_head(2, previous_summary_hash=b"short", root=b"")
        heads = [sign_head(one, REPLICA), sign_head(build_head(2), REPLICA)]
        self.assertEqual(self.found(bundle(heads=heads)), {"two_heads": ids(REPLICA)})

    def test_by_updates_that_take_long_to_check(self) -> None:
        history = History()
        first = history.close(change("alice"))
        wrong = update(entry("alice", 1, key("mallory")), key("mallory"))
        second = history.close(wrong, *(change(f"made up {number}") for number in range(20)))
        evidence = bundle(
            heads=[sign_head(each.head, REPLICA) for each in (first, second)],
            transcripts=[history.transcript(second, REPLICA)],
            updates=second.updates,
            entries=[history.proven(0, first, "alice")],
        )
        self.assertEqual(self.found(evidence), {"unauthorised_update": ids(REPLICA)})

    def test_by_another_transcript_of_the_same_updates(self) -> None:
        history = History()
        first = history.close(change("alice"), root=bytes(32))
        digests = [transcripts.update_digest(each) for each in first.updates]
        moved = transcripts.build("testing", Epoch(1), first.head, 7, digests)
        evidence = bundle(
            heads=[sign_head(first.head)],
            transcripts=[history.transcript(first, REPLICA), sign_transcript(moved, VERIFIER)],
            updates=first.updates,
        )
        self.assertEqual(self.found(evidence), {"wrong_root": ids(REPLICA, VERIFIER)})
