"""What the state machine makes of signatures: the replicas' with their transcripts, and the verifiers'."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads, transcripts
from coname.core.hashes import summary_hash
from coname.core.quorums import replica_policy
from coname.core.signatures import SigningKey, public_key_message, verify
from coname.core.times import timestamp
from coname.core.types import Epoch
from coname.keyserver import frontier, tables
from coname.keyserver.effects import HeadSigned
from coname.keyserver.machine import Applied
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.config_pb2 import Replica
from coname.messages.replication_pb2 import KeyserverStep
from coname.messages.stored_pb2 import ReplicaState
from tests.keyserver.harness import REALM, START, Owner, Realm
from tests.keyserver.machines import Machine


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Realm()
        self.machine = Machine(self.realm)
        self.verifier = SigningKey.generate()

    def epochs(self, count: int) -> None:
        for epoch in range(1, count + 1):
            self.machine.delimit(epoch)
            self.machine.transcribe(epoch)

    def nothing_happens(self, applied: Applied) -> None:
        self.assertEqual(applied.effects, [])
        self.assertEqual([write.key for write in applied.writes], [tables.STATE_KEY])


class TranscriptTests(Case):
    def transcript(self, epoch: int) -> transcripts.Transcript:
        return transcripts.parse(tables.read_epoch(self.machine.store, Epoch(epoch)).transcript)

    def test_binds_the_updates_and_their_places_to_the_head(self) -> None:
        for number in range(3):
            self.machine.update(Owner(f"user{number}@example.com"))
        self.machine.delimit(1)
        self.machine.update(Owner("late@example.com"))  # applied before epoch 1 is ratified
        self.machine.transcribe(1)
        self.machine.update(Owner("later@example.com"))
        self.machine.delimit(2)
        first, second = self.transcript(1), self.transcript(2)
        self.assertEqual((first.first_step, first.head_step), (0, 3))
        self.assertEqual((second.first_step, second.head_step), (4, 6))
        for epoch, transcript in ((1, first), (2, second)):
            steps = range(transcript.first_step, transcript.head_step)
            digests = [transcripts.update_digest(self.machine.step(position).Update) for position in steps]
            self.assertEqual(transcript.updates_hash, transcripts.updates_hash(digests))
            head = tables.read_epoch(self.machine.store, Epoch(epoch)).head
            self.assertEqual(transcript.head_summary, summary_hash(head))
            self.assertEqual((transcript.realm, transcript.epoch), (REALM, epoch))

    def test_is_the_same_after_a_restart_in_the_middle(self) -> None:
        other = Machine(self.realm)
        owners = [Owner(f"user{number}@example.com") for number in range(4)]
        for machine in (self.machine, other):
            for owner in owners:
                machine.update(owner)
        Machine(self.realm, other.store).delimit(1)
        self.machine.delimit(1)
        records = [tables.read_epoch(machine.store, Epoch(1)) for machine in (self.machine, other)]
        self.assertEqual(*records)

    def test_travels_beside_the_head(self) -> None:
        self.epochs(1)
        step = self.machine.step(0)
        self.assertEqual(step.transcript.transcript, tables.read_epoch(self.machine.store, Epoch(1)).transcript)
        signature = step.transcript.signatures[self.realm.key.key_id]
        self.assertTrue(verify(self.realm.key.public, transcripts.signed_bytes(step.transcript.transcript), signature))

    def test_another_one_than_ours_counts_for_nothing(self) -> None:
        self.machine.delimit(1)
        self.nothing_happens(self.machine.transcribe(1, transcript=b"another"))

    def test_a_signature_that_does_not_verify_counts_for_nothing(self) -> None:
        self.machine.delimit(1)
        self.nothing_happens(self.machine.transcribe(1, signature=bytes(64)))

    def test_unsigned_it_counts_for_nothing(self) -> None:
        self.machine.delimit(1)
        self.nothing_happens(self.machine.transcribe(1, signature=b""))


class EarlierVersionTests(Case):
    """Databases and logs that were written before there were transcripts."""

    def test_a_signature_without_a_transcript_ratifies_without(self) -> None:
        """A log that is replayed must come to the heads that were signed when it was written."""
        self.machine.delimit(1)
        self.assertEqual(self.machine.sign(1).state.ratified_epoch, 1)
        self.assertFalse(self.machine.step(0).HasField("transcript"))

    def test_a_record_without_a_transcript_is_ratified_without(self) -> None:
        self.machine.delimit(1)
        self.forget_transcript(1)
        self.assertEqual(self.machine.transcribe(1, transcript=b"").state.ratified_epoch, 1)
        self.assertFalse(self.machine.step(0).HasField("transcript"))

    def test_the_next_epoch_has_one_again(self) -> None:
        self.machine.delimit(1)
        self.forget_transcript(1)
        again = Machine(self.realm, self.machine.store)
        again.sign(1)
        again.delimit(2)
        again.transcribe(2)
        self.assertTrue(again.step(1).HasField("transcript"))

    def test_a_frontier_in_the_state_is_moved_to_its_own_records(self) -> None:
        self.epochs(2)
        state = tables.read_state(self.machine.store)
        state.frontier.add(epoch=2, signers=[self.realm.key.key_id])
        state.frontier.add(epoch=1, signers=[self.realm.key.key_id, 77])
        wipe = [tables.Put(tables.STATE_KEY, state.SerializeToString())]
        gone = [frontier.Delete(key) for key, _ in self.machine.store.iterate(b"f", b"g")]
        self.machine.store.write([*wipe, *gone, frontier.Delete(tables.SIGNERS_KEY)], False)
        again = Machine(self.realm, self.machine.store)
        self.assertEqual(again.machine.resumed().frontier.progress([77]), {77: 1})
        again.apply()
        self.assertEqual(len(ReplicaState.FromString(again.store.get(tables.STATE_KEY) or b"").frontier), 0)
        found = Machine(self.realm, again.store).machine.resumed().frontier
        self.assertEqual(found.progress([77, self.realm.key.key_id]), {77: 1, self.realm.key.key_id: 2})

    def forget_transcript(self, epoch: int) -> None:
        record = tables.read_epoch(self.machine.store, Epoch(epoch))
        record.ClearField("transcript")
        self.machine.store.write([tables.Put(tables.epoch_key(Epoch(epoch)), record.SerializeToString())], False)


class MajorityTests(Case):
    """Three replicas, of which two ratify."""

    def setUp(self) -> None:
        super().setUp()
        self.keys = [SigningKey.generate() for _ in range(3)]
        members = [Replica(id=key.key_id, public_keys=[public_key_message(key.public)]) for key in self.keys]
        self.realm.members, self.realm.policy = members, replica_policy(members)
        self.machine = Machine(self.realm)
        self.machine.delimit(1)

    def test_the_transcript_is_kept_until_then(self) -> None:
        self.assertEqual(self.machine.transcribe(1, self.keys[0]).state.ratified_epoch, 0)
        again = Machine(self.realm, self.machine.store)
        self.assertEqual(again.transcribe(1, self.keys[1]).state.ratified_epoch, 1)
        signers = {self.keys[0].key_id, self.keys[1].key_id}
        self.assertEqual(set(again.step(0).Epoch.signatures), signers)
        self.assertEqual(set(again.step(0).transcript.signatures), signers)
        self.assertEqual(list(again.store.iterate(b"s", b"t")), [])

    def test_without_a_majority_for_it_the_epoch_is_ratified_without(self) -> None:
        self.machine.sign(1, self.keys[0])
        self.assertEqual(self.machine.transcribe(1, self.keys[1]).state.ratified_epoch, 1)
        self.assertFalse(self.machine.step(0).HasField("transcript"))

    def test_a_late_signature_is_taken_and_shown(self) -> None:
        self.machine.transcribe(1, self.keys[0])
        applied = self.machine.transcribe(1, self.keys[1])
        both = {self.keys[0].key_id, self.keys[1].key_id}
        (effect,) = applied.effects
        assert isinstance(effect, HeadSigned)
        self.assertEqual(set(effect.signers), both)
        late = self.machine.transcribe(1, self.keys[2])
        self.assertEqual(late.effects, [HeadSigned(Epoch(1), (self.keys[2].key_id,))])


class VerifierTests(Case):
    def setUp(self) -> None:
        super().setUp()
        self.realm.listed[self.verifier.key_id] = [SigningKey.generate().public, self.verifier.public]
        self.machine = Machine(self.realm)
        self.epochs(3)
        self.machine.delimit(4)

    def test_a_listed_verifiers_signature_is_kept_under_its_id(self) -> None:
        applied = self.machine.vouch(2, self.verifier)
        self.assertEqual(applied.effects, [HeadSigned(Epoch(2), (self.verifier.key_id,))])
        stored = tables.read_ratifications(self.machine.store, Epoch(2))[self.verifier.key_id]
        self.assertEqual(list(stored.signatures), [self.verifier.key_id])
        self.assertEqual(stored, self.machine.vouched(2, self.verifier))
        self.assertEqual(applied.frontier.progress([self.verifier.key_id]), {self.verifier.key_id: 2})

    def test_the_first_one_stays(self) -> None:
        self.machine.vouch(2, self.verifier)
        self.nothing_happens(self.machine.vouch(2, self.verifier, at=START + 99))
        again = Machine(self.realm, self.machine.store)
        self.nothing_happens(again.vouch(2, self.verifier, at=START + 99))

    def test_older_epochs_after_newer_ones(self) -> None:
        for epoch in (3, 1, 2):
            self.assertEqual(len(self.machine.vouch(epoch, self.verifier).effects), 1)
        pairs = self.machine.machine.resumed().frontier.pairs
        self.assertEqual([epoch for epoch, _ in pairs], [3])

    def test_of_an_epoch_that_is_closed_only(self) -> None:
        self.nothing_happens(self.machine.vouch(4, self.verifier))

    def test_of_the_future(self) -> None:
        head = heads.build(REALM, Epoch(2**64 - 1), bytes(32), timestamp(START), bytes(64))
        self.nothing_happens(self.machine.vouch(1, self.verifier, epoch_head=head))

    def test_of_epoch_zero(self) -> None:
        head = heads.build(REALM, Epoch(0), bytes(32), timestamp(START), b"")
        self.nothing_happens(self.machine.vouch(1, self.verifier, epoch_head=head))

    def test_of_another_head(self) -> None:
        head = heads.build(REALM, Epoch(1), bytes(32), timestamp(START), b"")
        self.nothing_happens(self.machine.vouch(1, self.verifier, epoch_head=head))

    def test_that_does_not_verify(self) -> None:
        signed = self.machine.vouched(2, self.verifier)
        signed.signatures[self.verifier.key_id] = bytes(64)
        self.nothing_happens(self.machine.apply(KeyserverStep(verifier_signed=signed)))

    def test_of_nobody(self) -> None:
        signed = SignedEpochHead(head=self.machine.vouched(2, self.verifier).head)
        self.nothing_happens(self.machine.apply(KeyserverStep(verifier_signed=signed)))

    def test_of_two(self) -> None:
        signed = self.machine.vouched(2, self.verifier)
        signed.signatures[7] = bytes(64)
        self.nothing_happens(self.machine.apply(KeyserverStep(verifier_signed=signed)))

    def test_of_somebody_who_is_not_listed(self) -> None:
        self.nothing_happens(self.machine.vouch(2, SigningKey.generate()))

    def test_under_the_id_of_another_verifier(self) -> None:
        other = SigningKey.generate()
        self.nothing_happens(self.machine.vouch(2, other, signer=self.verifier.key_id))

    def test_of_a_replica(self) -> None:
        self.nothing_happens(self.machine.vouch(2, self.realm.key))

    def test_with_ballast(self) -> None:
        """What is signed goes into every answer: a verifier cannot make those large."""
        self.nothing_happens(self.machine.vouch(2, self.verifier, more=b"\xa2\x06\x64" + bytes(100)))

    def test_of_no_head_at_all(self) -> None:
        signed = SignedEpochHead(head=b"\xff", signatures={self.verifier.key_id: bytes(64)})
        self.nothing_happens(self.machine.apply(KeyserverStep(verifier_signed=signed)))

    def test_signers_are_bounded(self) -> None:
        self.patch(frontier, "MOST_SIGNERS", 1)
        self.nothing_happens(self.machine.vouch(2, self.verifier))


class UnlistedTests(Case):
    """A realm that was taken over from the original."""

    def setUp(self) -> None:
        super().setUp()
        self.epochs(1)

    def test_whoever_has_a_signature_is_a_verifier(self) -> None:
        self.assertEqual(len(self.machine.vouch(1, self.verifier).effects), 1)

    def test_what_is_no_signature_is_refused(self) -> None:
        signed = self.machine.vouched(1, self.verifier)
        signed.signatures[self.verifier.key_id] = bytes(63)
        self.nothing_happens(self.machine.apply(KeyserverStep(verifier_signed=signed)))

    def test_a_replicas_id_is_no_verifiers(self) -> None:
        self.nothing_happens(self.machine.vouch(1, self.verifier, signer=self.realm.key.key_id))

    def test_a_key_in_the_verification_policy_must_have_signed(self) -> None:
        key = public_key_message(self.verifier.public)
        self.realm.config.verification_policy.public_keys[self.verifier.key_id].CopyFrom(key)
        self.nothing_happens(self.machine.vouch(1, SigningKey.generate(), signer=self.verifier.key_id))
        self.assertEqual(len(self.machine.vouch(1, self.verifier).effects), 1)
