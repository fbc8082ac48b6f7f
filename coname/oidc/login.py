"""A login: the browser goes to the provider and comes back with a code, which is exchanged for an ID token.

The authorization code flow (OpenID Connect Core 1.0, section 3.1) with PKCE (RFC 7636), whose rules this file keeps:

1. The way back is the configured one, whatever a request says of itself.
2. Only the browser that began it ends it, in time (`coname.oidc.underway`).
3. The code is exchanged with a secret that only the cookie holds, at the provider that the login was begun with. The
   browser must come back by that provider's way, and if the answer says whose it is, it must be its own (RFC 9207).
4. The nonce is what whoever began the login chose: the entry's hash. The ID token must have it, and is checked in full.
5. Only the browser that logged in gets the ID token: in a page of ours, or at an address of its own machine.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from urllib.parse import urlencode

from twisted.logger import Logger

from coname.core.text import quoted
from coname.errors import ConameError, LoginRefused, LoginUnknown, NotFound, Unavailable
from coname.oidc.exchange import Exchange
from coname.oidc.fetching import Fetcher
from coname.oidc.metadata import Metadata
from coname.oidc.paths import callback
from coname.oidc.provider import Provider
from coname.oidc.sealing import encoded
from coname.oidc.underway import Arrival, Begun, Departure, LoginCookies, Purpose

LONGEST_CODE = 4096
"""Characters of the provider's code."""


class Logins:
    """Leads browsers to providers and back.

    :param choose: the provider for a domain, of that name, or of any if that is empty; None if there is none.
    :param front: the address of the front, as the configuration has it, without a slash at its end.
    :param key: of the cookies, and `voucher_key`: of addresses beside an ID token; all replicas have the same.
    :param now: seconds since 1970.
    """

    _log = Logger()

    def __init__(
        self,
        choose: Callable[[str, str], Provider | None],
        fetcher: Fetcher,
        front: str,
        key: bytes,
        voucher_key: bytes,
        now: Callable[[], float],
    ) -> None:
        self._choose = choose
        self._front = front
        self._exchange = Exchange(fetcher, voucher_key, now)
        self._cookies = LoginCookies(key, now)

    async def depart(self, purpose: Purpose, hint: str = "") -> Departure:
        """Begin a login.

        :param hint: the address, for the provider to fill into its form.
        :raises NotFound: nobody vouches for addresses of that domain. :raises Unavailable: the provider is away.
        """
        provider = self._provider(purpose.domain, purpose.provider)
        metadata = await provider.metadata()
        if not metadata.authorization_endpoint or not metadata.token_endpoint:
            raise Unavailable(f"{provider.settings.issuer} does not say where to log in")
        state, verifier = (encoded(secrets.token_bytes(32)) for _ in range(2))
        back = self._redirect_uri(provider)
        query = _question(provider, metadata, back, state, verifier, purpose.nonce, hint)
        separator = "&" if "?" in metadata.authorization_endpoint else "?"
        location = f"{metadata.authorization_endpoint}{separator}{urlencode(query)}"
        kept = {"verifier": verifier, "issuer": provider.settings.issuer, "provider": provider.settings.name}
        return self._cookies.departure(location, state, purpose, **kept)

    async def arrive(self, answer: Mapping[str, str], cookies: Mapping[str, str], way: str = "") -> Arrival:
        """End a login. Whatever goes wrong is in what is returned.

        :param answer: what the provider has sent along with the browser.
        :param way: the name of the provider by whose way it comes.
        """
        try:
            begun = self._cookies.begun(answer.get("state", ""), cookies)
        except LoginUnknown as error:
            return Arrival(None, "", "", error)
        try:
            return Arrival(begun.purpose, begun.cookie, await self._token(begun, answer, way), None)
        except ConameError as error:
            self._log.info(
                "A login for {domain} at {issuer} failed: {error}",
                domain=begun.purpose.domain,
                issuer=begun.content["issuer"],
                error=error,
            )
            return Arrival(begun.purpose, begun.cookie, "", error)

    async def _token(self, begun: Begun, answer: Mapping[str, str], way: str) -> str:
        purpose, content = begun.purpose, begun.content
        provider = self._provider(purpose.domain, content.get("provider", ""))  # absent in those of earlier versions
        if provider.settings.issuer != content["issuer"]:
            raise LoginUnknown("the login was begun before the configuration changed; begin it again")
        if provider.settings.name != way:
            raise LoginRefused(f"the login was begun at {quoted(content['issuer'])}, and comes back by another's way")
        metadata = await provider.metadata()
        _check_answer(answer, provider.settings.issuer, metadata)
        back = self._redirect_uri(provider)
        told = await self._exchange.redeem(provider, metadata, answer["code"], content["verifier"], back)
        if not hmac.compare_digest(told.identity.nonce.encode("utf-8", "replace"), purpose.nonce.encode()):
            raise LoginRefused("the ID token is of another login (nonce)")
        return told.token

    def _redirect_uri(self, provider: Provider) -> str:
        return self._front + callback(provider.settings.name)

    def _provider(self, domain: str, name: str) -> Provider:
        provider = self._choose(domain, name)
        if provider is None:
            raise NotFound(f"no OpenID provider vouches for addresses of {domain}")
        return provider


def chosen(fitting: Sequence[Provider], name: str) -> Provider | None:
    """Of those that may vouch for an address, the one to log in at: that of the `name`. If it is empty, it is the first
    that has none, as that one has no other way; or the first of all."""
    named_so = [provider for provider in fitting if provider.settings.name == name]
    return next(iter(named_so or ([] if name else fitting)), None)


def _question(
    provider: Provider, metadata: Metadata, redirect_uri: str, state: str, verifier: str, nonce: str, hint: str
) -> dict[str, str]:
    """What the provider is asked, by way of the browser."""
    query = {
        "response_type": "code",
        "client_id": provider.settings.client_id,
        "redirect_uri": redirect_uri,
        "scope": provider.settings.scope,
        "state": state,
        "nonce": nonce,
        "code_challenge": encoded(sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }
    if hint:
        query["login_hint"] = hint
    if metadata.claims_parameter:
        query["claims"] = '{"id_token":{"email":{"essential":true},"email_verified":{"essential":true}}}'
    return query


def _check_answer(answer: Mapping[str, str], issuer: str, metadata: Metadata) -> None:
    """Whether the browser comes back with a code of `issuer`."""
    told = answer.get("iss")
    if told != issuer and (told is not None or metadata.names_itself):
        raise LoginRefused(f"the answer is by {quoted(str(told))}, and the login was begun at {quoted(issuer)}")
    if "error" in answer:
        reason = answer.get("error_description") or answer["error"]
        raise LoginRefused(f"{issuer} did not log you in: {quoted(reason, 200)}")
    if not 0 < len(answer.get("code", "")) <= LONGEST_CODE:
        raise LoginRefused(f"{issuer} sends no code")
