"""Three members of etcd that are killed, held up, compacted and all away for a while: nothing is lost or seen twice."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from coname.errors import Unavailable
from coname.interfaces import CommittedEntry, ILogReplicator
from coname.protocols import etcd_calls, etcd_watch
from coname.protocols.etcd_calls import Member, deferred
from coname.replication import etcd, etcd_appender, etcd_requests
from coname.storage.memory import MemoryStore
from tests.replication.engine_suite import committed, data_of, soon, until
from tests.replication.etcd_case import EtcdCase
from tests.replication.etcd_cluster import EtcdCluster
from tests.replication.etcd_faults import ForgetfulEtcd


async def pause(seconds: float) -> None:
    """Let real processes do something that cannot be asked for."""
    from twisted.internet import reactor

    await deferLater(reactor, seconds)


class Load:
    """Proposes through some replicas, all the time, and knows what was taken."""

    def __init__(self, logs: list[ILogReplicator]) -> None:
        self._logs = logs
        self._going = True
        self.taken: list[bytes] = []
        self.proposed = 0
        self._done = gatherResults([Deferred.fromCoroutine(self._run(place)) for place in range(len(logs))])

    async def _run(self, place: int) -> None:
        number = 0
        while self._going:
            number += 1
            data = b"%d of %d" % (number, place)
            self.proposed += 1
            try:
                await self._logs[place].propose(data)
            except Unavailable:
                await pause(0.05)
            else:
                self.taken.append(data)

    async def stop(self) -> None:
        self._going = False
        await soon(self._done)


@pytest.mark.xdist_group("etcd")
class FailureTests(EtcdCase):
    cluster_of_all: EtcdCluster | None = None

    @classmethod
    def tearDownClass(cls) -> None:
        if cls.cluster_of_all is not None:
            cls.cluster_of_all.stop()
            cls.cluster_of_all = None

    def make_cluster(self) -> EtcdCluster:
        cls = type(self)
        if cls.cluster_of_all is None:
            cls.cluster_of_all = EtcdCluster(3, Path(tempfile.mkdtemp(dir=".")).absolute())
            cls.cluster_of_all.start()
        return cls.cluster_of_all

    async def started(self, count: int) -> list[ILogReplicator]:
        """Engines whose first member is another one each."""
        self.stores = [MemoryStore() for _ in range(count)]
        ends = self.cluster.endpoints
        logs: list[ILogReplicator] = [
            self.make_log(place, etcd=self.client(ends[place:] + ends[:place])) for place in range(count)
        ]
        await soon(gatherResults([log.start(0) for log in logs]))
        return logs

    async def check(self, logs: list[ILogReplicator], load: Load) -> None:
        """What was taken is in the log, nothing is in it twice, and all replicas see the same."""
        await soon(logs[0].propose(b"the end"))
        found: list[list[CommittedEntry]] = []
        for log in logs:
            seen: list[CommittedEntry] = []
            while not seen or seen[-1].data != b"the end":
                seen += await committed(log, 1)
            found.append(seen)
        for seen in found[1:]:
            self.assertEqual(seen, found[0])
        data = data_of(found[0])
        self.assertEqual(len(data), len(set(data)))
        self.assertLessEqual(set(load.taken), set(data))
        self.assertEqual([entry.index for entry in found[0]], list(range(1, len(data) + 1)))
        self.assertGreater(len(load.taken), 20)

    async def test_each_member_is_killed_in_turn(self) -> None:
        logs = await self.started(3)
        load = Load(logs)
        for member in self.cluster.members:
            taken = len(load.taken)
            member.kill()
            await self.until_taken(load, taken + 15)
            member.start()
            await self.until_taken(load, taken + 30)
        await load.stop()
        await self.check(logs, load)

    async def test_a_member_that_hangs_is_left(self) -> None:
        for module in (etcd_calls, etcd_watch):
            self.patch(module, "REQUEST_SECONDS", 0.5)
        logs = await self.started(3)
        load = Load(logs)
        await self.until_taken(load, 30)
        self.cluster.members[0].hold()
        try:
            await self.until_taken(load, len(load.taken) + 30)
            await load.stop()
            await self.check(logs, load)
        finally:
            self.cluster.members[0].go_on()

    async def test_all_members_are_away_for_a_while(self) -> None:
        self.patch(etcd_appender, "PATIENCE_SECONDS", 0.3)
        logs = await self.started(2)
        load = Load(logs)
        await self.until_taken(load, 30)
        self.cluster.stop()
        await self.assertFailure(logs[0].propose(b"nobody there"), Unavailable)
        taken = len(load.taken)
        await pause(0.5)
        self.assertLessEqual(len(load.taken), taken + 2)  # what was answered before it was killed
        self.cluster.start()
        await self.until_taken(load, taken + 15)
        await load.stop()
        await self.check(logs, load)

    async def test_a_replica_starts_without_etcd_and_takes_part_when_it_comes(self) -> None:
        self.patch(etcd, "START_SECONDS", 0.3)
        self.cluster.stop()
        [log] = await self.started(1)
        await self.assertFailure(log.propose(b"nobody there"), Unavailable)
        waiting = log.waitCommitted()
        self.cluster.start()
        load = Load([log])
        await self.until_taken(load, 3)
        await load.stop()
        self.assertEqual((await soon(waiting))[0].index, 1)

    async def test_the_keyspace_is_compacted_and_defragmented(self) -> None:
        logs = await self.started(2)
        forgetful = ForgetfulEtcd(self.cluster.endpoints, self.cluster.access)
        self.stores.append(MemoryStore())
        logs.append(self.make_log(2, etcd=forgetful))
        await soon(logs[2].start(0))
        load = Load(logs[:2])
        admin = [Member(endpoint, self.cluster.access) for endpoint in self.cluster.endpoints]
        for member in admin:
            self.addCleanup(lambda member=member: deferred(member.close()))  # type: ignore[misc]
        for _ in range(3):
            await self.until_taken(load, len(load.taken) + 40)
            with contextlib.suppress(Unavailable):  # the next time, then
                answer = await soon(logs[0]._etcd.txn(etcd_requests.do(etcd_requests.get(b"x"))))
                await soon(logs[0]._etcd.compact(answer.header.revision))
            for member in admin:
                await soon(deferred(self.defragment(member)))
            logs[2]._follower.restart()
        await load.stop()
        await self.check(logs, load)
        self.assertGreater(forgetful.watches, 1)

    async def defragment(self, member: Member) -> None:
        """As `etcdctl defrag` does, once the member is up."""
        for attempt in range(50):
            try:
                await member.call("Maintenance/Defragment", Empty(), Empty, ())
            except grpc.RpcError:
                if attempt == 49:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    async def until_taken(self, load: Load, count: int) -> None:
        await until(lambda: len(load.taken) >= count, f"{count} taken")
