"""Whatever an operator does to the replicas, in whatever order: a verifier that knows only who began follows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import rollover
from coname.core.types import Epoch
from coname.keyserver import tables
from coname.messages.client_pb2 import AuthorizationPolicy
from tests.keyserver.changing import ChangingMachine, realm_of
from tests.keyserver.harness import REALM, START, Owner
from tests.keyserver.test_changing_replicas import ACTIONS, Story
from tests.verifier.harness import Verifier
from tests.verifier.lying import LyingKeyserver


class AnyChanges(SynchronousTestCase):
    @settings(derandomize=True, max_examples=40, deadline=None)
    @given(st.integers(1, 3), st.lists(ACTIONS, min_size=5, max_size=30), st.integers(1, 9))
    def test_every_epoch_is_verified(self, count: int, actions: list[tuple[str, int]], at_once: int) -> None:
        realm = realm_of(count)
        machine = ChangingMachine(realm)
        story = Story(machine)
        for place, (action, number) in enumerate(actions):
            story.act(action, number)
            if place % 5 == 0:
                machine.update(Owner(f"user{place}@example.com"))
        verifier = Verifier(LyingKeyserver(), realm=REALM, policy=realm.policy)
        verifier.now = START + 10
        verifier.keyserver.steps[:] = self.published(machine)
        verifier.read(at_once)
        self.assertIsNone(verifier.replay.violation)
        self.assertEqual(verifier.replay.verified, machine.ratified)
        _, policy = verifier.replay.policy
        self.assertEqual(policy, machine.machine.members.policy(Epoch(machine.ratified + 1)))
        self.assertEqual(policy, self.followed(machine))

    def published(self, machine: ChangingMachine) -> list[bytes]:
        """The verifier log, as far as it may be shown."""
        state = tables.read_state(machine.store)
        end = state.verifier_log_length
        if state.ratified_epoch < state.closed_epoch:
            end = tables.read_epoch(machine.store, machine.closed).head_slot
        return [machine.store.get(tables.step_key(position)) or b"" for position in range(end)]

    def followed(self, machine: ChangingMachine) -> AuthorizationPolicy:
        """What a client comes to that follows only the heads that announce something."""
        realm = machine.realm.config
        for start, _ in tables.read_policies(machine.store):
            if start <= machine.ratified + 1:
                signed = tables.read_ratifications(machine.store, Epoch(start - 1))
                _, realm = rollover.follow(realm, list(signed.values()))
        return realm.keyserver_auth
