"""The gRPC transport, against a real gRPC server: in this process on Twisted, and in one of its own on asyncio."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Coroutine
from typing import Any

import grpc
import txaio
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from coname.client import Client, MemoryIdentity
from coname.client.interfaces import ITransport
from coname.client.transports.connecting import connect_grpc
from coname.client.transports.grpc_aio import GrpcTransport
from coname.client.transports.refusals import ServerFailed
from coname.errors import (
    Corrupt,
    EpochUnknown,
    InvalidRequest,
    Misconfigured,
    Overloaded,
    ProofInvalid,
    TimedOut,
    Unreachable,
)
from coname.messages.client_pb2 import PolicyChanges, PolicyChangesRequest
from tests.client.changing import ChangingRealm
from tests.client.grpc_server import serve_grpc
from tests.client.pki import make_pki
from tests.client.simulator import Realm

ALICE = "alice@example.com"


def in_asyncio(job: Coroutine[Any, Any, Any]) -> Deferred[Any]:
    """`job`, run in the reactor's loop."""
    return Deferred.fromFuture(asyncio.ensure_future(job, loop=reactor._asyncioEventloop))


class GrpcCase(TestCase):
    """On Twisted."""

    timeout = 30
    coded = True

    async def setUp(self) -> None:
        txaio.config.loop = reactor
        self.realm = Realm()
        self.server, self.port = await in_asyncio(serve_grpc(self.realm, coded=self.coded))
        self.addCleanup(lambda: in_asyncio(self.server.stop(None)))
        self.connect(GrpcTransport(f"127.0.0.1:{self.port}", None))

    def connect(self, transport: GrpcTransport) -> None:
        self.transport = transport
        self.client = Client(self.realm.config(), lambda _: transport, clock=lambda: self.realm.now)
        self.addCleanup(self.client.close)

    async def refused(self, kind: type[Exception]) -> str:
        return str(await self.assertFailure(self.client.lookup(ALICE), kind))


async def follows(case: GrpcCase) -> None:
    """The simulated realm's replicas are others, and the client of its first day finds out."""
    realm = ChangingRealm()
    server, port = await in_asyncio(serve_grpc(realm))
    case.addCleanup(lambda: in_asyncio(server.stop(None)))
    config = realm.config()
    case.connect(GrpcTransport(f"127.0.0.1:{port}", None))
    client = Client(config, lambda _: case.transport, clock=lambda: realm.now)
    realm.replace_all()
    result = await client.lookup(ALICE)
    case.assertEqual((result.epoch, len(result.changes)), (len(realm.epochs), 6))


