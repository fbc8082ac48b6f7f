"""What proofs of one index in two epochs prove."""

from __future__ import annotations

from coname.core import evidence_entries
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.core.evidence_case import JudgeCase
from tests.core.history import OTHER, REPLICA, VERIFIER, History, bundle, change, entry, ids, key, sign_head, update


class GoneBack(JudgeCase):
    def setUp(self) -> None:
        self.history = History()
        self.history.close(change("bob"), change("carol"))
        self.old = self.history.close(change("alice"), change("alice", 3))

    def evidence(self, name: str = "alice") -> EvidenceBundle:
        """What the tree held in the second epoch, and holds in the last."""
        return bundle(
            heads=[sign_head(self.old.head, REPLICA, VERIFIER), sign_head(self.history.last.head, REPLICA, OTHER)],
            entries=[self.history.proven(0, self.old, name), self.history.proven(1, self.history.last, name)],
        )

    def test_an_entry_that_vanished(self) -> None:
        self.history.close()
        del self.history.last.entries[self._alice()]
        self.history.close(change("dave"))
        self.assertEqual(self.found(self.evidence()), {"entry_vanished": ids(REPLICA)})

    def test_hashes_show_that_one_vanished_and_nothing_of_versions(self) -> None:
        self.history.close()
        self.history.close(change("alice", 2))
        evidence = self.evidence()
        evidence.entries[0].ClearField("entry")
        self.nothing("unproven", evidence)
        del self.history.last.entries[self._alice()]
        self.history.close(change("dave"))
        evidence = self.evidence()
        evidence.entries[0].ClearField("entry")
        self.assertEqual(self.found(evidence), {"entry_vanished": ids(REPLICA)})

    def test_a_version_that_fell(self) -> None:
        self.history.close()
        self.history.close(change("alice", 2))
        self.assertEqual(self.found(self.evidence()), {"version_decreased": ids(REPLICA)})

    def test_one_version_with_two_contents(self) -> None:
        self.history.close()
        self.history.close(update(entry("alice", 3, profile_commitment=b"\1" * 64), key("alice")))
        self.assertEqual(self.found(self.evidence()), {"version_decreased": ids(REPLICA)})

    def test_whoever_signed_the_next_head_vouches_for_the_one_before(self) -> None:
        self.history.close(change("alice", 2))
        self.assertEqual(self.found(self.evidence()), {"version_decreased": ids(REPLICA, OTHER)})

    def test_nobody_is_guilty_of_what_two_others_signed(self) -> None:
        self.history.close()
        self.history.close(change("alice", 2))
        evidence = self.evidence()
        evidence.heads[1].CopyFrom(sign_head(self.history.last.head, OTHER))
        self.nothing("unproven", evidence)

    def test_a_version_that_grows_proves_nothing(self) -> None:
        self.history.close(change("alice", 9))
        self.nothing("unproven", self.evidence())

    def test_an_entry_that_stays_proves_nothing(self) -> None:
        self.history.close(change("bob", 1))
        self.nothing("unproven", self.evidence())

    def test_an_entry_that_appears_proves_nothing(self) -> None:
        self.history.close(change("zoe"))
        self.nothing("unproven", self.evidence("zoe"))

    def test_a_proof_that_nothing_can_be_compared_with_is_damage_to_what_is_proven(self) -> None:
        self.history.close(change("alice", 2))
        evidence = self.evidence()
        evidence.entries.append(self.history.proven(1, self.history.last, "bob"))
        self.nothing("damaged", evidence)

    def test_and_proves_nothing_by_itself(self) -> None:
        self.history.close(change("alice", 2))
        evidence = self.evidence()
        evidence.entries[1].CopyFrom(self.history.proven(1, self.history.last, "bob"))
        self.nothing("unproven", evidence)

    def test_the_order_in_the_bundle_does_not_matter(self) -> None:
        self.history.close(change("alice", 9))
        evidence = bundle(
            heads=[sign_head(self.history.last.head, REPLICA), sign_head(self.old.head, REPLICA)],
            entries=[self.history.proven(0, self.history.last, "alice"), self.history.proven(1, self.old, "alice")],
        )
        self.nothing("unproven", evidence)

    def test_the_same_proof_a_hundred_times(self) -> None:
        self.history.close(change("alice", 2))
        evidence = self.evidence()
        evidence.entries.extend([evidence.entries[0]] * 1000)
        self.assertEqual(self.found(evidence), {"version_decreased": ids(REPLICA, OTHER)})

    def test_more_pairs_than_are_compared(self) -> None:
        self.patch(evidence_entries, "MAX_PAIRS", 3)
        for version in range(4, 9):
            self.history.close(change("alice", version))
        closed = self.history.closed[1:]
        evidence = bundle(
            heads=[sign_head(each.head, REPLICA) for each in closed],
            entries=[self.history.proven(place, each, "alice") for place, each in enumerate(closed)],
        )
        self.nothing("too_large", evidence)

    def _alice(self) -> bytes:
        return self.history.proven(0, self.old, "alice").index
