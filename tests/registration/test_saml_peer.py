"""The whole login with samlify, an identity provider that nobody here wrote."""

from __future__ import annotations

import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from coname.core.hashes import entry_hash
from coname.errors import RegistrationRefused
from coname.messages.client_pb2 import EmailProof
from coname.oidc.fetching import Fetcher
from coname.registration.one_thread import OneThread
from coname.registration.proof import Presented, Proved
from coname.registration.saml import SamlChecker, SamlSettings
from coname.registration.saml_provider import at_address
from tests.needs import needs_node_modules
from tests.registration import saml_responses as idp

FOLDER = Path(__file__).parent / "saml_idp"


class Form(HTMLParser):
    """The hidden fields of a form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag == "input":
            self.fields[named["name"] or ""] = named["value"] or ""


class SamlifyTests(TestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        needs_node_modules(FOLDER)
        self.own = idp.Identity(idp.stranger().key, ends=time.time() + 3600)
        key, certificate = Path(self.mktemp()), Path(self.mktemp())
        key.write_bytes(idp.provider().key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        certificate.write_bytes(idp.provider().certificate.public_bytes(Encoding.PEM))
        command = ["node", str(FOLDER / "idp.mjs"), str(key), str(certificate)]
        process: Any = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.address = f"http://127.0.0.1:{int(process.stdout.readline())}"
        self.checker = self.make_checker(reactor, idp.AUDIENCE)

    def make_checker(self, reactor: Any, audience: str) -> SamlChecker:
        settings = SamlSettings(
            domains=["example.com"],
            called="idp.example.com",
            entity_id=audience,
            consumer=idp.CONSUMER,
            key=self.own.key,
            certificate=self.own.certificate,
            attribute="EmailAddress",
            validity=600.0,
        )
        metadata = at_address(f"{self.address}/metadata", Fetcher(reactor), "", reactor)
        checker = SamlChecker(settings, metadata, 60.0, OneThread(reactor, "responses"), OneThread(reactor, "logins"))
        self.addCleanup(checker.stop)
        return checker

    def ask(self, url: str, data: bytes | None = None) -> str:
        with urlopen(Request(url, data), timeout=20) as answer:
            return str(answer.read().decode())

    async def log_in(self, hash_: bytes = entry_hash(idp.ENTRY)) -> dict[str, str]:
        """What the browser would bring back."""
        await deferToThread(self.ask, f"{self.address}/sp", self.checker.describe(time.time()))
        url = await self.checker.login(hash_, "the state", time.time())
        return Form(await deferToThread(self.ask, url)).fields

    async def prove(self, response: str, checker: SamlChecker | None = None, entry: bytes = idp.ENTRY) -> Proved:
        presented = Presented(EmailProof(saml_response=response))
        return await (checker or self.checker).check(presented, idp.ADDRESS, entry, time.time())

    async def test_login(self) -> None:
        fields = await self.log_in()
        self.assertEqual(fields["RelayState"], "the state")
        proved = await self.prove(fields["SAMLResponse"])
        self.assertEqual((proved.address, proved.bound), (idp.ADDRESS, True))
        self.assertEqual((proved.issuer, proved.subject), (f"{self.address}/metadata", "alice.a"))

    async def test_for_another_entry(self) -> None:
        fields = await self.log_in()
        proving = Deferred.fromCoroutine(self.prove(fields["SAMLResponse"], entry=b"another"))
        error = await self.assertFailure(proving, RegistrationRefused)
        self.assertIn("for another entry", str(error))

    async def test_for_another_service(self) -> None:
        from twisted.internet import reactor

        fields = await self.log_in()
        other = self.make_checker(reactor, "https://other.example")
        error = await self.assertFailure(
            Deferred.fromCoroutine(self.prove(fields["SAMLResponse"], other)), RegistrationRefused
        )
        self.assertIn(f"is for ['{idp.AUDIENCE}'], not for", str(error))

    async def test_changed_request(self) -> None:
        """The identity provider checks our signature."""
        await self.log_in()
        url = await self.checker.login(b"", "the state", time.time())
        error = await self.assertFailure(deferToThread(self.ask, url.replace("the+state", "another")), HTTPError)
        self.addCleanup(error.close)
        self.assertEqual(error.code, 400)
