"""Crashes and lost messages: a key is never lost, and the same command given again comes to its end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.client import (
    AlreadyRegistered,
    Change,
    Client,
    Identity,
    IdentityFile,
    MemoryIdentity,
    NotOwner,
    Outcome,
    files,
)
from coname.client.identity import decode, encode
from coname.client.transports.refusals import ServerFailed
from coname.core.signatures import SigningKey
from coname.errors import (
    ConameError,
    Corrupt,
    InvalidRequest,
    Misconfigured,
    NotFound,
    QuorumUnmet,
    Refused,
    RegistrationRefused,
    Unavailable,
    UpdateInvalid,
)
from coname.messages.client_pb2 import Entry, UpdateRequest
from tests.client.folders import new_folder
from tests.client.simulator import Realm
from tests.client.transports import MemoryTransport

ALICE = "alice@example.com"


class Crash(Exception):
    """The program ends here."""


class CrashingIdentity(MemoryIdentity):
    """Saves, then crashes, at the save with the number `at`."""

    def __init__(self, at: int, identity: Identity | None = None) -> None:
        super().__init__(identity)
        self.left = at

    def save(self, identity: Identity) -> None:
        super().save(identity)
        self.left -= 1
        if self.left == 0:
            raise Crash


class RetryCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Realm()
        self.client = Client(self.realm.config(), lambda _: MemoryTransport(self.realm), clock=lambda: self.realm.now)
        self.store = MemoryIdentity()

    def register(self, value: bytes = b"key", store: MemoryIdentity | None = None):
        return self.client.register(ALICE, {"pgp": value}, store or self.store)

    def update(self, *args, store: MemoryIdentity | None = None, **kwargs):
        return self.client.update(ALICE, Change(*args, **kwargs), store or self.store)

    def sent(self) -> list[bytes]:
        return [each.update.SerializeToString(deterministic=True) for each in self.realm.updates]


class Registration(RetryCase):
    def test_the_key_is_stored_before_anything_is_sent(self) -> None:
        store = CrashingIdentity(at=1)
        self.failureResultOf(self.register(store=store), Crash)
        self.assertEqual(self.realm.updates, [])
        self.assertEqual(len(store.identity.keys), 1)
        self.assertIsNotNone(store.identity.pending)

    def test_after_a_crash_before_sending_the_same_update_is_sent(self) -> None:
        store = CrashingIdentity(at=1)
        self.failureResultOf(self.register(store=store), Crash)
        pending = store.identity.pending.request.update
        self.assertEqual(self.successResultOf(self.register(store=store)).outcome, Outcome.REGISTERED)
        self.assertEqual(self.realm.updates[0].update, pending)

    def test_a_lost_request_is_sent_again_byte_for_byte(self) -> None:
        self.realm.lose_requests = 2
        self.failureResultOf(self.register(), Unavailable)
        self.failureResultOf(self.register(), Unavailable)
        self.assertEqual(self.successResultOf(self.register()).outcome, Outcome.REGISTERED)
        self.assertEqual(len(set(self.sent())), 1)

    def test_after_a_lost_answer_nothing_is_left_to_do(self) -> None:
        self.realm.lose_answers = 1
        self.failureResultOf(self.register(), Unavailable)
        self.assertEqual(self.successResultOf(self.register()).outcome, Outcome.UNCHANGED)
        self.assertEqual(len(self.realm.updates), 1)
        self.assertIsNone(self.store.identity.pending)

    def test_with_other_keys_the_signing_key_stays(self) -> None:
        self.realm.lose_requests = 1
        self.failureResultOf(self.register(b"first"), Unavailable)
        (key,) = self.store.identity.keys
        result = self.successResultOf(self.register(b"second"))
        self.assertEqual((result.keys, self.store.identity.keys[0].key_id), ({"pgp": b"second"}, key.key_id))

    def test_registered_by_us_with_other_keys_points_to_update(self) -> None:
        self.successResultOf(self.register(b"first"))
        error = self.failureResultOf(self.register(b"second"), AlreadyRegistered).value
        self.assertIn("use update", str(error))

    def test_registered_by_somebody_else_is_told(self) -> None:
        self.successResultOf(self.register())
        store = MemoryIdentity()
        self.failureResultOf(self.register(store=store), AlreadyRegistered)
        self.assertIsNone(store.identity)

    def test_a_refused_one_stays_pending_and_is_sent_again(self) -> None:
        self.realm.refuse_update = RegistrationRefused("the proof that the address is yours is missing")
        self.failureResultOf(self.register(), RegistrationRefused)
        self.assertIsNotNone(self.store.identity.pending)
        self.assertEqual(self.successResultOf(self.register()).outcome, Outcome.REGISTERED)
        self.assertEqual(len(set(self.sent())), 1)

    def test_after_a_refusal_other_keys_can_be_registered_with_the_same_signing_key(self) -> None:
        self.realm.refuse_update = InvalidRequest("the profile is too large")
        self.failureResultOf(self.register(b"large"), InvalidRequest)
        (key,) = self.store.identity.keys
        self.assertEqual(self.successResultOf(self.register(b"small")).keys, {"pgp": b"small"})
        self.assertEqual([each.key_id for each in self.store.identity.keys], [key.key_id])
        self.assertIsNone(self.store.identity.pending)

    def test_a_refused_one_that_is_delivered_after_another_was_made_is_the_owners(self) -> None:
        self.realm.refuse_update = InvalidRequest("the profile is too large")
        self.failureResultOf(self.register(b"first"), InvalidRequest)
        self.realm.refuse_update = InvalidRequest("nor this one")
        self.failureResultOf(self.register(b"second"), InvalidRequest)
        self.realm.admit(self.realm.updates[0])
        self.realm.close_epoch()
        self.failureResultOf(self.register(b"second"), AlreadyRegistered)
        self.assertEqual(self.successResultOf(self.update({"pgp": b"second"})).outcome, Outcome.UPDATED)

    def test_an_update_on_its_way_is_not_forgotten_over_a_registration(self) -> None:
        """An epoch from before the registration, proved to a client that has lost its memory."""
        self.successResultOf(self.register())
        self.realm.refuse_update = Refused("no")
        self.failureResultOf(self.update(rotate=True), Refused)
        before = self.store.identity
        self.client = Client(self.realm.config(), lambda _: MemoryTransport(self.realm), clock=lambda: self.realm.now)
        self.realm.serves = 1
        message = str(self.failureResultOf(self.register(), Refused).value)
        self.assertIn("has changed one already", message)
        self.assertEqual((self.store.identity, len(self.realm.updates)), (before, 2))


class Rotation(RetryCase):
    def setUp(self) -> None:
        super().setUp()
        self.successResultOf(self.register())
        (self.old,) = self.store.identity.keys

    def in_force(self) -> list[int]:
        index, _ = self.realm.vrf.prove(self.realm.secret, ALICE.encode())
        return list(Entry.FromString(self.realm.entries[index]).update_policy.public_keys)

    def test_the_new_key_is_stored_before_anything_is_sent_beside_the_old(self) -> None:
        store = CrashingIdentity(1, self.store.identity)
        self.failureResultOf(self.update(rotate=True, store=store), Crash)
        self.assertEqual(len(self.realm.updates), 1)
        self.assertEqual(store.identity.keys[0].key_id, self.old.key_id)
        self.assertEqual(len(store.identity.keys), 2)

    def test_a_crash_after_success_keeps_both_until_it_is_seen(self) -> None:
        store = CrashingIdentity(2, self.store.identity)
        self.failureResultOf(self.update(rotate=True, store=store), Crash)
        self.assertEqual(self.successResultOf(self.update(rotate=True, store=store)).outcome, Outcome.UPDATED)
        self.assertEqual(self.in_force(), [key.key_id for key in store.identity.keys])

    def test_after_a_lost_answer_the_same_command_finds_it_done(self) -> None:
        self.realm.lose_answers = 1
        self.failureResultOf(self.update(rotate=True), Unavailable)
        self.assertEqual(len(self.store.identity.keys), 2)
        self.assertEqual(self.successResultOf(self.update(rotate=True)).outcome, Outcome.UNCHANGED)
        self.assertEqual(self.in_force(), [key.key_id for key in self.store.identity.keys])
        self.assertNotEqual(self.in_force(), [self.old.key_id])

    def test_after_a_lost_request_the_same_rotation_is_sent_again(self) -> None:
        self.realm.lose_requests = 1
        self.failureResultOf(self.update(rotate=True), Unavailable)
        self.successResultOf(self.update(rotate=True))
        self.assertEqual(self.sent()[1], self.sent()[2])
        self.assertEqual(self.in_force(), [self.store.identity.keys[0].key_id])

    def refused(self, refusal: ConameError) -> UpdateRequest:
        """A rotation that the server refuses, and holds."""
        self.realm.refuse_update = refusal
        self.failureResultOf(self.update(rotate=True), type(refusal))
        return self.realm.updates[-1]

    def delivered(self, held: UpdateRequest) -> None:
        self.realm.admit(held)
        self.realm.close_epoch()

    def test_after_a_refusal_the_same_rotation_is_sent_again(self) -> None:
        self.refused(Refused("no"))
        self.assertEqual(self.successResultOf(self.update(rotate=True)).outcome, Outcome.UPDATED)
        self.assertEqual(self.sent()[1], self.sent()[2])

    def test_a_refused_rotation_that_is_delivered_later_leaves_the_owner_the_owner(self) -> None:
        held = self.refused(ServerFailed("the server failed to answer"))
        self.realm.lose_requests = 1
        self.failureResultOf(self.update({"pgp": b"new"}), Unavailable)
        self.delivered(held)
        self.assertNotEqual(self.in_force(), [self.old.key_id])
        self.assertEqual(self.successResultOf(self.update({"pgp": b"newer"})).keys, {"pgp": b"newer"})

    def test_a_refused_rotation_delivered_after_many_refused_updates_is_still_the_owners(self) -> None:
        held = self.refused(QuorumUnmet("no quorum"))
        for content in (b"1", b"2", b"3"):
            self.realm.refuse_update = QuorumUnmet("no quorum")
            self.failureResultOf(self.update({"pgp": content}), QuorumUnmet)
        self.delivered(held)
        self.assertEqual(self.successResultOf(self.update({"pgp": b"4"})).keys, {"pgp": b"4"})

    def test_after_a_refused_rotation_another_update_takes_its_place(self) -> None:
        held = self.refused(Refused("no rotations here"))
        self.assertEqual(self.successResultOf(self.update({"pgp": b"new"})).entry.version, 2)
        self.assertEqual([key.key_id for key in self.store.identity.keys], [self.old.key_id])
        self.assertIsNone(self.store.identity.pending)
        self.assertRaises(UpdateInvalid, self.realm.admit, held)

    def test_a_rotation_refused_after_it_was_applied_is_found_in_force(self) -> None:
        for refusal in (ServerFailed("broke down"), InvalidRequest("cannot be"), NotFound("no such path")):
            self.realm.fail_update = refusal
            self.assertEqual(self.successResultOf(self.update(rotate=True)).outcome, Outcome.UPDATED)
            self.assertEqual(self.in_force(), [key.key_id for key in self.store.identity.keys])
            self.assertIsNone(self.store.identity.pending)

    def test_where_nothing_can_be_looked_up_after_a_refusal_the_refusal_is_told(self) -> None:
        def then_go(request: object) -> None:
            self.realm.refuse = Unavailable("gone")
            raise Refused("the refusal")

        self.realm.update = then_go
        self.assertIn("the refusal", str(self.failureResultOf(self.update(rotate=True), Refused).value))
        self.assertEqual(len(self.store.identity.keys), 2)

    def test_keys_of_an_identity_without_an_update_on_its_way_stay(self) -> None:
        """As files may have them in which a refusal once ended an update."""
        entry = self.successResultOf(self.client.lookup(ALICE)).entry
        identity = self.store.identity.with_new_key()
        self.assertEqual(identity.settled(entry), identity)

    def test_an_update_without_changes_completes_it(self) -> None:
        self.realm.lose_requests = 1
        self.failureResultOf(self.update(rotate=True), Unavailable)
        self.assertEqual(self.successResultOf(self.update()).outcome, Outcome.UPDATED)
        self.assertEqual(self.sent()[1], self.sent()[2])

    def test_another_change_overtakes_it_and_both_orders_end_well(self) -> None:
        """The lost rotation may arrive first after all: the update that overtakes it is valid on top of it too."""
        self.realm.lose_requests = 1
        self.failureResultOf(self.update(rotate=True), Unavailable)
        lost = self.realm.updates[-1]
        real = self.realm.update

        def late(request: object) -> object:
            self.realm.admit(lost)
            return real(request)

        self.realm.update = late
        result = self.successResultOf(self.update({"pgp": b"new"}))
        self.assertEqual((result.keys, result.entry.version), ({"pgp": b"new"}, 2))
        self.assertTrue(self.store.identity.owns(result.entry.update_policy))

    def test_a_policy_that_names_others_is_not_rotated(self) -> None:
        other = SigningKey.generate()
        index, _ = self.realm.vrf.prove(self.realm.secret, ALICE.encode())
        entry = Entry.FromString(self.realm.entries[index])
        entry.version = 1
        entry.update_policy.public_keys[other.key_id].ed25519 = other.public
        self.realm.entries[index] = entry.SerializeToString()
        self.realm.close_epoch()
        error = self.failureResultOf(self.update(rotate=True), UpdateInvalid).value
        self.assertIn(str(other.key_id), str(error))


class Updating(RetryCase):
    def setUp(self) -> None:
        super().setUp()
        self.successResultOf(self.register())

    def test_an_identity_that_does_not_own_the_entry_sends_nothing(self) -> None:
        stranger = MemoryIdentity(Identity(ALICE, self.store.identity.realm, (SigningKey.generate(),)))
        self.failureResultOf(self.update({"pgp": b"new"}, store=stranger), NotOwner)
        self.assertEqual(len(self.realm.updates), 1)

    def test_an_answer_lost_and_the_update_refused_when_sent_again_is_success(self) -> None:
        """The first sending takes effect between our lookup and our second sending."""
        self.realm.lose_requests = 1
        self.failureResultOf(self.update({"pgp": b"new"}), Unavailable)
        lost = self.realm.updates[-1]
        real = self.realm.update

        def late(request: object) -> object:
            self.realm.admit(lost)
            self.realm.close_epoch()
            return real(request)

        self.realm.update = late
        result = self.successResultOf(self.update({"pgp": b"new"}))
        self.assertEqual((result.outcome, result.keys), (Outcome.UPDATED, {"pgp": b"new"}))
        self.assertIsNone(self.store.identity.pending)

    def test_a_version_conflict_keeps_it_pending(self) -> None:
        def refuse(request: object) -> None:
            raise UpdateInvalid("the version must grow")

        self.realm.admit = refuse
        self.failureResultOf(self.update({"pgp": b"new"}), UpdateInvalid)
        self.assertIsNotNone(self.store.identity.pending)

    def overtaken(self, version: int) -> str:
        """Our update is taken, but the answer shows another of the owner's, made on another machine."""
        index, _ = self.realm.vrf.prove(self.realm.secret, ALICE.encode())
        honest = self.realm.admit

        def admit(request: object) -> None:
            honest(request)
            entry = Entry.FromString(self.realm.entries[index])
            entry.version = version
            entry.update_policy.quorum.candidates.append(0)
            self.realm.entries[index] = entry.SerializeToString()

        self.realm.admit = admit
        message = str(self.failureResultOf(self.update({"pgp": b"new"}), Refused).value)
        self.assertIsNone(self.store.identity.pending)
        return message

    def test_an_update_of_the_same_version_that_came_first_is_told(self) -> None:
        self.assertIn("same version came first", self.overtaken(1))

    def test_an_update_overtaken_by_a_later_one_is_told(self) -> None:
        self.assertIn("a later update, version 5", self.overtaken(5))

    def test_the_highest_version_cannot_be_replaced(self) -> None:
        index, _ = self.realm.vrf.prove(self.realm.secret, ALICE.encode())
        entry = Entry.FromString(self.realm.entries[index])
        entry.version = 2**64 - 1
        self.realm.entries[index] = entry.SerializeToString()
        self.realm.close_epoch()
        self.failureResultOf(self.update({"pgp": b"new"}), UpdateInvalid)

    def test_a_second_machine_with_the_same_identity_may_go_on(self) -> None:
        copy = MemoryIdentity(self.store.identity)
        self.successResultOf(self.update({"pgp": b"one"}))
        result = self.successResultOf(self.update({"ssh": b"two"}, store=copy))
        self.assertEqual(result.keys, {"pgp": b"one", "ssh": b"two"})


