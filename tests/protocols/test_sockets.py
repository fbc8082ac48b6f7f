"""The HTTP fronts over real sockets and TLS, with clients that we did not write."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pysequoia
import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool

from coname.protocols.hkp import HkpService
from coname.protocols.https import HttpsService
from tests.needs import needs
from tests.protocols.identity import authority, identity
from tests.protocols.openpgp import certificate
from tests.protocols.realm import LIMITS, SmallKeyserver

ADDRESS = "alice@example.com"
NEVER_FOUND = "nobody@example.com"


class SocketCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.keyserver = SmallKeyserver(now=reactor.seconds())
        self.certificate = certificate(ADDRESS)
        self.keyserver.register(ADDRESS, {"pgp": self.certificate})
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        (self.folder / "ca.pem").write_bytes(authority())

    async def run_program(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A program's outcome; the reactor goes on meanwhile."""
        return await deferToThread(
            subprocess.run, command, capture_output=True, text=True, timeout=50, env={**os.environ, **environment}
        )


class Https(SocketCase):
    def setUp(self) -> None:
        super().setUp()
        self.service = HttpsService(self.keyserver, LIMITS, identity(), "127.0.0.1", 0, reactor, grace=5)
        self.service.startService()
        self.addCleanup(lambda: self.service.running and self.service.stopService())
        pool = HTTPConnectionPool(reactor)
        self.addCleanup(pool.closeCachedConnections)
        trusting = BrowserLikePolicyForHTTPS(trustRootFromCertificates([Certificate.loadPEM(authority())]))
        self.http = treq.client.HTTPClient(Agent(reactor, trusting, pool=pool))
        self.url = f"https://localhost:{self.service.port}"

    async def test_a_lookup(self) -> None:
        response = await self.http.post(f"{self.url}/lookup", json={"user_id": ADDRESS})
        self.assertEqual(response.code, 200)
        self.assertEqual((await response.json())["user_id"], ADDRESS)

    async def test_another_client(self) -> None:
        needs("curl")
        authority = str(self.folder / "ca.pem")
        done = await self.run_program("curl", "-s", "-i", "--cacert", authority, f"{self.url}/status")
        self.assertTrue(done.stdout.startswith("HTTP/1.1 200 OK\r\n") or done.stdout.startswith("HTTP/1.1 200 OK\n"))
        self.assertTrue(done.stdout.endswith("OK"))

    async def test_tls_1_1_is_refused(self) -> None:
        needs("curl")
        command = ("curl", "-s", "--cacert", str(self.folder / "ca.pem"), "--tls-max", "1.1", f"{self.url}/status")
        self.assertEqual((await self.run_program(*command)).returncode, 35)

    async def test_stopping_answers_what_waits_and_closes_the_port(self) -> None:
        update = {"lookup_parameters": {"user_id": ADDRESS}}
        response = Deferred.fromCoroutine(_text(self.http.post(f"{self.url}/update", json=update)))
        while not self.keyserver.waiting:
            await deferLater(reactor, 0.01)
        stopped = self.service.stopService()
        await deferLater(reactor, 0.3)
        self.assertFalse(stopped.called)
        self.keyserver.answer_updates()
        self.assertIn(ADDRESS, await response)
        await stopped
        port = self.service.port
        self.assertEqual(port, 0)

    async def test_a_stopped_service_can_be_started_again(self) -> None:
        await self.service.stopService()
        self.service.startService()
        self.assertEqual(await _text(self.http.get(f"https://localhost:{self.service.port}/status")), "OK")

    async def test_stopping_does_not_wait_for_idle_connections(self) -> None:
        await _text(self.http.get(f"{self.url}/status"))
        await self.service.stopService()


async def _text(response: Deferred[treq.response._Response]) -> str:
    text: str = await (await response).text()
    return text


class Gnupg(SocketCase):
    """Real GnuPG fetches a registered key, and none that is not there.

    GnuPG on GnuTLS (Debian's) refuses every server whose name has no dot, and looks up the name of an address first:
    127.0.0.1 is localhost to it. Hence 127.0.0.2, and the system's resolver, which need not know a name for it.
    """

    def setUp(self) -> None:
        needs("gpg", "dirmngr", "gpgconf")
        super().setUp()
        self.service = HkpService(
            self.keyserver, self.keyserver.config, LIMITS, identity(), "127.0.0.2", 0, reactor, grace=5
        )
        self.service.startService()
        self.addCleanup(self.service.stopService)
        home = tempfile.TemporaryDirectory(prefix="gpg")  # in a short path: GnuPG's sockets lie in it
        self.home = Path(home.name)
        self.addCleanup(home.cleanup)
        (self.home / "dirmngr.conf").write_text(f"hkp-cacert {self.folder / 'ca.pem'}\nstandard-resolver\n")
        self.addCleanup(lambda: subprocess.run(["gpgconf", "--homedir", home.name, "--kill", "all"], check=False))

    async def gpg(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        server = f"hkps://127.0.0.2:{self.service.port}"
        options = ("--batch", "--no-tty", "--status-fd", "1", "--keyserver", server)
        return await self.run_program("gpg", *options, *arguments, GNUPGHOME=str(self.home))

    async def test_locates_a_key_by_address(self) -> None:
        done = await self.gpg("--auto-key-locate", "clear,keyserver", "--locate-external-keys", ADDRESS)
        self.assertEqual(done.returncode, 0, done.stderr)
        fingerprint = pysequoia.Cert.from_bytes(self.certificate).fingerprint.upper()
        listed = await self.gpg("--with-colons", "--list-keys", ADDRESS)
        self.assertIn(fingerprint, listed.stdout)

    async def test_finds_none_where_there_is_none(self) -> None:
        done = await self.gpg("--auto-key-locate", "clear,keyserver", "--locate-external-keys", NEVER_FOUND)
        self.assertEqual(done.returncode, 2)
        self.assertIn("No data", done.stderr)

    async def test_a_search_is_not_supported(self) -> None:
        done = await self.gpg("--search-keys", ADDRESS)
        self.assertEqual(done.returncode, 2)
        self.assertIn("Not implemented", done.stderr)
