"""Logins at a certified provider, from the first address to the proof, with no part of it pretended."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from coname.errors import LoginRefused, RegistrationRefused
from coname.messages.client_pb2 import EmailProof
from coname.oidc.claims import nonce_for
from coname.oidc.fetching import Fetcher
from coname.oidc.login import Logins
from coname.oidc.provider import Provider
from coname.oidc.provider_settings import ProviderSettings
from coname.oidc.underway import Arrival, purpose
from coname.registration.oidc import OidcChecker
from coname.registration.proof import Presented, Proved
from tests.oidc.browser import Browser
from tests.oidc.provider import RealProvider, client

FRONT = "https://localhost:25519"
ADDRESS = "alice@example.com"
ENTRY = b"an encoded entry"
VOUCHER_KEY = bytes(range(32))


class RealCase(TestCase):
    """One realm at one provider.

    :cvar algorithm: what its ID tokens are signed with. :cvar secret: the realm's. :cvar options: the provider's.
    """

    algorithm = "RS256"
    secret = ""
    options: dict[str, Any] = {"conformIdTokenClaims": False}  # noqa: RUF012

    def setUp(self) -> None:
        registered = client(FRONT, secret=self.secret, algorithm=self.algorithm)
        self.real = RealProvider([registered], **self.options)
        self.addCleanup(self.real.stop)
        settings = ProviderSettings(
            domains=("example.com",),
            discovery_url=self.real.issuer + "/.well-known/openid-configuration",
            issuer=self.real.issuer,
            client_id="coname",
            client_secret=self.secret,
            validity=600,
            scope="openid email",
        )
        self.fetcher = Fetcher(reactor)
        provider = Provider(settings, 5, self.fetcher, reactor)
        self.logins = Logins(lambda *_: provider, self.fetcher, FRONT, bytes(32), VOUCHER_KEY, time.time)
        self.checker = OidcChecker([provider], True, VOUCHER_KEY)

    async def log_in(self, name: str = ADDRESS, entry: bytes = ENTRY) -> Arrival:
        """How a login as `name` for `entry` ends."""
        departure = await self.logins.depart(purpose("example.com", nonce_for(entry)), name)
        browser = Browser(stop_at=FRONT)
        page = await deferToThread(browser.log_in, departure.location, name)
        answer = dict(parse_qsl(urlsplit(page.address).query))
        return await self.logins.arrive(answer, {departure.cookie: departure.content})

    async def prove(self, token: str, user_id: str = ADDRESS, entry: bytes = ENTRY) -> Proved:
        return await self.checker.check(Presented(EmailProof(oidc_token=token)), user_id, entry, time.time())


class Rs256Tests(RealCase):
    async def test_a_login_proves_the_address(self) -> None:
        arrival = await self.log_in()
        self.assertIsNone(arrival.error)
        proved = await self.prove(arrival.token)
        self.assertEqual((proved.address, proved.issuer, proved.subject), (ADDRESS, self.real.issuer, ADDRESS))
        self.assertTrue(proved.bound)


class OtherAnswersTests(RealCase):
    async def test_for_another_entry_it_is_not_bound(self) -> None:
        arrival = await self.log_in()
        self.assertFalse((await self.prove(arrival.token, entry=b"another")).bound)

    async def test_it_is_nobody_elses(self) -> None:
        arrival = await self.log_in("bob@example.com")
        await self.assertFailure(Deferred.fromCoroutine(self.prove(arrival.token)), RegistrationRefused)

    async def test_a_code_is_good_once(self) -> None:
        departure = await self.logins.depart(purpose("example.com", nonce_for(ENTRY)))
        page = await deferToThread(Browser(stop_at=FRONT).log_in, departure.location, ADDRESS)
        answer = dict(parse_qsl(urlsplit(page.address).query))
        cookies = {departure.cookie: departure.content}
        self.assertIsNone((await self.logins.arrive(answer, cookies)).error)
        again = await self.logins.arrive(answer, cookies)
        self.assertIsInstance(again.error, LoginRefused)
        self.assertIn("invalid_grant", str(again.error))


class Ps256Tests(Rs256Tests):
    algorithm = "PS256"


class Es256Tests(Rs256Tests):
    algorithm = "ES256"


class EdDsaTests(Rs256Tests):
    algorithm = "EdDSA"


class SecretTests(Rs256Tests):
    """The realm has a secret, and shows it with each code."""

    secret = "a secret: with / signs & more"


class AddressElsewhereTests(Rs256Tests):
    """The provider tells the address beside the ID token, as it does by default."""

    options: dict[str, Any] = {}  # noqa: RUF012


class AddressOnDemandTests(Rs256Tests):
    """The provider puts the address into the ID token when it is asked to."""

    options: dict[str, Any] = {"claimsParameter": True}  # noqa: RUF012


class UnverifiedTests(RealCase):
    options: dict[str, Any] = {  # noqa: RUF012
        "conformIdTokenClaims": False,
        "accounts": {ADDRESS: {"email_verified": False}},
    }

    async def test_an_address_that_is_not_verified_is_not_taken(self) -> None:
        arrival = await self.log_in()
        self.assertIsInstance(arrival.error, RegistrationRefused)
        self.assertIn("email_verified", str(arrival.error))
