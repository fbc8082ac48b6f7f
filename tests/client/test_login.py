"""A login from the client's side: the address to go to, who may bring its outcome, and what becomes of it."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import txaio
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from coname.client import ways as asking
from coname.client.login import Login, login_address, proof_in
from coname.client.loopback import Loopback
from coname.client.proving import Claim
from coname.client.waiting import in_thread
from coname.errors import (
    LoginRefused,
    Misconfigured,
    RegistrationExpired,
    RegistrationNeeded,
    Unreachable,
)
from coname.messages.client_pb2 import EmailProof
from coname.messages.config_pb2 import RealmConfig
from coname.oidc.claims import nonce_for
from tests.client.test_retries import ALICE, RetryCase

ENTRY = b"an encoded entry"


def get(port: int, path: str, host: str = "") -> tuple[int, str, str]:
    """Status, Location and body of what is at 127.0.0.1."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", ""), answer.read().decode()
    finally:
        connection.close()


class ProverTests(RetryCase):
    """The client library asks for a proof when the server does, and not before."""

    def setUp(self) -> None:
        super().setUp()
        self.claims: list[Claim] = []
        self.error: LoginRefused | None = None

    async def prove(self, claim: Claim) -> EmailProof:
        self.claims.append(claim)
        if self.error is not None:
            raise self.error
        return EmailProof(oidc_token="a.b.c")

    def registering(self) -> Any:
        return self.client.register(ALICE, {"pgp": b"key"}, self.store, self.prove)

    def test_it_is_for_the_entry_that_is_sent(self) -> None:
        self.realm.refuse_update = RegistrationNeeded("a proof is needed")
        self.successResultOf(self.registering())
        (claim,) = self.claims
        first, second = self.realm.updates
        self.assertFalse(first.HasField("email_proof"))
        self.assertEqual(second.email_proof.oidc_token, "a.b.c")
        self.assertEqual((claim.address, claim.entry), (ALICE, second.update.new_entry))
        self.assertEqual(first.update, second.update)

    def test_where_none_is_asked_for_none_is_made(self) -> None:
        self.successResultOf(self.registering())
        self.assertEqual(self.claims, [])

    def test_a_failed_login_leaves_the_entry_for_the_next(self) -> None:
        self.realm.refuse_update, self.error = RegistrationNeeded("a proof is needed"), LoginRefused("no")
        self.failureResultOf(self.registering(), LoginRefused)
        self.realm.refuse_update, self.error = RegistrationNeeded("a proof is needed"), None
        self.successResultOf(self.registering())
        self.assertEqual(len({claim.entry for claim in self.claims}), 1)


class LoopbackTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.loopback = Loopback()
        self.addCleanup(self.loopback.close)

    def get(self, path: str, **fields: str) -> tuple[int, str, str]:
        return get(self.loopback.port, f"{path}?{urlencode(fields)}")

    def test_the_browser_brings_the_outcome(self) -> None:
        self.assertIsNone(self.loopback.outcome)
        status, location, _ = self.get("/", state=self.loopback.state, id_token="a.b.c")
        self.assertEqual((status, location), (303, "/done"))
        self.assertEqual(self.loopback.outcome, {"id_token": "a.b.c"})

    def test_then_it_shows_a_page_without_it(self) -> None:
        status, _, body = self.get("/done")
        self.assertEqual(status, 200)
        self.assertIn("goes on in the terminal", body)

    def test_what_went_wrong_is_brought_too(self) -> None:
        _, location, _ = self.get("/", state=self.loopback.state, error="login_refused", error_description="no")
        self.assertEqual(location, "/failed")
        self.assertEqual(self.loopback.outcome, {"error": "login_refused", "error_description": "no"})

    def test_a_stranger_brings_nothing(self) -> None:
        for fields in ({}, {"state": ""}, {"state": "x" * 32}, {"id_token": "a.b.c"}):
            self.assertEqual(self.get("/", **fields)[0], 404)
        self.assertIsNone(self.loopback.outcome)

    def test_only_the_first_counts(self) -> None:
        self.get("/", state=self.loopback.state, id_token="first")
        self.assertEqual(self.get("/", state=self.loopback.state, id_token="second")[0], 404)
        self.assertEqual(self.loopback.outcome, {"id_token": "first"})

    def test_under_another_name_it_answers_nothing(self) -> None:
        path = f"/?state={self.loopback.state}&id_token=x"
        self.assertEqual(get(self.loopback.port, path, "evil.example")[0], 400)
        self.assertIsNone(self.loopback.outcome)

    def test_other_paths_and_bytes(self) -> None:
        self.assertEqual(self.get("/favicon.ico", state=self.loopback.state)[0], 404)
        self.assertEqual(get(self.loopback.port, "/?state=%ff")[0], 404)
        self.assertIsNone(self.loopback.outcome)

    def test_whoever_connects_and_is_silent_is_in_nobodys_way(self) -> None:
        silent = http.client.HTTPConnection("127.0.0.1", self.loopback.port, timeout=10)
        silent.connect()
        self.addCleanup(silent.close)
        self.get("/", state=self.loopback.state, id_token="a.b.c")
        self.assertIsNotNone(self.loopback.outcome)


