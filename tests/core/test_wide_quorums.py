from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.quorums import depth_and_size
from coname.messages.client_pb2 import QuorumExpr


class WideQuorumTests(SynchronousTestCase):
    """A stranger's expression is not walked beyond the size that would be taken."""

    def test_gives_up_at_the_limit(self) -> None:
        wide = QuorumExpr(subexpressions=[QuorumExpr(subexpressions=[QuorumExpr()] * 10)] * 1000)
        self.assertEqual(depth_and_size(wide, most=256).depth, 1)
        self.assertGreater(depth_and_size(wide, most=256).size, 256)

    def test_counts_all_without_a_limit(self) -> None:
        wide = QuorumExpr(candidates=[1], subexpressions=[QuorumExpr(candidates=[1, 2])] * 3)
        self.assertEqual(depth_and_size(wide), (2, 10))
