"""Registering by a login: a real keyserver, a certified provider, and `coname register`, all as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import grpc
from twisted.trial.unittest import TestCase

from coname.configuration.options import OidcOptions
from coname.messages.client_pb2 import UpdateRequest
from coname.oidc.claims import nonce_for
from tests.oidc.browser import Browser, outcome_in
from tests.oidc.provider import RealProvider, client
from tests.ports import RUN, free_ports
from tests.system.processes import PATIENCE, KeyserverProcess, Stub, program

ALICE, BOB = "alice@example.com", "bob@example.com"
ROOT = Path(__file__).parents[2]


class OidcCase(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        ports = free_ports()
        self.port = ports + RUN - 1
        self.keyserver = KeyserverProcess(
            self.folder,
            base_port=ports,
            insecure_skip_email_proof=False,
            oidc=OidcOptions(f"http://127.0.0.1:{self.port}", "coname", "the realm's secret"),
        )
        self.addCleanup(self.keyserver.clean_up)
        self.keyserver.start()  # while there is no provider: that is no reason not to start
        self.front = self.keyserver.realm.URL
        self.real = RealProvider([client(self.front, secret="the realm's secret")], port=self.port)
        self.addCleanup(self.real.stop)

    def coname(self, *words: str, name: str = ALICE) -> subprocess.CompletedProcess[str]:
        """Run `coname`, with `name` before the browser that it opens."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "CONAME_CONFIG": str(self.keyserver.client_config),
            "BROWSER": f"{sys.executable} -m tests.oidc.human {self.keyserver.authority} {name} %s",
        }
        whole = [program("coname"), *words]
        return subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def register(self, *words: str, name: str = ALICE) -> subprocess.CompletedProcess[str]:
        key = self.folder / "key"
        key.write_text("a key")
        return self.coname("register", ALICE, "--key", f"ssh={key}", *words, name=name)

    def registered(self) -> bool:
        return self.coname("lookup", ALICE).returncode == 0

    def log_in(self, entry: bytes, name: str = ALICE) -> Any:
        """The outcome that the page is handed after a login for `entry`."""
        query = urlencode({"domain": "example.com", "nonce": nonce_for(entry)})
        page = Browser(str(self.keyserver.authority)).log_in(f"{self.front}/oidc/login?{query}", name)
        return outcome_in(page.text)

    def refused(self, request: UpdateRequest) -> tuple[str, str]:
        """The status and the sentence that `request` is refused with."""
        error: Any = self.assertRaises(grpc.RpcError, self.update, request)
        return error.code().name, error.details()

    def update(self, request: UpdateRequest) -> None:
        with self.keyserver.channel() as channel:
            Stub(channel).update(request)


class CommandTests(OidcCase):
    def test_a_login_registers(self) -> None:
        done = self.register()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("registered", done.stdout)
        self.assertIn(f"{self.front}/oidc/login?domain=example.com&nonce=", done.stderr)
        begun = done.stderr.partition("&nonce=")[2]
        self.assertIn(f"has to show this code: {begun[:4]} {begun[4:8]}\n", done.stderr)
        self.assertTrue(self.registered())
        line = f"{ALICE} is registered from epoch"
        logged = next(each for each in self.keyserver.log.read_text().splitlines() if line in each)
        self.assertIn(f"oidc of 'http://127.0.0.1:{self.port}', subject '{ALICE}', for this entry, proof ", logged)

    def test_by_https(self) -> None:
        done = self.register("--https", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(json.loads(done.stdout)["outcome"], "registered")

    def test_somebody_elses_login_does_not(self) -> None:
        done = self.register(name=BOB)
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn(f"the login is for '{BOB}', not for '{ALICE}'", done.stderr)
        self.assertFalse(self.registered())

    def test_without_the_provider_it_says_so(self) -> None:
        self.real.stop()
        done = self.register()
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertIn("cannot be reached", done.stderr)


class ProofTests(OidcCase):
    def test_each_token_registers_one_entry_once(self) -> None:
        alice, again = self.keyserver.owner(ALICE), self.keyserver.owner(ALICE)
        request = alice.update(0)
        self.assertEqual(self.refused(request)[0], "INVALID_ARGUMENT")
        outcome = self.log_in(request.update.new_entry)
        token = outcome["id_token"]

        other = again.update(0)
        other.email_proof.oidc_token = token
        status, reason = self.refused(other)
        self.assertEqual(status, "INVALID_ARGUMENT")
        self.assertIn("does not name the entry", reason)

        request.email_proof.oidc_token = token
        self.update(request)
        self.update(request)  # sent again: answered, whatever proof it has

    def test_the_page_is_told_of_a_refusal(self) -> None:
        page = Browser(str(self.keyserver.authority)).go(f"{self.front}/oidc/login?domain=example.org")
        self.assertEqual(outcome_in(page.text)["error"]["code"], "not_found")

    def test_the_ways_to_register(self) -> None:
        page = Browser(str(self.keyserver.authority)).go(f"{self.front}/registration?domain=Example.com")
        way = {"kind": "oidc", "issuer": f"http://127.0.0.1:{self.port}", "login": "/oidc/login"}
        self.assertEqual(json.loads(page.text), {"anybody": False, "proofs": [way]})
