"""A realm that takes ID tokens of a provider of ours, which can be made to lie."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from coname.errors import ConameError, Unavailable
from coname.messages.client_pb2 import EmailProof
from coname.oidc.claims import nonce_for
from coname.oidc.fetching import Fetcher
from coname.oidc.provider import Provider
from coname.registration.oidc import OidcChecker
from coname.registration.proof import Presented, Proved
from tests.oidc.fake_provider import ADDRESS, NOW, FakeProvider

ENTRY = b"an encoded entry"
VOUCHER_KEY = bytes(range(32))
SKEW = 60.0


class OidcCase(TestCase):
    """One provider, and one checker.

    :cvar seconds: how long an answer may take.
    :ivar clock: the checker's, for what it remembers; the test turns it.
    """

    seconds = 10.0

    def setUp(self) -> None:
        self.fake = FakeProvider()
        self.addCleanup(self.fake.stop)
        self.clock = Clock()
        self.clock.advance(1000)
        self.begin()

    def begin(self, **settings: Any) -> None:
        """A checker that knows nothing yet."""
        provider = Provider(self.fake.settings(**settings), SKEW, Fetcher(reactor, seconds=self.seconds), self.clock)
        self.checker = OidcChecker([provider], True, VOUCHER_KEY)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a login for `ENTRY`."""
        return self.fake.claims(**{"nonce": nonce_for(ENTRY), **changes})

    async def check(self, token: str, user_id: str = ADDRESS, now: float = NOW + 1) -> Proved:
        return await self.checker.check(Presented(EmailProof(oidc_token=token)), user_id, ENTRY, now)

    def refused(self, kind: type[ConameError], reason: str, token: str, **more: Any) -> Deferred[None]:
        """The check fails with exactly `kind`, and says why."""
        return self.failing(kind, reason, self.check(token, **more))

    def unavailable(self, reason: str) -> Deferred[None]:
        """A token in order cannot be checked now."""
        return self.refused(Unavailable, reason, self.fake.token(self.claims()))

    def failing(self, kind: type[ConameError], reason: str, checking: Awaitable[Any]) -> Deferred[None]:
        async def check() -> None:
            try:
                await checking
            except ConameError as error:
                self.assertIs(type(error), kind, str(error))
                self.assertIn(reason, str(error))
            else:
                self.fail("it was taken")

        return Deferred.fromCoroutine(check())

    def bound(self, token: str, **more: Any) -> Deferred[None]:
        """The check succeeds, for this entry."""

        async def check() -> None:
            proved = await self.check(token, **more)
            self.assertEqual((proved.address, proved.bound), (ADDRESS, True))

        return Deferred.fromCoroutine(check())
