"""A realm whose replicas change, and clients that follow by signatures alone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.client import Change, Client, FolderRecords, MemoryIdentity, MemoryRecords, Outcome, PinnedState
from coname.client.lineage_records import ASK_AGAIN
from coname.client.vouching import vouchers
from coname.core.quorums import satisfied
from coname.core.signatures import SigningKey
from coname.errors import Corrupt, Misconfigured, ProofInvalid, QuorumUnmet
from tests.client.changing import ChangingRealm, policy_of
from tests.client.folders import new_folder
from tests.client.transports import MemoryTransport

ALICE = "alice@example.com"


class FollowingCase(SynchronousTestCase):
    """A realm, and a client with the configuration of its first day."""

    verifiers = 0

    def setUp(self) -> None:
        self.realm = ChangingRealm(verifiers=[SigningKey.generate() for _ in range(self.verifiers)])
        self.config = self.realm.config()
        self.records = MemoryRecords()
        self.store = MemoryIdentity()

    def client(self, records: object | None = None) -> Client:
        """A new run of the program."""
        return Client(
            self.config,
            lambda _: MemoryTransport(self.realm),
            PinnedState(records or self.records),
            clock=lambda: self.realm.now,
        )

    def look(self, epoch: int = 0, client: Client | None = None):
        return self.successResultOf((client or self.client()).lookup(ALICE, epoch))

    def fails(self, kind: type[Exception], epoch: int = 0, client: Client | None = None) -> str:
        return str(self.failureResultOf((client or self.client()).lookup(ALICE, epoch), kind).value)

    def said(self, result) -> str:
        return dict(result.steps)["rollover"]


class Following(FollowingCase):
    def test_without_changes_the_configurations_policy_is_used_and_said(self) -> None:
        self.assertEqual(self.said(self.look()), "the replicas are those of the configuration; no change is known")

    def test_after_all_replicas_were_replaced_the_first_configuration_still_works(self) -> None:
        numbers = self.realm.replace_all()
        result = self.look()
        self.assertEqual(result.epoch, len(self.realm.epochs))
        self.assertEqual([change.epoch for change in result.changes], numbers)
        self.assertIn(f"epoch {numbers[-1]} announced: 6 changes were followed", self.said(result))
        self.assertEqual(result.realm.keyserver_auth, policy_of(self.realm.signers))

    def test_after_many_pages_too(self) -> None:
        self.realm.page = 1
        self.realm.replace_all()
        self.assertEqual(len(self.look().changes), 6)
        self.assertEqual(len(self.realm.asked), 6)

    def test_who_had_asked_before_follows_from_there(self) -> None:
        for _ in range(3):
            self.assertEqual(self.look().epoch, len(self.realm.epochs))
            self.realm.replace_all()

    def test_an_answer_that_is_old_makes_it_ask(self) -> None:
        first = self.realm.signers
        self.look()
        self.realm.change([SigningKey.generate() for _ in range(3)])
        newest = self.realm.close_epoch()
        self.realm.epochs[1].signers = [first[0]]  # too few for who does not know of the change
        self.realm.now += 400
        self.assertEqual(self.look().epoch, 1)
        self.realm.epochs[1].signers = first
        self.realm.now += 400
        self.assertEqual(self.look().epoch, newest)

    def test_what_was_followed_is_not_asked_for_again(self) -> None:
        self.realm.replace_all()
        self.look()
        asked = len(self.realm.asked)
        self.assertEqual(len(self.look().changes), 6)
        self.assertEqual(len(self.realm.asked), asked)

    def test_a_head_that_announces_a_change_is_enough(self) -> None:
        self.look()
        number = self.realm.change([*self.realm.signers, SigningKey.generate()])
        asked = len(self.realm.asked)
        self.assertEqual(self.look().epoch, number)
        self.realm.close_epoch()
        result = self.look()
        self.assertEqual([change.epoch for change in result.changes], [number])
        self.assertEqual(len(self.realm.asked), asked)

    def test_the_newer_epoch_is_asked_for_once_the_change_is_known(self) -> None:
        self.look()
        self.realm.change([SigningKey.generate() for _ in range(3)])
        newest = self.realm.close_epoch()
        self.assertEqual(self.look().epoch, newest)

    def test_until_the_next_epoch_is_signed_the_change_is_the_newest(self) -> None:
        self.look()
        number = self.realm.change([SigningKey.generate() for _ in range(3)])
        self.realm.unsigned.add(self.realm.close_epoch())
        self.assertEqual(self.look().epoch, number)
        self.assertEqual(self.look().epoch, number)
        self.realm.unsigned.clear()
        self.assertEqual(self.look().epoch, number + 1)

    def test_an_old_epoch_is_judged_by_the_policy_of_its_time(self) -> None:
        first = self.realm.signers
        self.realm.replace_all()
        self.look()
        result = self.look(epoch=1)
        self.assertEqual((result.changes, result.realm.keyserver_auth), ((), policy_of(first)))

    def test_the_epoch_of_a_change_is_judged_by_the_policy_before_it(self) -> None:
        number, *_ = self.realm.replace_all()
        self.look()
        self.assertEqual(self.look(epoch=number).changes, ())
        self.assertEqual(len(self.look(epoch=number + 1).changes), 1)

    def test_updates_ask_for_the_new_replicas(self) -> None:
        self.successResultOf(self.client().register(ALICE, {"pgp": b"key"}, self.store))
        self.realm.replace_all()
        result = self.successResultOf(self.client().update(ALICE, Change({"pgp": b"new"}), self.store))
        self.assertEqual((result.outcome, result.keys), (Outcome.UPDATED, {"pgp": b"new"}))
        wanted = self.realm.updates[-1].lookup_parameters.quorum_requirement
        self.assertTrue(satisfied(wanted, {key.key_id for key in self.realm.signers}))

    def test_a_change_between_the_lookup_and_the_update_is_followed(self) -> None:
        self.successResultOf(self.client().register(ALICE, {"pgp": b"key"}, self.store))
        answer = self.realm.lookup

        def then_all_are_replaced(request):
            proof, self.realm.lookup = answer(request), answer
            self.realm.change([SigningKey.generate() for _ in range(3)])
            self.realm.close_epoch()
            return proof

        self.realm.lookup = then_all_are_replaced
        result = self.successResultOf(self.client().update(ALICE, Change({"pgp": b"new"}), self.store))
        self.assertEqual((result.outcome, len(result.changes)), (Outcome.UPDATED, 1))
        self.assertEqual(len(self.realm.updates), 3)

    def test_an_answer_to_an_update_by_the_next_replicas_is_believed_by_its_signatures(self) -> None:
        self.successResultOf(self.client().register(ALICE, {"pgp": b"key"}, self.store))
        admit = self.realm.admit

        def then_all_are_replaced(request):
            admit(request)
            self.realm.change([SigningKey.generate() for _ in range(3)])

        self.realm.admit = then_all_are_replaced
        result = self.successResultOf(self.client().update(ALICE, Change({"pgp": b"new"}), self.store))
        self.assertEqual((result.outcome, result.keys), (Outcome.UPDATED, {"pgp": b"new"}))

    def test_a_realm_without_keyserver_auth_follows_nothing(self) -> None:
        self.config.realms[0].ClearField("keyserver_auth")
        self.look()
        numbers = self.realm.replace_all()
        self.assertLess(self.look().epoch, numbers[-1])
        self.assertEqual(self.realm.asked, [])

    def test_it_is_asked_once_a_day(self) -> None:
        for _ in range(3):
            self.look()
        self.assertEqual(len(self.realm.asked), 1)
        self.realm.now += ASK_AGAIN
        self.realm.close_epoch()
        for _ in range(3):
            self.look()
        self.assertEqual(len(self.realm.asked), 2)

    def test_a_day_later_a_change_is_followed_though_the_old_signatures_would_do(self) -> None:
        self.look()
        first, *others = self.realm.signers
        number = self.realm.change([*others, SigningKey.generate()])
        self.realm.now += ASK_AGAIN
        self.realm.close_epoch()
        result = self.look()
        self.assertEqual([change.epoch for change in result.changes], [number])
        self.assertNotIn(first.key_id, result.realm.verification_policy.public_keys)

    def test_a_new_replica_is_called_one(self) -> None:
        self.realm.replace_all()
        names = {each.name for each in vouchers(self.look())}
        self.assertEqual(names, {f"replica {key.key_id}" for key in self.realm.signers})


class FollowingWithVerifiers(FollowingCase):
    verifiers = 2

    def test_the_verifiers_stay(self) -> None:
        self.realm.replace_all()
        result = self.look()
        self.assertEqual(set(result.verified.signers), {k.key_id for k in [*self.realm.signers, *self.realm.verifiers]})

    def test_while_the_next_change_waits_for_a_verifier_the_one_before_is_the_newest(self) -> None:
        self.look()
        number = self.realm.change([SigningKey.generate() for _ in range(3)])
        self.look()
        later = self.realm.change([SigningKey.generate() for _ in range(3)])
        self.realm.unsigned.add(later)
        ratified = self.realm.ratified

        def without_verifiers(epoch: int):
            found = ratified(epoch)
            if epoch == later:
                del found.ratifications[-self.verifiers :]
            return found

        self.realm.ratified = without_verifiers
        self.assertEqual(self.look().epoch, number)
        self.realm.ratified = ratified
        self.realm.unsigned.clear()
        self.assertEqual(self.look().epoch, later)

    def test_a_change_that_a_verifier_has_not_signed_is_not_followed(self) -> None:
        self.realm.replace_all()
        verifiers, self.realm.verifiers = self.realm.verifiers, []
        self.assertIn("signatures", self.fails(QuorumUnmet))
        self.realm.verifiers = verifiers
        self.assertEqual(self.look().epoch, len(self.realm.epochs))


class Memory(FollowingCase):
    def setUp(self) -> None:
        super().setUp()
        self.records = FolderRecords(new_folder(self))

    def path(self):
        (path,) = self.records.folder.glob("*/policy.json")
        return path

    def test_a_damaged_record_is_an_error_and_not_the_old_policy(self) -> None:
        self.look()
        self.path().write_bytes(self.path().read_bytes().replace(b'"since": 0', b'"since": 1'))
        self.assertIn("damaged", self.fails(Corrupt))
        self.path().write_bytes(b"")
        self.assertIn("damaged", self.fails(Corrupt))

    def test_a_configuration_with_a_policy_on_the_way_is_understood(self) -> None:
        self.realm.replace_all()
        self.look()
        self.config = self.realm.config()
        self.assertEqual(len(self.look().changes), 6)

    def test_a_newer_configuration_is_reached_by_signatures(self) -> None:
        self.realm.replace_all()
        self.look()
        self.realm.replace_all()
        self.config = self.realm.config()
        self.assertEqual(len(self.look().changes), 12)

    def test_a_newer_configuration_that_says_so_is_believed(self) -> None:
        self.realm.replace_all()
        self.look()
        *_, newest = self.realm.replace_all()
        self.realm.hidden.update(self.realm.announcing)
        self.config = self.realm.config()
        self.config.realms[0].keyserver_auth_since = newest
        result = self.look()
        self.assertEqual(result.changes, ())
        self.assertIn(f"which hold since epoch {newest}", self.said(result))

    def test_a_configuration_whose_policy_is_of_the_future_is_told(self) -> None:
        self.config.realms[0].keyserver_auth_since = 1000
        self.assertIn("sign after epoch 1000 (keyserver_auth_since)", self.fails(ProofInvalid))

    def test_a_configuration_of_another_policy_is_refused_with_the_reason(self) -> None:
        self.realm.replace_all()
        self.look()
        stranger = ChangingRealm().config().realms[0]
        self.config.realms[0].keyserver_auth.CopyFrom(stranger.keyserver_auth)
        self.config.realms[0].verification_policy.CopyFrom(stranger.verification_policy)
        message = self.fails(Misconfigured)
        self.assertIn("neither the policy that was followed from", message)
        self.assertIn(str(self.path()), message)

    def test_an_older_configuration_does_not_bring_the_old_policy_back(self) -> None:
        first = self.realm.config()
        self.realm.replace_all()
        self.config = self.realm.config()
        self.look()
        self.realm.replace_all()
        self.look()
        self.config = first
        self.assertIn("if it is older, use the newer one", self.fails(Misconfigured))

    def test_a_configuration_that_no_longer_says_who_the_replicas_are_is_refused(self) -> None:
        self.realm.replace_all()
        self.look()
        self.config.realms[0].ClearField("keyserver_auth")
        self.assertIn("keyserver_auth is missing", self.fails(Misconfigured))

    def test_before_anything_was_followed_the_configuration_alone_counts(self) -> None:
        self.look()
        self.realm.replace_all()
        self.realm.hidden.update(self.realm.announcing)
        self.config = self.realm.config()
        self.assertEqual(self.look().changes, ())
