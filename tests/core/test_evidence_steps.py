"""What transcripts prove: wrong roots, and updates that their owners did not sign."""

from __future__ import annotations

from collections.abc import Sequence

from coname.core import transcripts
from coname.core.hashes import entry_hash
from coname.messages.client_pb2 import Entry, SignedEntryUpdate
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.core import reference_tree
from tests.core.evidence_case import JudgeCase
from tests.core.history import (
    ALL,
    OTHER,
    REPLICA,
    VERIFIER,
    Closed,
    History,
    bundle,
    change,
    entry,
    ids,
    index,
    key,
    sign_head,
    sign_transcript,
    update,
)

NAMES = ("alice", "bob", "carol", "dave", "eve")


class StepsCase(JudgeCase):
    """An honest first epoch, and a second one to be made."""

    def setUp(self) -> None:
        self.history = History()
        self.first = self.history.close(*(change(name) for name in NAMES))

    def evidence(self, second: Closed, names: Sequence[str], signers: Sequence[object] = (REPLICA,)) -> EvidenceBundle:
        """The second epoch, and what the tree held before for each of `names`."""
        return bundle(
            heads=[sign_head(self.first.head, *ALL), sign_head(second.head, *ALL)],
            transcripts=[self.history.transcript(second, *signers)],
            updates=second.updates,
            entries=[self.history.proven(0, self.first, name) for name in names],
        )


class WrongRoot(StepsCase):
    def test_whoever_signed_the_transcript_is_guilty(self) -> None:
        second = self.history.close(change("alice", 1), change("zoe"), root=b"\1" * 32)
        evidence = self.evidence(second, ["alice", "zoe"], [REPLICA, VERIFIER])
        self.assertEqual(self.found(evidence), {"wrong_root": ids(REPLICA, VERIFIER)})

    def test_a_right_root_proves_nothing(self) -> None:
        second = self.history.close(change("alice", 1), change("zoe"), change("alice", 2), change("yan"))
        self.nothing("unproven", self.evidence(second, ["alice", "zoe", "yan"]))

    def test_an_entry_that_no_update_made(self) -> None:
        tree = {**self.first.tree, index("mallory"): entry_hash(b"anything")}
        second = self.history.close(root=reference_tree.root(tree))
        self.assertEqual(self.found(self.evidence(second, [])), {"wrong_root": ids(REPLICA)})

    def test_an_empty_epoch_has_the_root_before(self) -> None:
        self.nothing("unproven", self.evidence(self.history.close(), []))

    def test_the_first_epoch_begins_with_nothing(self) -> None:
        evidence = bundle(
            heads=[sign_head(self.first.head, *ALL)],
            transcripts=[self.history.transcript(self.first, REPLICA)],
            updates=self.first.updates,
        )
        self.nothing("unproven", evidence)
        wrong = History()
        first = wrong.close(change("alice"), root=bytes(32))
        evidence = bundle(
            heads=[sign_head(first.head)], transcripts=[wrong.transcript(first, REPLICA)], updates=first.updates
        )
        self.assertEqual(self.found(evidence), {"wrong_root": ids(REPLICA)})

    def test_a_root_of_a_wrong_length(self) -> None:
        second = self.history.close(change("alice", 1), root=bytes(31))
        self.assertEqual(self.found(self.evidence(second, ["alice"])), {"wrong_root": ids(REPLICA)})

    def test_a_place_that_is_not_shown_leaves_it_open(self) -> None:
        second = self.history.close(change("alice", 1), change("bob", 1), root=bytes(32))
        evidence = self.evidence(second, ["alice"])
        self.nothing("unproven", evidence)
        self.assertIn("cannot be decided", " ".join(self.judge(evidence).notes))

    def test_without_the_head_before_it_is_open(self) -> None:
        second = self.history.close(change("alice", 1), root=bytes(32))
        evidence = self.evidence(second, [])
        del evidence.heads[0]
        self.nothing("unproven", evidence)
        self.assertIn("head before", " ".join(self.judge(evidence).notes))

    def test_without_the_updates_it_is_open(self) -> None:
        evidence = self.evidence(self.history.close(change("alice", 1), root=bytes(32)), [])
        del evidence.updates[:]
        self.nothing("unproven", evidence)

    def test_numbers_in_the_transcript_change_nothing(self) -> None:
        second = self.history.close(change("alice", 1), root=bytes(32))
        for wrong in ({"head_step": 0}, {"head_step": 2**64 - 1}, {"first_step": 9}, {"epoch": 7}):
            evidence = self.evidence(second, ["alice"])
            said = transcripts.parse(evidence.transcripts[0].transcript)
            for name, value in wrong.items():
                setattr(said, name, value)
            evidence.transcripts[0].CopyFrom(sign_transcript(said.SerializeToString(), REPLICA))
            self.assertEqual(self.found(evidence)["wrong_root"], ids(REPLICA))

    def test_the_hashes_of_the_entries_before_are_enough(self) -> None:
        second = self.history.close(change("alice", 1), change("zoe"), root=b"\1" * 32)
        evidence = self.evidence(second, ["alice", "zoe"])
        evidence.entries[0].ClearField("entry")
        self.assertEqual(self.found(evidence), {"wrong_root": ids(REPLICA)})

    def test_a_right_root_over_hashes_proves_nothing(self) -> None:
        second = self.history.close(change("alice", 1), change("zoe"))
        evidence = self.evidence(second, ["alice", "zoe"])
        evidence.entries[0].ClearField("entry")
        self.nothing("unproven", evidence)

    def test_a_tree_with_a_nonce(self) -> None:
        self.config.tree_nonce = b"nonce"
        self.addCleanup(self.config.ClearField, "tree_nonce")
        self.history = History(nonce=b"nonce")
        self.first = self.history.close(*(change(name) for name in NAMES))
        self.nothing("unproven", self.evidence(self.history.close(change("alice", 1)), ["alice"]))


