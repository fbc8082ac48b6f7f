"""Who leads, and what is forgotten."""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from coname.errors import Corrupt, Unavailable
from coname.interfaces import ILogReplicator
from coname.replication import etcd_leadership, etcd_requests
from coname.replication.etcd import EtcdLog
from coname.replication.etcd_keys import Keys
from coname.replication.etcd_leadership import Leadership
from coname.replication.etcd_trimming import Trimming
from coname.storage.memory import MemoryStore
from tests.replication.engine_suite import committed, data_of, soon, until
from tests.replication.etcd_case import EtcdCase

LEASE_SECONDS = 1
"""The least that etcd gives with the elections of the tests, so that they wait less."""


class HousekeepingCase(EtcdCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(etcd_leadership, "LEASE_SECONDS", LEASE_SECONDS)

    async def started(self, count: int) -> list[ILogReplicator]:
        logs = await self.make_logs(count)
        await soon(gatherResults([log.start(0) for log in logs]))
        return logs


class LeaderTests(HousekeepingCase):
    async def leader(self, logs: list[ILogReplicator]) -> ILogReplicator:
        await until(lambda: any(log.leading for log in logs), "somebody leads")
        [leader] = [log for log in logs if log.leading]
        return leader

    async def test_a_leader_that_stops_is_followed_by_another_at_once(self) -> None:
        logs = await self.started(3)
        first = await self.leader(logs)
        heard: list[bool] = []
        for log in logs:
            log.onLeaderChange(lambda log=log: heard.append(log.leading))  # type: ignore[misc]
        stopped = first.stop()
        self.assertFalse(first.leading)
        await soon(stopped)
        second = await self.leader([log for log in logs if log is not first])
        self.assertIsNot(second, first)
        self.assertEqual(heard, [False, True])

    async def test_a_leader_that_is_killed_is_followed_once_its_lease_is_over(self) -> None:
        from twisted.internet import reactor

        logs = await self.started(2)
        first = await self.leader(logs)
        since = reactor.seconds()
        self.kill(first)
        [other] = [log for log in logs if log is not first]
        await until(lambda: other.leading, "the other one leads")
        self.assertLess(reactor.seconds() - since, LEASE_SECONDS + 3)

    async def test_a_leader_that_was_killed_and_is_back_leads_at_once(self) -> None:
        [log] = await self.started(1)
        await self.leader([log])
        self.kill(log)
        again = self.make_log(0)
        await soon(again.start(0))
        await self.leader([again])

    async def test_a_leader_whose_etcd_is_silent_stops_leading_when_its_lease_is_over(self) -> None:
        [log] = await self.started(1)
        await self.leader([log])
        assert isinstance(log, EtcdLog)

        def silent(*arguments: object) -> Deferred[None]:
            return Deferred()

        for name in ("txn", "keep_alive", "grant"):
            self.patch(log._etcd, name, silent)
        await until(lambda: not log.leading, "nobody leads")

    async def test_a_leader_key_that_is_taken_away_is_noticed(self) -> None:
        logs = await self.started(2)
        first = await self.leader(logs)
        assert isinstance(first, EtcdLog)
        await soon(first._etcd.txn(etcd_requests.do(etcd_requests.put(Keys(self.prefix).leader, b"somebody else"))))
        await until(lambda: not first.leading, "it leads no more")

    async def test_one_that_has_not_caught_up_takes_no_lead(self) -> None:
        from twisted.internet import reactor

        client = self.client()
        leadership = Leadership(client, Keys(self.prefix), "r0", reactor, lambda: None)
        await leadership.beat(None, caught_up=False)
        self.assertFalse(leadership.leading)
        await leadership.beat(None, caught_up=True)
        self.assertTrue(leadership.leading)
        await leadership.resign()
        await soon(client.close())

    def kill(self, log: ILogReplicator) -> None:
        """What kill -9 of its process leaves: nothing that runs, and the lease as it was."""
        assert isinstance(log, EtcdLog)
        log._running = False
        for loop in log._loops:
            loop.cancel()


class TrimmingTests(HousekeepingCase):
    trimming = Trimming(note_seconds=0, trim_seconds=0, margin_entries=5, most_entries=20, compact_seconds=0)

    async def kept(self) -> list[int]:
        """The indices of the entries that etcd holds."""
        client, keys = self.client(), Keys(self.prefix)
        read = etcd_requests.get_range(keys.logs, keys.logs_end, keys_only=True)
        answer = await soon(client.txn(etcd_requests.do(read)))
        await soon(client.close())
        return [keys.index_of(one.key) for one in etcd_requests.found(answer, 0)]

    async def filled(self, count: int) -> list[ILogReplicator]:
        logs = await self.started(count)
        await soon(gatherResults([logs[0].propose(b"%d" % number) for number in range(1, 101)]))
        for log in logs:
            await committed(log, 100)
        return logs

    async def until_first_is(self, index: int) -> None:
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        kept: list[int] = []
        for _ in range(150):
            kept = await self.kept()
            if kept[0] == index:
                break
            await deferLater(reactor, 0.1)
        self.assertEqual(kept, list(range(index, 101)))

    async def test_what_all_have_applied_goes_but_for_a_margin(self) -> None:
        logs = await self.filled(2)
        logs[0].applied(100)
        logs[1].applied(30)
        await self.until_first_is(25)
        logs[1].applied(80)
        await self.until_first_is(75)

    async def test_a_replica_that_has_noted_nothing_holds_up_trimming(self) -> None:
        logs = await self.filled(2)
        logs[0].applied(100)
        await until(lambda: any(log.leading for log in logs), "somebody leads")
        assert isinstance(logs[0], EtcdLog)
        trimmer = logs[0]._trimmer
        assert trimmer is not None
        await until(lambda: trimmer._noted == 100, "it is noted")
        await trimmer.beat(True, 0)
        self.assertEqual(len(await self.kept()), 100)

    async def test_one_that_comes_too_late_is_told_to_join_anew_and_others_are_not(self) -> None:
        [log] = await self.filled(1)
        log.applied(50)
        await self.until_first_is(45)
        await soon(log.stop())
        await self.assertFailure(self.make_log(0).start(40), Corrupt)
        again = self.make_log(0)
        await soon(again.start(44))  # a little older than what it said it had: what is missing is there
        self.assertEqual(data_of(await committed(again, 56))[0], b"45")
        self.assertEqual(await self.noted_becomes(44), 44)
        self.stores.append(MemoryStore())
        error = await self.assertFailure(self.make_log(1).start(0), Corrupt)
        self.assertIn("it must join anew", str(error))

    async def noted_becomes(self, index: int) -> int:
        """What etcd has noted for the first replica, once it is `index`, or after some seconds."""
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        client = self.client()
        read = etcd_requests.do(etcd_requests.get(Keys(self.prefix).applied + b"r0"))
        for _ in range(50):
            noted = etcd_requests.found_one(await soon(client.txn(read)), 0)
            if noted is not None and int(noted.value) == index:
                break
            await deferLater(reactor, 0.1)
        await soon(client.close())
        assert noted is not None
        return int(noted.value)


class CompactionTests(HousekeepingCase):
    trimming = Trimming(note_seconds=0, trim_seconds=0, margin_entries=5, most_entries=20, compact_seconds=0.2)

    async def test_the_leader_compacts_the_history_up_to_the_time_before(self) -> None:
        [log] = await self.started(1)
        assert isinstance(log, EtcdLog)
        compacted: list[int] = []
        real = log._etcd.compact

        def compact(revision: int) -> Deferred[None]:
            compacted.append(revision)
            return real(revision)

        self.patch(log._etcd, "compact", compact)
        await soon(log.propose(b"one"))
        await until(lambda: len(compacted) >= 2, "it is compacted twice")
        await soon(log.propose(b"two"))
        self.assertEqual(data_of(await committed(log, 2)), [b"one", b"two"])
        watch = log._etcd.watch(b"a", b"b", 1)
        while not (response := await soon(watch.next())).canceled:
            pass
        self.assertGreaterEqual(response.compact_revision, compacted[0])
        watch.close()
        await self.assertFailure(watch.next(), Unavailable)
