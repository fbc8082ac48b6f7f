from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from coname.interfaces import IKeyValueStore, ILogMembership, LogStanding
from coname.replication.single import SingleLog
from tests.keyserver.harness import Owner, World, at_once


class LosingLog(SingleLog):
    """Takes everything, and for as long as it `loses`, nothing comes of it, as with a leader that dies."""

    loses = False

    def propose(self, data: bytes) -> Deferred[None]:
        return succeed(None) if self.loses else super().propose(data)

    def onLeaderChange(self, listener: Callable[[], None]) -> None:
        self.listener = listener


class LeaderChangeTests(SynchronousTestCase):
    """What an earlier leader has lost is proposed to the next one, without waiting for the usual interval."""

    def setUp(self) -> None:
        self.world = World(make_log=self.make_log)
        self.world.begin()
        self.world.settle(2)

    def make_log(self, store: IKeyValueStore) -> LosingLog:
        self.log = LosingLog(store, at_once)
        return self.log

    def another_leads(self) -> None:
        self.log.loses = False
        self.log.listener()
        self.world.settle()

    def test_an_update(self) -> None:
        self.log.loses = True
        answer = self.world.replica.update(self.world.realm.request(Owner("alice@example.com")))
        self.world.settle(1)
        self.another_leads()
        self.assertIsNotNone(self.successResultOf(answer))

    def test_an_epochs_signature(self) -> None:
        replica = self.world.replica
        answer = replica.update(self.world.realm.request(Owner("alice@example.com")))
        sign = replica._epochs._propose_signature

        def lose() -> None:
            self.log.loses = True
            sign()

        self.patch(replica._epochs._signature, "_act", lose)
        self.world.settle(2)
        self.assertGreater(replica.state.closed_epoch, replica.state.ratified_epoch)
        self.patch(replica._epochs._signature, "_act", sign)
        self.another_leads()
        self.assertIsNotNone(self.successResultOf(answer))

    def test_nothing_after_the_replica_has_stopped(self) -> None:
        stopped = Deferred.fromCoroutine(self.world.replica.stop())
        self.world.settle()
        self.successResultOf(stopped)
        before = self.world.replica.state.applied_index
        self.another_leads()
        self.assertEqual(self.world.replica.state.applied_index, before)


class Members:
    """What a log says of its members: only who leads is asked."""

    leads = 0

    def leader(self) -> int:
        return self.leads

    def standing(self) -> tuple[LogStanding, str]:
        return LogStanding.MEMBER, ""

    def onRequest(self, answer: object) -> None: ...


class SharedLog(LosingLog):
    """Others keep it too."""

    known: Members

    def __conform__(self, interface: object) -> object:
        return self.known if interface is ILogMembership else None


class FirstLeaderTests(SynchronousTestCase):
    """A replica that has just started signs what it owes once it has heard of a leader, who would know better."""

    def start(self, leads: int) -> World:
        before = World()
        before.begin()
        before.replica._epochs._signature.stop()
        before.settle(61)
        after = World(before.realm, before.store.crash(before.store.unsynced), make_log=self.make_log)
        self.log.known.leads = leads
        after.begin()
        after.settle(1)
        return after

    def make_log(self, store: IKeyValueStore) -> SharedLog:
        self.log = SharedLog(store, at_once)
        self.log.known = Members()
        return self.log

    def owed(self, world: World) -> int:
        """How many epochs are closed and not ratified."""
        return world.replica.state.closed_epoch - world.replica.state.ratified_epoch

    def test_without_one_it_does_not_sign(self) -> None:
        self.assertEqual(self.owed(self.start(leads=0)), 1)

    def test_with_one_it_does(self) -> None:
        self.assertEqual(self.owed(self.start(leads=2)), 0)

    def test_it_does_as_soon_as_there_is_one(self) -> None:
        world = self.start(leads=0)
        self.log.known.leads = 2
        self.log.listener()
        world.settle()
        self.assertEqual(self.owed(world), 0)
