"""Client certificates on real connections: who is asked, and what reaches the keyserver."""

from __future__ import annotations

import json
import ssl
from dataclasses import replace
from http.client import HTTPSConnection
from tempfile import NamedTemporaryFile
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from coname.client.transports.web_agent import web_client
from coname.configuration.certificate_fronts import asking, demanding
from coname.configuration.certificates import pem
from coname.configuration.findings import Findings
from coname.configuration.listen import Address
from coname.configuration.settings import Listener
from coname.configuration.tls import Credential, TlsIdentity
from coname.errors import RegistrationRefused
from coname.messages.client_pb2 import LookupRequest, UpdateRequest
from coname.protocols.grpc_public import GrpcService
from coname.protocols.https import HttpsService
from tests.protocols.identity import identity
from tests.protocols.realm import LIMITS, SmallKeyserver
from tests.registration.certificates import Authority, authority, client_key

UPDATE = UpdateRequest(lookup_parameters=LookupRequest(user_id="alice@example.com"))
BODY = json.dumps({"lookup_parameters": {"user_id": "alice@example.com"}}).encode()
HERE = Address("127.0.0.1", 0)
VERSION_3 = b"\xa0\x03\x02\x01\x02"
"""In a certificate's DER."""


def person(issuer: Authority | None = None, key: Any = None) -> TlsIdentity:
    """A client with a certificate."""
    certificate = (issuer or authority()).issue(begins=-1e9, ends=1e9, key=key)
    return replace(nobody(), credentials=(Credential((certificate,), key or client_key()),))


def nobody() -> TlsIdentity:
    """A client without one."""
    return TlsIdentity(root_cas=identity().root_cas)


def post_with_odd_version(port: int, client: TlsIdentity) -> int:
    """The status of an update with a certificate of a version that does not exist. Blocks."""
    credential = client.credentials[0]
    encoded = credential.chain[0].public_bytes(Encoding.DER).replace(VERSION_3, VERSION_3[:-1] + b"\6", 1)
    context = ssl.create_default_context(cadata=pem(client.root_cas).decode())
    with NamedTemporaryFile() as file:
        file.write(ssl.DER_cert_to_PEM_cert(encoded).encode() + credential.key_pem())
        file.flush()
        context.load_cert_chain(file.name)
    connection = HTTPSConnection("localhost", port, timeout=20, context=context)
    try:
        connection.request("POST", "/update", BODY)
        return connection.getresponse().status
    finally:
        connection.close()


class CertificateCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.keyserver = SmallKeyserver(now=reactor.seconds())  # type: ignore[attr-defined]
        self.keyserver.error = RegistrationRefused("not today")
        self.plain = Listener(HERE, identity())

    def start(self, service: Any) -> Any:
        service.startService()
        self.addCleanup(service.stopService)
        return service

    def shown(self) -> list[x509.Name]:
        """Whose certificates came along with updates."""
        return [x509.load_der_x509_certificate(each).issuer for each in self.keyserver.certificates if each]


