"""The HTTPS front's part of a login: what it hands the browser, and what it makes of what comes back."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import TestCase
from twisted.web.server import Request

from coname.errors import ConameError, InvalidRequest, RegistrationRefused
from coname.messages.client_pb2 import EmailProof
from coname.oidc.claims import nonce_for
from coname.oidc.fetching import Fetcher
from coname.oidc.login import Logins, chosen
from coname.oidc.provider import Provider
from coname.oidc.sealing import seal, unseal
from coname.oidc.underway import LOGIN_SECONDS, SLOTS
from coname.protocols.http_exchange import RequestHeaders
from coname.protocols.oidc_routes import oidc_routes
from coname.protocols.responses import Response
from coname.registration.oidc import OidcChecker
from coname.registration.proof import Presented
from tests.oidc.browser import outcome_in, program_address
from tests.oidc.fake_provider import ADDRESS, NOW, FakeProvider, says

FRONT = "https://keys.example.com:25519"
ENTRY = b"an encoded entry"
NONCE = nonce_for(ENTRY)
KEY, VOUCHER_KEY = b"k" * 32, b"v" * 32


class Answer:
    """A response, taken apart."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.body = response.body.decode()
        lines = response.headers.decode().splitlines()
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def location(self) -> str:
        return self.headers["location"]

    @property
    def asked(self) -> dict[str, str]:
        """The query of where it redirects to."""
        return dict(parse_qsl(urlsplit(self.location).query))

    @property
    def cookie(self) -> str:
        """Name and value."""
        return self.headers["set-cookie"].partition(";")[0]

    @property
    def outcome(self) -> Any:
        """What the page is handed."""
        return outcome_in(self.body)


class FrontCase(TestCase):
    def setUp(self) -> None:
        self.fake = FakeProvider()
        self.addCleanup(self.fake.stop)
        self.posted: list[dict[str, list[str]]] = []
        self.sent: list[Any] = []
        self.now = float(NOW)
        self.begin()

    def begin(self, key: bytes = KEY, **settings: Any) -> None:
        """A replica."""
        provider = Provider(self.fake.settings(**settings), 60, Fetcher(reactor), reactor)
        name = provider.settings.name

        def choose(domain: str, wanted: str) -> Provider | None:
            return provider if domain == "example.com" and wanted in ("", name) else None

        logins = Logins(choose, Fetcher(reactor), FRONT, key, VOUCHER_KEY, lambda: self.now)
        self.routes = oidc_routes(logins, {name, "other"} - {""})
        self.checker = OidcChecker([provider], True, VOUCHER_KEY)

    async def get(self, path: str, cookie: str = "", **fields: str) -> Answer:
        headers = RequestHeaders()
        headers.addRawHeader(b"Host", b"evil.example")
        if cookie:
            headers.addRawHeader(b"Cookie", cookie.encode())
        exchange: Any = SimpleNamespace(query=urlencode(fields).encode(), requestHeaders=headers)
        return Answer(await maybeDeferred(self.routes[path.encode()][b"GET"], exchange))

    async def depart(self, **fields: str) -> Answer:
        return await self.get("/oidc/login", **{"domain": "example.com", "nonce": NONCE, **fields})

    def redeems(self, claims: dict[str, Any] | None = None, status: int = 200, **more: Any) -> None:
        """The provider gives an ID token with these claims for any code."""
        token = self.fake.token(self.fake.claims(nonce=NONCE) if claims is None else claims)

        def serve(request: Request) -> bytes:
            assert request.content is not None
            self.posted.append(parse_qs(request.content.read().decode(), keep_blank_values=True))
            self.sent.append(request.getHeader("authorization"))
            return says({"id_token": token, "access_token": "an access token", **more}, status)(request)  # type: ignore

        self.fake.paths["/token"] = serve

    async def arrive(self, departure: Answer, **changes: str) -> Answer:
        fields = {"state": departure.asked["state"], "code": "a code", **changes}
        return await self.get("/oidc/callback", departure.cookie, **fields)

    def failed(self, answer: Answer, code: str, reason: str) -> None:
        """The page is told so."""
        self.assertEqual(answer.status, 200)
        self.assertNotIn("id_token", answer.outcome)
        self.assertEqual(answer.outcome["error"]["code"], code)
        self.assertIn(reason, answer.outcome["error"]["message"])