MALLORY = key("mallory")


class WrongUpdates(StepsCase):
    def guilty(self, rule: str, *updates: SignedEntryUpdate, names: Sequence[str] = ("alice",)) -> None:
        second = self.history.close(*updates)
        self.assertEqual(self.found(self.evidence(second, names)), {rule: ids(REPLICA)})

    def test_a_change_by_somebody_else(self) -> None:
        self.guilty("unauthorised_update", update(entry("alice", 1, MALLORY), MALLORY))

    def test_a_change_by_nobody(self) -> None:
        self.guilty("unauthorised_update", update(entry("alice", 1)))

    def test_a_smaller_version(self) -> None:
        self.first = self.history.close(change("alice", 5))
        self.guilty("version_decreased", change("alice", 4))

    def test_the_same_version(self) -> None:
        self.guilty("version_decreased", update(entry("alice", 0, profile_commitment=b"\1" * 64), key("alice")))

    def test_a_smaller_version_than_earlier_in_the_epoch(self) -> None:
        self.guilty(
            "version_decreased", change("alice", 5), change("bob", 1), change("alice", 4), names=("alice", "bob")
        )

    def test_a_registration_of_a_later_version(self) -> None:
        self.guilty("unauthorised_update", change("zoe", 3), names=["zoe"])

    def test_a_registration_that_nobody_signed(self) -> None:
        self.guilty("unauthorised_update", update(entry("zoe")), names=["zoe"])

    def test_an_entry_without_a_policy(self) -> None:
        bare = Entry(index=index("alice"), version=1).SerializeToString()
        self.guilty("unauthorised_update", update(bare, key("alice")))

    def test_only_the_places_in_question_need_be_shown(self) -> None:
        wrong = update(entry("alice", 1, MALLORY), MALLORY)
        self.guilty("unauthorised_update", change("bob", 1), wrong, change("carol", 1))

    def test_what_is_no_entry(self) -> None:
        second = self.history.close()
        second.updates = [SignedEntryUpdate(new_entry=b"\xff\xff")]
        self.assertEqual(self.found(self.evidence(second, [])), {"unauthorised_update": ids(REPLICA)})

    def test_an_index_of_a_wrong_length(self) -> None:
        second = self.history.close()
        new = entry("alice", 0, index=b"short")
        second.updates = [update(new, key("alice"))]
        self.assertEqual(self.found(self.evidence(second, [])), {"unauthorised_update": ids(REPLICA)})

    def test_only_the_signers_of_the_transcript_are_guilty(self) -> None:
        second = self.history.close(update(entry("alice", 1, MALLORY), MALLORY))
        evidence = self.evidence(second, ["alice"], [OTHER])
        self.assertEqual(self.found(evidence), {"unauthorised_update": ids(OTHER)})

    def test_signers_of_the_same_transcript_may_come_one_by_one(self) -> None:
        second = self.history.close(update(entry("alice", 1, MALLORY), MALLORY))
        evidence = self.evidence(second, ["alice"], [OTHER])
        evidence.transcripts.append(self.history.transcript(second, VERIFIER))
        self.assertEqual(self.found(evidence), {"unauthorised_update": ids(OTHER, VERIFIER)})

    def test_an_entry_that_is_shown_by_its_hash_leaves_it_open(self) -> None:
        second = self.history.close(update(entry("alice", 1, MALLORY), MALLORY))
        evidence = self.evidence(second, ["alice"])
        evidence.entries[0].ClearField("entry")
        self.nothing("unproven", evidence)
        self.assertIn("of 1 entry", " ".join(self.judge(evidence).notes))

    def test_what_the_tree_held_before_must_be_shown(self) -> None:
        second = self.history.close(update(entry("alice", 1, MALLORY), MALLORY))
        evidence = self.evidence(second, [])
        self.nothing("unproven", evidence)
        self.assertIn(index("alice").hex(), " ".join(self.judge(evidence).notes))