class AddressTests(SynchronousTestCase):
    def test_it_binds_the_login_to_the_entry(self) -> None:
        claim = Claim(ALICE, ENTRY, RealmConfig())
        url = login_address(
            "https://keys.example.com:25519", {"kind": "oidc", "login": "/oidc/login"}, claim, 45678, "s"
        )
        parts = urlsplit(url)
        self.assertEqual((parts.netloc, parts.path), ("keys.example.com:25519", "/oidc/login"))
        self.assertEqual(
            dict(parse_qsl(parts.query)),
            {"domain": "example.com", "nonce": nonce_for(ENTRY), "login_hint": ALICE, "port": "45678", "state": "s"},
        )


class OutcomeTests(SynchronousTestCase):
    def test_an_id_token(self) -> None:
        self.assertEqual(proof_in({"id_token": "a.b.c"}), EmailProof(oidc_token="a.b.c"))

    def test_a_saml_response(self) -> None:
        self.assertEqual(proof_in({"saml_response": "PHg+"}), EmailProof(saml_response="PHg+"))

    def test_an_error_of_the_front(self) -> None:
        error = self.assertRaises(
            RegistrationExpired, proof_in, {"error": "registration_expired", "error_description": "x"}
        )
        self.assertEqual(str(error), "x")

    def test_an_error_that_moves_the_cursor(self) -> None:
        error = self.assertRaises(
            LoginRefused, proof_in, {"error": "login_refused", "error_description": "\x1b[31mred"}
        )
        self.assertNotIn("\x1b", str(error))

    def test_nothing(self) -> None:
        self.assertRaises(LoginRefused, proof_in, {})


class LoginTests(TestCase):
    """The whole of it, but for the front."""

    def setUp(self) -> None:
        txaio.use_twisted()
        self.shown: list[str] = []
        self.offered: Any = [{"kind": "dkim"}, {"kind": "oidc", "login": "/oidc/login"}]
        self.patch(asking, "ways", lambda url, tls, domain: self.offered)
        self.claim = Claim(ALICE, ENTRY, RealmConfig(RealmName="r", URL="https://keys.example.com/"))

    def prove(self, show: Any, **more: Any) -> Deferred[EmailProof]:
        return ensureDeferred(Login(Path(), show, **more)(self.claim))

    def test_it_waits_and_goes_on_by_itself(self) -> Deferred[Any]:
        def show(address: str) -> None:
            asked = dict(parse_qsl(urlsplit(address).query))
            path = f"/?{urlencode({'state': asked['state'], 'id_token': 'a.b.c'})}"
            later: Any = reactor
            later.callLater(0.05, deferToThread, get, int(asked["port"]), path)

        proved = self.prove(show)
        return proved.addCallback(lambda proof: self.assertEqual(proof.oidc_token, "a.b.c"))

    def test_a_place_that_moves_the_cursor(self) -> Deferred[Any]:
        self.offered = [{"kind": "oidc", "login": "/\x1b[2J"}]
        return self.assertFailure(self.prove(self.shown.append), RegistrationNeeded)

    def test_it_does_not_wait_for_ever(self) -> Deferred[Any]:
        times = iter([0.0, 1.0, 600.0])
        proved = self.prove(self.shown.append, clock=lambda: next(times))
        refused = self.assertFailure(proved, LoginRefused)
        return refused.addCallback(lambda error: self.assertIn("within 10 minutes", str(error)))

    def test_no_login_for_this_domain(self) -> Deferred[Any]:
        self.offered = [{"kind": "dkim"}]
        refused = self.assertFailure(self.prove(self.shown.append), RegistrationNeeded)
        return refused.addCallback(lambda error: self.assertIn("the realm takes: a mail", str(error)))

    def test_a_way_that_leads_elsewhere_is_none(self) -> Deferred[Any]:
        self.offered = [{"kind": "oidc", "login": "https://evil.example/"}]
        return self.assertFailure(self.prove(self.shown.append), RegistrationNeeded)

    def test_another_front_where_the_first_does_not_answer(self) -> Deferred[Any]:
        def ways(url: str, tls: object, domain: str) -> Any:
            if "second" not in url:
                raise Unreachable("away")
            return self.offered

        def show(address: str) -> None:
            self.shown.append(address)
            raise LoginRefused("enough")

        self.patch(asking, "ways", ways)
        self.claim.realm.URLs.append("https://second.example.com")
        refused = self.assertFailure(self.prove(show), LoginRefused)
        return refused.addCallback(
            lambda _: self.assertTrue(self.shown[0].startswith("https://second.example.com/oidc/login?"))
        )

    def test_no_front_that_answers(self) -> Deferred[Any]:
        def ways(url: str, tls: object, domain: str) -> Any:
            raise Unreachable("away")

        self.patch(asking, "ways", ways)
        return self.assertFailure(self.prove(self.shown.append), Unreachable)

    def test_a_realm_without_a_front(self) -> Deferred[Any]:
        self.claim = Claim(ALICE, ENTRY, RealmConfig(RealmName="r"))
        return self.assertFailure(self.prove(self.shown.append), Misconfigured)


class ThreadTests(TestCase):
    def setUp(self) -> None:
        txaio.use_twisted()

    def test_what_it_returns(self) -> Deferred[Any]:
        return ensureDeferred(in_thread(lambda: 7)).addCallback(self.assertEqual, 7)

    def test_what_it_raises(self) -> Deferred[Any]:
        def fail() -> None:
            raise Unreachable("away")

        return self.assertFailure(ensureDeferred(in_thread(fail)), Unreachable)
