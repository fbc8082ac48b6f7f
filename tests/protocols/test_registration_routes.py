"""How addresses are registered, as the front says, held against its description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.trial.unittest import SynchronousTestCase

from coname.protocols.registration_routes import registration_routes
from coname.registration.proof import IProofChecker
from coname.registration.registrar import Registrar, open_to_all
from tests.protocols.test_https import Described
from tests.protocols.wire import Received, Server


class Checker:
    """As much of one as is asked here."""

    kind = "oidc"
    domains = ("example.com",)

    def offer(self, domain: str) -> Sequence[Mapping[str, str]]:
        return [{"issuer": "https://login.example.com", "login": "/oidc/login"}]


class RegistrationTests(SynchronousTestCase):
    def ask(self, registrar: Registrar, query: str) -> Received:
        answer = Server(registration_routes(registrar)).connect().ask("GET", f"/registration{query}")
        Described().check("/registration", "GET", answer)
        return answer

    def registrar(self) -> Registrar:
        checkers: list[IProofChecker] = [Checker()]  # type: ignore[list-item]
        return Registrar(checkers, (), anybody=False, unbound=False, skew=60, now=lambda: 0)

    def test_by_a_proof(self) -> None:
        way = {"kind": "oidc", "issuer": "https://login.example.com", "login": "/oidc/login"}
        answer = self.ask(self.registrar(), "?domain=EXAMPLE.com")
        self.assertEqual(answer.json(), {"anybody": False, "proofs": [way]})

    def test_not_at_all(self) -> None:
        self.assertEqual(self.ask(self.registrar(), "?domain=example.org").json(), {"anybody": False, "proofs": []})

    def test_by_anybody(self) -> None:
        self.assertEqual(self.ask(open_to_all(), "?domain=example.com").json(), {"anybody": True, "proofs": []})

    def test_of_no_domain(self) -> None:
        self.assertEqual(self.ask(open_to_all(), "").error, "invalid_request")

    def test_of_a_domain_that_is_none(self) -> None:
        self.assertEqual(self.ask(open_to_all(), "?domain=a%20b").error, "invalid_request")

    def test_of_two_domains(self) -> None:
        self.assertEqual(self.ask(open_to_all(), "?domain=a.example&domain=b.example").error, "invalid_request")

    def test_of_bytes_that_are_no_text(self) -> None:
        self.assertEqual(self.ask(open_to_all(), "?domain=%ff").error, "invalid_request")

    def test_of_a_flood_of_fields(self) -> None:
        self.assertEqual(self.ask(open_to_all(), "?" + "a=1&" * 100).error, "invalid_request")
