"""A login: the browser goes to the provider and comes back with a code, which is exchanged for an ID token.

The authorization code flow (OpenID Connect Core 1.0, section 3.1) with PKCE (RFC 7636), whose rules this file keeps:

1. The way back is the configured one, whatever a request says of itself.
2. ``state`` is random, and good only together with the cookie that the same browser got with it, for `LOGIN_SECONDS`.
3. The code is exchanged with a secret that only the cookie holds, at the provider that the login was begun with; if
   that says whose answer it is, it must be its own (RFC 9207).
4. The nonce is what whoever began the login chose: the entry's hash. The ID token must have it, and is checked in full.
5. Only the browser that logged in gets the ID token: in a page of ours, or at an address of its own machine.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from twisted.logger import Logger

from coname.core.text import quoted
from coname.errors import ConameError, InvalidRequest, LoginRefused, LoginUnknown, NotFound, Unavailable
from coname.oidc.exchange import Exchange
from coname.oidc.fetching import Fetcher
from coname.oidc.metadata import Metadata
from coname.oidc.paths import CALLBACK
from coname.oidc.provider import Provider
from coname.oidc.sealing import encoded, seal, unseal

LOGIN_SECONDS = 600.0
"""From the beginning to the way back: somebody may have to look for a second factor."""

SLOTS = 4
"""Logins that one browser may have under way; a further one takes the place of an earlier. Each has a cookie of up to
1.5 kB, and all of them must fit into the headers of a request."""

LONGEST_CODE = 4096
"""Characters of the provider's code."""

_NONCE = re.compile(r"[A-Za-z0-9_-]{43}")
_STATE = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class Loopback:
    """A program on the browser's own machine that waits for the login (RFC 8252, section 7.3).

    :ivar port: where it listens, at 127.0.0.1. :ivar state: by which it knows its login again.
    """

    port: int
    state: str


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a login is for.

    :ivar domain: of whose address. :ivar nonce: what the ID token shall be bound to.
    :ivar back: who gets it; None: the page.
    """

    domain: str
    nonce: str
    back: Loopback | None = None


@dataclass(frozen=True, slots=True)
class Departure:
    """The browser's way to the provider.

    :ivar cookie: its name, and `content`, which is to come back within `LOGIN_SECONDS`.
    """

    location: str
    cookie: str
    content: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a login has ended.

    :ivar purpose: None if it is not known any more.
    :ivar cookie: the name of the cookie that has served its time; empty if there was none.
    :ivar token: the ID token; empty if there is none, and `error` says why.
    """

    purpose: Purpose | None
    cookie: str
    token: str
    error: ConameError | None


def purpose(domain: str, nonce: str = "", port: str = "", state: str = "") -> Purpose:
    """What a login is for, from a stranger's words.

    :param domain: canonical.
    :param nonce: one is made up if it is empty.
    :param port: of a `Loopback`, and its `state`; both or none.
    :raises InvalidRequest: they are malformed.
    """
    if nonce and not _NONCE.fullmatch(nonce):
        raise InvalidRequest("nonce is not the base64url, without padding, of an entry's hash: 43 characters")
    nonce = nonce or encoded(secrets.token_bytes(32))
    if not port and not state:
        return Purpose(domain, nonce)
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 1024 <= int(port) < 65536):
        raise InvalidRequest("port is not that of a program of yours: a number from 1024 to 65535")
    if not _STATE.fullmatch(state):
        raise InvalidRequest("state is not 16 to 64 characters of base64url")
    return Purpose(domain, nonce, Loopback(int(port), state))


