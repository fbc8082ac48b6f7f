"""The library against an honest realm: what it returns, sends, stores and remembers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.client import Change, Client, MemoryIdentity, Outcome
from coname.client.interfaces import IIdentityStore, ITransport
from coname.core.hashes import profile_commitment
from coname.core.lookup import STEPS
from coname.errors import InvalidRequest, Misconfigured
from coname.messages.client_pb2 import Entry, Profile
from tests.client.simulator import Realm
from tests.client.transports import MemoryTransport

ALICE = "alice@example.com"


class ClientCase(SynchronousTestCase):
    """A client and the realm that it asks."""

    def setUp(self) -> None:
        self.realm = Realm()
        self.transport = MemoryTransport(self.realm)
        self.client = Client(self.realm.config(), lambda _: self.transport, clock=lambda: self.realm.now)
        self.store = MemoryIdentity()

    def register(self, **keys: bytes):
        return self.successResultOf(self.client.register(ALICE, keys or {"pgp": b"key"}, self.store))


class Interfaces(ClientCase):
    def test_the_transport_is_one(self) -> None:
        verifyObject(ITransport, self.transport)

    def test_the_store_is_one(self) -> None:
        verifyObject(IIdentityStore, self.store)


class Lookup(ClientCase):
    def test_an_address_that_is_not_there_is_proved_absent(self) -> None:
        result = self.successResultOf(self.client.lookup(ALICE))
        self.assertEqual((result.outcome, result.keys, result.entry), (Outcome.ABSENT, {}, None))

    def test_a_registered_address_comes_with_its_keys(self) -> None:
        self.register(pgp=b"key", ssh=b"other")
        result = self.successResultOf(self.client.lookup(ALICE))
        self.assertEqual((result.outcome, result.keys), (Outcome.PRESENT, {"pgp": b"key", "ssh": b"other"}))

    def test_each_step_is_told_and_memory_is_the_last(self) -> None:
        result = self.successResultOf(self.client.lookup(ALICE))
        names = [name for name, _ in result.steps]
        self.assertEqual(names[-1], "memory")
        self.assertEqual([name for name in names if name in STEPS], names[:-1])

    def test_the_canonical_form_is_asked_for(self) -> None:
        result = self.successResultOf(self.client.lookup("Alice@EXAMPLE.com."))
        self.assertEqual((result.asked, result.address), ("Alice@EXAMPLE.com.", ALICE))
        self.assertEqual(self.realm.lookups[-1].user_id, ALICE)

    def test_the_quorum_asked_for_is_the_one_insisted_on(self) -> None:
        self.successResultOf(self.client.lookup(ALICE))
        policy = self.realm.config().realms[0].verification_policy
        self.assertEqual(self.realm.lookups[-1].quorum_requirement, policy.quorum)

    def test_an_older_epoch_can_be_asked_for(self) -> None:
        self.register()
        self.assertEqual(self.successResultOf(self.client.lookup(ALICE)).epoch, 2)
        result = self.successResultOf(self.client.lookup(ALICE, epoch=1))
        self.assertEqual((result.epoch, result.present), (1, False))

    def test_an_address_of_no_realm_is_refused_without_asking(self) -> None:
        self.failureResultOf(self.client.lookup("alice@elsewhere.org"), InvalidRequest)
        self.assertEqual(self.realm.lookups, [])

    def test_closing_closes_the_connections(self) -> None:
        self.successResultOf(self.client.lookup(ALICE))
        self.successResultOf(self.client.close())
        self.assertTrue(self.transport.closed)


class Register(ClientCase):
    def test_the_entry_is_in_force_afterwards(self) -> None:
        result = self.register(pgp=b"key")
        self.assertEqual((result.outcome, result.keys), (Outcome.REGISTERED, {"pgp": b"key"}))

    def test_the_entry_is_the_owners_alone(self) -> None:
        self.register()
        entry = Entry.FromString(self.realm.updates[-1].update.new_entry)
        (key,) = self.store.identity.keys
        self.assertEqual(entry.version, 0)
        self.assertEqual(list(entry.update_policy.public_keys), [key.key_id])
        self.assertEqual(entry.update_policy.quorum.threshold, 1)

    def test_the_profile_is_hidden_behind_a_fresh_nonce_of_16_bytes_or_more(self) -> None:
        self.register()
        self.successResultOf(self.client.update(ALICE, Change(publish={"pgp": b"new"}), self.store))
        first, second = (Profile.FromString(each.profile) for each in self.realm.updates)
        self.assertGreaterEqual(len(first.nonce), 16)
        self.assertNotEqual(first.nonce, second.nonce)

    def test_the_commitment_is_to_the_profile_sent(self) -> None:
        self.register()
        request = self.realm.updates[-1]
        entry = Entry.FromString(request.update.new_entry)
        self.assertEqual(entry.profile_commitment, profile_commitment(request.profile))

    def test_nothing_is_pending_afterwards(self) -> None:
        self.register()
        self.assertIsNone(self.store.identity.pending)


class Update(ClientCase):
    def update(self, *args, **kwargs):
        return self.successResultOf(self.client.update(ALICE, Change(*args, **kwargs), self.store))

    def test_other_keys_stay(self) -> None:
        self.register(pgp=b"old", ssh=b"stays")
        result = self.update(publish={"pgp": b"new"})
        self.assertEqual((result.outcome, result.keys), (Outcome.UPDATED, {"pgp": b"new", "ssh": b"stays"}))

    def test_the_version_is_raised_by_one(self) -> None:
        self.register()
        self.assertEqual(self.update(publish={"pgp": b"new"}).entry.version, 1)
        self.assertEqual(self.update(publish={"pgp": b"newer"}).entry.version, 2)

    def test_a_key_can_be_removed(self) -> None:
        self.register(pgp=b"goes", ssh=b"stays")
        self.assertEqual(self.update(remove=["pgp"]).keys, {"ssh": b"stays"})

    def test_what_is_so_already_is_not_sent(self) -> None:
        self.register(pgp=b"key")
        self.assertEqual(self.update(publish={"pgp": b"key"}, remove=["none"]).outcome, Outcome.UNCHANGED)
        self.assertEqual(len(self.realm.updates), 1)

    def test_an_absent_address_cannot_be_updated(self) -> None:
        self.register()
        empty = Realm(vrf_suite=self.realm.vrf_suite)
        empty.secret, empty.signers = self.realm.secret, self.realm.signers
        client = Client(self.realm.config(), lambda _: MemoryTransport(empty), clock=lambda: empty.now)
        result = self.successResultOf(client.update(ALICE, Change({"pgp": b"new"}), self.store))
        self.assertEqual((result.outcome, empty.updates), (Outcome.ABSENT, []))

    def test_without_an_identity_nothing_is_asked(self) -> None:
        self.failureResultOf(self.client.update(ALICE, Change({"pgp": b"new"}), MemoryIdentity()), Misconfigured)
        self.assertEqual(self.realm.lookups, [])

    def test_an_identity_of_another_address_is_refused(self) -> None:
        self.register()
        failure = self.failureResultOf(
            self.client.update("bob@example.com", Change({"pgp": b"new"}), self.store), Misconfigured
        )
        self.assertIn(ALICE, str(failure.value))


class Rotate(ClientCase):
    def test_old_and_new_key_sign(self) -> None:
        self.register()
        (old,) = self.store.identity.keys
        result = self.successResultOf(self.client.update(ALICE, Change(rotate=True), self.store))
        (new,) = self.store.identity.keys
        self.assertEqual(result.outcome, Outcome.UPDATED)
        self.assertEqual(set(self.realm.updates[-1].update.signatures), {old.key_id, new.key_id})
        self.assertEqual(list(result.entry.update_policy.public_keys), [new.key_id])

    def test_the_new_key_changes_the_entry_from_then_on(self) -> None:
        self.register()
        self.successResultOf(self.client.update(ALICE, Change(rotate=True), self.store))
        result = self.successResultOf(self.client.update(ALICE, Change({"pgp": b"new"}), self.store))
        self.assertEqual(result.keys, {"pgp": b"new"})
        self.assertEqual(set(self.realm.updates[-1].update.signatures), {self.store.identity.keys[0].key_id})
