"""From a realm's configuration to a transport. Files are read here, and only here: keys and certificates for TLS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from coname.client.transports.timeouts import LOOKUP_SECONDS, UPDATE_SECONDS
from coname.config import client_tls
from coname.errors import Misconfigured

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

    from coname.client.transports.grpc_aio import GrpcTransport
    from coname.client.transports.https import HttpsTransport
    from coname.messages.config_pb2 import RealmConfig

CONNECTIONS = 4
"""Connections that are kept open to one HTTPS front."""


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
    from treq.client import HTTPClient
    from twisted.web.client import Agent, HTTPConnectionPool
    from twisted.web.iweb import IPolicyForHTTPS
    from zope.interface import implementer

    from coname.client.transports.https import HttpsTransport

    if not realm.URL:
        raise Misconfigured([f"realm {realm.RealmName} has no URL (of its HTTPS front)"])
    tls = client_tls(realm, folder)

    @implementer(IPolicyForHTTPS)
    class Policy:
        """TLS as the realm's configuration has it."""

        def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
            return tls.client_options(hostname.decode("ascii"))

    make_pool: Any = HTTPConnectionPool  # Twisted's classes here lack annotations
    make_agent: Any = Agent
    pool = make_pool(reactor)
    pool.maxPersistentPerHost = CONNECTIONS
    agent = make_agent(reactor, contextFactory=Policy(), connectTimeout=lookup_seconds, pool=pool)
    return HttpsTransport(
        realm.URL, HTTPClient(agent), reactor, pool.closeCachedConnections, lookup_seconds, update_seconds
    )
