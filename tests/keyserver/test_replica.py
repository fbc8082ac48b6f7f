from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.core.signatures import SigningKey
from coname.errors import (
    EpochUnknown,
    InvalidRequest,
    NotCanonical,
    Overloaded,
    QuorumUnmet,
    RegistrationRefused,
    TimedOut,
    TooLarge,
    Unavailable,
    UpdateInvalid,
)
from coname.interfaces import IKeyserver
from coname.keyserver.epochs import EpochIntervals
from coname.messages.client_pb2 import Entry, LookupRequest, Profile
from coname.messages.config_pb2 import Limits
from coname.registration.registrar import Registrar, open_to_all
from tests.keyserver.harness import LIMITS, START, Owner, World


class ReplicaCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.alice = Owner("alice@example.com")

    def begin(self, world: World | None = None) -> World:
        if world is not None:
            self.world = world
        self.world.begin()
        self.world.settle()
        return self.world

    def lookup(self, user_id: str, epoch: int = 0, quorum: bool = True):
        request = LookupRequest(user_id=user_id, epoch=epoch)
        if quorum:
            request.quorum_requirement.CopyFrom(self.world.realm.quorum)
        return self.world.replica.lookup(request)

    def register(self, owner: Owner, version: int = 0, **keys: bytes):
        answered = self.world.replica.update(self.world.realm.request(owner, version, keys or None))
        for _ in range(4):
            self.world.settle(1)
        return self.successResultOf(answered)


class LifeTests(ReplicaCase):
    def test_provides_the_interface(self) -> None:
        verifyObject(IKeyserver, self.world.replica)

    def test_closes_and_ratifies_the_first_epoch_at_once(self) -> None:
        self.begin()
        self.assertEqual(self.world.replica.state.ratified_epoch, 1)

    def test_before_the_first_epoch_a_lookup_says_to_try_again(self) -> None:
        with self.assertRaises(Unavailable):
            self.lookup("alice@example.com")

    def test_before_the_start_an_update_says_to_try_again(self) -> None:
        self.failureResultOf(self.world.replica.update(self.world.realm.request(self.alice)), Unavailable)

    def test_stopping_answers_whoever_waits_and_takes_nothing_more(self) -> None:
        self.begin()
        waiting = self.world.replica.update(self.world.realm.request(self.alice))
        stopped = Deferred.fromCoroutine(self.world.replica.stop())
        self.world.settle()
        self.successResultOf(stopped)
        self.failureResultOf(waiting, Unavailable)
        self.failureResultOf(self.world.replica.update(self.world.realm.request(self.alice)), Unavailable)
        self.assertFalse(self.world.replica.inRotation)
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_idle_epochs_come_at_the_maximum_interval(self) -> None:
        self.begin()
        self.world.settle(59)
        self.assertEqual(self.world.replica.state.ratified_epoch, 1)
        self.world.settle(1)
        self.assertEqual(self.world.replica.state.ratified_epoch, 2)

    def test_in_rotation_from_start_to_stop(self) -> None:
        self.assertFalse(self.world.replica.inRotation)
        self.begin()
        self.assertTrue(self.world.replica.inRotation)


