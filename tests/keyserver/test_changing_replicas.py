"""The state machine of a realm whose replicas change: which policy ratifies which epoch, whatever comes in between."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import rollover
from coname.core.heads import parse
from coname.core.quorums import majority, replica_policy
from coname.core.types import Epoch
from coname.errors import Refused
from coname.keyserver import membership, tables
from coname.keyserver.effects import ChangeApplied, ChangeRefused, Effect, Reached
from coname.keyserver.machine import Applied
from coname.messages.client_pb2 import AuthorizationPolicy, EpochHead
from coname.messages.replication_pb2 import KeyserverStep, LogEntry, ReplicaChange
from coname.messages.stored_pb2 import ENTERING, JOINING, LEAVING, VOTER, ReplicaState
from coname.storage.memory import MemoryStore
from tests.keyserver.changing import KEYS, ChangingMachine, add, promote, ratifying, realm_of, remove, replica


class ChangingCase(SynchronousTestCase):
    count = 3

    def setUp(self) -> None:
        self.realm = realm_of(self.count)
        self.machine = ChangingMachine(self.realm)

    def head(self, epoch: int) -> EpochHead:
        return EpochHead.FromString(tables.read_epoch(self.machine.store, Epoch(epoch)).head)

    def announced(self, epoch: int) -> AuthorizationPolicy | None:
        return rollover.next_policy(parse(tables.read_epoch(self.machine.store, Epoch(epoch)).timestamped_head))

    def signed(self, epoch: int) -> set[int]:
        """Who has signed an epoch, by the numbers of their keys."""
        signers = tables.read_signers(self.machine.store, Epoch(epoch))
        return {number for number, key in enumerate(KEYS) if key.key_id in signers}


class EnteringTests(ChangingCase):
    def setUp(self) -> None:
        super().setUp()
        self.machine.epoch()
        self.machine.change(add(3))
        self.machine.change(promote(3))

    def test_the_next_head_announces_it(self) -> None:
        self.machine.epoch()
        self.assertEqual(self.announced(2), replica_policy([replica(number) for number in range(4)]))
        self.assertIsNone(self.announced(1))

    def test_which_those_before_ratify(self) -> None:
        self.machine.epoch()
        self.assertEqual(self.signed(2), {0, 1, 2})

    def test_and_the_one_after_those_with_it(self) -> None:
        self.machine.epoch()
        self.machine.epoch()
        self.assertEqual(self.signed(3), {0, 1, 2, 3})
        self.assertIsNone(self.announced(3))
        self.assertEqual(self.machine.roles()[3], VOTER)

    def test_four_need_three(self) -> None:
        self.machine.epoch()
        self.machine.close()
        self.machine.transcribe(3, KEYS[0])
        self.assertEqual(self.machine.transcribe(3, KEYS[1]).state.ratified_epoch, 2)
        self.assertEqual(self.machine.transcribe(3, KEYS[3]).state.ratified_epoch, 3)

    def test_it_does_not_count_before(self) -> None:
        self.machine.close()
        self.assertEqual(self.machine.transcribe(2, KEYS[3]).effects, [])
        self.assertEqual(self.machine.transcribe(2, KEYS[0]).state.ratified_epoch, 1)

    def test_and_does_not_later_for_an_epoch_before(self) -> None:
        self.machine.epoch()
        self.machine.epoch()
        self.assertEqual(self.machine.transcribe(2, KEYS[3]).effects, [])

    def test_nobody_else_enters_until_the_one_after_is_closed(self) -> None:
        self.machine.change(add(4))
        self.machine.epoch()
        self.assertIsInstance(self.machine.change(promote(4)).effects[0], ChangeRefused)
        self.machine.close()
        self.assertIsInstance(self.machine.change(promote(4)).effects[0], ChangeApplied)

    def test_heads_that_announce_nothing_are_the_originals(self) -> None:
        self.assertEqual(self.head(1).next_epoch_policy.SerializeToString(), b"")
        self.assertTrue(self.head(1).HasField("next_epoch_policy"))


class LeavingTests(ChangingCase):
    def setUp(self) -> None:
        super().setUp()
        self.machine.epoch()
        self.machine.change(remove(0))

    def test_it_signs_until_the_epoch_after(self) -> None:
        self.machine.epoch()
        self.machine.epoch()
        self.assertEqual([self.signed(2), self.signed(3)], [{0, 1, 2}, {1, 2}])
        self.assertEqual(self.machine.roles(), {1: VOTER, 2: VOTER})

    def test_its_signature_that_comes_late_still_counts_for_its_epochs(self) -> None:
        self.machine.close()
        for number in (1, 2):
            self.machine.transcribe(2, KEYS[number])
        self.machine.epoch()
        self.machine.transcribe(2, KEYS[0])
        self.machine.transcribe(3, KEYS[0])
        self.assertEqual([self.signed(2), self.signed(3)], [{0, 1, 2}, {1, 2}])

    def test_no_verifier_takes_its_id(self) -> None:
        self.machine.epoch()
        self.machine.epoch()
        for epoch in (1, 2, 3):
            self.assertEqual(self.machine.vouch(epoch, KEYS[0]).effects, [])

    def test_nor_that_of_a_learner(self) -> None:
        self.machine.change(add(5, learner=True))
        self.assertEqual(self.machine.vouch(1, KEYS[5]).effects, [])

    def test_it_may_come_back(self) -> None:
        self.machine.epoch()
        self.machine.epoch()
        self.machine.change(add(0))
        self.machine.change(promote(0))
        self.machine.epoch()
        self.machine.epoch()
        self.assertEqual(self.signed(5), {0, 1, 2})


class LastTests(ChangingCase):
    count = 2

    def test_of_two_one_may_go(self) -> None:
        self.machine.change(remove(0))
        self.machine.epoch()
        self.machine.epoch()
        self.assertEqual(self.signed(2), {1})

    def test_the_last_one_may_not(self) -> None:
        self.machine.change(remove(0))
        self.machine.epoch()
        self.machine.epoch()
        (effect,) = self.machine.change(remove(1)).effects
        assert isinstance(effect, ChangeRefused)
        self.assertIsInstance(effect.error, Refused)
        self.machine.epoch()
        self.assertEqual(self.signed(3), {1})

    def test_but_replaced_by_another(self) -> None:
        for number in (0, 1):
            self.machine.change(add(number + 2))
            self.machine.change(promote(number + 2))
            self.machine.epoch()
            self.machine.epoch()
            self.machine.change(remove(number))
            self.machine.epoch()
            self.machine.epoch()
        self.assertEqual(self.machine.roles(), {2: VOTER, 3: VOTER})
        self.assertEqual(self.signed(self.machine.closed), {2, 3})
        ratifying(self.machine.store, self.realm.policy)


class EffectTests(ChangingCase):
    def effects(self, *steps: KeyserverStep) -> list[Effect]:
        return self.machine.apply(*steps).effects

    def test_success(self) -> None:
        self.assertEqual(self.effects(KeyserverStep(UID=5, replica_change=add(3))), [ChangeApplied(5)])

    def test_the_reason_for_a_refusal(self) -> None:
        (effect,) = self.effects(KeyserverStep(UID=5, replica_change=promote(3)))
        assert isinstance(effect, ChangeRefused)
        self.assertEqual((effect.uid, str(effect.error)), (5, f"there is no replica {KEYS[3].key_id:x}"))

    def test_a_barrier(self) -> None:
        self.assertEqual(self.effects(KeyserverStep(UID=5)), [Reached(5)])

    def test_a_barrier_changes_nothing_but_the_index(self) -> None:
        applied = self.machine.apply(KeyserverStep(UID=5))
        self.assertEqual([write.key for write in applied.writes], [tables.STATE_KEY])

    def test_an_empty_step_of_nobody_is_none(self) -> None:
        self.assertEqual(self.effects(KeyserverStep()), [])

    def test_they_come_in_the_order_of_the_steps(self) -> None:
        steps = [KeyserverStep(UID=1, replica_change=add(3)), KeyserverStep(UID=2), KeyserverStep(UID=3)]
        self.assertEqual(self.effects(*steps), [ChangeApplied(1), Reached(2), Reached(3)])

    def test_a_change_of_an_unknown_kind(self) -> None:
        (effect,) = self.effects(KeyserverStep(UID=5, replica_change=ReplicaChange()))
        self.assertIsInstance(effect, ChangeRefused)


class OldDatabaseTests(ChangingCase):
    def test_one_that_knows_of_no_replicas_has_those_of_the_configuration(self) -> None:
        self.machine.epoch()
        state = tables.read_state(self.machine.store)
        self.assertEqual((len(state.replicas), state.announced_epoch), (0, 0))
        again = ChangingMachine(self.realm, self.machine.store)
        again.epoch()
        self.assertEqual(again.machine.members.policy(Epoch(2)), self.realm.policy)

    def test_a_first_change_in_one(self) -> None:
        self.machine.epoch()
        again = ChangingMachine(self.realm, self.machine.store)
        again.change(remove(2))
        again.epoch()
        again.epoch()
        self.assertEqual(ratifying(again.store, self.realm.policy)[3], replica_policy([replica(0), replica(1)]))

    def test_the_configuration_is_not_asked_any_more_after_a_change(self) -> None:
        self.machine.change(remove(2))
        self.machine.epoch()
        self.machine.epoch()
        again = ChangingMachine(realm_of(1), self.machine.store)
        self.assertEqual(again.roles(), {0: VOTER, 1: VOTER})


SINGLE = ("add", "learner", "promote", "remove", "close", "ratify", "sign", "vouch")
"""Steps of the log, at any time."""

WHOLE = ("epoch", "enter", "leave", "epoch", "enter")
"""What an operator does who waits for what comes of it: most of what happens, or little would ever be over."""

ACTIONS = st.tuples(st.sampled_from(SINGLE + 3 * WHOLE), st.integers(0, 5))


class Story:
    """Does what hypothesis says, and keeps the log that comes of it."""

    def __init__(self, machine: ChangingMachine) -> None:
        self.machine = machine
        self.log: list[bytes] = []
        inner = machine.apply_data

        def recorded(data: bytes) -> Applied:
            self.log.append(data)
            return inner(data)

        machine.apply_data = recorded  # type: ignore[method-assign]

    def act(self, action: str, number: int) -> None:
        machine = self.machine
        if action in ("add", "learner"):
            machine.change(add(number, learner=action == "learner"))
        elif action == "promote":
            machine.change(promote(number))
        elif action == "remove":
            machine.change(remove(number))
        elif action == "close":
            machine.close()
        elif action == "epoch":
            self.epoch()
        elif action in ("enter", "leave"):
            for change in (add(number), promote(number)) if action == "enter" else (remove(number),):
                machine.change(change)
            self.epoch()
            self.epoch()
        elif machine.closed and action == "ratify":
            machine.ratify()
        elif machine.closed and action == "sign":
            machine.transcribe(machine.closed, KEYS[number])
        elif machine.ratified and action == "vouch":
            machine.vouch(machine.ratified, KEYS[number])

    def epoch(self) -> None:
        """The next epoch is ratified, or the one that waits for it."""
        if self.machine.ratified == self.machine.closed:
            self.machine.close()
        self.machine.ratify()


class AnySequenceTests(SynchronousTestCase):
    """Whatever happens, in whatever order."""

    @settings(derandomize=True, max_examples=60, deadline=None)
    @given(st.integers(1, 3), st.lists(ACTIONS, min_size=5, max_size=30))
    def test_the_invariants_hold(self, count: int, actions: list[tuple[str, int]]) -> None:
        realm = realm_of(count)
        story = Story(ChangingMachine(realm))
        for action, number in actions:
            story.act(action, number)
            self.check(story.machine)
        self.check_policies(story.machine)
        for cut in range(0, len(story.log), 7):
            self.check_replay(story, cut)

    def check(self, machine: ChangingMachine) -> None:
        """What holds after each step."""
        records = machine.records
        roles = [record.role for record in records]
        self.assertLessEqual(roles.count(ENTERING) + roles.count(LEAVING), 1)
        self.assertGreaterEqual(roles.count(VOTER), 1)
        self.assertEqual(len({record.replica.id for record in records}), len(records))
        if machine.closed:
            self.assertEqual(membership.policy_of(records), machine.machine.members.policy(machine.closed))
        for role in (ENTERING, LEAVING, JOINING):
            self.assertLessEqual(roles.count(role), 6)

    def check_policies(self, machine: ChangingMachine) -> None:
        """Each epoch was ratified by the policy that the heads before it lead to; two in a row differ by one replica,
        and majorities of both always have one in common."""
        found = ratifying(machine.store, machine.realm.policy)
        for epoch, policy in found.items():
            self.assertEqual(policy, machine.machine.members.policy(Epoch(epoch)))
            before = found.get(epoch - 1, policy)
            self.assertLessEqual(len(set(policy.public_keys) ^ set(before.public_keys)), 1)
            both = set(policy.public_keys) | set(before.public_keys)
            self.assertGreater(majority(len(policy.public_keys)) + majority(len(before.public_keys)), len(both))

    def check_replay(self, story: Story, cut: int) -> None:
        """A machine that is made anew from the database after `cut` entries comes to the same."""
        parted = ChangingMachine(story.machine.realm)
        for data in story.log[:cut]:
            parted.apply_data(data)
        again = ChangingMachine(story.machine.realm, parted.store)
        for data in story.log[cut:]:
            again.apply_data(data)
        self.assertEqual(contents(again.store), contents(story.machine.store))

    @settings(derandomize=True, max_examples=30, deadline=None)
    @given(st.lists(ACTIONS, min_size=5, max_size=25))
    def test_it_does_not_matter_how_steps_share_entries(self, actions: list[tuple[str, int]]) -> None:
        story = Story(ChangingMachine(realm_of(2)))
        for action, number in actions:
            story.act(action, number)
        together = ChangingMachine(story.machine.realm)
        together.apply(*(step for data in story.log for step in LogEntry.FromString(data).steps))
        self.assertEqual(stateless(together.store), stateless(story.machine.store))

    @settings(derandomize=True, max_examples=100, deadline=None)
    @given(st.binary(max_size=80))
    def test_garbage_in_a_change_stops_nothing(self, data: bytes) -> None:
        machine = ChangingMachine(realm_of(2))
        machine.apply_data(b"\x0a" + bytes([len(data) + 11]) + b"\x09" + bytes(7) + b"\x01" + b"\x42" + bytes([0]))
        step = b"\x42" + bytes([len(data)]) + data
        machine.apply_data(b"\x0a" + bytes([len(step)]) + step)
        machine.epoch()
        self.check(machine)


def contents(store: MemoryStore) -> list[tuple[bytes, bytes]]:
    return list(store.iterate(b"\0", b"\xff"))


def stateless(store: MemoryStore) -> list[tuple[bytes, bytes]]:
    """All but how many entries were applied."""
    state = tables.read_state(store)
    state.applied_index = 0
    rest = [(key, value) for key, value in contents(store) if key != tables.STATE_KEY]
    return [*rest, (tables.STATE_KEY, state.SerializeToString(deterministic=True))]


class SizeTests(SynchronousTestCase):
    def test_a_state_that_never_changed_is_as_it_was(self) -> None:
        machine = ChangingMachine(realm_of(3))
        machine.epoch()
        stored = ReplicaState.FromString(machine.store.get(tables.STATE_KEY) or b"")
        self.assertLess(len(stored.SerializeToString()), 32)
