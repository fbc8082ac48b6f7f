"""What clients are told of changes: enough to follow them, and never too much."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from google.protobuf.json_format import Parse
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from coname.core import rollover
from coname.core.heads import parse
from coname.core.signatures import SigningKey, public_key_message
from coname.core.types import Epoch
from coname.errors import Corrupt, Refused, TimedOut, Unavailable
from coname.interfaces import Put
from coname.keyserver import policy_changes, tables
from coname.keyserver.policy_changes import NONE
from coname.messages.client_pb2 import PolicyChanges, PolicyChangesRequest
from coname.messages.config_pb2 import Replica
from coname.messages.replication_pb2 import ReplicaChange
from tests.keyserver.changing import KEYS, add, promote, remove
from tests.keyserver.changing_world import ChangingWorld


class ChangesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = ChangingWorld()
        self.world.begin()
        self.world.epoch()

    def enter(self, number: int) -> None:
        self.successResultOf(self.world.change(add(number)))
        self.successResultOf(self.world.change(promote(number)))
        self.world.epoch()
        self.world.epoch()

    def leave(self, number: int) -> None:
        self.successResultOf(self.world.change(remove(number)))
        self.world.epoch()
        self.world.epoch()

    def asked(self, after: int = 0) -> PolicyChanges:
        answer = self.world.replica.policyChanges(PolicyChangesRequest(after=after))
        found = PolicyChanges.FromString(answer.protobuf())
        self.assertEqual(Parse(answer.json(), PolicyChanges()), found)
        return found

    def epochs(self, after: int = 0) -> list[int]:
        return [parse(change.ratifications[0].head).epoch for change in self.asked(after).changes]


class AnswerTests(ChangesCase):
    def test_none(self) -> None:
        self.assertEqual(self.asked(), PolicyChanges())
        self.assertIs(self.world.replica.policyChanges(PolicyChangesRequest()), NONE)

    def test_all_of_them_lead_a_client_to_the_present(self) -> None:
        for number in (1, 2, 3):
            self.enter(number)
        self.leave(1)
        realm = self.world.realm.config
        for change in self.asked().changes:
            _, realm = rollover.follow(realm, change.ratifications)
        newest = self.world.parts.machine.members.policy(self.world.closed)
        self.assertEqual((realm.verification_policy, realm.keyserver_auth), (newest, newest))

    def test_those_after_the_known_one(self) -> None:
        for number in (1, 2):
            self.enter(number)
        first, second = self.epochs()
        self.assertEqual(
            [self.epochs(first), self.epochs(first - 1), self.epochs(second)], [[second], [first, second], []]
        )

    def test_any_number(self) -> None:
        self.enter(1)
        for known in (2**64 - 1, 2**64 - 2, 2**63):
            self.assertEqual(self.asked(known), PolicyChanges())

    def test_not_before_the_epoch_is_ratified(self) -> None:
        self.enter(1)
        before = self.epochs()
        self.successResultOf(self.world.change(remove(1)))
        self.world.replica.propose_epoch()
        self.world.settle()
        self.assertEqual(self.world.replica.state.announced_epoch, self.world.closed)
        self.assertEqual(self.epochs(), before)
        self.world.co_sign()
        self.assertEqual(self.epochs(), [*before, self.world.closed])

    def test_signatures_that_come_later_are_shown(self) -> None:
        self.enter(1)
        (epoch,) = self.epochs()
        self.assertEqual(len(self.asked().changes[0].ratifications), 1)
        verifier = SigningKey.generate()
        self.world.vouch(epoch, verifier)
        (change,) = self.asked().changes
        signers = {signer for each in change.ratifications for signer in each.signatures}
        self.assertEqual(signers, {self.world.realm.key.key_id, verifier.key_id})

    def test_after_a_restart(self) -> None:
        self.enter(1)
        before = self.asked()
        self.world = self.restarted()
        self.assertEqual(self.asked(), before)

    def restarted(self) -> ChangingWorld:
        again = ChangingWorld(realm=self.world.realm, store=self.world.store, start=self.world.now)
        again.begin()
        return again

    def test_damage_is_told(self) -> None:
        self.enter(1)
        (epoch,) = self.epochs()
        self.world = self.restarted()
        key = tables.ratification_key(Epoch(epoch), KEYS[0].key_id)
        self.world.store.write([Put(key, b"\xff")], False)
        self.assertRaises(Corrupt, self.asked)


class BoundTests(ChangesCase):
    def setUp(self) -> None:
        super().setUp()
        for number in (1, 2, 3):
            self.enter(number)

    def all(self) -> list[int]:
        """Asked for page by page."""
        found: list[int] = []
        while True:
            known = found[-1] if found else 0
            page = self.epochs(known)
            found += page
            if not self.asked(known).more:
                return found

    def bounded(self, **bounds: int) -> Any:
        return patch.multiple(policy_changes, **bounds)

    def test_in_number(self) -> None:
        whole = self.epochs()
        with self.bounded(MOST_CHANGES=2):
            self.assertEqual(self.epochs(), whole[:2])
            self.assertEqual(self.all(), whole)

    def test_in_bytes(self) -> None:
        whole = self.epochs()
        with self.bounded(MOST_BYTES=1):
            self.assertEqual(self.epochs(), whole[:1])
            self.assertEqual(self.all(), whole)

    def test_in_signatures_of_which_the_replicas_come_first(self) -> None:
        epoch = self.epochs()[-1]
        self.world.vouch(epoch, *(SigningKey.generate() for _ in range(6)))
        with self.bounded(MAX_RATIFICATIONS=4):
            self.world.replica._changes.signed(epoch)
            change = self.asked().changes[-1]
        self.assertEqual(len(change.ratifications), 4)
        shown = {signer for each in change.ratifications for signer in each.signatures}
        self.assertEqual(len(shown & {key.key_id for key in KEYS[:3]}), 3)

    def test_in_memory(self) -> None:
        whole = self.asked()
        with self.bounded(_KEPT_BYTES=1):
            self.assertEqual(self.asked(), whole)
        self.assertEqual(self.asked(), whole)


class OwnStepTests(ChangesCase):
    """What the replica tells whoever wanted a change."""

    def test_a_refusal(self) -> None:
        error = self.failureResultOf(self.world.change(promote(1)), Refused).value
        self.assertIn("there is no replica", str(error))

    def refused(self, *keys: SigningKey) -> None:
        member = Replica(id=keys[0].key_id, public_keys=[public_key_message(key.public) for key in keys])
        error = self.failureResultOf(self.world.change(ReplicaChange(add=member)), Refused).value
        self.assertIn("is a verifier's", str(error))

    def test_a_verifier_is_no_replica(self) -> None:
        listed, asked = SigningKey.generate(), SigningKey.generate()
        self.world.realm.listed[listed.key_id] = [listed.public]
        policy = self.world.realm.config.verification_policy
        policy.public_keys[asked.key_id].CopyFrom(public_key_message(asked.public))
        self.world = ChangingWorld(realm=self.world.realm)
        self.world.begin()
        for key in (listed, asked):
            self.refused(key)
            self.refused(SigningKey.generate(), key)

    def test_one_that_was_among_the_first_may_come_back(self) -> None:
        self.enter(1)
        self.leave(1)
        self.enter(1)
        self.world.epoch()

    def test_in_time(self) -> None:
        self.world.log.propose = lambda data: succeed(None)
        changed = self.world.replica.steps.change(add(1))
        self.world.settle(31)
        self.failureResultOf(changed, TimedOut)

    def test_a_replica_that_stops(self) -> None:
        changed = self.world.replica.steps.change(add(1))
        self.world.replica._fail_waiters(Unavailable("stopping"))
        self.failureResultOf(changed, Unavailable)

    def test_a_learner_signs_nothing(self) -> None:
        self.enter(1)
        self.leave(0)
        signers = tables.read_signers(self.world.store, self.world.closed)
        self.assertNotIn(self.world.realm.key.key_id, signers)
        proposed: list[bytes] = []
        self.world.log.propose = lambda data: (proposed.append(data), succeed(None))[1]
        self.world.settle(100)
        self.assertEqual([data for data in proposed if b"testing" in data], [])