class UpdateTests(ReplicaCase):
    def test_registers_and_proves_it(self) -> None:
        self.begin()
        answer = self.register(self.alice, pgp=b"a key")
        verified = self.world.verified(answer.message(), "alice@example.com")
        self.assertEqual(verified.profile.keys["pgp"], b"a key")
        self.assertEqual(verified.epoch, 2)

    def test_answer_comes_with_the_epoch_not_before(self) -> None:
        self.begin()
        answered = self.world.replica.update(self.world.realm.request(self.alice))
        self.world.settle(0.5)
        self.assertNoResult(answered)
        self.world.settle(0.5)
        self.successResultOf(answered)

    def test_absence_is_proved(self) -> None:
        self.begin()
        self.register(self.alice)
        verified = self.world.verified(self.lookup("bob@example.com").message(), "bob@example.com")
        self.assertIsNone(verified.entry)

    def test_both_updates_of_one_epoch_leave_the_second(self) -> None:
        self.begin()
        first = self.world.replica.update(self.world.realm.request(self.alice))
        self.world.settle()
        second = self.world.replica.update(self.world.realm.request(self.alice, 1))
        self.world.settle(1)
        for answered in (first, second):
            verified = self.world.verified(self.successResultOf(answered).message(), self.alice.user_id)
            self.assertEqual(verified.entry.version, 1)

    def test_older_epochs_show_the_older_entries(self) -> None:
        self.begin()
        self.register(self.alice, 0)
        self.register(self.alice, 1)
        self.register(self.alice, 5)
        versions = []
        for epoch in range(1, self.world.replica.state.ratified_epoch + 1):
            entry = self.world.verified(self.lookup(self.alice.user_id, epoch).message(), self.alice.user_id).entry
            versions.append(entry.version if entry else None)
        self.assertEqual(versions, [None, 0, 1, 5])

    def test_lookup_between_commit_and_epoch_shows_the_ratified_entry(self) -> None:
        self.begin()
        self.world.settle(5)
        self.world.replica.update(self.world.realm.request(self.alice, 0))
        self.world.settle()
        self.world.replica.update(self.world.realm.request(self.alice, 1))
        self.world.settle()
        self.assertEqual(self.world.replica.pending, 1)
        verified = self.world.verified(self.lookup(self.alice.user_id).message(), self.alice.user_id)
        self.assertEqual(verified.entry.version, 0)

    def test_the_same_update_again_is_acknowledged_and_changes_nothing(self) -> None:
        self.begin()
        request = self.world.realm.request(self.alice)
        for _ in range(2):
            answered = self.world.replica.update(request)
            self.world.settle(1)
            verified = self.world.verified(self.successResultOf(answered).message(), self.alice.user_id)
            self.assertEqual(verified.epoch, 2)
        self.assertEqual(self.world.replica.state.verifier_log_length, 3)

    def test_the_same_update_twice_at_once_is_acknowledged_twice(self) -> None:
        self.begin()
        request = self.world.realm.request(self.alice)
        answers = [self.world.replica.update(request) for _ in range(2)]
        self.world.settle(1)
        for answered in answers:
            self.successResultOf(answered)

    def test_of_two_different_registrations_at_once_one_wins(self) -> None:
        self.begin()
        thief = Owner(self.alice.user_id)
        won = self.world.replica.update(self.world.realm.request(self.alice))
        lost = self.world.replica.update(self.world.realm.request(thief))
        self.world.settle(1)
        self.successResultOf(won)
        self.failureResultOf(lost, UpdateInvalid)

    def test_waits_no_longer_than_client_timeout(self) -> None:
        self.begin(World(intervals=EpochIntervals(1000, 2000, 5), client_timeout=3))
        answered = self.world.replica.update(self.world.realm.request(self.alice))
        self.world.settle(2)
        self.assertNoResult(answered)
        self.world.settle(1)
        self.failureResultOf(answered, TimedOut)
        self.assertEqual(self.world.replica.serving, 0)

    def test_client_timeout_zero_waits_as_long_as_it_takes(self) -> None:
        self.begin(World(intervals=EpochIntervals(1000, 2000, 5), client_timeout=0))
        answered = self.world.replica.update(self.world.realm.request(self.alice))
        self.world.settle(999)
        self.assertNoResult(answered)
        self.world.settle(1)
        self.successResultOf(answered)

    def test_a_quorum_that_nobody_can_sign_is_refused_at_once(self) -> None:
        self.begin()
        request = self.world.realm.request(self.alice)
        request.lookup_parameters.quorum_requirement.candidates.append(77)
        request.lookup_parameters.quorum_requirement.threshold = 2
        self.failureResultOf(self.world.replica.update(request), QuorumUnmet)
        self.assertEqual(self.world.replica.serving, 0)

    def test_unsigned_copies_of_an_entry_cost_no_log_entry_and_no_place(self) -> None:
        self.begin()
        self.register(self.alice)
        copy = self.world.realm.request(self.alice)
        copy.update.signatures.clear()
        before = self.world.replica.state.applied_index
        self.successResultOf(self.world.replica.update(copy))
        self.world.settle()
        self.assertEqual(self.world.replica.serving, 0)
        self.assertEqual(self.world.replica.state.applied_index, before)

    def test_an_update_sent_again_much_later_has_a_fresh_answer(self) -> None:
        self.begin()
        request = self.world.realm.request(self.alice)
        first = self.world.replica.update(request)
        self.world.settle(1)
        self.successResultOf(first)
        for _ in range(180):
            self.world.settle(60)
        answered = self.world.replica.update(request)
        self.world.verified(self.successResultOf(answered).message(), self.alice.user_id)

    def test_without_a_quorum_it_waits_for_ratification(self) -> None:
        self.begin()
        request = self.world.realm.request(self.alice)
        request.lookup_parameters.ClearField("quorum_requirement")
        answered = self.world.replica.update(request)
        self.world.settle(1)
        self.world.verified(self.successResultOf(answered).message(), self.alice.user_id)

    def test_too_many_waiting_updates_are_refused(self) -> None:
        limits = Limits()
        limits.CopyFrom(LIMITS)
        limits.pending_updates = 3
        self.begin(World(limits=limits))
        waiting = [self.world.replica.update(self.world.realm.request(Owner(f"user{n}@example.com"))) for n in range(4)]
        self.failureResultOf(waiting.pop(), Overloaded)
        self.world.settle(1)
        for answered in waiting:
            self.successResultOf(answered)

    def test_many_updates_share_a_log_entry(self) -> None:
        self.begin()
        before = self.world.replica.state.applied_index
        waiting = [
            self.world.replica.update(self.world.realm.request(Owner(f"user{n}@example.com"))) for n in range(50)
        ]
        self.world.settle()
        self.assertEqual(self.world.replica.state.applied_index, before + 1)
        self.world.settle(1)
        for answered in waiting:
            self.successResultOf(answered)


