"""``GET /registration?domain=D``: how addresses of a domain are registered. The page and ``coname register`` ask it."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING

from coname.core.addresses import canonical_domain
from coname.errors import InvalidRequest
from coname.protocols.query import fields_of
from coname.protocols.responses import JSON, Response

if TYPE_CHECKING:
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_service import Routes
    from coname.registration.registrar import Registrar


def registration_routes(registrar: Registrar) -> Routes:
    """The path above."""

    def registration(exchange: Exchange) -> Response:
        offers = registrar.offers(domain_in(fields_of(exchange.query)))
        return Response(200, JSON, dumps({"anybody": offers.anybody, "proofs": offers.proofs}).encode())

    return {b"/registration": {b"GET": registration}}


def domain_in(fields: dict[str, str]) -> str:
    """The field ``domain``, in canonical form.

    :raises InvalidRequest: it is missing, or no domain.
    """
    if not fields.get("domain"):
        raise InvalidRequest("domain is missing: whose addresses is this about?")
    return canonical_domain(fields["domain"])
