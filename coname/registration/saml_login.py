"""A login at a SAML identity provider: the browser goes there with a request, and comes back with a response.

Rules:

1. The way back is the configured one, whatever a request says of itself.
2. A response is handed on only in the browser that has asked for it, in time (`coname.oidc.underway`). So nobody can
   have somebody else log in for an entry of theirs, and get the response.
3. The response is not read here. Who brings it with an update has it checked (`coname.registration.saml`), by whichever
   replica that reaches.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from coname.errors import LoginRefused, LoginUnknown
from coname.oidc.sealing import decoded, encoded
from coname.oidc.underway import Arrival, Departure, LoginCookies, Purpose
from coname.registration.saml import RESPONSE_BYTES, SamlChecker

COOKIE_KEY = "SAML login cookies"
"""What the cookies' key is for (`coname.oidc.sealing.derived_key`)."""


class SamlLogins:
    """Leads browsers to identity providers and back.

    :param choose: the checker for a domain, or for the realm's only identity provider if that is empty.
    :param key: of the cookies; all replicas have the same.
    :param now: seconds since 1970.
    """

    def __init__(self, choose: Callable[[str], SamlChecker], key: bytes, now: Callable[[], float]) -> None:
        self._choose = choose
        self._cookies = LoginCookies(key, now)
        self._now = now

    async def depart(self, purpose: Purpose, bound: bool) -> Departure:
        """Begin a login.

        :param bound: whether `purpose.nonce` is the hash of an entry, which the login shall be for.
        :raises NotFound: nobody vouches for addresses of that domain.
        :raises Unavailable: the identity provider's metadata cannot be had.
        """
        state = encoded(secrets.token_bytes(32))
        hash_ = decoded(purpose.nonce) if bound else b""
        location = await self._choose(purpose.domain).login(hash_, state, self._now())
        return self._cookies.departure(location, state, purpose)

    def arrive(self, answer: Mapping[str, str], cookies: Mapping[str, str]) -> Arrival:
        """End a login. Whatever goes wrong is in what is returned.

        :param answer: the form that the browser has brought.
        """
        try:
            purpose, cookie, _ = self._cookies.begun(answer.get("RelayState", ""), cookies)
        except LoginUnknown as error:
            return Arrival(None, "", "", error)
        response = "".join(answer.get("SAMLResponse", "").split())
        if not 0 < len(response) <= RESPONSE_BYTES:
            return Arrival(purpose, cookie, "", LoginRefused("the identity provider sends no response"))
        return Arrival(purpose, cookie, response, None)
