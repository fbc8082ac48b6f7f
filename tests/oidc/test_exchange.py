"""Codes are exchanged some at a time, first come, first served."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Overloaded, Unavailable
from coname.oidc.exchange import EXCHANGES, MOST_WAITING, Exchange
from coname.oidc.fetching import Fetcher
from coname.oidc.metadata import Metadata
from coname.oidc.provider import Provider
from coname.oidc.provider_settings import ProviderSettings


class SilentProvider:
    """Takes questions, and answers none of them before it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._answers: list[Deferred[Any]] = []

    def send(self, method: str, url: str, headers: object, fields: dict[str, str]) -> Deferred[Any]:
        self.asked.append(fields["code"])
        answer: Deferred[Any] = Deferred()
        self._answers.append(answer)
        return answer

    def fail_oldest(self) -> None:
        self._answers.pop(0).errback(Unavailable("no answer"))


class Turns(SynchronousTestCase):
    def setUp(self) -> None:
        self.provider = SilentProvider()
        self.exchange = Exchange(cast(Fetcher, self.provider), b"key", lambda: 0.0)
        issuer = "https://login.example.com"
        self.metadata = Metadata("", "", f"{issuer}/token", "", None, False, False, False)
        settings = ProviderSettings(("example.com",), "", issuer, "coname", "", 60.0, "openid email")
        self.asked_of = Provider(settings, 5, cast(Fetcher, self.provider), Clock())

    def bring(self, code: str) -> Deferred[Any]:
        return Deferred.fromCoroutine(
            self.exchange.redeem(self.asked_of, self.metadata, code, "verifier", "https://example.com/oidc/callback")
        )

    def test_no_more_than_some_are_asked_at_once(self) -> None:
        for number in range(EXCHANGES + 5):
            self.bring(str(number))
        self.assertEqual(len(self.provider.asked), EXCHANGES)

    def test_the_next_one_has_its_turn_when_one_ends(self) -> None:
        brought = [self.bring(str(number)) for number in range(EXCHANGES + 2)]
        self.provider.fail_oldest()
        self.failureResultOf(brought[0], Unavailable)
        self.assertEqual(self.provider.asked[-1], str(EXCHANGES))

    def test_who_goes_away_leaves_the_queue(self) -> None:
        brought = [self.bring(str(number)) for number in range(EXCHANGES + 2)]
        brought[EXCHANGES].cancel()
        self.failureResultOf(brought[EXCHANGES], CancelledError)
        self.provider.fail_oldest()
        self.failureResultOf(brought[0], Unavailable)
        self.assertEqual(self.provider.asked[-1], str(EXCHANGES + 1))

    def test_a_full_queue_is_an_overload(self) -> None:
        for number in range(EXCHANGES + MOST_WAITING):
            self.bring(str(number))
        self.failureResultOf(self.bring("one more"), Overloaded)
