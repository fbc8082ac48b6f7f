"""Quorum expressions: the original's verdicts, bounds on what strangers send, and the replicas' own policy."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import quorums
from coname.errors import Misconfigured
from coname.messages.client_pb2 import QuorumExpr
from coname.messages.config_pb2 import Replica
from tests.core.cases import each_vector
from tests.core.honest import key, public_key_message

ids = st.integers(1, 6)


@each_vector("quorum")
class QuorumVectors(SynchronousTestCase):
    def check(self, case: dict[str, Any]) -> None:
        expr = QuorumExpr.FromString(bytes.fromhex(case["quorum_expr_message"]))
        self.assertEqual(quorums.satisfied(expr, {int(signer) for signer in case["have"]}), case["satisfied"])


def _expr(threshold: int, candidates: list[int], inner: list[QuorumExpr]) -> QuorumExpr:
    return QuorumExpr(threshold=threshold, candidates=candidates, subexpressions=inner)


flat = st.builds(_expr, st.integers(0, 4), st.lists(ids, max_size=4), st.just([]))
exprs = st.recursive(
    flat,
    lambda inner: st.builds(_expr, st.integers(0, 5), st.lists(ids, max_size=4), st.lists(inner, max_size=3)),
    max_leaves=12,
)


def _reference(expr: QuorumExpr, have: set[int]) -> bool:
    """The protocol's sentence, recursively."""
    met = sum(candidate in have for candidate in expr.candidates)
    return met + sum(_reference(inner, have) for inner in expr.subexpressions) >= expr.threshold


class Satisfied(SynchronousTestCase):
    @settings(derandomize=True, deadline=None)
    @given(exprs, st.sets(ids))
    def test_as_the_protocol_words_it(self, expr: QuorumExpr, have: set[int]) -> None:
        self.assertEqual(quorums.satisfied(expr, have), _reference(expr, have))

    @settings(derandomize=True, deadline=None)
    @given(exprs, st.sets(ids), st.sets(ids))
    def test_more_signers_never_hurt(self, expr: QuorumExpr, have: set[int], more: set[int]) -> None:
        if quorums.satisfied(expr, have):
            self.assertTrue(quorums.satisfied(expr, have | more))

    @settings(derandomize=True, deadline=None)
    @given(exprs, st.sets(ids))
    def test_nobody_else_matters(self, expr: QuorumExpr, have: set[int]) -> None:
        self.assertEqual(quorums.satisfied(expr, have), quorums.satisfied(expr, have & quorums.signers(expr)))

    def test_a_candidate_listed_twice_counts_twice(self) -> None:
        self.assertTrue(quorums.satisfied(QuorumExpr(threshold=2, candidates=[7, 7]), {7}))

    def test_the_empty_expression_asks_for_nothing(self) -> None:
        self.assertTrue(quorums.satisfied(QuorumExpr(), set()))

    def test_a_threshold_above_the_number_of_parts_is_never_met(self) -> None:
        self.assertFalse(quorums.satisfied(QuorumExpr(threshold=2**32 - 1, candidates=[1]), {1}))


class Hostile(SynchronousTestCase):
    """Deeper than any message can be that came over the wire, and wider than any stack."""

    def setUp(self) -> None:
        self.deep = QuorumExpr(threshold=1)
        innermost = self.deep
        for _ in range(5000):
            innermost = innermost.subexpressions.add(threshold=1)
        innermost.candidates.append(7)

    def test_a_deep_expression_is_evaluated(self) -> None:
        self.assertTrue(quorums.satisfied(self.deep, {7}))
        self.assertFalse(quorums.satisfied(self.deep, {8}))

    def test_its_signers_are_found(self) -> None:
        self.assertEqual(quorums.signers(self.deep), {7})

    def test_its_shape_is_measured(self) -> None:
        self.assertEqual(quorums.depth_and_size(self.deep), (5001, 5001))

    def test_it_is_described_briefly(self) -> None:
        self.assertEqual(quorums.describe(self.deep), "1 of 1")

    def test_a_wide_expression_is_described_briefly(self) -> None:
        wide = QuorumExpr(threshold=3, candidates=range(100_000))
        self.assertEqual(quorums.describe(wide), "3 of 100000")


