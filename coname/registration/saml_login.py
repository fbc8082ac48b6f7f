"""A login at a SAML identity provider: the browser goes there with a request, and comes back with a response.

Rules:

1. The way back is the configured one, whatever a request says of itself.
2. A response is handed on only in the browser that has asked for it: it must come with the cookie which that browser
   got with the request, within `LOGIN_SECONDS`. So nobody can have somebody else log in for an entry of theirs, and
   get the response.
3. The response is not read here. Who brings it with an update has it checked (`coname.registration.saml`), by whichever
   replica that reaches.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from coname.errors import InvalidRequest, LoginRefused, LoginUnknown
from coname.oidc.login import LOGIN_SECONDS, Arrival, Departure, Loopback, Purpose, cookie_name
from coname.oidc.sealing import decoded, encoded, seal, unseal
from coname.registration.saml import RESPONSE_BYTES, SamlChecker

COOKIE_KEY = "SAML login cookies"
"""What the cookies' key is for (`coname.oidc.sealing.derived_key`)."""

_HASH_BYTES = 32


class SamlLogins:
    """Leads browsers to identity providers and back.

    :param choose: the checker for a domain, or for the realm's only identity provider if that is empty.
    :param key: of the cookies; all replicas have the same.
    :param now: seconds since 1970.
    """

    def __init__(self, choose: Callable[[str], SamlChecker], key: bytes, now: Callable[[], float]) -> None:
        self._choose = choose
        self._key = key
        self._now = now

    async def depart(self, purpose: Purpose, bound: bool) -> Departure:
        """Begin a login.

        :param bound: whether `purpose.nonce` is the hash of an entry, which the login shall be for.
        :raises NotFound: nobody vouches for addresses of that domain.
        :raises Unavailable: the identity provider's metadata cannot be had.
        """
        state = encoded(secrets.token_bytes(32))
        now = self._now()
        hash_ = entry_hash_of(purpose.nonce) if bound else b""
        location = await self._choose(purpose.domain).login(hash_, state, now)
        content = {
            "state": state,
            "domain": purpose.domain,
            "nonce": purpose.nonce,
            "until": int(now + LOGIN_SECONDS),
            "back": None if purpose.back is None else [purpose.back.port, purpose.back.state],
        }
        return Departure(location, cookie_name(state), seal(self._key, content))

    def arrive(self, answer: Mapping[str, str], cookies: Mapping[str, str]) -> Arrival:
        """End a login. Whatever goes wrong is in what is returned.

        :param answer: the form that the browser has brought.
        """
        state = answer.get("RelayState", "")
        name = cookie_name(state)
        content = unseal(self._key, cookies.get(name, "")) or {}
        if not self._is_ours(content, state):
            return Arrival(None, "", "", LoginUnknown("this login is not known, or took too long; begin it again"))
        back = Loopback(*content["back"]) if content["back"] else None
        purpose = Purpose(content["domain"], content["nonce"], back)
        response = "".join(answer.get("SAMLResponse", "").split())
        if not 0 < len(response) <= RESPONSE_BYTES:
            return Arrival(purpose, name, "", LoginRefused("the identity provider sends no response"))
        return Arrival(purpose, name, response, None)

    def _is_ours(self, content: Mapping[str, Any], state: str) -> bool:
        return (
            bool(content)
            and hmac.compare_digest(str(content.get("state")).encode(), state.encode("utf-8", "replace"))
            and self._now() < content["until"]
        )


def entry_hash_of(nonce: str) -> bytes:
    """The hash that a nonce, base64url without padding, is.

    :raises InvalidRequest: it is none.
    """
    try:
        found = decoded(nonce)
    except ValueError:
        found = b""
    if len(found) != _HASH_BYTES:
        raise InvalidRequest("nonce is not the base64url, without padding, of an entry's hash: 43 characters")
    return found
