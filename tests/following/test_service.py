"""The whole service against a real gRPC server that fails when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, Parse
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from coname.config import load_verifier
from coname.configuration.init import InitOptions, initialise
from coname.core import heads
from coname.core.types import Epoch
from coname.errors import Corrupt
from coname.following import backoff
from coname.messages.evidence_pb2 import EvidenceBundle
from coname.process import StartFailed
from coname.storage.leveldb import LevelDBStore
from coname.verifier import tables
from coname.verifier_service import VerifierService
from tests.following.server import LogServer, identities
from tests.system.processes import program
from tests.verifier.lying import LIES, LyingKeyserver, honest

PATIENCE = 30.0


def aio(job: Any) -> Deferred[Any]:
    """A coroutine of asyncio, for a test of trial."""
    return Deferred.fromFuture(asyncio.ensure_future(job))


class ServiceCase(TestCase):
    timeout = 120

    def setUp(self) -> Deferred[None]:
        self.patch(backoff, "FIRST_SECONDS", 0.1)
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        return Deferred.fromCoroutine(self._set_up(folder / "realm"))

    async def _set_up(self, realm: Path) -> None:
        initialise(realm, InitOptions(realm="testing", domains=("example.com",), verifiers=1))
        tls, _ = identities(realm)
        self.keyserver = LyingKeyserver()
        self.keyserver._state.issued = time.time() - 60
        self.keyserver._states[0].issued = time.time() - 60
        honest(self.keyserver, 3)
        self.server = LogServer(self.keyserver, tls)
        await aio(self.server.start())
        self.addCleanup(lambda: aio(self.server.stop()))
        self.folder = realm / "verifier1"
        self.configure()

    def configure(self, **changes: Any) -> None:
        config = self.folder / "config.json"
        document = json.loads(config.read_text())
        document["keyserver_addr"] = f"127.0.0.1:{self.server.port}"
        document["initial_keyserver_auth"] = MessageToDict(self.keyserver.policy, preserving_proto_field_name=True)
        config.write_text(json.dumps(document | changes))

    def start(self) -> VerifierService:
        service = VerifierService(load_verifier(self.folder / "config.json"), reactor)
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service: VerifierService) -> Deferred[None] | None:
        return service.stopService() if service.running else None

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"still not: {what}")
            await aio(asyncio.sleep(0.02))

    @property
    def pushed(self) -> set[int]:
        return {heads.parse(signed.head).epoch for signed in self.server.pushed}

    def more(self) -> int:
        """Another epoch. Returns its number."""
        self.keyserver.set(f"user {len(self.keyserver.steps)}")
        self.keyserver.close()
        self.server.publish()
        return self.keyserver.epoch


class FaultTests(ServiceCase):
    async def test_what_is_there_and_what_comes(self) -> None:
        self.start()
        await self.until(lambda: self.pushed == {1, 2, 3}, "three epochs are signed")
        epoch = self.more()
        await self.until(lambda: epoch in self.pushed, "the next is signed")

    async def test_server_that_is_gone_for_a_while(self) -> None:
        service = self.start()
        await self.until(lambda: 3 in self.pushed, "it is up")
        await aio(self.server.stop())
        await self.until(lambda: not service.tally.connected, "it has noticed")
        epoch = self.more()
        await aio(asyncio.sleep(0.5))
        await aio(self.server.start())
        await self.until(lambda: epoch in self.pushed, "what was missed is signed")
        self.assertEqual(len(self.server.pushed), epoch)

    async def test_stream_that_breaks_in_the_middle_of_an_epoch(self) -> None:
        self.server.break_after = 5
        service = self.start()
        await self.until(lambda: len(self.server.starts) > 2, "it has tried again")
        self.assertEqual(self.pushed, {1})
        self.server.break_after = None
        await self.until(lambda: self.pushed == {1, 2, 3}, "all are signed")
        self.assertTrue(service.tally.signing)

    async def test_push_that_is_refused_for_good(self) -> None:
        self.server.refusal = grpc.StatusCode.PERMISSION_DENIED
        service = self.start()
        await self.until(lambda: self.server.refused == 3, "all are refused")
        await aio(asyncio.sleep(0.5))
        self.assertEqual((self.server.refused, service.tally.push_failures), (3, 3))
        self.assertTrue(service.tally.connected)

    async def test_push_that_fails_for_now(self) -> None:
        self.server.refusal = grpc.StatusCode.UNAVAILABLE
        self.start()
        await self.until(lambda: self.server.refused > 3, "it is tried again")
        self.server.refusal = None
        await self.until(lambda: self.pushed == {1, 2, 3}, "all are taken")

    async def test_signatures_of_a_process_that_died_before_they_were_taken(self) -> None:
        self.server.refusal = grpc.StatusCode.UNAVAILABLE
        service = self.start()
        await self.until(lambda: service.tally.verified_epoch == 3, "all are verified")
        await service.stopService()
        store = LevelDBStore(self.folder / "database", create=False)
        signed = {tables.read_epoch(store, Epoch(epoch)).own.SerializeToString() for epoch in (1, 2, 3)}
        store.close()
        self.server.refusal = None
        self.start()
        await self.until(lambda: len(self.server.pushed) == 3, "all are taken")
        self.assertEqual({each.SerializeToString() for each in self.server.pushed}, signed)

    async def test_reactor_is_never_blocked(self) -> None:
        for number in range(40):
            for each in range(50):
                self.keyserver.set(f"many {number} {each}")
            self.keyserver.close()
        service = self.start()
        longest, before = 0.0, time.monotonic()
        while service.tally.verified_epoch < 43:
            await aio(asyncio.sleep(0.001))
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        self.assertLess(longest, 0.5)


class ViolationTests(ServiceCase):
    async def test_evidence_is_on_the_disk_and_it_goes_on(self) -> None:
        service = self.start()
        await self.until(lambda: 3 in self.pushed, "it is up")
        LIES["unauthorised change"].tell(self.keyserver)
        self.server.publish()
        evidence = self.folder / "evidence"
        await self.until(lambda: any(evidence.glob("*.json")), "there is evidence")
        (path,) = evidence.glob("*.json")
        bundle = Parse(path.read_text(), EvidenceBundle())
        self.assertEqual((bundle.rule, bundle.realm), ("unauthorised_update", "testing"))
        self.more()
        await aio(asyncio.sleep(0.3))
        self.assertEqual(self.pushed, {1, 2, 3})
        self.assertTrue(service.tally.connected)
        self.assertFalse(service.tally.signing)
        self.assertEqual(dict(service.tally.violations), {"unauthorised_update": 1})

    async def test_history_that_was_rolled_back(self) -> None:
        service = self.start()
        await self.until(lambda: 3 in self.pushed, "it is up")
        await aio(self.server.stop())
        LIES["rolled-back history that has gone on"].tell(self.keyserver)
        await aio(self.server.start())
        await self.until(lambda: service.tally.violations["two_heads"] > 0, "it is noticed")


class DatabaseTests(ServiceCase):
    async def test_one_that_fails_is_opened_again(self) -> None:
        service = self.start()
        await self.until(lambda: 3 in self.pushed, "it is up")
        broken = service._store
        assert broken is not None

        def fail(*words: Any) -> None:
            raise Corrupt("no space left on device")

        self.patch(broken, "write", fail)
        epoch = self.more()
        await self.until(lambda: epoch in self.pushed, "it goes on with a new one")
        self.assertIsNot(service._store, broken)

    async def test_one_that_was_lost_is_told(self) -> None:
        told = self.catch()
        os.utime(self.folder / "verifier.ed25519secret", (0, 0))
        service = self.start()
        await self.until(lambda: 3 in self.pushed, "it is up")
        self.assertIn("this verifier's keys are of 1970-01-01", "".join(told))
        told.clear()
        await service.stopService()
        self.start()
        await aio(asyncio.sleep(0.2))
        self.assertNotIn("The database is empty", "".join(told))

    def catch(self) -> list[str]:
        """What is logged from now on."""
        told: list[str] = []

        def observe(event: dict[str, Any]) -> None:
            told.append(str(event.get("warning", "")))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return told

    async def test_evidence_without_a_place_is_refused_at_the_start(self) -> None:
        (self.folder / "file").write_text("")
        self.configure(evidence_folder="file/evidence")
        service = VerifierService(load_verifier(self.folder / "config.json"), reactor)
        with self.assertRaises(StartFailed):
            service.startService()
        self.flushLoggedErrors()
        await service.stopService()

    async def test_stopping_leaves_the_database_to_others(self) -> None:
        service = self.start()
        await self.until(lambda: 3 in self.pushed, "it is up")
        await service.stopService()
        store = await deferToThread(LevelDBStore, self.folder / "database", create=False)
        store.close()


class TerminalTests(ServiceCase):
    async def test_somebody_at_a_terminal_sees_how_far_it_is(self) -> None:
        for number in range(50):
            for each in range(100):
                self.keyserver.set(f"many {number} {each}")
            self.keyserver.close()
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        os.set_blocking(ours, False)
        words = [
            program("twistd"),
            "--nodaemon",
            "--pidfile=",
            "coname-verifier",
            f"--config={self.folder}/config.json",
        ]
        process = subprocess.Popen(  # noqa: ASYNC220
            words, cwd=self.folder, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"}
        )
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        seen = bytearray()

        def read() -> bytes:
            with contextlib.suppress(BlockingIOError):
                seen.extend(os.read(ours, 100_000))
            return bytes(seen)

        await self.until(lambda: b"Caught up: " in read(), "it has caught up")
        self.assertRegex(seen, rb"\x1b\[[0-9;]*mcatching up: \d+\.\d %, [\d,]+ steps/s")
        self.assertIn(b"\r\x1b[2K", seen)
