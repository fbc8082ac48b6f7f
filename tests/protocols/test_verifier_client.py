"""The verifier's connection, against a real gRPC server over TLS with client certificates."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from coname.configuration.init import InitOptions, initialise
from coname.errors import Refused, Unavailable, Unreachable
from coname.messages.client_pb2 import SignedEpochHead
from coname.protocols import verifier_client
from coname.protocols.verifier_client import VerifierLink
from tests.following.server import LogServer, identities
from tests.verifier.lying import LyingKeyserver, honest


def aio(job: Coroutine[Any, Any, Any]) -> Deferred[Any]:
    """A coroutine of asyncio, for a test of trial."""
    return Deferred.fromFuture(asyncio.ensure_future(job))


class LinkCase(TestCase):
    timeout = 60

    async def _set_up(self) -> None:
        realm = Path(self.mktemp()) / "realm"
        realm.parent.mkdir()
        initialise(realm, InitOptions(realm="testing", domains=("example.com",), verifiers=1))
        self.server_tls, self.settings = identities(realm)
        self.server = LogServer(honest(LyingKeyserver(), 3), self.server_tls)
        await aio(self.server.start())
        self.addCleanup(lambda: aio(self.server.stop()))

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._set_up())

    def connect(self, start: int = 0, **tls: Any) -> VerifierLink:
        link = VerifierLink(f"127.0.0.1:{self.server.port}", start, replace(self.settings.tls, **tls))
        self.addCleanup(link.close)
        return link

    async def read(self, link: VerifierLink, count: int) -> list[bytes]:
        steps: list[bytes] = []
        while len(steps) < count:
            steps += await link.read()
        return steps


class StreamTests(LinkCase):
    async def test_steps_come_as_they_are_stored(self) -> None:
        link = self.connect()
        steps = self.server.keyserver.steps
        self.assertEqual(await self.read(link, len(steps)), steps)

    async def test_from_any_index(self) -> None:
        steps = self.server.keyserver.steps
        self.assertEqual(await self.read(self.connect(5), len(steps) - 5), steps[5:])

    async def test_what_comes_later(self) -> None:
        link = self.connect()
        steps = self.server.keyserver.steps
        await self.read(link, len(steps))
        waiting = link.read()
        self.assertFalse(waiting.called)
        honest(self.server.keyserver, 1)
        self.server.publish()
        self.assertEqual((await waiting)[0], steps[12])

    async def test_how_much_there_is(self) -> None:
        link = self.connect()
        await link.read()
        self.assertEqual((link.published, link.up), (len(self.server.keyserver.steps), True))

    async def test_server_of_2017_does_not_say(self) -> None:
        self.server.says_published = False
        link = self.connect()
        await link.read()
        self.assertIsNone(link.published)

    async def test_stream_that_breaks_hands_out_what_it_has_first(self) -> None:
        self.server.break_after = 6
        link = self.connect()
        self.assertEqual(await self.read(link, 7), self.server.keyserver.steps[:7])
        with self.assertRaises(Unreachable) as caught:
            await link.read()
        self.assertEqual(str(caught.exception), "UNAVAILABLE: going down [2J")
        self.assertFalse(link.up)

    async def test_server_that_goes_away(self) -> None:
        link = self.connect()
        await self.read(link, len(self.server.keyserver.steps))
        waiting = link.read()
        await aio(self.server.stop())
        with self.assertRaises(Unreachable):
            await waiting

    async def test_nobody_there(self) -> None:
        await aio(self.server.stop())
        with self.assertRaises(Unreachable) as caught:
            await self.connect().read()
        self.assertIn("UNAVAILABLE", str(caught.exception))

    async def test_server_comes_back_on_the_same_port(self) -> None:
        await aio(self.server.stop())
        with self.assertRaises(Unreachable):
            await self.connect().read()
        await aio(self.server.start())
        self.assertTrue(await self.connect().read())

    async def test_server_with_a_certificate_of_nobody(self) -> None:
        other = Path(self.mktemp())
        initialise(other, InitOptions(realm="other.example", verifiers=1))
        _, settings = identities(other)
        with self.assertRaises(Unreachable):
            await self.connect(root_cas=settings.tls.root_cas).read()

    async def test_without_a_certificate_of_its_own(self) -> None:
        with self.assertRaises(Unreachable):
            await self.connect(credentials=()).read()

    async def test_closing_ends_a_read(self) -> None:
        link = self.connect()
        await self.read(link, len(self.server.keyserver.steps))
        waiting = link.read()
        await link.close()
        with self.assertRaises(Unreachable):
            await waiting

    async def test_cancelled_read_loses_nothing(self) -> None:
        link = self.connect()
        steps = self.server.keyserver.steps
        await self.read(link, len(steps))
        waiting = link.read()
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        honest(self.server.keyserver, 1)
        self.server.publish()
        self.assertEqual(await self.read(link, 4), steps[12:])


class BoundTests(LinkCase):
    async def test_read_ahead_is_bounded(self) -> None:
        self.patch(verifier_client, "READ_AHEAD_STEPS", 4)
        self.patch(verifier_client, "BATCH_STEPS", 2)
        honest(self.server.keyserver, 30)
        steps = self.server.keyserver.steps
        link = self.connect()
        for _ in range(100):
            await aio(asyncio.sleep(0.01))
            if len(link._steps) >= 4:
                break
        await aio(asyncio.sleep(0.1))
        self.assertEqual(len(link._steps), 4)
        first = await link.read()
        self.assertEqual(len(first), 2)
        self.assertEqual([*first, *await self.read(link, len(steps) - 2)], steps)

    async def test_step_that_is_too_large_breaks_the_stream(self) -> None:
        self.server.keyserver.steps.insert(0, bytes(verifier_client.MAX_STEP_BYTES + 1))
        with self.assertRaises(Unreachable) as caught:
            await self.connect().read()
        self.assertIn("RESOURCE_EXHAUSTED", str(caught.exception))


class PushTests(LinkCase):
    signed = SignedEpochHead(head=b"head", signatures={7: b"signature"})

    async def test_it_arrives(self) -> None:
        await self.connect().push(self.signed)
        self.assertEqual(self.server.pushed, [self.signed])

    async def check_refusal(self, status: grpc.StatusCode, expected: type[Exception]) -> None:
        self.server.refusal = status
        with self.assertRaises(expected) as caught:
            await self.connect().push(self.signed)
        self.assertEqual(str(caught.exception), f"{status.name}: no such verifier")

    async def test_malformed_is_for_good(self) -> None:
        await self.check_refusal(grpc.StatusCode.INVALID_ARGUMENT, Refused)

    async def test_not_permitted_is_for_good(self) -> None:
        await self.check_refusal(grpc.StatusCode.PERMISSION_DENIED, Refused)

    async def test_differing_head_is_for_good(self) -> None:
        await self.check_refusal(grpc.StatusCode.FAILED_PRECONDITION, Refused)

    async def test_busy_is_not(self) -> None:
        await self.check_refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, Unavailable)

    async def test_whatever_else_is_not(self) -> None:
        await self.check_refusal(grpc.StatusCode.UNKNOWN, Unavailable)

    async def test_nobody_there(self) -> None:
        link = self.connect()
        await aio(self.server.stop())
        with self.assertRaises(Unavailable):
            await link.push(self.signed)

    async def test_connection_that_is_closed(self) -> None:
        link = self.connect()
        await link.read()
        await link.close()
        with self.assertRaises(Unavailable):
            await link.push(self.signed)


class Proxy:
    """Between verifier and server; when it is `dead`, it swallows everything and says nothing."""

    def __init__(self, target: int) -> None:
        self.dead = False
        self.port = 0
        self._target = target
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target)
        for one, other in ((reader, other_writer), (other_reader, writer)):
            self._tasks.append(asyncio.ensure_future(self._pass_on(one, other)))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.dead:
                writer.write(data)
        writer.close()


class DeadConnectionTests(LinkCase):
    """It is noticed though nobody says so."""

    async def notices(self, pause: float) -> None:
        """The connection dies so many seconds after the last step."""
        self.patch(verifier_client, "KEEPALIVE_MS", 1000)
        self.patch(verifier_client, "KEEPALIVE_TIMEOUT_MS", 500)
        proxy = Proxy(self.server.port)
        await aio(proxy.start())
        self.addCleanup(lambda: aio(proxy.stop()))
        link = VerifierLink(f"127.0.0.1:{proxy.port}", 0, self.settings.tls)
        self.addCleanup(link.close)
        await self.read(link, len(self.server.keyserver.steps))
        await aio(asyncio.sleep(pause))
        proxy.dead = True
        with self.assertRaises(Unreachable) as caught:
            await link.read()
        self.assertIn("UNAVAILABLE", str(caught.exception))
        self.assertFalse(link.up)

    async def test_at_once_after_a_step(self) -> None:
        await self.notices(0)

    async def test_in_silence(self) -> None:
        await self.notices(0.5)