class Logins:
    """Leads browsers to providers and back.

    :param choose: the provider for a domain; None if there is none.
    :param front: the address of the front, as the configuration has it, without a slash at its end.
    :param key: of the cookies, and `voucher_key`: of addresses beside an ID token; all replicas have the same.
    :param now: seconds since 1970.
    """

    _log = Logger()

    def __init__(
        self,
        choose: Callable[[str], Provider | None],
        fetcher: Fetcher,
        front: str,
        key: bytes,
        voucher_key: bytes,
        now: Callable[[], float],
    ) -> None:
        self._choose = choose
        self._redirect_uri = front + CALLBACK
        self._exchange = Exchange(fetcher, self._redirect_uri, voucher_key, now)
        self._key = key
        self._now = now

    async def depart(self, purpose: Purpose, hint: str = "") -> Departure:
        """Begin a login.

        :param hint: the address, for the provider to fill into its form.
        :raises NotFound: nobody vouches for addresses of that domain. :raises Unavailable: the provider is away.
        """
        provider = self._provider(purpose.domain)
        metadata = await provider.metadata()
        if not metadata.authorization_endpoint or not metadata.token_endpoint:
            raise Unavailable(f"{provider.settings.issuer} does not say where to log in")
        state, verifier = (encoded(secrets.token_bytes(32)) for _ in range(2))
        content = {
            "state": state,
            "verifier": verifier,
            "domain": purpose.domain,
            "issuer": provider.settings.issuer,
            "nonce": purpose.nonce,
            "until": int(self._now() + LOGIN_SECONDS),
            "back": None if purpose.back is None else [purpose.back.port, purpose.back.state],
        }
        query = _question(provider, metadata, self._redirect_uri, state, verifier, purpose.nonce, hint)
        separator = "&" if "?" in metadata.authorization_endpoint else "?"
        location = f"{metadata.authorization_endpoint}{separator}{urlencode(query)}"
        return Departure(location, cookie_name(state), seal(self._key, content))

    async def arrive(self, answer: Mapping[str, str], cookies: Mapping[str, str]) -> Arrival:
        """End a login. Whatever goes wrong is in what is returned.

        :param answer: what the provider has sent along with the browser.
        """
        name = cookie_name(answer.get("state", ""))
        content = unseal(self._key, cookies.get(name, "")) or {}
        if not self._is_ours(content, answer):
            return Arrival(None, "", "", LoginUnknown("this login is not known, or took too long; begin it again"))
        purpose = Purpose(content["domain"], content["nonce"], Loopback(*content["back"]) if content["back"] else None)
        try:
            return Arrival(purpose, name, await self._token(purpose, content, answer), None)
        except ConameError as error:
            self._log.info(
                "A login for {domain} at {issuer} failed: {error}",
                domain=purpose.domain,
                issuer=content["issuer"],
                error=error,
            )
            return Arrival(purpose, name, "", error)

    def _is_ours(self, content: Mapping[str, Any], answer: Mapping[str, str]) -> bool:
        state = answer.get("state", "")
        return (
            bool(content)
            and hmac.compare_digest(str(content.get("state")).encode(), state.encode("utf-8", "replace"))
            and self._now() < content["until"]
        )

    async def _token(self, purpose: Purpose, content: Mapping[str, Any], answer: Mapping[str, str]) -> str:
        provider = self._provider(purpose.domain)
        if provider.settings.issuer != content["issuer"]:
            raise LoginUnknown("the login was begun before the configuration changed; begin it again")
        metadata = await provider.metadata()
        _check_answer(answer, provider.settings.issuer, metadata)
        told = await self._exchange.redeem(provider, metadata, answer["code"], content["verifier"])
        if not hmac.compare_digest(told.identity.nonce.encode("utf-8", "replace"), purpose.nonce.encode()):
            raise LoginRefused("the ID token is of another login (nonce)")
        return told.token

    def _provider(self, domain: str) -> Provider:
        provider = self._choose(domain)
        if provider is None:
            raise NotFound(f"no OpenID provider vouches for addresses of {domain}")
        return provider


def cookie_name(state: str) -> str:
    """The cookie for a login. Its prefix has browsers refuse it unless it is secure, and of this very host."""
    return f"__Host-coname-login-{sum(state.encode('utf-8', 'replace')) % SLOTS}"


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