class LookupTests(ReplicaCase):
    def test_unknown_epoch(self) -> None:
        self.begin()
        with self.assertRaises(EpochUnknown):
            self.lookup("alice@example.com", 2)

    def test_epoch_of_64_bits(self) -> None:
        self.begin()
        with self.assertRaises(EpochUnknown):
            self.lookup("alice@example.com", 2**64 - 1)

    def test_unmet_quorum_names_the_missing_signer(self) -> None:
        self.begin()
        request = LookupRequest(user_id="alice@example.com")
        request.quorum_requirement.threshold = 1
        request.quorum_requirement.candidates.append(77)
        with self.assertRaisesRegex(QuorumUnmet, "77 has signed nothing"):
            self.world.replica.lookup(request)

    def test_unmet_quorum_in_a_given_epoch(self) -> None:
        self.begin()
        request = LookupRequest(user_id="alice@example.com", epoch=1)
        request.quorum_requirement.threshold = 1
        request.quorum_requirement.candidates.append(77)
        with self.assertRaises(QuorumUnmet):
            self.world.replica.lookup(request)

    def test_without_a_quorum_the_newest_epoch_with_its_signatures(self) -> None:
        self.begin()
        self.register(self.alice)
        proof = self.lookup(self.alice.user_id, quorum=False).message()
        self.assertEqual(self.world.verified(proof, self.alice.user_id).epoch, 2)

    def test_threshold_zero_is_the_newest_epoch(self) -> None:
        self.begin()
        request = LookupRequest(user_id="alice@example.com")
        request.quorum_requirement.threshold = 0
        self.assertEqual(self.world.replica.lookup(request).epoch, 1)

    def test_scan_zero_is_no_limit(self) -> None:
        self.begin(World(scan=0))
        self.assertEqual(self.lookup("alice@example.com").epoch, 1)

    def test_the_same_question_has_the_same_answer_until_the_next_epoch(self) -> None:
        self.begin()
        first = self.lookup("alice@example.com")
        self.assertIs(self.lookup("alice@example.com"), first)
        self.world.settle(60)
        self.assertNotEqual(self.lookup("alice@example.com").epoch, first.epoch)

    def test_json_and_protobuf_are_what_protobuf_itself_makes(self) -> None:
        from google.protobuf import json_format

        from coname.messages.client_pb2 import LookupProof

        self.begin()
        for number in range(20):
            self.world.replica.update(self.world.realm.request(Owner(f"user{number}@example.com")))
        self.register(self.alice)
        for user_id in ("alice@example.com", 'no"body\u2028@example.com'):
            answer = self.lookup(user_id)
            message = LookupProof.FromString(answer.protobuf())
            self.assertEqual(message.SerializeToString(deterministic=True), answer.protobuf())
            self.assertEqual(json_format.Parse(answer.json(), LookupProof()), message)
            import json

            self.assertEqual(
                json.loads(answer.json()), json_format.MessageToDict(message, preserving_proto_field_name=True)
            )