class DepartureTests(FrontCase):
    async def test_the_provider_is_asked_for_a_code(self) -> None:
        answer = await self.depart(login_hint=ADDRESS)
        self.assertEqual(answer.status, 303)
        self.assertTrue(answer.location.startswith(self.fake.issuer + "/authorize?"))
        asked = answer.asked
        self.assertEqual(
            (asked["response_type"], asked["client_id"], asked["scope"], asked["nonce"], asked["login_hint"]),
            ("code", "coname", "openid email", NONCE, ADDRESS),
        )
        self.assertEqual(asked["code_challenge_method"], "S256")

    async def test_the_way_back_is_the_configured_one(self) -> None:
        self.assertEqual((await self.depart()).asked["redirect_uri"], FRONT + "/oidc/callback")

    async def test_the_cookie_is_for_this_host_alone_and_for_no_script(self) -> None:
        header = (await self.depart()).headers["set-cookie"]
        self.assertTrue(header.startswith("__Host-coname-login-"))
        self.assertTrue(header.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"))
        self.assertLess(len(header), 1500)

    async def test_the_cookie_tells_nothing(self) -> None:
        answer = await self.depart()
        self.assertNotIn(answer.asked["state"], answer.cookie)
        self.assertNotIn(NONCE, answer.cookie)

    async def test_each_login_has_its_own_secrets(self) -> None:
        first, second = await self.depart(), await self.depart()
        self.assertNotEqual(first.asked["state"], second.asked["state"])
        self.assertNotEqual(first.asked["code_challenge"], second.asked["code_challenge"])

    async def test_a_browser_keeps_few(self) -> None:
        names = {(await self.depart()).cookie.partition("=")[0] for _ in range(50)}
        self.assertLessEqual(len(names), SLOTS)

    async def test_as_the_original_has_it_the_nonce_is_made_up(self) -> None:
        answers = [await self.get("/oidc", domain="example.com", nonce=NONCE) for _ in range(2)]
        nonces = {answer.asked["nonce"] for answer in answers}
        self.assertEqual((len(nonces), {len(nonce) for nonce in nonces}), (2, {43}))
        self.assertNotIn(NONCE, nonces)

    async def test_a_provider_with_a_query_of_its_own(self) -> None:
        self.fake.description["authorization_endpoint"] = self.fake.issuer + "/authorize?tenant=1"
        answer = await self.depart()
        self.assertEqual(answer.asked["tenant"], "1")

    async def test_no_provider_for_the_domain(self) -> None:
        self.failed(await self.depart(domain="example.org"), "not_found", "vouches for addresses of example.org")

    async def test_a_provider_that_is_away(self) -> None:
        await self.fake.stop()
        self.failed(await self.depart(), "unavailable", "cannot be reached")

    async def test_a_provider_that_only_makes_tokens(self) -> None:
        self.fake.description["authorization_endpoint"] = None
        self.failed(await self.depart(), "unavailable", "does not say where to log in")


class MalformedTests(FrontCase):
    async def malformed(self, reason: str, **fields: str) -> None:
        try:
            await self.depart(**fields)
        except ConameError as error:
            self.assertIsInstance(error, InvalidRequest)
            self.assertIn(reason, str(error))
        else:
            self.fail("it was taken")

    async def test_no_domain(self) -> None:
        await self.malformed("domain is missing", domain="")

    async def test_a_domain_that_is_none(self) -> None:
        await self.malformed("not a domain name", domain="exa mple")

    async def test_a_nonce_that_is_no_hash(self) -> None:
        await self.malformed("43 characters", nonce="short")

    async def test_a_port_of_the_system(self) -> None:
        await self.malformed("from 1024 to 65535", port="443", state="s" * 20)

    async def test_a_port_with_an_address(self) -> None:
        await self.malformed("from 1024 to 65535", port="8080@evil.example", state="s" * 20)

    async def test_a_port_without_state(self) -> None:
        await self.malformed("state is not", port="8080")

    async def test_a_state_without_port(self) -> None:
        await self.malformed("port is not", state="s" * 20)


class ArrivalTests(FrontCase):
    async def test_the_page_gets_the_id_token(self) -> None:
        self.redeems()
        answer = await self.arrive(await self.depart())
        self.assertEqual((answer.outcome["nonce"], answer.outcome["domain"]), (NONCE, "example.com"))
        presented = Presented(EmailProof(oidc_token=answer.outcome["id_token"]))
        proved = await self.checker.check(presented, ADDRESS, ENTRY, self.now)
        self.assertTrue(proved.bound)

    async def test_the_document_lets_nothing_else_in_and_the_cookie_goes(self) -> None:
        self.redeems()
        headers = (await self.arrive(await self.depart())).headers
        self.assertIn("default-src 'none'; script-src 'self'", headers["content-security-policy"])
        self.assertEqual(headers["referrer-policy"], "no-referrer")
        self.assertIn("Max-Age=0", headers["set-cookie"])

    async def test_the_code_is_redeemed_with_the_secret_of_this_login(self) -> None:
        self.redeems()
        departure = await self.depart()
        await self.arrive(departure)
        (posted,) = self.posted
        self.assertEqual(posted["code"], ["a code"])
        self.assertEqual(posted["grant_type"], ["authorization_code"])
        self.assertEqual(posted["redirect_uri"], [FRONT + "/oidc/callback"])
        self.assertEqual(posted["client_id"], ["coname"])
        challenge = urlsafe_b64encode(sha256(posted["code_verifier"][0].encode()).digest()).decode().rstrip("=")
        self.assertEqual(departure.asked["code_challenge"], challenge)

    async def test_a_replica_that_did_not_begin_it_ends_it(self) -> None:
        self.redeems()
        departure = await self.depart()
        self.begin()
        self.assertIn("id_token", (await self.arrive(departure)).outcome)

    async def test_the_realms_secret_goes_into_the_header(self) -> None:
        self.begin(client_secret="s/ecret")
        self.redeems()
        await self.arrive(await self.depart())
        self.assertEqual(self.sent, ["Basic Y29uYW1lOnMlMkZlY3JldA=="])
        self.assertNotIn("client_secret", self.posted[0])

    async def test_or_into_the_body_where_that_is_asked_for(self) -> None:
        self.fake.description["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        self.begin(client_secret="secret")
        self.redeems()
        await self.arrive(await self.depart())
        self.assertEqual((self.sent, self.posted[0]["client_secret"]), ([None], ["secret"]))

    async def test_what_a_stranger_says_stays_text(self) -> None:
        answer = await self.arrive(await self.depart(), error='"><script>alert(1)</script>')
        self.assertNotIn("<script>alert", answer.body)
        self.failed(answer, "login_refused", "<script>alert(1)</script>")


class RefusedTests(FrontCase):
    async def test_the_provider_says_no(self) -> None:
        answer = await self.arrive(await self.depart(), error="access_denied", error_description="not today")
        self.failed(answer, "login_refused", "did not log you in: 'not today'")

    async def test_no_code(self) -> None:
        self.failed(await self.arrive(await self.depart(), code=""), "login_refused", "sends no code")

    async def test_no_cookie(self) -> None:
        departure = await self.depart()
        answer = await self.get("/oidc/callback", state=departure.asked["state"], code="a code")
        self.failed(answer, "login_unknown", "not known, or took too long")

    async def test_anothers_cookie(self) -> None:
        self.redeems()
        mine, theirs = await self.depart(), await self.depart()
        name = theirs.cookie.partition("=")[0]
        cookie = f"{name}={mine.cookie.partition('=')[2]}"
        answer = await self.get("/oidc/callback", cookie, state=theirs.asked["state"], code="a code")
        self.failed(answer, "login_unknown", "not known")
        self.assertEqual(self.posted, [])

    async def test_too_late(self) -> None:
        departure = await self.depart()
        self.now += LOGIN_SECONDS
        self.failed(await self.arrive(departure), "login_unknown", "took too long")

    async def test_a_cookie_of_another_realm(self) -> None:
        departure = await self.depart()
        self.begin(key=b"other".ljust(32))
        self.failed(await self.arrive(departure), "login_unknown", "not known")

    async def test_a_cookie_that_was_changed(self) -> None:
        departure = await self.depart()
        cookie = departure.cookie[:-4] + "AAAA"
        answer = await self.get("/oidc/callback", cookie, state=departure.asked["state"], code="a code")
        self.failed(answer, "login_unknown", "not known")

    async def test_an_answer_of_another_provider(self) -> None:
        answer = await self.arrive(await self.depart(), iss="https://evil.example")
        self.failed(answer, "login_refused", "the answer is by 'https://evil.example'")

    async def test_an_answer_of_nobody_from_a_provider_that_names_itself(self) -> None:
        self.fake.description["authorization_response_iss_parameter_supported"] = True
        self.failed(await self.arrive(await self.depart()), "login_refused", "the answer is by 'None'")

    async def test_a_code_that_is_not_redeemed(self) -> None:
        self.fake.paths["/token"] = says({"error": "invalid_grant", "error_description": "used"}, 400)
        self.failed(await self.arrive(await self.depart()), "login_refused", "'invalid_grant: used'")

    async def test_an_answer_without_id_token(self) -> None:
        self.redeems(id_token=None)
        self.failed(await self.arrive(await self.depart()), "login_refused", "sends no ID token")

    async def test_an_id_token_of_another_login(self) -> None:
        self.redeems(self.fake.claims(nonce=nonce_for(b"another")))
        self.failed(await self.arrive(await self.depart()), "login_refused", "is of another login (nonce)")

    async def test_an_id_token_without_nonce(self) -> None:
        self.redeems(self.fake.claims())
        self.failed(await self.arrive(await self.depart()), "login_refused", "is of another login (nonce)")

    async def test_an_id_token_for_somebody_else(self) -> None:
        self.redeems(self.fake.claims(nonce=NONCE, aud="mail"))
        self.failed(await self.arrive(await self.depart()), "registration_refused", "not for this realm")

    async def test_an_id_token_by_somebody_else(self) -> None:
        self.redeems(self.fake.claims(nonce=NONCE, iss="https://evil.example"))
        answer = await self.arrive(await self.depart())
        self.failed(answer, "registration_refused", "the ID token is by 'https://evil.example', not by")

    async def test_an_id_token_that_has_expired(self) -> None:
        self.redeems(self.fake.claims(nonce=NONCE, exp=NOW - 100))
        self.failed(await self.arrive(await self.depart()), "registration_expired", "too old")

    async def test_a_provider_that_sends_us_nowhere(self) -> None:
        for nowhere in ("https://a..b/", "https://" + "a" * 300 + ".example/", "https://%00.example/"):
            self.fake.description["token_endpoint"] = nowhere
            self.begin()
            self.failed(await self.arrive(await self.depart()), "unavailable", "cannot be reached")

    async def test_a_provider_that_answers_with_a_page(self) -> None:
        self.fake.paths["/token"] = says(b"<html>")
        self.failed(await self.arrive(await self.depart()), "unavailable", "does not answer as it should")


class AddressElsewhereTests(FrontCase):
    """The ID token does not tell the address; whoever brings the access token is told."""

    async def told(self, answer: dict[str, Any], status: int = 200) -> Answer:
        claims = self.fake.claims(nonce=NONCE, email=None, email_verified=None)
        self.redeems(claims)
        self.bearers: list[Any] = []

        def serve(request: Request) -> bytes:
            self.bearers.append(request.getHeader("authorization"))
            return says(answer, status)(request)  # type: ignore

        self.fake.paths["/userinfo"] = serve
        return await self.arrive(await self.depart())

    async def check(self, token: str) -> str:
        presented = Presented(EmailProof(oidc_token=token))
        return (await self.checker.check(presented, ADDRESS, ENTRY, self.now)).address

    async def test_it_goes_with_the_id_token(self) -> None:
        answer = await self.told({"sub": "user-1", "email": ADDRESS, "email_verified": True})
        self.assertEqual(self.bearers, ["Bearer an access token"])
        token = answer.outcome["id_token"]
        self.assertEqual(await self.check(token), ADDRESS)
        self.assertEqual(quote(token, safe="~"), token)

    async def test_nobody_else_can_put_it_there(self) -> None:
        token = (await self.told({"sub": "user-1", "email": "bob@example.com", "email_verified": True})).outcome[
            "id_token"
        ]
        token, _, made = token.split("~")
        for forged in (
            f"{token}~{urlsafe_b64encode(ADDRESS.encode()).decode().rstrip('=')}~{made}",
            f"{token}~{urlsafe_b64encode(ADDRESS.encode()).decode().rstrip('=')}~",
            f"{token}~~",
            f"{token}~a~b~c",
            token,
        ):
            await self.assertFailure(Deferred.fromCoroutine(self.check(forged)), RegistrationRefused)

    async def test_nor_to_another_token(self) -> None:
        answer = await self.told({"sub": "user-1", "email": ADDRESS, "email_verified": True})
        _, address, made = answer.outcome["id_token"].split("~")
        other = self.fake.token(self.fake.claims(nonce=NONCE, sub="user-2", email=None, email_verified=None))
        checking = Deferred.fromCoroutine(self.check(f"{other}~{address}~{made}"))
        await self.assertFailure(checking, RegistrationRefused)

    async def test_an_address_in_the_token_is_the_one_that_counts(self) -> None:
        token = self.fake.token(self.fake.claims(nonce=NONCE, email="bob@example.com"))
        address = urlsafe_b64encode(ADDRESS.encode()).decode().rstrip("=")
        checking = Deferred.fromCoroutine(self.check(f"{token}~{address}~AAAA"))
        await self.assertFailure(checking, RegistrationRefused)

    async def test_somebody_elses(self) -> None:
        answer = await self.told({"sub": "user-2", "email": ADDRESS, "email_verified": True})
        self.failed(answer, "login_refused", "does not tell the e-mail address")

    async def test_not_verified(self) -> None:
        answer = await self.told({"sub": "user-1", "email": ADDRESS, "email_verified": False})
        self.failed(answer, "registration_refused", "email_verified is not true")

    async def test_not_told(self) -> None:
        self.failed(await self.told({"error": "no"}, 401), "login_refused", "does not tell the e-mail address")


class NamedProviderTests(FrontCase):
    """A provider with paths of its own, beside another one: who has sent the browser back is known by the way."""

    def setUp(self) -> None:
        super().setUp()
        self.begin(name="acme")

    async def arrive_by(self, path: str, departure: Answer) -> Answer:
        return await self.get(path, departure.cookie, state=departure.asked["state"], code="a code")

    async def test_its_login_begins_and_ends_at_its_own_paths(self) -> None:
        self.redeems()
        departure = await self.get("/oidc/login/acme", domain="example.com", nonce=NONCE)
        self.assertEqual(departure.asked["redirect_uri"], FRONT + "/oidc/callback/acme")
        answer = await self.arrive_by("/oidc/callback/acme", departure)
        self.assertIn("id_token", answer.outcome)
        self.assertEqual(self.posted[0]["redirect_uri"], [FRONT + "/oidc/callback/acme"])

    async def test_so_it_does_where_the_domain_has_led_to_it(self) -> None:
        self.redeems()
        departure = await self.depart()
        self.assertEqual(departure.asked["redirect_uri"], FRONT + "/oidc/callback/acme")
        self.assertIn("id_token", (await self.arrive_by("/oidc/callback/acme", departure)).outcome)

    async def test_coming_back_from_another_provider(self) -> None:
        """A dishonest provider has led the browser on to an honest one, whose code it is after (RFC 9700, 4.4)."""
        self.redeems()
        answer = await self.arrive_by("/oidc/callback/other", await self.depart())
        self.failed(answer, "login_refused", "comes back by another's way")
        self.assertEqual(self.posted, [])

    async def test_coming_back_by_the_way_of_providers_without_a_name(self) -> None:
        self.redeems()
        self.failed(await self.arrive(await self.depart()), "login_refused", "comes back by another's way")
        self.assertEqual(self.posted, [])

    async def test_another_one_does_not_vouch_for_the_domain(self) -> None:
        self.failed(await self.get("/oidc/login/other", domain="example.com"), "not_found", "no OpenID provider")

    async def test_where_its_login_begins_is_offered(self) -> None:
        offered = self.checker.offer("example.com")
        self.assertEqual(offered, [{"issuer": self.fake.issuer, "login": "/oidc/login/acme"}])


class ChosenTests(FrontCase):
    """Which of several providers is meant."""

    def setUp(self) -> None:
        super().setUp()
        self.providers = {
            name: Provider(self.fake.settings(name=name), 60, Fetcher(reactor), reactor)
            for name in ("acme", "", "other")
        }

    def check(self, fitting: list[str], wanted: str, expected: str | None) -> None:
        found = chosen([self.providers[name] for name in fitting], wanted)
        self.assertIs(found, None if expected is None else self.providers[expected])

    def test_the_one_of_that_name(self) -> None:
        self.check(["acme", "", "other"], "other", "other")

    def test_nobody_has_it(self) -> None:
        self.check(["acme", ""], "other", None)

    def test_none_is_wanted_and_one_has_none(self) -> None:
        self.check(["acme", ""], "", "")

    def test_none_is_wanted_and_all_have_one(self) -> None:
        self.check(["other", "acme"], "", "other")

    def test_nobody_is_there(self) -> None:
        self.check([], "", None)


class CookieOfEarlierVersionTests(FrontCase):
    async def test_a_login_that_began_before_an_upgrade_ends_after_it(self) -> None:
        self.redeems()
        departure = await self.depart()
        name, content = departure.cookie.split("=", 1)
        earlier = {field: value for field, value in (unseal(KEY, content) or {}).items() if field != "provider"}
        answer = await self.get(
            "/oidc/callback", f"{name}={seal(KEY, earlier)}", state=departure.asked["state"], code="a code"
        )
        self.assertIn("id_token", answer.outcome)


class ProgramTests(FrontCase):
    """A program on the browser's machine waits for the login."""

    back: dict[str, str] = {"port": "45678", "state": "0123456789abcdef"}  # noqa: RUF012

    async def test_it_gets_the_id_token_from_whoever_says_so(self) -> None:
        self.redeems()
        answer = await self.arrive(await self.depart(**self.back))
        location = program_address(answer.body) or ""
        self.assertTrue(location.startswith("http://127.0.0.1:45678/?"))
        told = dict(parse_qsl(urlsplit(location).query))
        self.assertEqual((told["state"], told["id_token"].count(".")), ("0123456789abcdef", 2))

    async def test_nothing_goes_there_by_itself(self) -> None:
        """Whoever is logged in already would not even notice that somebody else's program had begun a login."""
        self.redeems()
        answer = await self.arrive(await self.depart(**self.back))
        self.assertEqual(answer.status, 200)
        self.assertNotIn("location", answer.headers)
        self.assertNotIn("refresh", answer.headers)
        self.assertNotIn("<script", answer.body)
        self.assertNotIn("http-equiv", answer.body)

    async def test_the_question_is_in_no_frame_and_says_what_for(self) -> None:
        self.redeems()
        answer = await self.arrive(await self.depart(**self.back))
        self.assertIn("frame-ancestors 'none'", answer.headers["content-security-policy"])
        self.assertNotIn("script-src", answer.headers["content-security-policy"])
        self.assertEqual(answer.headers["referrer-policy"], "no-referrer")
        self.assertIn("example.com", answer.body)
        self.assertIn(f"<code>{NONCE[:4]} {NONCE[4:8]}</code>", answer.body)
        self.assertIn("Max-Age=0", answer.headers["set-cookie"])

    async def test_it_is_told_what_went_wrong(self) -> None:
        answer = await self.arrive(await self.depart(**self.back), error="access_denied")
        self.assertEqual((answer.status, answer.asked["error"]), (303, "login_refused"))
        self.assertIn("access_denied", answer.asked["error_description"])

    async def test_also_if_it_goes_wrong_at_once(self) -> None:
        answer = await self.depart(domain="example.org", **self.back)
        self.assertEqual((answer.status, answer.asked["error"]), (303, "not_found"))
