"""A provider is asked over TLS, and believed only under its own name."""

from __future__ import annotations

from typing import Any

from OpenSSL import crypto
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from coname.errors import Unavailable
from coname.oidc.fetching import Fetcher
from tests.client.pki import Pki, make_pki


class Hello(Resource):
    isLeaf = True

    def render_GET(self, request: object) -> bytes:
        return b"hello"


def trusting(pki: Pki) -> Any:
    return ssl.trustRootFromCertificates([ssl.Certificate.load(pki.authority, crypto.FILETYPE_ASN1)])


class TlsTests(TestCase):
    def listen(self, pki: Pki) -> str:
        certificate = ssl.PrivateCertificate.loadPEM(pki.certificate + pki.key)
        listening: Any = reactor
        port = listening.listenSSL(0, Site(Hello()), certificate.options(), interface="127.0.0.1")
        self.addCleanup(lambda: maybeDeferred(port.stopListening))
        return f"https://127.0.0.1:{port.getHost().port}/"

    def fetched(self, url: str, trust: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(Fetcher(reactor, trust).get(url))

    def refused(self, url: str, trust: Any) -> Deferred[Any]:
        return self.assertFailure(self.fetched(url, trust), Unavailable)

    def test_under_its_own_name(self) -> Deferred[Any]:
        pki = make_pki()
        fetched = self.fetched(self.listen(pki), trusting(pki))
        return fetched.addCallback(lambda answer: self.assertEqual(answer.body, b"hello"))

    def test_under_anothers_name(self) -> Deferred[Any]:
        pki = make_pki("127.0.0.2")
        return self.refused(self.listen(pki), trusting(pki))

    def test_by_an_authority_that_is_not_trusted(self) -> Deferred[Any]:
        refused = self.refused(self.listen(make_pki()), trusting(make_pki()))
        return refused.addCallback(lambda error: self.assertIn("certificate verify failed", str(error)))

    async def test_authorities_are_not_read_for_each_connection(self) -> None:
        """Anybody can cause some."""
        pki, asked = make_pki(), []
        trust = trusting(pki)
        self.patch(ssl, "platformTrust", lambda: asked.append(1) or trust)
        url, fetcher = self.listen(pki), Fetcher(reactor)
        self.assertEqual([(await fetcher.get(url)).body for _ in range(3)], [b"hello"] * 3)
        self.assertEqual(len(asked), 1)

    def test_by_an_authority_that_this_system_does_not_trust(self) -> Deferred[Any]:
        return self.refused(self.listen(make_pki()), None)
