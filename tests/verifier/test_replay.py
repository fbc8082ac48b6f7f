"""An honest keyserver's log: what is verified, signed, kept and pushed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads
from coname.core.signatures import verify
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.verification_pb2 import VerifierStep
from tests.verifier.harness import KEY, NOW, Verifier, nanoseconds
from tests.verifier.lying import START, LyingKeyserver, honest


class Honest(SynchronousTestCase):
    def setUp(self) -> None:
        self.keyserver = honest(LyingKeyserver())
        self.verifier = Verifier(self.keyserver)

    def test_every_epoch_is_verified_and_signed(self) -> None:
        self.verifier.read()
        self.assertEqual([taken.epoch for taken in self.verifier.taken], [1, 2, 3])
        self.assertEqual(self.verifier.replay.verified, 3)
        self.assertEqual(self.verifier.replay.verified_issue_time, START + 3)
        self.assertIsNone(self.verifier.replay.violation)
        self.assertEqual(self.verifier.evidence, [])

    def test_one_step_at_a_time_comes_to_the_same(self) -> None:
        other = Verifier(self.keyserver)
        other.read()
        self.verifier.read(at_once=1)
        self.assertEqual(list(other.store.iterate(b"\0", b"\xff")), list(self.verifier.store.iterate(b"\0", b"\xff")))

    def check_signature(self, signed: SignedEpochHead | None, position: int) -> None:
        assert signed is not None
        step = VerifierStep.FromString(self.keyserver.steps[position])
        theirs, ours = heads.parse(step.Epoch.head), heads.parse(signed.head)
        self.assertEqual(ours.epoch_head, theirs.epoch_head)
        self.assertEqual(ours.timestamp, NOW)
        self.assertEqual(list(signed.signatures), [KEY.key_id])
        self.assertTrue(verify(KEY.public, signed.head, signed.signatures[KEY.key_id]))

    def test_what_is_signed_is_the_same_head_with_the_own_time(self) -> None:
        self.verifier.read()
        for taken in self.verifier.taken:
            self.check_signature(taken.signed, taken.position)

    def test_the_next_stream_begins_at_the_newest_head(self) -> None:
        self.verifier.read()
        self.assertEqual(self.verifier.replay.position, len(self.keyserver.steps) - 1)
        self.verifier.reconnect()
        honest(self.keyserver, 0)
        self.keyserver.set("carol")
        self.keyserver.close()
        self.verifier.read()
        self.assertEqual(self.verifier.replay.verified, 4)

    def test_a_broken_stream_is_taken_up_again_within_an_epoch(self) -> None:
        self.verifier.replay.take_many(self.keyserver.steps[:6], nanoseconds(NOW))
        self.assertEqual(self.verifier.replay.position, 3)
        self.verifier.reconnect()
        self.assertEqual(self.verifier.replay.verified, 3)

    def test_a_new_process_goes_on(self) -> None:
        self.verifier.replay.take_many(self.keyserver.steps[:6], nanoseconds(NOW))
        self.verifier.open()
        self.verifier.read()
        self.assertEqual([taken.epoch for taken in self.verifier.taken], [2, 3])

    def test_pushes_are_owed_until_acknowledged(self) -> None:
        self.verifier.read()
        replay = self.verifier.replay
        self.assertEqual([epoch for epoch, _ in replay.unacknowledged()], [1, 2, 3])
        replay.acknowledged(self.verifier.taken[1].epoch)
        self.verifier.open()
        owed = list(self.verifier.replay.unacknowledged())
        self.assertEqual([epoch for epoch, _ in owed], [1, 3])
        self.assertEqual(owed[1][1], self.verifier.taken[2].signed)
