"""A SAML checker at a fixed time, whose identity provider's metadata a test can change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import ConameError, Unavailable
from coname.messages.client_pb2 import EmailProof
from coname.oidc.cached import Fresh
from coname.registration.one_thread import OneThread
from coname.registration.proof import Presented, Proved
from coname.registration.saml import SamlChecker, SamlSettings
from coname.registration.saml_provider import Metadata
from tests.registration import saml_responses as idp


class AtOnce(OneThread):
    """Does everything at once, without a thread."""

    def __call__(self, function: Callable[..., Any], *arguments: object) -> Deferred[Any]:
        return execute(function, *arguments)


class SamlCase(SynchronousTestCase):
    """
    :ivar document: the metadata; None: it cannot be had. :ivar fetched: how often it was asked for.
    """

    def setUp(self) -> None:
        self.document: bytes | None = idp.metadata()
        self.fetched = 0
        self.clock = Clock()
        self.settings = SamlSettings(
            domains=["example.com"],
            called="idp.example.com",
            entity_id=idp.AUDIENCE,
            consumer=idp.CONSUMER,
            key=idp.stranger().key,
            certificate=idp.stranger().certificate,
            attribute="EmailAddress",
            validity=600.0,
        )
        metadata = Metadata("idp", self.fetch, "", self.clock)
        threads = AtOnce(None, "SAML responses"), AtOnce(None, "SAML logins")
        self.checker = SamlChecker(self.settings, metadata, 60.0, *threads)

    async def fetch(self) -> Fresh[bytes]:
        self.fetched += 1
        if self.document is None:
            raise Unavailable("the identity provider is away")
        return Fresh(self.document, 3600.0)

    def check(self, response: str, entry: bytes, now: float) -> Deferred[Proved]:
        presented = Presented(EmailProof(saml_response=response))
        self.assertTrue(self.checker.takes(presented))
        return Deferred.fromCoroutine(self.checker.check(presented, idp.ADDRESS, entry, now))

    def prove(self, response: str, entry: bytes = idp.ENTRY, now: float = idp.NOW) -> Proved:
        """What `response` proves."""
        return self.successResultOf(self.check(response, entry, now))

    def refuse(
        self,
        response: str,
        reason: str,
        code: str = "registration_refused",
        entry: bytes = idp.ENTRY,
        now: float = idp.NOW,
    ) -> None:
        """`response` proves nothing, for that `reason`, which is part of a sentence."""
        error = self.failureResultOf(self.check(response, entry, now), ConameError).value
        self.assertIn(reason, str(error))
        self.assertEqual(error.code, code)
