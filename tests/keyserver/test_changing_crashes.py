"""A replica dies at any write while the replicas of its realm change: it carries on with the same ones and policies.

The other replicas exist in their signatures only, which come as soon as there is a head to sign.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core import rollover
from coname.errors import ConameError
from coname.keyserver import membership, tables
from coname.keyserver.members import Members
from coname.messages.client_pb2 import PolicyChanges, PolicyChangesRequest
from coname.messages.replication_pb2 import ReplicaChange
from coname.messages.stored_pb2 import VOTER
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Fault, TracingStore
from tests.keyserver.changing import KEYS, add, promote, ratifying, realm_of, remove
from tests.keyserver.changing_world import ChangingWorld
from tests.keyserver.harness import Realm

CHANGES = (add(1), promote(1), add(2), promote(2), remove(1))
EPOCHS_EACH = 2


class Story:
    """An operator who changes the replicas one after the other, on a store that dies at its nth write.

    :ivar done: the changes that were acknowledged.
    """

    def __init__(self, realm: Realm) -> None:
        self.realm = realm
        self.done: list[ReplicaChange] = []

    def tell(self, world: ChangingWorld) -> None:
        """From the first change that is not acknowledged yet; each is repeated until it is."""
        for change in CHANGES[len(self.done) :]:
            changed = world.replica.steps.change(change)
            changed.addCallbacks(lambda _, change=change: self.done.append(change), self._refused)
            self._live(world)
            if not self.done or self.done[-1] is not change:
                return

    def _live(self, world: ChangingWorld) -> None:
        """Time passes in which epochs are closed, and the other replicas sign."""
        for _ in range(EPOCHS_EACH):
            world.settle(61)
            if world.replica.failure is None and world.closed:
                world.co_sign()
                world.settle()

    def _refused(self, failure: object) -> None:
        failure.trap(ConameError)  # type: ignore[attr-defined]


class CrashTests(SynchronousTestCase):
    def told(self, store: TracingStore | MemoryStore, story: Story, start: float | None = None) -> ChangingWorld:
        times = {} if start is None else {"start": start}
        world = ChangingWorld(realm=story.realm, store=store, **times)
        world.begin()
        story._live(world)
        story.tell(world)
        return world

    def writes(self) -> int:
        store = TracingStore(MemoryStore(), [])
        world = self.told(store, Story(realm_of(1)))
        self.check(world)
        return store.writes

    def crash_everywhere(self, fault: Fault, survivors: bool) -> None:
        writes = self.writes()
        self.assertGreater(writes, 10)
        for nth in range(2, writes + 1):
            self.crash_at(nth, fault, survivors)

    def crash_at(self, nth: int, fault: Fault, survivors: bool) -> None:
        story, inner = Story(realm_of(1)), MemoryStore()
        store = TracingStore(inner, [])
        store.fail_at(nth, fault, crash=True)
        world = self.told(store, story)
        self.flushLoggedErrors()
        left = inner.crash(inner.unsynced if survivors else 0)
        acknowledged = list(story.done)
        again = self.told(left, story, world.now)
        self.assertEqual(story.done[: len(acknowledged)], acknowledged)
        self.check(again)

    def check(self, world: ChangingWorld) -> None:
        """All changes are over, and everything that is stored tells the same story."""
        for _ in range(2):
            world.epoch()
        roles = {record.replica.id: record.role for record in membership.replicas(world.replica.state, [])}
        self.assertEqual(roles, {KEYS[0].key_id: VOTER, KEYS[2].key_id: VOTER})
        found = ratifying(world.store, world.realm.policy)
        members = Members(world.store, world.realm.members, tables.read_state(world.store))
        for epoch, policy in found.items():
            self.assertEqual(members.policy(epoch), policy)
        self.assertEqual(len(list(tables.read_policies(world.store))), 3)
        self.assertEqual(self.followed(world), found[world.ratified])

    def followed(self, world: ChangingWorld) -> object:
        """What a client comes to that knows the first replica."""
        realm = world.realm.config
        answer = world.replica.policyChanges(PolicyChangesRequest()).protobuf()
        for change in PolicyChanges.FromString(answer).changes:
            _, realm = rollover.follow(realm, change.ratifications)
        return realm.keyserver_auth

    def test_dies_before_any_write(self) -> None:
        self.crash_everywhere(Fault.FAIL, survivors=True)

    def test_dies_before_any_write_and_loses_what_was_not_synced(self) -> None:
        self.crash_everywhere(Fault.FAIL, survivors=False)

    def test_dies_after_any_write(self) -> None:
        self.crash_everywhere(Fault.KEEP, survivors=True)
