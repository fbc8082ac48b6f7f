"""The client of etcd: who is asked, how it gets in, and what comes of failures."""

from __future__ import annotations

import dataclasses
import random
import socket
import tempfile
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from coname.errors import Unavailable
from coname.protocols import etcd_calls
from coname.protocols.etcd_calls import EtcdAccess, Member, deferred
from coname.protocols.etcd_client import EtcdClient
from coname.replication import etcd_requests
from coname.replication.etcd import EtcdLog, EtcdLogSettings
from coname.replication.etcd_trimming import Trimming
from coname.storage.memory import MemoryStore
from tests.needs import needs
from tests.replication.engine_suite import soon, until
from tests.replication.etcd_cluster import EtcdCluster, shared_cluster

READ = etcd_requests.do(etcd_requests.get(b"anything"))


class ClientCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        needs("etcd")
        self.cluster = self.make_cluster()

    def make_cluster(self) -> EtcdCluster:
        return shared_cluster()

    def client(self, endpoints: list[str] | None = None, **access: object) -> EtcdClient:
        client = EtcdClient(endpoints or self.cluster.endpoints, dataclasses.replace(self.cluster.access, **access))
        self.addCleanup(client.close)
        return client


class FailoverTests(ClientCase):
    async def test_a_member_that_is_not_there_is_left_for_the_next(self) -> None:
        client = self.client(["127.0.0.1:1", *self.cluster.endpoints])
        error = await self.assertFailure(client.txn(READ), Unavailable)
        self.assertIn("etcd at 127.0.0.1:1 said unavailable", str(error))
        await soon(client.txn(READ))
        await soon(client.txn(READ))

    async def test_a_watch_on_a_member_that_is_not_there_fails_and_the_next_is_asked(self) -> None:
        client = self.client(["127.0.0.1:1", *self.cluster.endpoints])
        await self.assertFailure(client.watch(b"a", b"b", 0).next(), Unavailable)
        watch = client.watch(b"a", b"b", 0)
        self.assertTrue((await soon(watch.next())).created)
        watch.close()

    async def test_a_member_that_accepts_and_says_nothing_is_left(self) -> None:
        self.patch(etcd_calls, "REQUEST_SECONDS", 0.3)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            client = self.client([f"127.0.0.1:{silent.getsockname()[1]}", *self.cluster.endpoints])
            await self.assertFailure(client.txn(READ), Unavailable)
            self.patch(etcd_calls, "REQUEST_SECONDS", 3.0)
            await soon(client.txn(READ))

    async def test_what_etcd_refuses_is_nobody_elses_to_answer(self) -> None:
        client = self.client([*self.cluster.endpoints, "127.0.0.1:1"])
        error = await self.assertFailure(client.compact(1 << 60), Unavailable)
        self.assertIn("required revision is a future revision", str(error))
        await soon(client.txn(READ))

    async def test_leases_live_are_renewed_and_end(self) -> None:
        client = self.client()
        lease = await soon(client.grant(60))
        self.assertEqual(await soon(client.keep_alive(lease)), 60)
        await soon(client.revoke(lease))
        self.assertEqual(await soon(client.keep_alive(lease)), 0)

    async def test_a_request_can_be_cancelled(self) -> None:
        asked = self.client().txn(READ)
        asked.cancel()
        await self.assertFailure(asked, CancelledError)

    async def test_after_close_everything_is_unavailable(self) -> None:
        client = self.client()
        watch = client.watch(b"a", b"b", 0)
        await soon(watch.next())
        waiting = watch.next()
        await soon(client.close())
        await self.assertFailure(waiting, Unavailable)
        await self.assertFailure(client.txn(READ), Unavailable)
        await self.assertFailure(client.keep_alive(1), Unavailable)


