"""Logging in with an OpenID provider, at the HTTPS front (`coname.oidc.login`).

=========================  ==================================================================================
``GET /oidc/login``        to the provider: ``domain``, ``nonce``, ``login_hint``; ``port`` and ``state`` of a program
``GET /oidc``              the same with nothing but ``domain``, as the original has it
``GET /oidc/callback``     back from the provider: the outcome goes to the page, or to the program
``GET /oidc/callback.js``  by which it goes to the page
=========================  ==================================================================================

The outcome reaches the page through the tab's own storage, by a document of this front that may load nothing else: it
is in no address, so in no history and no log. A program on the same machine is told in an address of that machine
(RFC 8252); what it gets there registers one entry, once.
"""

from __future__ import annotations

from html import escape
from json import dumps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from coname.errors import ConameError
from coname.oidc.login import LOGIN_SECONDS, Arrival, Logins, Loopback, Purpose, purpose
from coname.protocols.query import fields_of
from coname.protocols.registration_routes import domain_in
from coname.protocols.responses import Response

if TYPE_CHECKING:
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_service import Routes

HTML, SCRIPT = b"text/html; charset=utf-8", b"text/javascript; charset=utf-8"

LONGEST_HINT = 320
"""Characters of the address that is handed to the provider."""

_POLICY = (
    b"Content-Security-Policy: default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n"
)
_DOCUMENT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Logging in</title>
<p id="outcome" data-outcome="{outcome}">One moment …</p>
<noscript>Your keys are made and signed in the browser, which needs JavaScript.</noscript>
<script src="/oidc/callback.js"></script>
"""
_SCRIPT = b"""// Hands the outcome of the login to the page, and gives way to it.
"use strict";
const paragraph = document.getElementById("outcome");
try {
  sessionStorage.setItem("coname.oidc", paragraph.dataset.outcome);
  location.replace("/");
} catch (error) {
  paragraph.textContent = "This browser keeps nothing for the page: allow it to store data, and log in again.";
}
"""


def oidc_routes(logins: Logins) -> Routes:
    """The table above."""

    def depart(exchange: Exchange) -> Deferred[Response]:
        fields = fields_of(exchange.query)
        wanted = purpose(domain_in(fields), fields.get("nonce", ""), fields.get("port", ""), fields.get("state", ""))
        return Deferred.fromCoroutine(_depart(logins, wanted, fields.get("login_hint", "")[:LONGEST_HINT]))

    def plainly(exchange: Exchange) -> Deferred[Response]:
        return Deferred.fromCoroutine(_depart(logins, purpose(domain_in(fields_of(exchange.query))), ""))

    def arrive(exchange: Exchange) -> Deferred[Response]:
        return Deferred.fromCoroutine(_arrive(logins, fields_of(exchange.query), cookies_of(exchange)))

    return {
        b"/oidc": {b"GET": plainly},
        b"/oidc/login": {b"GET": depart},
        b"/oidc/callback": {b"GET": arrive},
        b"/oidc/callback.js": {b"GET": lambda exchange: Response(200, SCRIPT, _SCRIPT)},
    }


def cookies_of(exchange: Exchange) -> dict[str, str]:
    """The cookies that came with a request; the first of a name counts."""
    found: dict[str, str] = {}
    for header in exchange.requestHeaders.getRawHeaders(b"Cookie"):
        for part in header.split(b";"):
            name, _, value = part.strip().partition(b"=")
            found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return found


async def _depart(logins: Logins, wanted: Purpose, hint: str) -> Response:
    try:
        departure = await logins.depart(wanted, hint)
    except ConameError as error:
        return _deliver(Arrival(wanted, "", "", error))
    cookie = _cookie(departure.cookie, departure.content, int(LOGIN_SECONDS))
    return _redirect(departure.location, cookie)


async def _arrive(logins: Logins, answer: dict[str, str], cookies: dict[str, str]) -> Response:
    arrival = await logins.arrive(answer, cookies)
    return _deliver(arrival, _cookie(arrival.cookie, "", 0) if arrival.cookie else b"")


def _deliver(arrival: Arrival, headers: bytes = b"") -> Response:
    """The outcome of a login, to whoever it is for."""
    if arrival.purpose is not None and arrival.purpose.back is not None:
        return _redirect(loopback_address(arrival.purpose.back, arrival), headers)
    outcome: dict[str, Any] = {"nonce": "", "domain": ""}
    if arrival.purpose is not None:
        outcome = {"nonce": arrival.purpose.nonce, "domain": arrival.purpose.domain}
    if arrival.error is None:
        outcome["id_token"] = arrival.token
    else:
        outcome["error"] = {"code": arrival.error.code, "message": str(arrival.error)}
    document = _DOCUMENT.format(outcome=escape(dumps(outcome), quote=True))
    return Response(200, HTML, document.encode(), _POLICY + headers)


def loopback_address(back: Loopback, arrival: Arrival) -> str:
    """Where a program on the browser's machine hears of the outcome."""
    fields = {"state": back.state}
    if arrival.error is None:
        fields["id_token"] = arrival.token
    else:
        fields |= {"error": arrival.error.code, "error_description": str(arrival.error)}
    return f"http://127.0.0.1:{back.port}/?{urlencode(fields)}"


def _redirect(location: str, headers: bytes) -> Response:
    """See Other, which is always asked for with GET (RFC 9110, section 15.4.4)."""
    line = b"Location: %b\r\nReferrer-Policy: no-referrer\r\n" % location.encode("ascii")
    return Response(303, b"text/plain; charset=utf-8", b"", line + headers)


def _cookie(name: str, content: str, seconds: int) -> bytes:
    """Lax, not strict: the way back is a link from another site."""
    attributes = f"Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"
    return f"Set-Cookie: {name}={content}; {attributes}\r\n".encode("ascii")
