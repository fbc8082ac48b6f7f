"""From a realm's configuration to a transport. Files are read here, and only here: keys and certificates for TLS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from coname.client.transports.timeouts import LOOKUP_SECONDS, UPDATE_SECONDS
from coname.config import client_tls
from coname.errors import Misconfigured

if TYPE_CHECKING:
    from coname.client.transports.grpc_aio import GrpcTransport
    from coname.client.transports.https import HttpsTransport
    from coname.messages.config_pb2 import RealmConfig


def connect_grpc(
    realm: RealmConfig,
    folder: Path,
    lookup_seconds: float = LOOKUP_SECONDS,
    update_seconds: float = UPDATE_SECONDS,
) -> GrpcTransport:
    """gRPC at the realm's `addr`.

    :param folder: where the configuration's paths begin.
    :raises Misconfigured: it has no `addr`, or its TLS is wrong.
    """
    from coname.client.transports.grpc_aio import GrpcTransport

    if not realm.addr:
        raise Misconfigured([f"realm {realm.RealmName} has no addr (host:port of its public gRPC)"])
    tls = client_tls(realm, folder)
    options = tls.grpc_channel_options()
    return GrpcTransport(realm.addr, tls.grpc_channel_credentials(), options, lookup_seconds, update_seconds)


def connect_https(
    realm: RealmConfig,
    folder: Path,
    reactor: Any,
    lookup_seconds: float = LOOKUP_SECONDS,
    update_seconds: float = UPDATE_SECONDS,
) -> HttpsTransport:
    """The HTTPS front at the realm's `URL`.

    :param folder: where the configuration's paths begin.
    :param reactor: the program's.
    :raises Misconfigured: it has no `URL`, or its TLS is wrong.
    """
    from coname.client.transports.https import HttpsTransport
    from coname.client.transports.web_agent import web_client

    if not realm.URL:
        raise Misconfigured([f"realm {realm.RealmName} has no URL (of its HTTPS front)"])
    http, close = web_client(client_tls(realm, folder), reactor, lookup_seconds)
    return HttpsTransport(realm.URL, http, reactor, close, lookup_seconds, update_seconds)
