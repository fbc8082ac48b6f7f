"""Logging in with a SAML identity provider, at the HTTPS front (`coname.registration.saml_login`).

=========================  ====================================================================================
``GET /saml``              to the identity provider: ``domain``, ``nonce``; ``port`` and ``state`` of a program.
                           Without any, as the original has it, for a login that names no entry
``GET /saml/metadata``     our own metadata, for the identity provider's operator: ``domain``, if there are several
``POST`` to the consumer   back from the identity provider: the response goes to the page, or to the program
``GET /oidc/callback.js``  by which it goes to the page
=========================  ====================================================================================

How the outcome gets there is in `coname.protocols.login_outcomes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from coname.core.addresses import canonical_domain
from coname.oidc.underway import purpose
from coname.protocols.login_outcomes import SCRIPT_ROUTE, cookies_of, deliver, send_off
from coname.protocols.query import fields_of
from coname.protocols.responses import Response
from coname.registration.saml import LOGIN

if TYPE_CHECKING:
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_factory import Handler
    from coname.protocols.http_service import Routes
    from coname.registration.saml_login import SamlLogins

XML = b"application/samlmetadata+xml"

PROOF, SAME_SITE = "saml_response", "None"
"""What a login brings, and where its cookie comes along: also with a form from another site."""


def saml_routes(logins: SamlLogins, describe: Callable[[str], bytes], consumers: Iterable[str]) -> Routes:
    """The table above.

    :param describe: our metadata for a domain, or for the only identity provider if that is empty.
    :param consumers: the paths that responses are sent to.
    """

    def depart(exchange: Exchange) -> Deferred[Response]:
        fields = fields_of(exchange.query)
        bound = bool(fields.get("nonce"))
        wanted = purpose(_domain(fields), fields.get("nonce", ""), fields.get("port", ""), fields.get("state", ""))
        return Deferred.fromCoroutine(send_off(logins.depart(wanted, bound), wanted, PROOF, SAME_SITE))

    def arrive(exchange: Exchange) -> Response:
        return deliver(logins.arrive(fields_of(exchange.body), cookies_of(exchange)), PROOF, SAME_SITE)

    def metadata(exchange: Exchange) -> Response:
        return Response(200, XML, describe(_domain(fields_of(exchange.query))))

    routes: dict[bytes, Mapping[bytes, Handler]] = {
        LOGIN.encode(): {b"GET": depart},
        b"/saml/metadata": {b"GET": metadata},
        **SCRIPT_ROUTE,
    }
    for path in consumers:  # which may be one of the above
        place = path.encode("ascii")
        routes[place] = {**routes.get(place, {}), b"POST": arrive}
    return routes


def _domain(fields: dict[str, str]) -> str:
    return canonical_domain(fields["domain"]) if fields.get("domain") else ""
