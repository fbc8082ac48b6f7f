"""SAML logins at the HTTPS front: there, back, and with whom the response ends."""

from __future__ import annotations

import base64
import zlib
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from lxml import etree
from twisted.internet.task import Clock

from coname.core.hashes import entry_hash
from coname.errors import NotFound
from coname.oidc.sealing import encoded
from coname.protocols.saml_routes import saml_routes
from coname.registration import saml_request
from coname.registration.saml import SamlChecker
from coname.registration.saml_login import SamlLogins
from tests.oidc.browser import outcome_in, program_address
from tests.protocols.wire import Connection, Server, request
from tests.registration import saml_responses as idp
from tests.registration.saml_case import SamlCase

NONCE = encoded(entry_hash(idp.ENTRY))
CONSUMER = "/saml/consumer"


class Answer:
    """One answer, with its capitals."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = dict(line.split(": ", 1) for line in lines)

    @property
    def location(self) -> str:
        return self.headers["Location"]

    @property
    def cookie(self) -> str:
        return self.headers["Set-Cookie"].partition(";")[0]

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}

    @property
    def outcome(self) -> Any:
        """What the page gets."""
        return outcome_in(self.body.decode())


class SamlRoutesCase(SamlCase):
    def setUp(self) -> None:
        super().setUp()
        self.wall = Clock()
        self.wall.advance(idp.NOW)
        self.connection = self.replica()

    def replica(self) -> Connection:
        """A connection to one more front of the realm."""
        logins = SamlLogins(self.choose, b"k" * 32, self.wall.seconds)
        routes = saml_routes(logins, lambda domain: self.choose(domain).describe(self.wall.seconds()), [CONSUMER])
        return Server(routes, body_bytes=256 * 1024).connect()

    def choose(self, domain: str) -> SamlChecker:
        if domain not in ("", "example.com"):
            raise NotFound(f"no identity provider vouches for addresses of {domain!r}")
        return self.checker

    def ask(self, method: str, path: str, body: bytes = b"", cookie: str = "") -> Answer:
        headers = f"Cookie: {cookie}\r\n" if cookie else ""
        self.connection.send(request(method, path, body, headers))
        return Answer(self.connection.transport.read())

    def depart(self, **fields: str) -> Answer:
        return self.ask("GET", "/saml?" + urlencode({"domain": "example.com", "nonce": NONCE, **fields}))

    def arrive(self, state: str, cookie: str, response: str = "PHg+") -> Answer:
        form = urlencode({"SAMLResponse": response, "RelayState": state}).encode()
        return self.ask("POST", CONSUMER, form, cookie)


class DepartureTests(SamlRoutesCase):
    def asked_id(self, answer: Answer) -> str:
        packed = base64.b64decode(answer.query["SAMLRequest"])
        return str(etree.fromstring(zlib.decompress(packed, wbits=-15)).get("ID"))

    def test_request_for_the_entry(self) -> None:
        answer = self.depart()
        self.assertEqual(answer.status, 303)
        self.assertTrue(answer.location.startswith(idp.LOGIN))
        self.assertEqual(saml_request.entry_hash_in(self.asked_id(answer)), entry_hash(idp.ENTRY))

    def test_cookie(self) -> None:
        attributes = self.depart().headers["Set-Cookie"]
        self.assertTrue(attributes.startswith("__Host-coname-login-"))
        self.assertTrue(attributes.endswith("; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=600"), attributes)

    def test_as_the_original_has_it(self) -> None:
        answer = self.ask("GET", "/saml")
        self.assertEqual(saml_request.entry_hash_in(self.asked_id(answer)), b"")

    def test_nobody_vouches(self) -> None:
        answer = self.depart(domain="example.org")
        self.assertEqual(answer.outcome["error"]["code"], "not_found")

    def test_provider_is_away(self) -> None:
        self.document = None
        answer = self.depart(port="4000", state="s" * 16)
        self.assertTrue(answer.location.startswith("http://127.0.0.1:4000/?"))
        self.assertEqual(answer.query["error"], "unavailable")

    def test_words_of_strangers(self) -> None:
        for fields in (
            {"nonce": "x"},
            {"port": "80", "state": "s" * 16},
            {"port": "4000", "state": "!"},
            {"port": "4000"},
        ):
            self.assertEqual(self.depart(**fields).status, 400)

    def test_own_metadata(self) -> None:
        answer = self.ask("GET", "/saml/metadata")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/samlmetadata+xml"))
        self.assertEqual(etree.fromstring(answer.body).get("entityID"), idp.AUDIENCE)


class ArrivalTests(SamlRoutesCase):
    def test_to_the_page(self) -> None:
        departure = self.depart()
        answer = self.arrive(departure.query["RelayState"], departure.cookie)
        self.assertEqual(answer.outcome, {"nonce": NONCE, "domain": "example.com", "saml_response": "PHg+"})
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertIn("Max-Age=0", answer.headers["Set-Cookie"])

    def test_at_another_replica(self) -> None:
        departure = self.depart()
        self.connection = self.replica()
        answer = self.arrive(departure.query["RelayState"], departure.cookie)
        self.assertEqual(answer.outcome["saml_response"], "PHg+")

    def test_consumer_that_is_also_where_logins_begin(self) -> None:
        logins = SamlLogins(self.choose, b"k" * 32, self.wall.seconds)
        routes = saml_routes(logins, lambda domain: b"", ["/saml"])
        self.assertEqual(set(routes[b"/saml"]), {b"GET", b"POST"})

    def test_to_a_program(self) -> None:
        departure = self.depart(port="4000", state="s" * 16)
        answer = self.arrive(departure.query["RelayState"], departure.cookie)
        location = program_address(answer.body.decode()) or ""
        self.assertTrue(location.startswith("http://127.0.0.1:4000/?"))
        self.assertEqual(dict(parse_qsl(urlsplit(location).query)), {"state": "s" * 16, "saml_response": "PHg+"})

    def refuse(self, answer: Answer) -> None:  # type: ignore[override]
        self.assertEqual(answer.outcome["error"]["code"], "login_unknown")
        self.assertNotIn("saml_response", answer.outcome)

    def test_in_another_browser(self) -> None:
        """Somebody began the login, and had somebody else go through with it."""
        departure = self.depart(port="4000", state="s" * 16)
        self.refuse(self.arrive(departure.query["RelayState"], ""))

    def test_with_the_cookie_of_another_login(self) -> None:
        departure, other = self.depart(), self.depart()
        name = departure.cookie.partition("=")[0]
        self.refuse(self.arrive(departure.query["RelayState"], f"{name}={other.cookie.partition('=')[2]}"))

    def test_with_a_cookie_that_was_made_up(self) -> None:
        departure = self.depart()
        self.refuse(self.arrive(departure.query["RelayState"], departure.cookie[:-4] + "AAAA"))

    def test_too_late(self) -> None:
        departure = self.depart()
        self.wall.advance(600)
        self.refuse(self.arrive(departure.query["RelayState"], departure.cookie))

    def test_without_a_response(self) -> None:
        departure = self.depart()
        answer = self.arrive(departure.query["RelayState"], departure.cookie, "")
        self.assertEqual(answer.outcome["error"]["code"], "login_refused")

    def test_text_that_would_end_the_attribute(self) -> None:
        departure = self.depart()
        answer = self.arrive(departure.query["RelayState"], departure.cookie, '"><script>')
        self.assertNotIn(b'"><script>', answer.body)
        self.assertEqual(answer.outcome["saml_response"], '"><script>')
