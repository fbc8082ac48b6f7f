"""An honest keyserver's log: what is verified, signed, kept and pushed."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads
from coname.core.signatures import verify
from coname.core.transcripts import update_digest
from coname.core.vrf.points import ORDER
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.verification_pb2 import VerifierStep
from coname.verifier import replay
from coname.verifier.signatures import GOOD, UNKNOWN, check_ahead
from tests.core.honest import key
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


class Entries(SynchronousTestCase):
    """Which updates may be made, as the log orders them."""

    def setUp(self) -> None:
        self.keyserver = honest(LyingKeyserver())
        self.verifier = Verifier(self.keyserver)

    def check_verified(self) -> None:
        self.keyserver.close()
        self.verifier.read()
        self.assertEqual((self.verifier.replay.violation, self.verifier.replay.verified), (None, 4))

    def test_several_of_one_entry_in_one_epoch(self) -> None:
        for version in (9, 10, 100):
            self.keyserver.set("alice", version)
        self.check_verified()

    def test_registered_and_changed_in_one_epoch(self) -> None:
        self.keyserver.set("bob", 0)
        self.keyserver.set("bob", 1)
        self.check_verified()

    def test_given_away_and_changed_by_the_new_owner_in_one_epoch(self) -> None:
        self.keyserver.set("alice", 9, signers=[key("alice"), key("bob")], owner=key("bob"))
        self.keyserver.set("alice", 10, signers=[key("bob")], owner=key("bob"))
        self.check_verified()

    def test_none_at_all(self) -> None:
        self.check_verified()

    def test_signatures_that_only_the_programs_of_2017_take(self) -> None:
        self.keyserver.set("bob")
        step = VerifierStep.FromString(self.keyserver.steps.pop())
        signer, signature = next(iter(step.Update.signatures.items()))
        step.Update.signatures[signer] = larger(signature)
        self.keyserver._state.digests[-1] = update_digest(step.Update)
        self.keyserver.steps.append(step.SerializeToString())
        self.check_verified()

    def test_a_head_with_such_a_signature(self) -> None:
        self.keyserver.close()
        step = VerifierStep.FromString(self.keyserver.steps.pop())
        for signed in (step.Epoch, step.transcript):
            for signer, signature in list(signed.signatures.items()):
                signed.signatures[signer] = larger(signature)
        self.keyserver.steps.append(step.SerializeToString())
        self.verifier.read()
        self.assertEqual(self.verifier.replay.verified, 4)


def larger(signature: bytes) -> bytes:
    """The same signature with S larger by the group's order."""
    return signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")


class Ahead(SynchronousTestCase):
    """Signatures that were checked before their steps are taken."""

    def setUp(self) -> None:
        self.keyserver = honest(LyingKeyserver())
        self.verifier = Verifier(self.keyserver)

    def read(self, said: bytes | None = None) -> None:
        steps = self.keyserver.steps
        self.verifier.replay.take_many(steps, nanoseconds(NOW), check_ahead(steps) if said is None else said)

    def test_comes_to_the_same(self) -> None:
        other = Verifier(self.keyserver)
        other.read()
        self.read()
        self.assertEqual(list(other.store.iterate(b"\0", b"\xff")), list(self.verifier.store.iterate(b"\0", b"\xff")))

    def test_something_may_be_said_of_the_first_steps_only(self) -> None:
        self.read(check_ahead(self.keyserver.steps)[:2])
        self.assertEqual(self.verifier.replay.verified, 3)

    def test_more_may_be_said_than_there_is(self) -> None:
        self.read(bytes([GOOD]) * 1000)
        self.assertEqual(self.verifier.replay.steps, len(self.keyserver.steps))

    def test_what_was_said_is_not_checked_again(self) -> None:
        asked: list[bytes] = []

        def check(public: bytes, message: bytes, signature: bytes) -> bool:
            asked.append(message)
            return verify(public, message, signature)

        self.patch(replay, "verify", check)
        self.verifier.open()
        self.read()
        self.assertEqual(self.verifier.replay.verified, 3)
        self.assertEqual(asked, [])

    def test_only_what_it_was_said_of_is_not_checked(self) -> None:
        self.keyserver.set("alice", 100, signers=[key("mallory")])
        self.read(bytes([GOOD]) * len(self.keyserver.steps))
        assert self.verifier.replay.violation is not None
        self.assertEqual(self.verifier.replay.violation.rule, "unauthorised_update")

    def test_a_bad_one_is_not_said_to_be_good(self) -> None:
        step = VerifierStep.FromString(self.keyserver.steps[0])
        self.assertEqual(check_ahead([step.SerializeToString()]), bytes([GOOD]))
        for signer in step.Update.signatures:
            step.Update.signatures[signer] = bytes(64)
        self.assertEqual(check_ahead([step.SerializeToString()]), bytes([UNKNOWN]))

    def test_nothing_is_said_of_unsigned_ones_and_of_heads(self) -> None:
        step = VerifierStep.FromString(self.keyserver.steps[0])
        step.Update.signatures.clear()
        self.assertEqual(check_ahead([step.SerializeToString(), self.keyserver.steps[-1]]), bytes([UNKNOWN, UNKNOWN]))

    @settings(derandomize=True, max_examples=50)
    @given(st.binary(max_size=100))
    def test_nothing_is_said_of_arbitrary_bytes(self, step: bytes) -> None:
        self.assertEqual(check_ahead([step]), bytes([UNKNOWN]))


class Arbitrary(SynchronousTestCase):
    @settings(derandomize=True, max_examples=100, deadline=None)
    @given(st.lists(st.binary(max_size=60), max_size=4), st.integers(0, 12))
    def test_bytes_never_raise_and_never_verify(self, steps: list[bytes], place: int) -> None:
        keyserver = honest(LyingKeyserver())
        verifier = Verifier(keyserver)
        verifier.replay.take_many([*keyserver.steps[:place], *steps], nanoseconds(NOW))
        self.assertEqual(verifier.replay.verified, place // 4)

    def test_changed_bits_of_an_honest_log_are_never_verified(self) -> None:
        """Whichever bit of a step: it is refused, or it says the same to everybody."""
        keyserver = honest(LyingKeyserver())
        chance = random.Random(3)
        for _ in range(300):
            place = chance.randrange(len(keyserver.steps))
            changed = bytearray(keyserver.steps[place])
            bit = chance.randrange(8 * len(changed))
            changed[bit // 8] ^= 1 << bit % 8
            verifier = Verifier(keyserver)
            steps = [*keyserver.steps[:place], bytes(changed), *keyserver.steps[place + 1 :]]
            verifier.replay.take_many(steps, nanoseconds(NOW))
            if verifier.replay.violation is None:
                step = VerifierStep.FromString(bytes(changed))
                step.DiscardUnknownFields()  # a transcript under another field number is none
                self.assertEqual(step.Epoch, VerifierStep.FromString(keyserver.steps[place]).Epoch)
            for taken in verifier.taken:
                self.check_head(keyserver, taken.position, taken.signed)

    def check_head(self, keyserver: LyingKeyserver, position: int, signed: SignedEpochHead | None) -> None:
        assert signed is not None
        theirs = VerifierStep.FromString(keyserver.steps[position]).Epoch.head
        self.assertEqual(heads.parse(signed.head).epoch_head, heads.parse(theirs).epoch_head)
