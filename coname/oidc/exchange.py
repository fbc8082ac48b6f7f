"""The code that a browser brings, exchanged for an ID token (OpenID Connect Core 1.0, section 3.1.3)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from twisted.internet.defer import DeferredSemaphore
from twisted.logger import Logger

from coname.core.text import quoted
from coname.errors import LoginRefused, Overloaded, Unavailable
from coname.oidc.claims import Identity, verified_address
from coname.oidc.documents import DocumentInvalid, parse_object, text_in
from coname.oidc.fetching import Fetcher
from coname.oidc.metadata import Metadata
from coname.oidc.provider import Provider
from coname.oidc.vouching import with_address

EXCHANGES = 64
"""Codes that are being exchanged at once; each holds a connection for up to some seconds."""

MOST_WAITING = 512
"""Codes that wait for their turn, first come, first served: whoever brings junk without end makes others wait for the
time that the provider needs to refuse it, and keeps nobody out."""


class Told(NamedTuple):
    """What the provider has told.

    :ivar token: the ID token, with the address beside it if it is not in it (`coname.oidc.vouching`).
    :ivar identity: what the ID token says.
    """

    token: str
    identity: Identity


class Exchange:
    """Redeems codes.

    :param voucher_key: for addresses beside an ID token.
    :param now: seconds since 1970.
    """

    _log = Logger()

    def __init__(self, fetcher: Fetcher, voucher_key: bytes, now: Callable[[], float]) -> None:
        self._fetcher = fetcher
        self._voucher_key = voucher_key
        self._now = now
        self._turns = DeferredSemaphore(EXCHANGES)

    async def redeem(self, provider: Provider, metadata: Metadata, code: str, verifier: str, redirect_uri: str) -> Told:
        """The ID token for `code`, checked in full but for its nonce.

        :param verifier: the secret whose hash went with the browser (RFC 7636).
        :param redirect_uri: the way back that the code was given out for.
        :raises LoginRefused: there is none. :raises RegistrationRefused: it is not in order.
        :raises Unavailable: the provider does not answer as it should; `Overloaded`: too many are waiting for it.
        """
        if len(self._turns.waiting) >= MOST_WAITING:
            raise Overloaded("too many people are logging in at this moment; try again in a few seconds")
        await self._turns.acquire()
        try:
            return await self._redeem(provider, metadata, code, verifier, redirect_uri)
        finally:
            self._turns.release()

    async def _redeem(
        self, provider: Provider, metadata: Metadata, code: str, verifier: str, redirect_uri: str
    ) -> Told:
        fields, headers = _credentials(provider, metadata)
        fields |= {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        answer = await self._fetcher.send("POST", metadata.token_endpoint, headers, fields)
        document = _document(answer.body, metadata.token_endpoint)
        if answer.status != 200:
            reason = quoted(f"{document.get('error', '')}: {document.get('error_description', '')}", 200)
            self._log.warn("{issuer} gives no ID token: {reason}", issuer=provider.settings.issuer, reason=reason)
            raise LoginRefused(f"{provider.settings.issuer} does not complete the login: {reason}")
        try:
            token = text_in(document, "id_token")
        except DocumentInvalid as error:
            raise LoginRefused(f"{provider.settings.issuer} sends no ID token: {error}") from error
        identity = await provider.identify(token, self._now())
        if identity.address:
            return Told(token, identity)
        address = await self._told_address(provider, metadata, identity, document.get("access_token"))
        return Told(with_address(token, address, self._voucher_key), identity)

    async def _told_address(
        self, provider: Provider, metadata: Metadata, identity: Identity, access_token: object
    ) -> str:
        """The address that is not in the ID token (OpenID Connect Core 1.0, section 5.3)."""
        issuer = provider.settings.issuer
        if not metadata.userinfo_endpoint or not isinstance(access_token, str) or not access_token.isprintable():
            raise LoginRefused(f"{issuer} does not tell an e-mail address")
        headers = {"authorization": f"Bearer {access_token}"}
        answer = await self._fetcher.send("GET", metadata.userinfo_endpoint, headers, {})
        document = _document(answer.body, metadata.userinfo_endpoint)
        if answer.status != 200 or document.get("sub") != identity.subject:
            raise LoginRefused(f"{issuer} does not tell the e-mail address of whoever has logged in")
        return verified_address(document)


def _credentials(provider: Provider, metadata: Metadata) -> tuple[dict[str, str], dict[str, str]]:
    """How the realm shows who it is (RFC 6749, section 2.3.1): fields of the form, and headers."""
    client, secret = provider.settings.client_id, provider.settings.client_secret
    if not secret:
        return {"client_id": client}, {}
    if metadata.secret_in_body:
        return {"client_id": client, "client_secret": secret}, {}
    pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
    return {}, {"authorization": "Basic " + b64encode(pair.encode()).decode()}


def _document(body: bytes, url: str) -> dict[str, Any]:
    try:
        return parse_object(body)
    except DocumentInvalid as error:
        raise Unavailable(f"{url} does not answer as it should: {error}") from error