class AdmissionTests(ReplicaCase):
    def setUp(self) -> None:
        super().setUp()
        self.begin()
        self.request = self.world.realm.request(self.alice)

    def refused(self, error: type[Exception], pattern: str = ".") -> None:
        failure = self.failureResultOf(self.world.replica.update(self.request), error)
        self.assertRegex(str(failure.value), pattern)

    def resign(self, **changes: object) -> None:
        entry = Entry.FromString(self.request.update.new_entry)
        for name, value in changes.items():
            setattr(entry, name, value)
        self.sign(entry)

    def sign(self, entry: Entry) -> None:
        self.request.update.new_entry = entry.SerializeToString()
        self.request.update.signatures[self.alice.key.key_id] = self.alice.key.sign(self.request.update.new_entry)

    def test_no_update(self) -> None:
        self.request.ClearField("update")
        self.refused(InvalidRequest, "new_entry is missing")

    def test_no_lookup_parameters(self) -> None:
        self.request.ClearField("lookup_parameters")
        self.refused(InvalidRequest, "lookup_parameters is missing")

    def test_no_user_id(self) -> None:
        self.request.lookup_parameters.user_id = ""
        self.refused(InvalidRequest, "user_id is missing")

    def test_entry_too_large(self) -> None:
        self.request.update.new_entry = bytes(5000)
        self.refused(TooLarge, "5000 is more than the 4096")

    def test_profile_too_large(self) -> None:
        self.request.profile = bytes(70000)
        self.refused(TooLarge, "profile")

    def test_entry_that_does_not_decode(self) -> None:
        self.request.update.new_entry = b"\xff"
        self.refused(InvalidRequest, "not an encoded Entry")

    def test_profile_of_another_commitment(self) -> None:
        self.request.profile = Profile(nonce=bytes(20)).SerializeToString()
        self.refused(InvalidRequest, "profile_commitment is not that of the profile")

    def test_profile_without_nonce(self) -> None:
        from coname.core.hashes import profile_commitment

        self.request.profile = Profile(nonce=bytes(15), keys={"pgp": b"x"}).SerializeToString()
        self.resign(profile_commitment=profile_commitment(self.request.profile))
        self.refused(InvalidRequest, "nonce has 15 bytes")

    def test_index_of_wrong_length(self) -> None:
        self.resign(index=bytes(31))
        self.refused(InvalidRequest, "index has 31 bytes, not 32")

    def test_index_of_somebody_else(self) -> None:
        self.resign(index=bytes(32))
        self.refused(InvalidRequest, "but that of 'alice@example.com' is")

    def test_no_policy(self) -> None:
        entry = Entry.FromString(self.request.update.new_entry)
        entry.ClearField("update_policy")
        self.sign(entry)
        self.refused(InvalidRequest, "no update_policy")

    def test_too_many_keys(self) -> None:
        entry = Entry.FromString(self.request.update.new_entry)
        for number in range(17):
            entry.update_policy.public_keys[number].ed25519 = bytes(32)
        self.sign(entry)
        self.refused(TooLarge, "keys of the entry's update_policy")

    def test_key_of_wrong_length(self) -> None:
        entry = Entry.FromString(self.request.update.new_entry)
        entry.update_policy.public_keys[7].ed25519 = bytes(31)
        self.sign(entry)
        self.refused(InvalidRequest, "has 31 bytes, not 32")

    def test_policy_too_deep(self) -> None:
        entry = Entry.FromString(self.request.update.new_entry)
        inner = entry.update_policy.quorum
        for _ in range(20):
            inner = inner.subexpressions.add()
        self.sign(entry)
        self.refused(TooLarge, "depth of update_policy.quorum")

    def test_quorum_too_wide(self) -> None:
        self.request.lookup_parameters.quorum_requirement.candidates.extend(range(100))
        self.refused(TooLarge, "size of quorum_requirement")

    def test_unsigned(self) -> None:
        self.request.update.signatures.clear()
        self.refused(UpdateInvalid)

    def test_signature_of_wrong_length(self) -> None:
        self.request.update.signatures[self.alice.key.key_id] = bytes(63)
        self.refused(InvalidRequest, "has 63 bytes, not 64")

    def test_too_many_signatures(self) -> None:
        for number in range(40):
            self.request.update.signatures[number] = bytes(64)
        self.refused(TooLarge, "update.signatures")

    def test_signed_by_somebody_else(self) -> None:
        thief = SigningKey.generate()
        self.request.update.signatures[self.alice.key.key_id] = thief.sign(self.request.update.new_entry)
        self.refused(UpdateInvalid)

    def test_user_id_not_canonical_names_the_canonical_form(self) -> None:
        self.request = self.world.realm.request(Owner("Alice@Example.COM"))
        self.refused(NotCanonical, "register 'alice@example.com'")

    def test_no_address_at_all(self) -> None:
        self.request = self.world.realm.request(Owner("alice"))
        self.refused(InvalidRequest, "is not an address")

    def test_version_not_zero_at_registration(self) -> None:
        self.request = self.world.realm.request(self.alice, version=1)
        self.refused(UpdateInvalid, "version")

    def test_version_must_grow(self) -> None:
        self.register(self.alice, 0)
        self.register(self.alice, 3)
        self.request = self.world.realm.request(self.alice, version=2)
        self.refused(UpdateInvalid, "version")

    def test_replay_of_an_older_update_is_refused(self) -> None:
        self.register(self.alice, 0)
        self.register(self.alice, 1)
        self.refused(UpdateInvalid, "version")

    def test_registration_closed(self) -> None:
        nobody = Registrar([], [], anybody=False, unbound=False, skew=60, now=lambda: START)
        self.begin(World(self.world.realm, registrar=nobody))
        self.refused(RegistrationRefused, "registers nobody")

    def test_foreign_domain(self) -> None:
        self.begin(World(self.world.realm, registrar=open_to_all(["example.org"])))
        self.refused(RegistrationRefused, "only of example.org")

    def test_refusals_change_nothing(self) -> None:
        self.request.update.signatures.clear()
        before = self.world.replica.state.applied_index
        self.refused(UpdateInvalid)
        self.world.settle()
        self.assertEqual(self.world.replica.state.applied_index, before)
