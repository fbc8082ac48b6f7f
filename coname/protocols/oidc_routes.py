"""Logging in with an OpenID provider, at the HTTPS front (`coname.oidc.login`).

=========================  ==================================================================================
``GET /oidc/login``        to the provider: ``domain``, ``nonce``, ``login_hint``; ``port`` and ``state`` of a program
``GET /oidc``              the same with nothing but ``domain``, as the original has it
``GET /oidc/callback``     back from the provider: the outcome goes to the page, or to the program
``GET /oidc/callback.js``  by which it goes to the page
=========================  ==================================================================================

A provider with a name has ``/oidc/login/NAME`` and ``/oidc/callback/NAME`` for itself (`coname.oidc.paths`).

How the outcome gets there is in `coname.protocols.login_outcomes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from coname.oidc.login import Logins
from coname.oidc.paths import callback, login
from coname.oidc.underway import Purpose, purpose
from coname.protocols.login_outcomes import SCRIPT_ROUTE, cookies_of, deliver, send_off
from coname.protocols.query import fields_of
from coname.protocols.registration_routes import domain_in

if TYPE_CHECKING:
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_factory import Handler
    from coname.protocols.http_service import Routes
    from coname.protocols.responses import Response

LONGEST_HINT = 320
"""Characters of the address that is handed to the provider."""

PROOF, SAME_SITE = "id_token", "Lax"
"""What a login brings, and where its cookie comes along: with a link from another site."""


def oidc_routes(logins: Logins, names: Iterable[str] = ()) -> Routes:
    """The table above.

    :param names: of the providers that have one.
    """

    def depart(exchange: Exchange, provider: str) -> Deferred[Response]:
        fields = fields_of(exchange.query)
        wanted = purpose(domain_in(fields), fields.get("nonce", ""), fields.get("port", ""), fields.get("state", ""))
        return leave(replace(wanted, provider=provider), fields.get("login_hint", "")[:LONGEST_HINT])

    def plainly(exchange: Exchange) -> Deferred[Response]:
        return leave(purpose(domain_in(fields_of(exchange.query))), "")

    def leave(wanted: Purpose, hint: str) -> Deferred[Response]:
        return Deferred.fromCoroutine(send_off(logins.depart(wanted, hint), wanted, PROOF, SAME_SITE))

    def arrive(exchange: Exchange, way: str) -> Deferred[Response]:
        return Deferred.fromCoroutine(_arrive(logins, fields_of(exchange.query), cookies_of(exchange), way))

    routes: dict[bytes, Mapping[bytes, Handler]] = {b"/oidc": {b"GET": plainly}, **SCRIPT_ROUTE}
    for name in ("", *names):
        routes[login(name).encode()] = {b"GET": partial(depart, provider=name)}
        routes[callback(name).encode()] = {b"GET": partial(arrive, way=name)}
    return routes


async def _arrive(logins: Logins, answer: dict[str, str], cookies: dict[str, str], way: str) -> Response:
    return deliver(await logins.arrive(answer, cookies, way), PROOF, SAME_SITE)
