"""Logging in with an OpenID provider, at the HTTPS front (`coname.oidc.login`).

=========================  ==================================================================================
``GET /oidc/login``        to the provider: ``domain``, ``nonce``, ``login_hint``; ``port`` and ``state`` of a program
``GET /oidc``              the same with nothing but ``domain``, as the original has it
``GET /oidc/callback``     back from the provider: the outcome goes to the page, or to the program
``GET /oidc/callback.js``  by which it goes to the page
=========================  ==================================================================================

How the outcome gets there is in `coname.protocols.login_outcomes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from coname.errors import ConameError
from coname.oidc.login import Logins
from coname.oidc.underway import LOGIN_SECONDS, Arrival, Purpose, purpose
from coname.protocols.login_outcomes import SCRIPT_ROUTE, cookie, cookies_of, deliver, redirect
from coname.protocols.query import fields_of
from coname.protocols.registration_routes import domain_in

if TYPE_CHECKING:
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_service import Routes
    from coname.protocols.responses import Response

LONGEST_HINT = 320
"""Characters of the address that is handed to the provider."""

PROOF = "id_token"


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
        **SCRIPT_ROUTE,
    }


async def _depart(logins: Logins, wanted: Purpose, hint: str) -> Response:
    try:
        departure = await logins.depart(wanted, hint)
    except ConameError as error:
        return deliver(Arrival(wanted, "", "", error), PROOF)
    return redirect(departure.location, cookie(departure.cookie, departure.content, int(LOGIN_SECONDS)))


async def _arrive(logins: Logins, answer: dict[str, str], cookies: dict[str, str]) -> Response:
    arrival = await logins.arrive(answer, cookies)
    return deliver(arrival, PROOF, cookie(arrival.cookie, "", 0) if arrival.cookie else b"")
