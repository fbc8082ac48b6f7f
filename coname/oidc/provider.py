"""One provider, as one realm is registered with it: its description, its keys, and what its tokens are held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime

from coname.errors import RegistrationRefused, Unavailable
from coname.oidc import claims as id_claims
from coname.oidc import tokens
from coname.oidc.cached import Cached, Fresh
from coname.oidc.claims import Expected, Identity
from coname.oidc.documents import DocumentInvalid
from coname.oidc.fetching import Fetcher
from coname.oidc.freshness import lifetime
from coname.oidc.keys import VerificationKey, parse_keys
from coname.oidc.metadata import Metadata, parse_metadata
from coname.oidc.provider_settings import ProviderSettings
from coname.oidc.urls import origin


class Provider:
    """A provider. It is asked when somebody registers or logs in, and not before.

    :ivar settings: as configured.
    """

    def __init__(self, settings: ProviderSettings, skew: float, fetcher: Fetcher, clock: IReactorTime) -> None:
        self.settings = settings
        self._fetcher = fetcher
        self._clock = clock
        self._expected = Expected(settings.issuer, settings.client_id, settings.validity, skew)
        self._metadata = Cached(f"the description of {settings.issuer}", self._fetch_metadata, clock)
        self._keys = Cached(f"the keys of {settings.issuer}", self._fetch_keys, clock)

    async def metadata(self) -> Metadata:
        """Its description.

        :raises Unavailable: it cannot be had.
        """
        return await self._metadata.get()

    async def identify(self, token: str, now: float) -> Identity:
        """Who has logged in, by an ID token.

        :param now: seconds since 1970.
        :raises RegistrationRefused: the token is not by this provider, for this realm, or is not in order.
        :raises RegistrationExpired: it was, once.
        :raises Unavailable: the provider's keys cannot be had.
        """
        return id_claims.check(await self._claims(tokens.read(token)), self._expected, now)

    async def _claims(self, unverified: tokens.Unverified) -> dict[str, Any]:
        issuer, begun = self.settings.issuer, self._clock.seconds()
        announced = (await self._metadata.get()).algorithms
        if announced is not None and unverified.algorithm not in announced:
            raise RegistrationRefused(
                f"the ID token is signed with {unverified.algorithm}, and {issuer} says that it does not use that"
            )
        try:
            return tokens.verified_claims(unverified, await self._keys.get(), issuer)
        except tokens.UnknownKey:
            if self._keys.fetched_at >= begun:
                raise
            # A new key, of which we have not heard yet; or somebody has made up its name.
            return tokens.verified_claims(unverified, await self._keys.renewed(), issuer)

    async def _fetch_metadata(self) -> Fresh[Metadata]:
        url = self.settings.discovery_url
        answer = await self._fetcher.get(url)
        try:
            metadata = parse_metadata(answer.body, self.settings.issuer, origin(url))
        except DocumentInvalid as error:
            raise Unavailable(f"the description of {self.settings.issuer} at {url} is wrong: {error}") from error
        return Fresh(metadata, lifetime(answer.headers))

    async def _fetch_keys(self) -> Fresh[Sequence[VerificationKey]]:
        url = (await self._metadata.get()).jwks_uri
        answer = await self._fetcher.get(url)
        try:
            return Fresh(parse_keys(answer.body), lifetime(answer.headers))
        except DocumentInvalid as error:
            raise Unavailable(f"the keys of {self.settings.issuer} at {url} are wrong: {error}") from error
