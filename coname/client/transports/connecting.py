"""From a realm's configuration to a transport. Files are read here, and only here: keys and certificates for TLS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from coname.client.servers import Server, Servers
from coname.client.transports.timeouts import LOOKUP_SECONDS, UPDATE_SECONDS
from coname.config import client_tls
from coname.errors import Misconfigured

if TYPE_CHECKING:
    from coname.messages.config_pb2 import RealmConfig


def grpc_addresses(realm: RealmConfig) -> list[str]:
    """Where the realm's public gRPC is, host:port, in the configuration's order."""
    return [each for each in (realm.addr, *realm.addrs) if each]


def https_urls(realm: RealmConfig) -> list[str]:
    """Where the realm's HTTPS fronts are, in the configuration's order."""
    return [each for each in (realm.URL, *realm.URLs) if each]


def connect_grpc(
    realm: RealmConfig,
    folder: Path,
    lookup_seconds: float = LOOKUP_SECONDS,
    update_seconds: float = UPDATE_SECONDS,
) -> Servers:
    """gRPC at the realm's `addr` and `addrs`.

    :param folder: where the configuration's paths begin.
    :raises Misconfigured: it has none of them, or its TLS is wrong.
    """
    from coname.client.transports.grpc_aio import GrpcTransport

    addresses = grpc_addresses(realm)
    if not addresses:
        raise Misconfigured([f"realm {realm.RealmName} has no addr (host:port of its public gRPC)"])
    tls = client_tls(realm, folder)
    credentials, options = tls.grpc_channel_credentials(), tls.grpc_channel_options()
    return Servers(
        [Server(each, GrpcTransport(each, credentials, options, lookup_seconds, update_seconds)) for each in addresses]
    )


def connect_https(
    realm: RealmConfig,
    folder: Path,
    reactor: Any,
    lookup_seconds: float = LOOKUP_SECONDS,
    update_seconds: float = UPDATE_SECONDS,
) -> Servers:
    """The HTTPS fronts at the realm's `URL` and `URLs`.

    :param folder: where the configuration's paths begin.
    :param reactor: the program's.
    :raises Misconfigured: it has none of them, or its TLS is wrong.
    """
    from coname.client.transports.https import HttpsTransport
    from coname.client.transports.web_agent import web_client

    urls = https_urls(realm)
    if not urls:
        raise Misconfigured([f"realm {realm.RealmName} has no URL (of its HTTPS front)"])
    http, close = web_client(client_tls(realm, folder), reactor, lookup_seconds)
    return Servers(
        [Server(each, HttpsTransport(each, http, reactor, close, lookup_seconds, update_seconds)) for each in urls]
    )
