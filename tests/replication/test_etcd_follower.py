"""How entries come out of the log in etcd, and what happens if nobody takes them."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt, Unavailable
from coname.interfaces import CommittedEntry
from coname.replication import etcd_follower, etcd_outbox
from coname.replication.etcd import EtcdLog
from coname.replication.etcd_outbox import Outbox
from coname.storage.memory import MemoryStore
from tests.replication.engine_suite import committed, data_of, soon, until
from tests.replication.etcd_case import EtcdCase
from tests.replication.etcd_faults import DeafEtcd


class FollowTests(EtcdCase):
    async def started(self) -> EtcdLog:
        [log] = await self.make_logs(1)
        await soon(log.start(0))
        assert isinstance(log, EtcdLog)
        return log

    async def test_nothing_is_read_while_too_much_waits_to_be_applied(self) -> None:
        self.patch(etcd_outbox, "MOST_BYTES", 10_000)
        log = await self.started()
        wanted = [b"%4d" % number * 250 for number in range(400)]
        for data in wanted:
            await soon(log.propose(data))
        self.assertLess(log._outbox._bytes, 200_000)  # half of all: the bound, and one response
        self.assertEqual(data_of(await committed(log, len(wanted))), wanted)

    async def test_a_watch_that_ends_is_begun_anew_from_what_comes_next(self) -> None:
        log = await self.started()
        assert log._follower is not None
        for number in range(5):
            log._follower.restart()
            await soon(log.propose(b"%d" % number))
        self.assertEqual(data_of(await committed(log, 5)), [b"%d" % number for number in range(5)])

    async def test_a_watch_that_shows_nothing_is_noticed(self) -> None:
        self.stores = [MemoryStore()]
        etcd = DeafEtcd(self.cluster.endpoints, self.cluster.access)
        log = self.make_log(0, etcd=etcd)
        await soon(log.start(0))
        await until(lambda: etcd.watches == 1, "it watches")
        await soon(gatherResults([log.propose(b"one"), log.propose(b"two")]))
        self.assertEqual(data_of(await committed(log, 2)), [b"one", b"two"])
        await until(lambda: etcd.watches == 2, "it watches again")

    async def test_large_entries_are_hashed_in_slices(self) -> None:
        self.patch(etcd_follower, "SLICE_BYTES", 100)
        log = await self.started()
        wanted = [bytes([number]) * 60 for number in range(50)]
        await soon(gatherResults([log.propose(data) for data in wanted]))
        self.assertEqual(data_of(await committed(log, 50)), wanted)

    async def test_stop_waits_for_a_write_that_goes_on(self) -> None:
        log = await self.started()
        held: Deferred[None] = Deferred()
        self.patch(log, "_run_in_thread", lambda *arguments: held)
        await soon(log.propose(b"one"))
        await until(lambda: not log._writing.called, "it is being written")
        stopped = log.stop()
        self.assertNoResult(stopped)
        held.callback(None)
        await soon(stopped)

    async def test_a_database_that_fails_ends_it(self) -> None:
        log = await self.started()

        async def fail(*arguments: object) -> None:
            raise Corrupt("the disk is broken")

        self.patch(log, "_run_in_thread", fail)
        waiting = log.waitCommitted()
        log.propose(b"one").addErrback(lambda failure: failure.trap(Unavailable))  # if the end comes before its answer
        error = await self.assertFailure(waiting, Corrupt)
        self.assertIn("the disk is broken", str(error))


class OutboxTests(SynchronousTestCase):
    ENTRIES = [CommittedEntry(1, b"one"), CommittedEntry(2, b"two")]  # noqa: RUF012

    def test_entries_wait_for_a_taker(self) -> None:
        outbox = Outbox()
        self.successResultOf(Deferred.fromCoroutine(outbox.put(self.ENTRIES)))
        self.assertEqual(self.successResultOf(outbox.take()), self.ENTRIES)

    def test_a_taker_waits_for_entries(self) -> None:
        outbox = Outbox()
        taker = outbox.take()
        self.assertNoResult(taker)
        self.successResultOf(Deferred.fromCoroutine(outbox.put(self.ENTRIES)))
        self.assertEqual(self.successResultOf(taker), self.ENTRIES)

    def test_one_that_puts_too_much_waits_until_it_is_taken(self) -> None:
        self.patch(etcd_outbox, "MOST_BYTES", 5)
        outbox = Outbox()
        putting = Deferred.fromCoroutine(outbox.put(self.ENTRIES))
        self.assertNoResult(putting)
        self.successResultOf(outbox.take())
        self.successResultOf(putting)

    def test_after_the_end_nothing_is_taken_and_the_first_reason_stays(self) -> None:
        outbox = Outbox()
        taker = outbox.take()
        outbox.end(Corrupt("why"))
        outbox.end(None)
        self.failureResultOf(taker, Corrupt)
        self.successResultOf(Deferred.fromCoroutine(outbox.put(self.ENTRIES)))
        self.failureResultOf(outbox.take(), Corrupt)

    def test_an_end_that_was_asked_for(self) -> None:
        outbox = Outbox()
        outbox.end(None)
        self.failureResultOf(outbox.take(), CancelledError)
