"""The HTTPS front: the directory in JSON (protocol section 9).

==========================  ==========================================================
``POST /lookup``            LookupRequest -> LookupProof, answered at once
``POST /update``            UpdateRequest -> LookupProof, answered when it is ratified
``POST /policy_changes``    PolicyChangesRequest -> PolicyChanges
``GET /status``, ``/lb``    200 ``OK`` while in rotation, 404 while not
``GET /openapi.json``       this table for programs
``GET /``, ``/realm.json``  the page (`coname.protocols.page_routes`)
==========================  ==========================================================

A lookup is answered in the same turn of the reactor in which its last byte arrived. If a client goes away while it
waits for an update, the Deferred of that update is cancelled; the update itself goes on.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from coname.protocols import http_bounds as bounds
from coname.protocols.cross_site import check_own_page
from coname.protocols.http_service import HttpService, Routes
from coname.protocols.json_requests import lookup_request, policy_changes_request, update_request
from coname.protocols.openapi import description
from coname.protocols.responses import JSON, TEXT, HttpError, Response

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from coname.configuration.tls import TlsIdentity
    from coname.interfaces import IKeyserver
    from coname.keyserver.answers import Answer
    from coname.messages.config_pb2 import Limits
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_service import ListeningReactor


class HttpsService(HttpService):
    """The front at ``httpfront_addr``."""

    def __init__(
        self,
        keyserver: IKeyserver,
        limits: Limits,
        tls: TlsIdentity,
        host: str,
        port: int,
        reactor: ListeningReactor,
        *,
        grace: float = bounds.GRACE_SECONDS,
        more: Routes = MappingProxyType({}),
    ) -> None:
        """The parameters are those of `HttpService`, and

        :param more: paths beyond those of the table above: the page's.
        """
        table = {**more, **routes(keyserver)}
        super().__init__("HTTPS", table, limits, tls, host, port, reactor, grace=grace)


def routes(keyserver: IKeyserver) -> Routes:
    """The table at the top of this file."""
    openapi = Response(200, JSON, description())

    def lookup(exchange: Exchange) -> Response:
        return Response(200, JSON, keyserver.lookup(lookup_request(exchange.body)).json())

    def update(exchange: Exchange) -> Deferred[Response]:
        certificate = exchange.certificate()
        if certificate:
            check_own_page(exchange.requestHeaders)
        return keyserver.update(update_request(exchange.body), certificate).addCallback(_answered)

    def changes(exchange: Exchange) -> Response:
        return Response(200, JSON, keyserver.policyChanges(policy_changes_request(exchange.body)).json())

    def status(exchange: Exchange) -> Response:
        if not keyserver.inRotation:
            raise HttpError(404, "out_of_rotation", "this replica is out of rotation")
        return Response(200, TEXT, b"OK")

    return {
        b"/lookup": {b"POST": lookup},
        b"/update": {b"POST": update},
        b"/policy_changes": {b"POST": changes},
        b"/status": {b"GET": status},
        b"/lb": {b"GET": status},
        b"/openapi.json": {b"GET": lambda exchange: openapi},
    }


def _answered(answer: Answer) -> Response:
    return Response(200, JSON, answer.json())
