"""A login under way: what it is for, and what the browser carries for it until it comes back.

Nothing is kept here in between (`coname.oidc.sealing`), and it is the same for all that people log in with. ``state``
is random, and good only together with the cookie that the same browser got with it, for `LOGIN_SECONDS`.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from coname.errors import ConameError, InvalidRequest, LoginUnknown
from coname.oidc.sealing import encoded, seal, unseal

LOGIN_SECONDS = 600.0
"""From the beginning to the way back: somebody may have to look for a second factor."""

SLOTS = 4
"""Logins that one browser may have under way; a further one takes the place of an earlier. Each has a cookie of up to
1.5 kB, and all of them must fit into the headers of a request."""

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

    :ivar domain: of whose address. :ivar nonce: what the proof shall be bound to.
    :ivar back: who gets it; None: the page.
    :ivar provider: the name of whom to log in at; empty: whoever fits the domain.
    """

    domain: str
    nonce: str
    back: Loopback | None = None
    provider: str = ""


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
    :ivar token: the proof: an ID token or a SAML response; empty if there is none, and `error` says why.
    """

    purpose: Purpose | None
    cookie: str
    token: str
    error: ConameError | None


class Begun(NamedTuple):
    """A login that comes back.

    :ivar cookie: the name of its cookie. :ivar content: what that holds.
    """

    purpose: Purpose
    cookie: str
    content: Mapping[str, Any]


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


class LoginCookies:
    """Gives logins to browsers to carry, and takes them back.

    :param key: all replicas have the same.
    :param now: seconds since 1970.
    """

    def __init__(self, key: bytes, now: Callable[[], float]) -> None:
        self._key = key
        self._now = now

    def departure(self, location: str, state: str, purpose: Purpose, **more: str) -> Departure:
        """The way to `location`, with the cookie for `state`.

        :param more: what else must be known at the end.
        """
        content = {
            "state": state,
            "domain": purpose.domain,
            "nonce": purpose.nonce,
            "until": int(self._now() + LOGIN_SECONDS),
            "back": None if purpose.back is None else [purpose.back.port, purpose.back.state],
            **more,
        }
        return Departure(location, _cookie_name(state), seal(self._key, content))

    def begun(self, state: str, cookies: Mapping[str, str]) -> Begun:
        """The login that this browser has begun with `state`.

        :raises LoginUnknown: there is none, or it took too long.
        """
        name = _cookie_name(state)
        content = unseal(self._key, cookies.get(name, "")) or {}
        if not self._is_ours(content, state):
            raise LoginUnknown("this login is not known, or took too long; begin it again")
        back = Loopback(*content["back"]) if content["back"] else None
        return Begun(Purpose(content["domain"], content["nonce"], back), name, content)

    def _is_ours(self, content: Mapping[str, Any], state: str) -> bool:
        return (
            bool(content)
            and hmac.compare_digest(str(content.get("state")).encode(), state.encode("utf-8", "replace"))
            and self._now() < content["until"]
        )


def _cookie_name(state: str) -> str:
    """The cookie for a login. Its prefix has browsers refuse it unless it is secure, and of this very host."""
    return f"__Host-coname-login-{sum(state.encode('utf-8', 'replace')) % SLOTS}"
