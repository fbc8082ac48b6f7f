from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from coname.errors import Corrupt, Unavailable
from coname.interfaces import Delete, ILogReplicator, Put
from coname.replication.single import SingleLog
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Fault, TracingStore
from tests.keyserver.harness import at_once
from tests.replication.engine_suite import EngineSuite


class SingleEngineTests(EngineSuite, TestCase):
    async def make_logs(self, count: int) -> list[ILogReplicator]:
        self.store = MemoryStore()
        return [SingleLog(self.store, at_once)]

    async def restart_log(self, place: int) -> ILogReplicator:
        self.store = self.store.crash()
        return SingleLog(self.store, at_once)


class SingleLogTests(SynchronousTestCase):
    def make_log(self) -> SingleLog:
        self.store = MemoryStore()
        return SingleLog(self.store, at_once)

    def restart_log(self) -> SingleLog:
        self.store = self.store.crash()
        return SingleLog(self.store, at_once)

    def started(self, log: SingleLog, applied: int = 0) -> SingleLog:
        self.successResultOf(log.start(applied))
        return log

    def proposed(self, log: SingleLog, *data: bytes) -> None:
        for one in data:
            self.successResultOf(log.propose(one))

    def test_leads_for_ever(self) -> None:
        self.assertTrue(self.make_log().leading)

    def test_an_entry_that_was_taken_survives_the_loss_of_power(self) -> None:
        log = self.started(self.make_log())
        self.proposed(log, b"one")
        again = self.started(self.restart_log())
        self.assertEqual([entry.data for entry in self.successResultOf(again.waitCommitted())], [b"one"])

    def test_removes_from_the_disk_what_was_applied(self) -> None:
        log = self.started(self.make_log())
        self.proposed(log, b"one", b"two")
        self.successResultOf(log.waitCommitted())
        log.applied(2)
        self.proposed(log, b"three")
        self.assertEqual([value for _, value in self.store.iterate(b"l", b"m")], [b"three"])

    def test_a_gap_is_reported_as_damage(self) -> None:
        log = self.started(self.make_log())
        self.proposed(log, b"one", b"two", b"three")
        self.store.write([Delete(b"l" + (2).to_bytes(8, "big"))], True)
        self.failureResultOf(self.restart_log().start(0), Corrupt)

    def test_a_missing_beginning_is_reported_as_damage(self) -> None:
        self.make_log()
        self.store.write([Put(b"l" + (5).to_bytes(8, "big"), b"five")], True)
        self.failureResultOf(SingleLog(self.store, at_once).start(3), Corrupt)


class HeldBack:
    """A thread that does its work when told to."""

    def __init__(self) -> None:
        self.work: list[tuple[Deferred[Any], Callable[..., Any], tuple[object, ...]]] = []

    def __call__(self, function: Callable[..., Any], *args: object) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.work.append((done, function, args))
        return done

    def go(self) -> None:
        done, function, args = self.work.pop(0)
        try:
            done.callback(function(*args))
        except Exception as error:
            done.errback(error)


class GroupCommitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.trace: list[tuple[Any, ...]] = []
        self.store = TracingStore(MemoryStore(), self.trace)
        self.thread = HeldBack()
        self.log = SingleLog(self.store, self.thread)
        self.successResultOf(self.log.start(0))

    def test_entries_that_wait_share_one_synced_write(self) -> None:
        taken = [self.log.propose(b"%d" % number) for number in range(10)]
        self.thread.go()
        self.thread.go()
        for one in taken:
            self.successResultOf(one)
        self.assertEqual(
            [(len(event[1]), event[2]) for event in self.trace if event[0] == "write"], [(1, True), (9, True)]
        )

    def test_nothing_is_delivered_or_taken_before_it_is_durable(self) -> None:
        waiting = self.log.waitCommitted()
        taken = self.log.propose(b"one")
        self.assertNoResult(waiting)
        self.assertNoResult(taken)
        self.thread.go()
        self.successResultOf(waiting)
        self.successResultOf(taken)

    def test_after_a_failed_write_nothing_follows(self) -> None:
        waiting = self.log.waitCommitted()
        self.store.fail_at(1, Fault.KEEP)
        taken = [self.log.propose(b"one"), self.log.propose(b"two")]
        self.thread.go()
        for one in taken:
            self.failureResultOf(one, Unavailable)
        self.failureResultOf(waiting, Corrupt)
        self.failureResultOf(self.log.propose(b"three"), Unavailable)
        self.failureResultOf(self.log.waitCommitted(), Corrupt)

    def test_stop_waits_for_the_write_that_goes_on(self) -> None:
        self.log.propose(b"one")
        stopped = self.log.stop()
        self.assertNoResult(stopped)
        self.thread.go()
        self.successResultOf(stopped)

    def test_an_unforeseen_error_in_the_thread_ends_it_too(self) -> None:
        waiting = self.log.waitCommitted()
        taken = self.log.propose(b"one")
        done, _, _ = self.thread.work.pop()
        done.errback(RuntimeError("can't start new thread"))
        self.failureResultOf(taken, Unavailable)
        self.failureResultOf(waiting, RuntimeError)
