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

from coname.oidc.login import Logins
from coname.oidc.paths import CALLBACK, LOGIN
from coname.oidc.underway import Purpose, purpose
from coname.protocols.login_outcomes import SCRIPT_ROUTE, cookies_of, deliver, send_off
from coname.protocols.query import fields_of
from coname.protocols.registration_routes import domain_in

if TYPE_CHECKING:
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_service import Routes
    from coname.protocols.responses import Response

LONGEST_HINT = 320
"""Characters of the address that is handed to the provider."""

PROOF, SAME_SITE = "id_token", "Lax"
"""What a login brings, and where its cookie comes along: with a link from another site."""


def oidc_routes(logins: Logins) -> Routes:
    """The table above."""

    def depart(exchange: Exchange) -> Deferred[Response]:
        fields = fields_of(exchange.query)
        wanted = purpose(domain_in(fields), fields.get("nonce", ""), fields.get("port", ""), fields.get("state", ""))
        return leave(wanted, fields.get("login_hint", "")[:LONGEST_HINT])

    def plainly(exchange: Exchange) -> Deferred[Response]:
        return leave(purpose(domain_in(fields_of(exchange.query))), "")

    def leave(wanted: Purpose, hint: str) -> Deferred[Response]:
        return Deferred.fromCoroutine(send_off(logins.depart(wanted, hint), wanted, PROOF, SAME_SITE))

    def arrive(exchange: Exchange) -> Deferred[Response]:
        return Deferred.fromCoroutine(_arrive(logins, fields_of(exchange.query), cookies_of(exchange)))

    return {
        b"/oidc": {b"GET": plainly},
        LOGIN.encode(): {b"GET": depart},
        CALLBACK.encode(): {b"GET": arrive},
        **SCRIPT_ROUTE,
    }


async def _arrive(logins: Logins, answer: dict[str, str], cookies: dict[str, str]) -> Response:
    return deliver(await logins.arrive(answer, cookies), PROOF, SAME_SITE)