class TlsTests(ClientCase):
    async def test_a_member_of_another_authority_is_not_believed(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        stranger = EtcdCluster(1, folder).access  # not started: its authority is what is wanted
        error = await self.assertFailure(self.client(authority=stranger.authority).txn(READ), Unavailable)
        self.assertIn(self.cluster.endpoints[0], str(error))

    async def test_without_a_certificate_etcd_lets_nobody_in(self) -> None:
        await self.assertFailure(self.client(certificate=None, key=None).txn(READ), Unavailable)

    async def test_without_tls_neither(self) -> None:
        client = EtcdClient(self.cluster.endpoints, EtcdAccess())
        self.addCleanup(client.close)
        await self.assertFailure(client.txn(READ), Unavailable)

    def test_secrets_are_not_in_what_is_logged_of_it(self) -> None:
        access = EtcdAccess(b"authority", b"certificate", b"secret key", "user", "secret word")
        self.assertNotIn("secret", repr(access))


class Encoded:
    """Two fields, numbered 1 and 2."""

    def __init__(self, first: str, second: str | bytes) -> None:
        fields = [first.encode(), second if isinstance(second, bytes) else second.encode()]
        self.data = b"".join(
            bytes([number << 3 | 2, len(field)]) + field for number, field in enumerate(fields, 1) if field
        )

    def SerializeToString(self) -> bytes:
        return self.data


class AuthenticationTests(ClientCase):
    def make_cluster(self) -> EtcdCluster:
        cluster = EtcdCluster(1, Path(self.enterContext(tempfile.TemporaryDirectory())))
        self.addCleanup(cluster.stop)
        cluster.start()
        return cluster

    async def administer(self, method: str, first: str = "", second: str | bytes = "") -> None:
        """Auth's methods take one or two texts, or bytes, as their first fields, as AuthenticateRequest does."""
        from twisted.internet import reactor

        member = Member(self.cluster.endpoints[0], self.cluster.access)
        request = Encoded(first, second)
        for attempt in range(50):
            try:
                await soon(deferred(member.call(f"Auth/{method}", request, Empty, ())))
                break
            except Exception:  # not up yet
                if attempt == 49:
                    raise
                await deferLater(reactor, 0.1)
        await soon(deferred(member.close()))

    async def enable(self) -> None:
        await self.administer("UserAdd", "root", "word")
        await self.administer("RoleAdd", "root")
        await self.administer("UserGrantRole", "root", "root")
        await self.administer("AuthEnable")

    async def test_name_and_password_let_in_even_after_the_token_is_forgotten(self) -> None:
        await self.enable()
        client = self.client(username="root", password="word")
        await soon(client.txn(READ))
        watch = client.watch(b"a", b"b", 0)
        self.assertTrue((await soon(watch.next())).created)
        watch.close()
        client._token = "stale.1"
        await soon(client.txn(READ))
        wrong = self.client(username="root", password="wrong")
        error = await self.assertFailure(wrong.txn(READ), Unavailable)
        self.assertIn("authentication failed", str(error))
        self.assertNotIn("wrong", str(error))
        nobody = await self.assertFailure(self.client().txn(READ), Unavailable)
        self.assertIn("etcd at", str(nobody))

    async def test_a_role_for_the_prefix_alone_is_enough_for_the_engine(self) -> None:
        from twisted.internet import reactor

        start, stop = b"/coname/realm/", b"/coname/realm0"
        read_and_write = b"\x08\x02" + b"\x12" + bytes([len(start)]) + start + b"\x1a" + bytes([len(stop)]) + stop
        await self.administer("UserAdd", "coname", "word")
        await self.administer("RoleAdd", "realm")
        await self.administer("RoleGrantPermission", "realm", read_and_write)
        await self.administer("UserGrantRole", "coname", "realm")
        await self.enable()
        client = self.client(username="coname", password="word")
        await self.assertFailure(client.txn(READ), Unavailable)  # which is not under the prefix
        settings = EtcdLogSettings("/coname/realm", "r0", frozenset(["r0"]), trimming=Trimming(note_seconds=0))
        log = EtcdLog(client, MemoryStore(), settings, reactor, deferToThread, random.random)
        await soon(log.start(0))
        await soon(log.propose(b"one"))
        self.assertEqual([entry.data for entry in await soon(log.waitCommitted())], [b"one"])
        log.applied(1)
        await until(lambda: log.leading and log._trimmer._noted == 1, "it leads, and has noted what it applied")
        answer = await soon(client.txn(etcd_requests.do(etcd_requests.get(b"/coname/realm/tail"))))
        await soon(client.compact(answer.header.revision))
        await soon(log.stop())
