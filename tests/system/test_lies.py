"""A verifier's process and a keyserver that lies: it refuses, stays up, and its evidence convinces `coname judge`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.core.cases import each
from tests.following.server import LogServer, identities
from tests.system.processes import PATIENCE, KeyserverProcess, VerifierProcess, program
from tests.verifier.lying import LIES, Lie, LyingKeyserver, honest

EPOCHS = 3
TOLD = (
    "wrong root",
    "unauthorised change",
    "version going down",
    "skipped epoch",
    "wrong chain",
    "two heads for one epoch",
    "rolled-back history",
    "ratification for a future epoch",
    "foreign realm",
    "time going back",
)


def done(coroutine: Awaitable[Any]) -> Deferred[Any]:
    return Deferred.fromFuture(asyncio.ensure_future(coroutine))


async def until(condition: Callable[[], bool], what: str) -> None:
    """Look at `condition` until it is true, with the reactor running."""
    for _ in range(int(PATIENCE / 0.05)):
        if condition():
            return
        await deferLater(reactor, 0.05)
    raise AssertionError(f"after {PATIENCE:g} seconds, still not: {what}")


@each([(name, LIES[name]) for name in TOLD], lambda case: case[0])
class LiesTests(TestCase):
    timeout = 200

    def check(self, case: tuple[str, Lie]) -> Deferred[None]:
        return Deferred.fromCoroutine(self.lie(case[1]))

    def set_up(self) -> None:
        """A realm's folder, of which the verifier and the client are real, and know the liar's keys."""
        self.keyserver = honest(LyingKeyserver(), EPOCHS)
        self.realm = KeyserverProcess(Path(self.enterContext(tempfile.TemporaryDirectory())), verifiers=1)
        self.verifier = VerifierProcess(self.realm, 1)
        self.addCleanup(self.verifier.clean_up)
        tls, _ = identities(self.realm.folder)
        self.server = LogServer(self.keyserver, tls)
        policy = MessageToDict(self.keyserver.policy, preserving_proto_field_name=True)
        client = json.loads(self.realm.client_config.read_text())
        client["realms"][0]["verification_policy"] = client["realms"][0]["keyserver_auth"] = policy
        self.realm.client_config.write_text(json.dumps(client))
        self.policy = policy

    def configure_verifier(self) -> None:
        content = json.loads(self.verifier.config.read_text())
        content["initial_keyserver_auth"] = self.policy
        content["keyserver_addr"] = f"localhost:{self.server.port}"
        self.verifier.config.write_text(json.dumps(content))

    def bundles(self) -> list[Path]:
        return sorted((self.verifier.folder / "evidence").glob("*.json"))

    def judge(self, bundle: Path) -> subprocess.CompletedProcess[str]:
        words = [program("coname"), "judge", str(bundle), f"--config={self.realm.client_config}"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.realm.folder)}
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)

    async def lie(self, lie: Lie) -> None:
        self.set_up()
        await done(self.server.start())
        self.addCleanup(lambda: done(self.server.stop()))
        self.configure_verifier()
        self.verifier.start()
        await until(lambda: len(self.server.pushed) > 0, "the verifier signs the newest honest epoch")
        signed = len(self.server.pushed)
        lie.tell(self.keyserver)
        if lie.reconnect:
            await done(self.server.stop())
            await done(self.server.start())
        self.server.publish()
        await until(lambda: any(lie.rule in bundle.name for bundle in self.bundles()), "there is evidence")
        self.verifier.check_alive()
        self.assertEqual(len(self.server.pushed), signed)
        (bundle,) = [each for each in self.bundles() if lie.rule in each.name][:1]
        verdict = await deferToThread(self.judge, bundle)
        self.assertEqual(verdict.returncode, 0, verdict.stdout + verdict.stderr)
        verdict = await deferToThread(self.judge, self.changed(bundle))
        self.assertEqual(verdict.returncode, 1, verdict.stdout + verdict.stderr)

    def changed(self, bundle: Path) -> Path:
        """A copy in which one letter of what was signed is another."""
        content = json.loads(bundle.read_text())
        head = content["heads"][-1]["head"]
        content["heads"][-1]["head"] = head[:60] + ("A" if head[60] != "A" else "B") + head[61:]
        changed = bundle.with_name("changed.json")
        changed.write_text(json.dumps(content))
        return changed
