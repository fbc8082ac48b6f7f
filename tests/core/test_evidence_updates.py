"""Updates that take long to look at: they hide nothing, and nobody waits for them."""

from __future__ import annotations

from coname.core import evidence_bounds, evidence_steps
from coname.core.evidence_bounds import Work
from coname.messages.client_pb2 import AuthorizationPolicy, Entry, PublicKey, QuorumExpr, SignedEntryUpdate
from coname.messages.evidence_pb2 import EvidenceBundle
from tests.core.evidence_case import JudgeCase
from tests.core.history import REPLICA, History, bundle, change, entry, ids, index, key, sign_head, update
from tests.core.test_evidence_framing import strange

MALLORY = key("mallory")
STOLEN = update(entry("alice", 1, MALLORY), MALLORY)


def many(number: int, threshold: int) -> AuthorizationPolicy:
    """A policy of many keys."""
    keys = [key(f"decoy {n}") for n in range(number)]
    return AuthorizationPolicy(
        public_keys={each.key_id: PublicKey(ed25519=each.public) for each in keys},
        quorum=QuorumExpr(threshold=threshold, candidates=[each.key_id for each in keys]),
    )


def giant(threshold: int = 0) -> AuthorizationPolicy:
    """A policy that takes long to walk through."""
    return AuthorizationPolicy(quorum=QuorumExpr(threshold=threshold, subexpressions=[QuorumExpr()] * 300_000))


def signed(name: str, version: int, policy: AuthorizationPolicy, number: int, odd: bool = False) -> SignedEntryUpdate:
    """An update that is signed by many."""
    made = update(entry_of(name, version, policy), *(key(f"decoy {n}") for n in range(number)))
    for signer in list(made.signatures) if odd else []:
        made.signatures[signer] = strange(made.signatures[signer])
    return made


def entry_of(name: str, version: int, policy: AuthorizationPolicy) -> bytes:
    fields = {"index": index(name), "version": version, "profile_commitment": bytes(64)}
    return Entry(update_policy=policy, **fields).SerializeToString()


class Decoys(JudgeCase):
    def judged(self, before: list[SignedEntryUpdate], then: list[SignedEntryUpdate], *names: str) -> EvidenceBundle:
        history = History()
        first = history.close(change("alice"), change("bob"), *before)
        second = history.close(*then)
        return bundle(
            heads=[sign_head(first.head, REPLICA), sign_head(second.head, REPLICA)],
            transcripts=[history.transcript(second, REPLICA)],
            updates=second.updates,
            entries=[history.proven(0, first, name) for name in ("alice", *names)],
        )

    def notes(self, evidence: EvidenceBundle) -> str:
        return " ".join(self.judge(evidence).notes)

    def test_strange_signatures_elsewhere_save_nobody(self) -> None:
        self.patch(evidence_steps, "SHARES", (Work(100, 4, 500), Work(100, 8, 500)))
        self.patch(evidence_bounds, "MAX_SLOW_SIGNATURES", 20)
        policy = many(9, 9)
        evidence = self.judged(
            [signed("decoy", 0, policy, 9)], [signed("decoy", 1, policy, 9, odd=True), STOLEN], "decoy"
        )
        self.assertEqual(self.found(evidence), {"unauthorised_update": ids(REPLICA)})
        self.assertIn(index("decoy").hex(), self.notes(evidence))

    def test_what_takes_longer_is_looked_at_later(self) -> None:
        policy = many(9, 9)
        honest = [signed("decoy", 1, policy, 9, odd=True), change("alice", 1)]
        evidence = self.judged([signed("decoy", 0, policy, 9)], honest, "decoy")
        self.nothing("unproven", evidence)
        self.assertEqual(self.notes(evidence), "")

    def test_what_is_good_without_strange_signatures_costs_none(self) -> None:
        self.patch(evidence_bounds, "MAX_SLOW_SIGNATURES", 0)
        policy = many(9, 1)
        made = signed("decoy", 1, policy, 9, odd=True)
        good = key("decoy 3")
        made.signatures[good.key_id] = good.sign(made.new_entry)
        evidence = self.judged([signed("decoy", 0, policy, 1)], [made], "decoy")
        self.nothing("unproven", evidence)
        self.assertEqual(self.notes(evidence), "")

    def test_signatures_that_are_plainly_bad_cost_no_slow_ones(self) -> None:
        self.patch(evidence_bounds, "MAX_SLOW_SIGNATURES", 0)
        evidence = self.judged([], [SignedEntryUpdate(new_entry=STOLEN.new_entry, signatures=change("bob").signatures)])
        self.assertEqual(self.found(evidence), {"unauthorised_update": ids(REPLICA)})

    def test_many_signatures_of_the_thiefs_own_save_nobody(self) -> None:
        self.patch(evidence_steps, "SHARES", (Work(4, 4, 500),))
        evidence = self.judged([], [signed("alice", 1, many(50, 50), 50, odd=True)])
        self.assertEqual(self.found(evidence), {"unauthorised_update": ids(REPLICA)})

    def test_a_giant_quorum_of_the_thiefs_own_saves_nobody(self) -> None:
        evidence = self.judged([], [update(entry_of("alice", 1, giant()), MALLORY)])
        self.assertEqual(self.found(evidence), {"unauthorised_update": ids(REPLICA)})

    def test_a_giant_quorum_is_not_walked_through(self) -> None:
        owner = key("alice")
        evidence = self.judged([], [update(entry_of("alice", 1, giant(1)), owner)])
        self.nothing("unproven", evidence)
        self.assertIn(index("alice").hex(), self.notes(evidence))

    def test_nor_is_one_of_the_entry_before(self) -> None:
        before = [update(entry_of("decoy", 0, giant()))]
        evidence = self.judged(before, [change("decoy", 1), STOLEN], "decoy")
        self.assertEqual(self.found(evidence), {"unauthorised_update": ids(REPLICA)})
        self.assertIn(index("decoy").hex(), self.notes(evidence))

    def test_all_quorums_together_are_bounded(self) -> None:
        self.patch(evidence_bounds, "MAX_QUORUM_PARTS", 1)
        evidence = self.judged([], [change("alice", 1), change("bob", 1)], "bob")
        self.nothing("unproven", evidence)
        self.assertIn("not all updates", self.notes(evidence))
