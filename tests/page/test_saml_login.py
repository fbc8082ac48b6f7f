"""Registering on the page by a login at a SAML identity provider, samlify's: it sends the browser back with a form."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.needs import needs_node_modules
from tests.page.case import SSH, PageCase
from tests.registration import saml_responses
from tests.registration.test_saml_peer import FOLDER


@pytest.mark.xdist_group("page-login")
class SamlLogin(PageCase):
    """Everybody who logs in there is alice@example.com."""

    options = {"insecure_skip_email_proof": False}  # noqa: RUF012
    provider: str

    @classmethod
    def setUpClass(cls) -> None:
        needs_node_modules(FOLDER)
        super().setUpClass()

    @classmethod
    def configure(cls) -> None:
        """Start the provider, and let the realm rely on it."""
        theirs, ours = saml_responses.provider(), saml_responses.stranger()
        key, certificate = cls.pem("idp.key", theirs), cls.folder / "idp.pem"
        certificate.write_bytes(theirs.certificate.public_bytes(Encoding.PEM))
        process = subprocess.Popen(
            ["node", str(FOLDER / "idp.mjs"), str(key), str(certificate)], stdout=subprocess.PIPE, text=True
        )
        cls.addClassCleanup(process.communicate)
        cls.addClassCleanup(process.kill)
        assert process.stdout is not None
        cls.provider = f"127.0.0.1:{int(process.stdout.readline())}"
        pair = {
            "certificate": [base64.b64encode(ours.certificate.public_bytes(Encoding.DER)).decode()],
            "key_id": str(cls.pem("saml.pem", ours)),
        }
        policy = {
            "allowed_domains": ["example.com"],
            "idp_metadata_url": f"http://{cls.provider}/metadata",
            "consumer_service_url": f"{cls.keyserver.realm.URL}/saml/consumer",
            "service_provider_tls": {"certificates": [pair]},
        }
        content = json.loads(cls.keyserver.config.read_text())
        content["keyserver_config"]["registration_policy"] = [{"email_proof_by_saml": policy}]
        cls.keyserver.config.write_text(json.dumps(content))

    @classmethod
    def pem(cls, name: str, identity: saml_responses.Identity) -> Path:
        path = cls.folder / name
        path.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
        return path

    def setUp(self) -> None:
        super().setUp()
        self.browser.others.add(self.provider)
        page = self.browser.profile()
        page.goto(f"{self.url}/realm.json")
        metadata = page.evaluate("fetch('/saml/metadata').then((answer) => answer.text())")
        page.context.close()
        urlopen(Request(f"http://{self.provider}/sp", metadata.encode()), timeout=20).close()

    def log_in(self, address: str) -> str:
        """What the page says after `address` was to be registered by a login."""
        page = self.visit()
        self.own(page, address)
        self.add(page, SSH)
        self.review(page)
        page.check("#keep-risk")
        page.click("button:has-text('Register and publish')")
        page.wait_for_url(f"http://{self.provider}/**")
        # It does not say that its form is HTML, so the browser shows it as text.
        page.evaluate("document.body.innerHTML = document.body.innerText")
        page.evaluate("document.forms[0].submit()")
        page.wait_for_selector("#owner-stage .notice")
        return str(page.inner_text("#owner-stage"))

    def test_registers(self) -> None:
        self.matches("Published: epoch [0-9]+ is ratified", self.log_in("alice@example.com"))
        self.assertIn("ssh", self.coname("lookup", "alice@example.com"))

    def test_somebody_else_s_does_not(self) -> None:
        self.assertIn("The login was not accepted", self.log_in("bob@example.com"))
        self.coname("lookup", "bob@example.com", status=1)
