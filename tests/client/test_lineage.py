"""Who ratifies a realm's epochs, as a value: what it says of each epoch, what it forgets, and its record."""

from __future__ import annotations

import base64

from twisted.trial.unittest import SynchronousTestCase

from coname.client import files, lineage
from coname.client.lineage import Lineage, begin, configured
from coname.client.lineage_records import ASK_AGAIN, KIND, Record, decode, encode
from coname.core.signatures import SigningKey
from coname.core.types import Epoch
from coname.errors import Corrupt, ProofInvalid
from tests.client.changing import ChangingRealm, policy_of


class LineageCase(SynchronousTestCase):
    """A realm whose three replicas were replaced, and what somebody knows who has followed."""

    def setUp(self) -> None:
        self.realm = ChangingRealm()
        (self.config,) = self.realm.config().realms
        self.first = policy_of(self.realm.signers)
        self.numbers = self.realm.replace_all()
        self.known = self.followed(begin(self.config))

    def followed(self, known: Lineage) -> Lineage:
        for number in self.numbers:
            known = known.follow(self.config, self.realm.ratified(number).ratifications)
        return known


class EachEpoch(LineageCase):
    def test_the_first_epochs_have_the_first_policy(self) -> None:
        for epoch in range(1, self.numbers[0] + 1):
            self.assertEqual(self.known.policy_of(Epoch(epoch)), self.first)

    def test_every_epoch_has_the_policy_of_who_signed_it(self) -> None:
        for number, epoch in enumerate(self.realm.epochs, start=1):
            self.assertEqual(self.known.policy_of(Epoch(number)), policy_of(epoch.signers), number)

    def test_what_is_demanded_now_is_that_of_the_epoch_after_the_newest_change(self) -> None:
        now = self.known.realm_now(self.config)
        self.assertEqual(
            (now.keyserver_auth, now.keyserver_auth_since), (policy_of(self.realm.signers), self.numbers[-1])
        )

    def test_it_says_which_policy_it_was(self) -> None:
        self.assertIn("no change is known", self.known.describe(Epoch(1)))
        self.assertIn("1 change was followed", self.known.describe(Epoch(self.numbers[0] + 1)))
        self.assertIn("6 changes were followed", self.known.describe(Epoch(1000)))

    def test_a_change_followed_twice_is_one(self) -> None:
        self.assertEqual(self.followed(self.known), self.known)

    def test_only_the_signatures_that_count_are_kept(self) -> None:
        ratified = self.realm.ratified(self.numbers[0])
        strangers = [SigningKey.generate() for _ in range(20)]
        ratified.ratifications.extend(self.realm.sign(self.realm.epochs[self.numbers[0] - 1].head, strangers))
        known = begin(self.config).follow(self.config, ratified.ratifications)
        self.assertEqual(len(known.changes[0].ratified.ratifications), 3)


class Forgetting(LineageCase):
    def setUp(self) -> None:
        self.patch(lineage, "MAX_KEPT", 2)
        super().setUp()

    def test_the_newest_are_kept_and_the_rest_counted(self) -> None:
        self.assertEqual([change.epoch for change in self.known.changes], self.numbers[-2:])
        self.assertEqual((self.known.forgotten, self.known.count), (4, 6))

    def test_what_is_forgotten_is_not_mistaken_for_the_first_policy(self) -> None:
        error = self.assertRaises(ProofInvalid, self.known.policy_of, Epoch(self.numbers[-2]))
        self.assertIn("is not remembered", str(error))

    def test_the_configurations_policy_is_still_known(self) -> None:
        self.assertIs(configured(self.known, self.config), self.known)
        self.assertTrue(self.known.knows(self.config.keyserver_auth))


class Records(LineageCase):
    def test_what_is_written_is_read(self) -> None:
        record = Record(self.known, 1_900_000_000.5)
        self.assertEqual(decode(encode(record), "there"), record)

    def test_it_is_due_after_a_day_and_where_the_clock_was_set_back(self) -> None:
        record = Record(self.known, 1_000_000.0)
        self.assertEqual(
            [record.due(1_000_000.0 + each) for each in (-1, 0, ASK_AGAIN - 1, ASK_AGAIN)], [True, False, False, True]
        )

    def tampered(self, **changes: object) -> None:
        content = files.unseal(KIND, encode(Record(self.known)), "there")
        error = self.assertRaises(Corrupt, decode, files.seal(KIND, content | changes), "there")
        self.assertIn("there is damaged", str(error))

    def test_changes_in_another_order_are_damage(self) -> None:
        encoded = files.unseal(KIND, encode(Record(self.known)), "there")["changes"]
        self.tampered(changes=[encoded[1], encoded[0]])

    def test_a_head_that_announces_nothing_is_damage(self) -> None:
        self.tampered(changes=[base64.b64encode(self.realm.ratified(1).SerializeToString()).decode()])

    def test_what_has_another_form_is_damage(self) -> None:
        for changes in (None, "x", [7], [""]):
            self.tampered(changes=changes)
        for field in ("pinned", "since", "forgotten", "asked_at"):
            self.tampered(**{field: None})
