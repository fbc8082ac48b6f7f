"""Proposals get into the log in etcd once, whatever happens to requests and answers on the way."""

from __future__ import annotations

from twisted.internet.defer import gatherResults

from coname.errors import Overloaded, TooLarge, Unavailable
from coname.interfaces import ILogReplicator
from coname.replication import etcd_appender
from coname.storage.memory import MemoryStore
from tests.replication.engine_suite import committed, data_of, soon
from tests.replication.etcd_case import EtcdCase
from tests.replication.etcd_faults import UnreliableEtcd


class AppendTests(EtcdCase):
    async def started(self, count: int = 1) -> list[ILogReplicator]:
        self.stores = [MemoryStore() for _ in range(count)]
        self.etcd = UnreliableEtcd(self.cluster.endpoints, self.cluster.access)
        logs: list[ILogReplicator] = [self.make_log(0, etcd=self.etcd)]
        logs += [self.make_log(place) for place in range(1, count)]
        for log in logs:
            await soon(log.start(0))
        return logs

    async def test_a_lost_request_is_sent_again(self) -> None:
        [log] = await self.started()
        self.etcd.lose_requests = 2
        await soon(log.propose(b"one"))
        self.assertEqual(data_of(await committed(log, 1)), [b"one"])

    async def test_a_lost_answer_appends_nothing_twice(self) -> None:
        [log] = await self.started()
        self.etcd.lose_answers = 2
        await soon(gatherResults([log.propose(b"one"), log.propose(b"two")]))
        await soon(log.propose(b"three"))
        self.assertEqual(data_of(await committed(log, 3)), [b"one", b"two", b"three"])

    async def test_a_lost_answer_and_another_replica_that_goes_on(self) -> None:
        [log, other] = await self.started(2)
        self.etcd.lose_answers = 1
        taken = log.propose(b"one")
        await soon(gatherResults([other.propose(b"%d" % number) for number in range(50)]))
        await soon(taken)
        await soon(log.propose(b"last"))
        found = data_of(await committed(other, 52))
        self.assertEqual(found.count(b"one"), 1)
        self.assertEqual(found[-1], b"last")
        self.assertEqual(len(found), 52)

    async def test_is_given_up_after_a_while_and_goes_on_with_the_next(self) -> None:
        self.patch(etcd_appender, "PATIENCE_SECONDS", 0.3)
        [log] = await self.started()
        self.etcd.lose_requests = 1000
        await self.assertFailure(log.propose(b"one"), Unavailable)
        self.etcd.lose_requests = 0
        await soon(log.propose(b"two"))
        self.assertEqual(data_of(await committed(log, 1)), [b"two"])

    async def test_what_was_given_up_unheard_may_be_there_and_nothing_breaks(self) -> None:
        self.patch(etcd_appender, "PATIENCE_SECONDS", 0.0)
        [log] = await self.started()
        self.etcd.lose_answers = 1
        await self.assertFailure(log.propose(b"one"), Unavailable)
        await soon(log.propose(b"two"))
        self.assertEqual(data_of(await committed(log, 2)), [b"one", b"two"])

    async def test_proposals_that_wait_share_a_transaction(self) -> None:
        [log] = await self.started()
        await soon(gatherResults([log.propose(b"%d" % number) for number in range(250)]))
        self.assertEqual(self.etcd.appended, [1, 100, 100, 49])

    async def test_no_transaction_is_over_its_size(self) -> None:
        [log] = await self.started()
        half = bytes(etcd_appender.BATCH_BYTES // 2)
        await soon(gatherResults([log.propose(half) for _ in range(7)]))
        self.assertEqual(self.etcd.appended, [1, 2, 2, 2])

    async def test_the_largest_entry_is_taken(self) -> None:
        [log] = await self.started()
        await soon(log.propose(bytes(etcd_appender.BATCH_BYTES)))
        self.assertEqual(len((await committed(log, 1))[0].data), etcd_appender.BATCH_BYTES)

    async def test_a_larger_one_is_refused_with_both_sizes(self) -> None:
        [log] = await self.started()
        error = await self.assertFailure(log.propose(bytes(etcd_appender.BATCH_BYTES + 1)), TooLarge)
        self.assertIn("1048577", str(error))
        self.assertIn("1048576", str(error))
        await soon(log.propose(b"one"))
        self.assertEqual(data_of(await committed(log, 1)), [b"one"])

    async def test_memory_for_what_waits_is_bounded(self) -> None:
        self.patch(etcd_appender, "QUEUE_BYTES", 2500)
        [log] = await self.started()
        taken = [log.propose(bytes(300)) for _ in range(4)]  # the first is on its way, three wait
        await self.assertFailure(log.propose(bytes(300)), Overloaded)
        await soon(gatherResults(taken))
        await soon(log.propose(bytes(300)))
