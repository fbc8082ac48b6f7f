"""All replicas of a realm are replaced, one after the other, and clients with the configuration of its first day go on:
who is believed, they learn by signatures alone. Real processes, real commands."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.ports import free_ports
from tests.system.growing import GrowingRealm
from tests.system.processes import program, wait_for

ALICE = "alice@example.com"
FIRST, LATER = (1, 2, 3), (4, 5, 6)


class FollowingClients(SynchronousTestCase):
    timeout = 240

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.realm = GrowingRealm(self.folder, 3, verifiers=1)
        self.addCleanup(self.realm.clean_up)
        self.first_day = json.loads((self.realm.folder / "client" / "config.json").read_text())
        self.key = self.folder / "key"
        self.key.write_text("the first key\n")

    def configure(self, *numbers: int) -> None:
        """The configuration of the first day, but for where the servers are, which is a matter of no trust."""
        (client,) = self.first_day["realms"]
        ports = [self.realm.replicas[number].settings for number in numbers]
        addresses = [str(each.public.address) for each in ports if each.public is not None]
        urls = [f"https://{each.httpfront.address}" for each in ports if each.httpfront is not None]
        client |= {"addr": addresses[0], "addrs": addresses[1:], "URL": urls[0], "URLs": urls[1:]}
        (self.folder / "client.json").write_text(json.dumps(self.first_day))

    def coname(self, *words: str, state: str = "state", fails: int = 0) -> dict[str, Any]:
        """What ``coname … --json`` prints."""
        environ = os.environ | {
            "CONAME_CONFIG": str(self.folder / "client.json"),
            "CONAME_STATE": str(self.folder / state),
            "CONAME_IDENTITY": str(self.folder / "identity.json"),
        }
        done = subprocess.run(
            [program("coname"), *words, "--json"], capture_output=True, text=True, env=environ, timeout=100
        )
        self.assertEqual(done.returncode, fails, done.stdout + done.stderr)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def replace(self, old: int, new: int, serving: int) -> None:
        """Put the replica `new` in the place of `old`."""
        self.realm.prepare(new, serving, "--base-port", str(free_ports())).begin()
        self.realm.add(new, at=serving)
        if old == 1:
            self.realm.move_verifier(1, to=new)
        self.realm.remove(old, at=new)
        self.realm.replicas[old].stop()

    def step(self, document: dict[str, Any], name: str) -> str:
        return next(each["sentence"] for each in document["steps"] if each["name"] == name)

    def test_the_configuration_of_the_first_day_is_enough(self) -> None:
        realm = self.realm
        realm.start_verifier(1)
        realm.start()
        self.configure(*FIRST)
        self.coname("register", ALICE, f"--key=note={self.key}")
        before = self.coname("lookup", ALICE)
        self.assertNotIn("policy_changes", before)
        for old, new in zip(FIRST, LATER, strict=True):
            self.replace(old, new, serving=max(realm.replicas) if old > 1 else 2)
            self.configure(*LATER[: LATER.index(new) + 1], *(each for each in FIRST if each > old))
            self.key.write_text(f"the key after {old}\n")
            self.coname("update", ALICE, f"--key=note={self.key}")
        self.assertEqual([realm.replicas[number].process.poll() is None for number in FIRST], [False] * 3)
        self.check_newcomers()
        self.check_stored(before)

    def check_newcomers(self) -> None:
        """Who has never asked before, by gRPC and HTTPS, and whatever servers of the first day are still listed."""
        ids = {str(self.realm.replicas[number].settings.replica_id) for number in LATER}
        self.configure(*FIRST, *LATER)
        for state, *more in (("grpc",), ("https", "--https")):
            document = self.coname("lookup", ALICE, *more, state=state)
            self.assertEqual(document["version"], 3)
            self.assertIn("followed by signatures", self.step(document, "rollover"))
            replicas = {each["id"] for each in document["vouchers"] if (each["name"] or "").startswith("replica")}
            self.assertEqual(replicas, ids)
        self.stored = document

    def check_stored(self, before: dict[str, Any]) -> None:
        """Proofs verify offline: the newest by what comes with it, the oldest by the configuration."""
        for document, at in ((self.stored, ()), (before, (f"--at={before['issue_time']}",))):
            path = self.folder / "proof.json"
            path.write_text(json.dumps(document))
            self.coname("verify-proof", ALICE, str(path), *at, state="nothing")
        bare = self.folder / "bare.json"
        bare.write_text(json.dumps(self.stored["proof"]))
        self.coname("verify-proof", ALICE, str(bare), state="nothing", fails=3)
        self.coname("verify-proof", ALICE, str(bare), state="https")

    def test_a_verifier_that_is_waited_for_is_named(self) -> None:
        self.realm.start()
        self.configure(*FIRST)
        wait_for(lambda: self.realm.replicas[1].newest_epoch() > 0, "there is an epoch")
        failed = self.coname("register", ALICE, f"--key=note={self.key}", fails=5)
        self.assertIn("verifier 1", failed["error"]["message"])