class Shape(SynchronousTestCase):
    def test_a_flat_expression_has_depth_1(self) -> None:
        self.assertEqual(quorums.depth_and_size(QuorumExpr(candidates=[1, 2])), (1, 2))

    def test_candidates_and_subexpressions_of_all_levels_are_counted(self) -> None:
        inner = QuorumExpr(candidates=[3, 4], subexpressions=[QuorumExpr(candidates=[5])])
        self.assertEqual(quorums.depth_and_size(QuorumExpr(candidates=[1], subexpressions=[inner, inner])), (3, 11))


class Words(SynchronousTestCase):
    def test_an_expression(self) -> None:
        inner = QuorumExpr(threshold=1, candidates=[9, 10])
        expr = QuorumExpr(threshold=2, candidates=[7, 8], subexpressions=[inner])
        self.assertEqual(quorums.describe(expr), "2 of (7, 8, 1 of (9, 10))")

    def test_ids_are_in_order(self) -> None:
        self.assertEqual(quorums.ids({3, 1, 2}), "1, 2, 3")

    def test_no_ids(self) -> None:
        self.assertEqual(quorums.ids(()), "none")

    def test_too_many_ids(self) -> None:
        self.assertTrue(quorums.ids(range(1000)).endswith("19 and 980 more"))


def _replica(name: str, *more: str) -> Replica:
    keys = [public_key_message(key(word).public) for word in (name, *more)]
    return Replica(id=key(name).key_id, public_keys=keys)


class ReplicaPolicy(SynchronousTestCase):
    def satisfied(self, replicas: list[Replica], *names: str) -> bool:
        return quorums.satisfied(quorums.replica_policy(replicas).quorum, {key(name).key_id for name in names})

    def test_a_lone_replica(self) -> None:
        self.assertTrue(self.satisfied([_replica("a")], "a"))
        self.assertFalse(self.satisfied([_replica("a")]))

    def test_two_of_three(self) -> None:
        replicas = [_replica("a"), _replica("b"), _replica("c")]
        self.assertTrue(self.satisfied(replicas, "a", "c"))
        self.assertFalse(self.satisfied(replicas, "c"))

    def test_half_is_no_majority(self) -> None:
        replicas = [_replica(name) for name in "abcd"]
        self.assertFalse(self.satisfied(replicas, "a", "b"))
        self.assertTrue(self.satisfied(replicas, "a", "b", "d"))

    def test_any_key_of_a_replica_will_do_but_counts_once(self) -> None:
        replicas = [_replica("a", "a2"), _replica("b"), _replica("c")]
        self.assertTrue(self.satisfied(replicas, "a2", "b"))
        self.assertFalse(self.satisfied(replicas, "a", "a2"))

    def test_every_key_is_in_the_policy_under_its_id(self) -> None:
        policy = quorums.replica_policy([_replica("a", "a2")])
        self.assertEqual(
            {signer: entry.ed25519 for signer, entry in policy.public_keys.items()},
            {key(name).key_id: key(name).public for name in ("a", "a2")},
        )

    def test_the_first_key_is_filed_under_the_replicas_id(self) -> None:
        replica = _replica("a")
        replica.id = 5
        self.assertEqual(list(quorums.replica_policy([replica]).public_keys), [5])

    def test_no_replicas(self) -> None:
        self.assertRaises(Misconfigured, quorums.replica_policy, [])

    def test_a_replica_without_keys(self) -> None:
        self.assertRaises(Misconfigured, quorums.replica_policy, [Replica(id=1)])

    def test_a_replica_that_is_listed_twice(self) -> None:
        self.assertRaises(Misconfigured, quorums.replica_policy, [_replica("a"), _replica("a")])

    def test_a_key_under_two_ids(self) -> None:
        other = _replica("a")
        other.id = 5
        self.assertRaises(Misconfigured, quorums.replica_policy, [_replica("a"), other])

    def test_all_mistakes_are_named_at_once(self) -> None:
        replicas = [Replica(id=1), _replica("a"), _replica("a")]
        self.assertEqual(len(self.assertRaises(Misconfigured, quorums.replica_policy, replicas).mistakes), 2)