class HttpsTests(CertificateCase):
    async def ask(self, client: TlsIdentity, front: Listener | None, **headers: str) -> int:
        service = self.start(HttpsService(self.keyserver, LIMITS, front.tls, "127.0.0.1", 0, reactor, grace=1))
        http, close = web_client(client, reactor, 5)
        try:
            place = f"https://localhost:{service.port}"
            said = {name.replace("_", "-"): value.replace("HERE", place) for name, value in headers.items()}
            answer = await http.post(f"{place}/update", BODY, headers=said)
            await answer.content()
        finally:
            await close()
        return int(answer.code)

    def asking(self) -> Listener | None:
        return asking(self.plain, [authority().certificate])

    async def test_certificate_reaches_the_keyserver(self) -> None:
        client = person()
        self.assertEqual(await self.ask(client, self.asking()), 400)
        shown = client.credentials[0].chain[0].public_bytes(Encoding.DER)
        self.assertEqual(self.keyserver.certificates, [shown])

    async def test_nobody_needs_one(self) -> None:
        self.assertEqual(await self.ask(nobody(), self.asking()), 400)
        self.assertEqual(self.keyserver.certificates, [b""])

    async def test_one_of_others_does_not_hurt(self) -> None:
        """It is for the checker to refuse it, with a reason."""
        self.assertEqual(await self.ask(person(Authority("others")), self.asking()), 400)
        self.assertEqual(len(self.shown()), 1)

    async def test_one_that_cannot_be_read_does_not_hurt(self) -> None:
        """Its version is none that there is. TLS does not mind."""
        front = self.asking()
        assert front is not None
        service = self.start(HttpsService(self.keyserver, LIMITS, front.tls, "127.0.0.1", 0, reactor, grace=1))
        self.assertEqual(await deferToThread(post_with_odd_version, service.port, person()), 400)
        self.assertEqual([VERSION_3 in each for each in self.keyserver.certificates], [False])

    async def test_page_of_this_front_may_send_it(self) -> None:
        self.assertEqual(await self.ask(person(), self.asking(), Origin="HERE", Sec_Fetch_Site="same-origin"), 400)
        self.assertEqual(len(self.shown()), 1)

    async def test_page_of_another_site_may_not(self) -> None:
        """The browser shows the certificate by itself, whatever a page has it send."""
        self.assertEqual(await self.ask(person(), self.asking(), Origin="https://evil.example"), 403)
        self.assertEqual(self.keyserver.certificates, [])

    async def test_page_that_hides_where_it_is_from_may_not(self) -> None:
        self.assertEqual(await self.ask(person(), self.asking(), Origin="null"), 403)
        self.assertEqual(self.keyserver.certificates, [])

    async def test_page_at_another_port_of_this_host_may_not(self) -> None:
        self.assertEqual(await self.ask(person(), self.asking(), Origin="https://localhost"), 403)

    async def test_page_of_a_neighbour_may_not(self) -> None:
        self.assertEqual(await self.ask(person(), self.asking(), Sec_Fetch_Site="same-site"), 403)

    async def test_page_may_send_what_needs_no_certificate(self) -> None:
        self.assertEqual(await self.ask(nobody(), self.asking(), Origin="https://other.example"), 400)
        self.assertEqual(self.keyserver.certificates, [b""])

    async def test_without_the_policy_nobody_is_asked(self) -> None:
        self.assertIs(asking(self.plain, []), self.plain)
        self.assertEqual(await self.ask(person(), self.plain), 400)
        self.assertEqual(self.keyserver.certificates, [b""])


class GrpcTests(CertificateCase):
    async def ask(self, client: TlsIdentity, front: Listener | None) -> grpc.StatusCode:
        assert front is not None
        service = self.start(GrpcService(self.keyserver, LIMITS, front.tls, "127.0.0.1", 0, grace=1))
        async with grpc.aio.secure_channel(f"localhost:{service.port}", client.grpc_channel_credentials()) as channel:
            try:
                await channel.unary_unary("/proto.E2EKSPublic/Update")(UPDATE.SerializeToString(), timeout=20)
            except grpc.aio.AioRpcError as error:
                return error.code()
        raise AssertionError("an answer came")

    def run_in_loop(self, coroutine: Any) -> Deferred[Any]:
        import asyncio

        return Deferred.fromFuture(asyncio.ensure_future(coroutine))

    def demanding(self) -> Listener | None:
        return demanding("127.0.0.1:0", self.plain, [authority().certificate], Findings())

    async def test_certificate_reaches_the_keyserver(self) -> None:
        client = person()
        status = await self.run_in_loop(self.ask(client, self.demanding()))
        self.assertEqual(status, grpc.StatusCode.INVALID_ARGUMENT)
        shown = client.credentials[0].chain[0].public_bytes(Encoding.DER)
        self.assertEqual(self.keyserver.certificates, [shown])

    async def test_nobody_gets_in_without(self) -> None:
        for client in (nobody(), person(Authority("others"))):
            status = await self.run_in_loop(self.ask(client, self.demanding()))
            self.assertEqual(status, grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.keyserver.certificates, [])

    async def test_public_front_does_not_ask(self) -> None:
        status = await self.run_in_loop(self.ask(person(), self.plain))
        self.assertEqual((status, self.keyserver.certificates), (grpc.StatusCode.INVALID_ARGUMENT, [b""]))


class ConfigurationTests(TestCase):
    def test_front_that_asks_for_others(self) -> None:
        """What the file says counts."""
        own = Listener(HERE, replace(identity(), client_auth=4, client_cas=identity().root_cas))
        self.assertIs(asking(own, [authority().certificate]), own)

    def test_mistakes(self) -> None:
        findings = Findings().at("client_cert_addr")
        self.assertIsNone(demanding("nowhere", None, [], findings))
        self.assertEqual(len(findings.mistakes), 3)
        self.assertIsNone(demanding("", None, [], findings))
