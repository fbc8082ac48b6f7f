"""How a login that began at the HTTPS front ends: its outcome goes to the page, or to a program on the same machine.

The outcome reaches the page through the tab's own storage, by a document of this front that may load nothing else: it
is in no address, so in no history and no log. A program on the same machine is told in an address of that machine
(RFC 8252); what it gets there registers one entry, once.

**Whose program it is, nobody can tell but the person.** Anybody may have a browser begin a login, for an entry of
theirs; whoever is logged in at their organisation already need not even notice. So a proof goes to a program only by a
person's hand, who was told what for, and what the program must have shown them (RFC 8252, section 8.6).
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from json import dumps
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from coname.errors import ConameError
from coname.oidc.claims import login_code
from coname.oidc.underway import LOGIN_SECONDS, Arrival
from coname.protocols.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from coname.oidc.underway import Departure, Loopback, Purpose
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_service import Routes

HTML, SCRIPT = b"text/html; charset=utf-8", b"text/javascript; charset=utf-8"

_POLICY = (
    b"Content-Security-Policy: default-src 'none'; %b; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    b"Referrer-Policy: no-referrer\r\n"
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
_STYLE = """
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; line-height: 1.25 }
code { font-size: 1.1em; font-weight: bold }
"""
_QUESTION = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Was it you?</title>
<style>{style}</style>
<h1>Have you just given the command <code>coname register</code>?</h1>
<p>You are logged in. A program on this computer waits for that, to register keys of its own for your address of
<b>{domain}</b>. Those who write to you would use them.</p>
<p>Go on only if it was you who started it, and if it shows this code: <code>{code}</code></p>
<p><a href="{location}">It was me, and the code is the same: register</a></p>
<p>If it was not you, close this window. Then nothing is registered.</p>
"""
_SCRIPTS = b"script-src 'self'"
_STYLES = b"style-src 'sha256-%b'" % b64encode(sha256(_STYLE.encode()).digest())
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

SCRIPT_ROUTE: Routes = {b"/oidc/callback.js": {b"GET": lambda exchange: Response(200, SCRIPT, _SCRIPT)}}
"""What the document needs, whichever way the login went."""


async def send_off(departing: Awaitable[Departure], wanted: Purpose, proof: str, same_site: str) -> Response:
    """To the provider; if nobody can go there, the login has ended already.

    :param departing: the login that begins. :param wanted: what it is for. The others are those of `deliver`.
    """
    try:
        departure = await departing
    except ConameError as error:
        return deliver(Arrival(wanted, "", "", error), proof, same_site)
    return _redirect(departure.location, _cookie(departure.cookie, departure.content, int(LOGIN_SECONDS), same_site))


def deliver(arrival: Arrival, proof: str, same_site: str) -> Response:
    """The outcome of a login, to whoever it is for.

    :param proof: what to call what was brought: ``id_token`` or ``saml_response``.
    :param same_site: of the login's cookie, which ends: ``Lax`` where a link leads back, ``None`` where a form does.
        ``Strict`` none can be: the way back comes from another site.
    """
    headers = _cookie(arrival.cookie, "", 0, same_site) if arrival.cookie else b""
    if arrival.purpose is not None and arrival.purpose.back is not None:
        location = _loopback_address(arrival.purpose.back, arrival, proof)
        return _redirect(location, headers) if arrival.error else _ask(arrival.purpose, location, headers)
    outcome: dict[str, object] = {"nonce": "", "domain": ""}
    if arrival.purpose is not None:
        outcome = {"nonce": arrival.purpose.nonce, "domain": arrival.purpose.domain}
    if arrival.error is None:
        outcome[proof] = arrival.token
    else:
        outcome["error"] = {"code": arrival.error.code, "message": str(arrival.error)}
    document = _DOCUMENT.format(outcome=escape(dumps(outcome), quote=True))
    return Response(200, HTML, document.encode(), _POLICY % _SCRIPTS + headers)


def _ask(purpose: Purpose, location: str, headers: bytes) -> Response:
    """The question whether the proof is to go to the program at `location`."""
    words = {"domain": purpose.domain, "code": login_code(purpose.nonce), "location": location}
    document = _QUESTION.format(style=_STYLE, **{name: escape(word, quote=True) for name, word in words.items()})
    return Response(200, HTML, document.encode(), _POLICY % _STYLES + headers)


def _loopback_address(back: Loopback, arrival: Arrival, proof: str) -> str:
    """Where a program on the browser's machine hears of the outcome."""
    fields = {"state": back.state}
    if arrival.error is None:
        fields[proof] = arrival.token
    else:
        fields |= {"error": arrival.error.code, "error_description": str(arrival.error)}
    return f"http://127.0.0.1:{back.port}/?{urlencode(fields)}"


def _redirect(location: str, headers: bytes) -> Response:
    """See Other, which is always asked for with GET (RFC 9110, section 15.4.4)."""
    line = b"Location: %b\r\nReferrer-Policy: no-referrer\r\n" % location.encode("ascii")
    return Response(303, b"text/plain; charset=utf-8", b"", line + headers)


def _cookie(name: str, content: str, seconds: int, same_site: str) -> bytes:
    """A header that sets a cookie."""
    attributes = f"Path=/; Secure; HttpOnly; SameSite={same_site}; Max-Age={seconds}"
    return f"Set-Cookie: {name}={content}; {attributes}\r\n".encode("ascii")


def cookies_of(exchange: Exchange) -> dict[str, str]:
    """The cookies that came with a request; the first of a name counts."""
    found: dict[str, str] = {}
    for header in exchange.requestHeaders.getRawHeaders(b"Cookie"):
        for part in header.split(b";"):
            name, _, value = part.strip().partition(b"=")
            found.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return found