class OnTwisted(GrpcCase):
    def test_it_is_a_transport(self) -> None:
        verifyObject(ITransport, self.transport)

    async def test_a_registration_and_a_lookup(self) -> None:
        await self.client.register(ALICE, {"pgp": b"key"}, MemoryIdentity())
        result = await self.client.lookup(ALICE)
        self.assertEqual(result.keys, {"pgp": b"key"})

    async def test_changes_of_the_replicas_policy(self) -> None:
        await follows(self)

    async def test_an_answer_that_is_no_changes_is_refused(self) -> None:
        self.realm.policy_changes = lambda _: b"\xff"
        error = await self.assertFailure(self.transport.policy_changes(PolicyChangesRequest()), ProofInvalid)
        self.assertIn("PolicyChanges", str(error))

    async def test_an_answer_that_is_too_large_is_not_taken_in(self) -> None:
        self.realm.policy_changes = lambda _: bytes(5 * 1024 * 1024)
        await self.assertFailure(self.transport.policy_changes(PolicyChangesRequest()), Overloaded)

    async def test_an_error_with_a_code_becomes_that_error(self) -> None:
        self.realm.refuse = EpochUnknown("epoch 9 has not been closed")
        self.assertEqual(await self.refused(EpochUnknown), "epoch 9 has not been closed")

    async def test_a_servers_timeout_is_told_from_ours(self) -> None:
        self.realm.refuse = TimedOut("30 s have passed")
        self.assertEqual(await self.refused(TimedOut), "30 s have passed")

    async def test_a_servers_own_damage_is_not_taken_for_damage_here(self) -> None:
        self.realm.refuse = Corrupt("a tree node is missing")
        await self.refused(ServerFailed)

    async def test_an_answer_that_is_no_message_does_not_verify(self) -> None:
        self.realm.lookup = lambda request: b"\xff\xff"
        await self.refused(ProofInvalid)

    async def test_a_server_that_says_nothing_is_given_up(self) -> None:
        self.realm.lookup = lambda request: None
        self.connect(GrpcTransport(f"127.0.0.1:{self.port}", None, lookup_seconds=0.2))
        self.assertIn("within 0.2 s", await self.refused(Unreachable))

    async def test_nobody_there_is_unreachable(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.connect(GrpcTransport(f"127.0.0.1:{unused.getsockname()[1]}", None))
            self.assertIn("cannot be reached", await self.refused(Unreachable))

    async def test_it_can_be_cancelled(self) -> None:
        self.realm.lookup = lambda request: None
        deferred = self.client.lookup(ALICE)
        reactor.callLater(0, deferred.cancel)
        await self.assertFailure(deferred, CancelledError)


class TheOriginals(GrpcCase):
    """A server that does not name its errors."""

    coded = False

    async def test_the_status_tells_the_error(self) -> None:
        self.realm.refuse = InvalidRequest("no such user")
        self.assertEqual(await self.refused(InvalidRequest), "no such user")

    async def test_a_server_that_knows_no_such_method_has_no_changes(self) -> None:
        changes = await self.transport.policy_changes(PolicyChangesRequest(after=7))
        self.assertEqual(changes, PolicyChanges())

    async def test_an_unknown_one_is_the_servers_failure(self) -> None:
        self.realm.refuse = Corrupt("panic")
        await self.refused(ServerFailed)


class OverTls(TestCase):
    """As a configuration has it."""

    timeout = 30

    async def setUp(self) -> None:
        txaio.config.loop = reactor
        self.realm, self.pki = Realm(), make_pki()
        credentials = grpc.ssl_server_credentials([(self.pki.key, self.pki.certificate)])
        server, port = await in_asyncio(serve_grpc(self.realm, credentials))
        self.addCleanup(lambda: in_asyncio(server.stop(None)))
        self.config = self.realm.config()
        self.config.realms[0].addr = f"127.0.0.1:{port}"

    def lookup(self, authority: bytes) -> Deferred[Any]:
        self.config.realms[0].client_tls.root_cas.append(authority)
        client = Client(self.config, lambda realm: connect_grpc(realm, "."), clock=lambda: self.realm.now)
        self.addCleanup(client.close)
        return client.lookup(ALICE)

    async def test_the_realms_own_authority_is_trusted(self) -> None:
        self.assertFalse((await self.lookup(self.pki.authority)).present)

    async def test_another_authority_is_not(self) -> None:
        await self.assertFailure(self.lookup(make_pki().authority), Unreachable)

    def test_without_an_address_there_is_nothing_to_connect_to(self) -> None:
        self.config.realms[0].addr = ""
        self.assertRaises(Misconfigured, connect_grpc, self.config.realms[0], ".")


ON_ASYNCIO = """
import asyncio, json, sys, txaio
txaio.use_asyncio()
from coname.client import Change, Client, MemoryIdentity
from coname.client.transports.grpc_aio import GrpcTransport
from coname.errors import ConameError, EpochUnknown
from tests.client.grpc_server import serve_grpc
from tests.client.simulator import Realm

async def main():
    realm = Realm()
    server, port = await serve_grpc(realm)
    transport = GrpcTransport(f"127.0.0.1:{port}", None)
    client, store = Client(realm.config(), lambda _: transport, clock=lambda: realm.now), MemoryIdentity()
    outcomes = [await client.lookup("alice@example.com")]
    outcomes.append(await client.register("alice@example.com", {"pgp": b"key"}, store))
    outcomes.append(await client.update("alice@example.com", Change(rotate=True), store))
    outcomes += await asyncio.gather(*(client.lookup("alice@example.com") for _ in range(5)))
    try:
        await client.lookup("alice@example.com", epoch=99)
    except EpochUnknown:
        outcomes.append(None)
    await client.close()
    await server.stop(None)
    print(json.dumps([each and each.outcome.value for each in outcomes]))
    print(json.dumps([name for name in sys.modules if name.startswith("twisted")]))

asyncio.run(main())
"""

PORTABLE = """
import json, sys
import coname.client, coname.client.proof_files, coname.client.identity_store, coname.client.transports.refusals
print(json.dumps([name for name in sys.modules if name.split(".")[0] in ("twisted", "asyncio", "grpc", "treq")]))
"""


ON_TWISTED = """
import json, sys, txaio
from twisted.internet import {reactor}
{reactor}.install()
from twisted.internet import task
txaio.use_twisted()
from coname.client import Client
from coname.client.transports.grpc_aio import GrpcTransport
from coname.errors import ConameError
from tests.client.simulator import Realm

async def main(reactor):
    realm = Realm()
    client = Client(realm.config(), lambda _: GrpcTransport("127.0.0.1:1", None), clock=lambda: realm.now)
    try:
        await client.lookup("alice@example.com")
    except ConameError as error:
        print(json.dumps([error.code, str(error)]))
    await client.close()

task.react(lambda reactor: __import__("twisted.internet.defer", fromlist=["x"]).ensureDeferred(main(reactor)))
"""


def run(program: str) -> list[Any]:
    """The lines of JSON that `program` prints, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


class WhichReactor(TestCase):
    """A Twisted program of its own, which asks before its reactor runs."""

    def test_the_asyncio_reactor_will_do(self) -> None:
        ((code, _),) = run(ON_TWISTED.format(reactor="asyncioreactor"))
        self.assertEqual(code, "unreachable")

    def test_another_one_is_named_as_the_mistake(self) -> None:
        ((code, message),) = run(ON_TWISTED.format(reactor="selectreactor"))
        self.assertEqual(code, "misconfigured")
        self.assertIn("asyncioreactor.install()", message)


class OnAsyncio(TestCase):
    def test_the_whole_library_works_and_twisted_is_not_even_imported(self) -> None:
        outcomes, twisted = run(ON_ASYNCIO)
        self.assertEqual(outcomes, ["absent", "registered", "updated", *["present"] * 5, None])
        self.assertEqual(twisted, [])

    def test_the_portable_parts_import_neither_framework(self) -> None:
        self.assertEqual(run(PORTABLE), [[]])