class Files(RetryCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = new_folder(self) / "identity.json"

    def test_an_identity_survives_its_encoding(self) -> None:
        self.realm.lose_requests = 1
        self.failureResultOf(self.register(store=IdentityFile(self.path)), Unavailable)
        identity = IdentityFile(self.path).load()
        again = decode(encode(identity), self.path)
        self.assertEqual(encode(again), encode(identity))
        self.assertEqual(again.pending.profile_keys, {"pgp": b"key"})

    def test_none_is_none(self) -> None:
        self.assertIsNone(IdentityFile(self.path).load())

    def test_every_truncation_is_reported(self) -> None:
        self.successResultOf(self.register(store=IdentityFile(self.path)))
        whole = self.path.read_bytes()
        for size in range(0, len(whole) - 2, 7):
            self.path.write_bytes(whole[:size])
            self.assertRaises(Corrupt, IdentityFile(self.path).load)

    def test_other_content_under_a_right_checksum_is_reported(self) -> None:
        key = {"id": "1", "ed25519_secret": "AAAA"}
        for keys, pending in (([], None), ([key], None), ([{}], None), (None, None), ([], {"update": "!"})):
            content = {"address": ALICE, "realm": "testing", "keys": keys, "pending": pending}
            self.assertRaises(Corrupt, decode, files.seal("identity", content), "the file")

    def test_one_program_at_a_time(self) -> None:
        with IdentityFile(self.path):
            self.assertRaises(Misconfigured, IdentityFile(self.path).__enter__)
        with IdentityFile(self.path):
            pass
