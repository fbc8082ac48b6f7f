"""Registering by a signed mail, by a login at a SAML identity provider, by a client certificate: whole processes."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
import time
from email.utils import formatdate
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import dkim
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.needs import needs_node_modules
from tests.oidc.browser import program_address
from tests.ports import free_ports
from tests.registration import dkim_mails, saml_responses
from tests.registration.certificates import authority, client_key
from tests.registration.dns import DnsServer
from tests.registration.test_saml_peer import FOLDER, Form
from tests.system.processes import PATIENCE, KeyserverProcess, program

ALICE, BOB = "alice@example.com", "bob@example.com"


class ProofCase(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.keyserver = KeyserverProcess(self.folder, insecure_skip_email_proof=False)
        self.addCleanup(self.keyserver.clean_up)
        self.key = self.file("key", b"a key")

    def start(self, **policy: Any) -> None:
        """Start the keyserver, with one policy."""
        content = json.loads(self.keyserver.config.read_text())
        content["keyserver_config"]["registration_policy"] = [policy]
        self.keyserver.config.write_text(json.dumps(content))
        self.keyserver.start()

    @property
    def front(self) -> str:
        """The HTTPS front's host and port."""
        return urlsplit(self.keyserver.realm.URL).netloc

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        return str(path)

    def words(self, *words: str) -> tuple[list[str], dict[str, str]]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "CONAME_CONFIG": str(self.keyserver.client_config),
        }
        return [program("coname"), *words], environment

    async def coname(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `coname`; the reactor goes on meanwhile."""
        command, environment = self.words(*words)
        return await deferToThread(
            subprocess.run, command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    async def check_registered(self, address: str) -> None:
        found = await self.coname("lookup", address, "--json")
        self.assertEqual(list(json.loads(found.stdout)["keys"]), ["ssh"])

    def check_log(self, *parts: str) -> None:
        """What the log says of it explains who was let in."""
        log = self.keyserver.log.read_text()
        for part in parts:
            self.assertIn(part, log)


class MailTests(ProofCase):
    def setUp(self) -> None:
        super().setUp()
        self.dns = DnsServer(reactor)
        self.addCleanup(self.dns.stop)
        record = dkim_mails.record(dkim_mails.rsa_key())
        self.dns.texts = {dkim_mails.KEY_NAME: [[record[:200], record[200:]]]}
        self.start(
            email_proof_by_dkim={
                "allowed_domains": ["example.com"],
                "to_addr": "keys@example.org",
                "subject_prefix": "coname ",
                "dns_servers": ["{}:{}".format(*self.dns.address)],
            }
        )

    def sent(self, mail: str) -> bytes:
        """The mail as its server signs it."""
        message = f"Date: {formatdate(time.time())}\n{mail}".replace("\n", "\r\n").encode()
        key = dkim_mails.pem(dkim_mails.rsa_key())
        names = [name.encode() for name in dkim_mails.NAMES]
        return dkim.DKIM(message).sign(b"mail", b"example.com", key, include_headers=names) + message

    async def register(self, *words: str) -> subprocess.CompletedProcess[str]:
        return await self.coname("register", ALICE, "--key", f"ssh={self.key}", *words)

    async def test_mail_sent_and_brought(self) -> None:
        told = await self.register("--dkim", "--json")
        self.assertEqual(told.returncode, 1, told.stderr)
        received = self.file("received.eml", self.sent(json.loads(told.stdout)["mail"]))
        done = await self.register("--mail", received)
        self.assertEqual(done.returncode, 0, done.stderr)
        await self.check_registered(ALICE)
        self.check_log(f"{ALICE} is registered from epoch", "dkim of 'example.com'")
        self.assertEqual(self.dns.asked, [dkim_mails.KEY_NAME])

    async def test_what_people_are_told(self) -> None:
        told = await self.register("--dkim")
        self.assertIn("From: alice@example.com\nTo: keys@example.org\nSubject: coname ", told.stdout)
        self.assertIn("give the same command again with --mail FILE", told.stdout)

    async def test_another_mail(self) -> None:
        told = await self.register("--dkim", "--json")
        mail = json.loads(told.stdout)["mail"].replace("coname ", "coname x")
        refused = await self.register("--mail", self.file("received.eml", self.sent(mail)))
        self.assertEqual(refused.returncode, 5)
        self.assertIn("for this entry it has to be 'coname ", refused.stderr)


class CertificateTests(ProofCase):
    def setUp(self) -> None:
        super().setUp()
        self.list = Path(self.file("revoked.pem", authority().revocations(begins=-1e9, ends=1e9)))
        self.certificate = authority().issue(begins=-1e9, ends=1e9)
        self.shown_at = f"127.0.0.1:{free_ports()}"
        self.keyserver.configure(client_cert_addr=self.shown_at)
        self.start(
            email_proof_by_client_cert={
                "allowed_domains": ["example.com"],
                "ca_cert": base64.b64encode(authority().certificate.public_bytes(Encoding.DER)).decode(),
                "crl_file": str(self.list),
            }
        )

    def show_certificate(self) -> None:
        """Have `coname` present it."""
        key = client_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        content = json.loads(self.keyserver.client_config.read_text())
        pair = {
            "certificate": [base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()],
            "key_id": self.file("alice.pem", key),
        }
        content["realms"][0].setdefault("client_tls", {})["certificates"] = [pair]
        self.keyserver.client_config.write_text(json.dumps(content))

    async def register(self, address: str = ALICE) -> subprocess.CompletedProcess[str]:
        return await self.coname("register", address, "--key", f"ssh={self.key}", "--https", "--no-browser")

    async def test_certificate_over_https(self) -> None:
        self.show_certificate()
        done = await self.register()
        self.assertEqual(done.returncode, 0, done.stderr)
        await self.check_registered(ALICE)
        self.check_log(f"{ALICE} is registered from epoch", "client_certificate of 'CN=people of example.com'")

    async def test_certificate_over_grpc(self) -> None:
        self.show_certificate()
        content = json.loads(self.keyserver.client_config.read_text())
        content["realms"][0]["addr"] = self.shown_at
        self.keyserver.client_config.write_text(json.dumps(content))
        done = await self.coname("register", ALICE, "--key", f"ssh={self.key}", "--no-browser")
        self.assertEqual(done.returncode, 0, done.stderr)
        await self.check_registered(ALICE)

    async def test_somebody_elses_address(self) -> None:
        self.show_certificate()
        refused = await self.register(BOB)
        self.assertEqual(refused.returncode, 5)
        self.assertIn("is for 'alice@example.com', not for bob@example.com", refused.stderr)

    async def test_nothing_shown(self) -> None:
        refused = await self.register()
        self.assertEqual(refused.returncode, 5)
        self.assertIn("the realm takes: a client certificate (client_tls in the configuration)", refused.stderr)

    async def test_revoked_while_the_server_runs(self) -> None:
        self.show_certificate()
        self.list.write_bytes(authority().revocations([self.certificate], begins=-1e9, ends=1e9))
        refused = await self.register()
        self.assertIn("the client certificate is revoked", refused.stderr)


class SamlTests(ProofCase):
    def setUp(self) -> None:
        super().setUp()
        needs_node_modules(FOLDER)
        key, certificate = (self.file(name, data) for name, data in self.provider().items())
        command = ["node", str(FOLDER / "idp.mjs"), key, certificate]
        process: Any = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.idp = f"127.0.0.1:{int(process.stdout.readline())}"
        own = saml_responses.stranger()
        own_key = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pair = {
            "certificate": [base64.b64encode(own.certificate.public_bytes(Encoding.DER)).decode()],
            "key_id": self.file("saml.pem", own_key),
        }
        self.start(
            email_proof_by_saml={
                "allowed_domains": ["example.com"],
                "idp_metadata_url": f"http://{self.idp}/metadata",
                "consumer_service_url": f"https://{self.front}/saml/consumer",
                "service_provider_tls": {"certificates": [pair]},
            }
        )

    def provider(self) -> dict[str, bytes]:
        identity = saml_responses.provider()
        return {
            "idp.key": identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "idp.pem": identity.certificate.public_bytes(Encoding.PEM),
        }

    def ask(self, url: str, form: dict[str, str] | None = None, cookie: str = "") -> tuple[int, dict[str, str], str]:
        """What a browser would; it follows nothing by itself."""
        parts = urlsplit(url)
        connection: HTTPConnection
        if parts.scheme == "https":
            trust = ssl.create_default_context(cafile=str(self.keyserver.authority))
            connection = HTTPSConnection(parts.netloc, context=trust, timeout=PATIENCE)
        else:
            connection = HTTPConnection(parts.netloc, timeout=PATIENCE)
        headers = {"Cookie": cookie} if cookie else {}
        body = None if form is None else urlencode(form)
        connection.request("GET" if body is None else "POST", f"{parts.path}?{parts.query}", body, headers)
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read().decode()
        connection.close()
        return found

    def introduce(self) -> None:
        """Give the identity provider the keyserver's metadata."""
        _, _, metadata = self.ask(f"https://{self.front}/saml/metadata")
        connection = HTTPConnection(self.idp, timeout=PATIENCE)
        connection.request("POST", "/sp", metadata)
        connection.getresponse().read()
        connection.close()

    def log_in(self, address: str) -> None:
        """What somebody's browser does, from the address that `coname` names to the way back."""
        status, headers, _ = self.ask(address)
        self.assertEqual(status, 303)
        cookie = headers["Set-Cookie"].partition(";")[0]
        _, _, page = self.ask(headers["Location"])
        _, _, question = self.ask(f"https://{self.front}/saml/consumer", Form(page).fields, cookie)
        self.ask(program_address(question) or "")

    def register(self, address: str) -> tuple[int, str]:
        """Run `coname register`, and log in when it says where. Its exit status, and what it said."""
        command, environment = self.words("register", address, "--key", f"ssh={self.key}", "--no-browser")
        process: Any = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        said = ""
        while not said.endswith("\n") or f"https://{self.front}/saml?" not in said:
            piece = process.stderr.readline()
            if not piece:
                break
            said += piece
        self.log_in(said.split()[-1])
        out, rest = process.communicate(timeout=PATIENCE)
        return process.returncode, out + said + rest

    async def test_login(self) -> None:
        await deferToThread(self.introduce)
        status, said = await deferToThread(self.register, ALICE)
        self.assertEqual(status, 0, said)
        await self.check_registered(ALICE)
        self.check_log(f"{ALICE} is registered from epoch", f"saml of 'http://{self.idp}/metadata', subject 'alice.a'")

    async def test_login_as_somebody_else(self) -> None:
        await deferToThread(self.introduce)
        status, said = await deferToThread(self.register, BOB)
        self.assertEqual(status, 5, said)
        self.assertIn("the proof is for 'alice@example.com', not for 'bob@example.com'", said)
