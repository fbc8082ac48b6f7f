"""A replica whose database fails leaves the log, so that another may lead."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt, Unavailable
from coname.interfaces import IKeyValueStore
from coname.messages.client_pb2 import LookupRequest
from coname.replication.single import SingleLog
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Fault, TracingStore
from tests.keyserver.harness import Owner, World, at_once


class WatchedLog(SingleLog):
    """A log on a disk of its own that counts how often it was stopped."""

    stops = 0

    def stop(self) -> Deferred[None]:
        self.stops += 1
        return super().stop()


class FailingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.disk = TracingStore(MemoryStore(), [])
        self.world = World(store=self.disk, make_log=self.make_log)
        self.world.begin()
        self.world.settle(2)

    def make_log(self, store: IKeyValueStore) -> WatchedLog:
        self.log = WatchedLog(MemoryStore(), at_once)
        return self.log

    def lose_disk(self) -> None:
        self.disk.fail_at(1, Fault.FAIL)
        answer = self.world.replica.update(self.world.realm.request(Owner("alice@example.com")))
        self.world.settle(2)
        self.failureResultOf(answer, Unavailable)
        self.assertEqual(len(self.flushLoggedErrors(Corrupt)), 1)

    def test_it_leaves_the_log_and_answers_lookups(self) -> None:
        self.lose_disk()
        self.assertIsInstance(self.world.replica.failure, Corrupt)
        self.assertEqual(self.log.stops, 1)
        self.assertFalse(self.world.replica.inRotation)
        self.world.replica.lookup(LookupRequest(user_id="bob@example.com"))

    def test_it_can_be_stopped(self) -> None:
        self.lose_disk()
        stopped = Deferred.fromCoroutine(self.world.replica.stop())
        self.world.settle()
        self.successResultOf(stopped)
        self.assertEqual(self.log.stops, 1)
