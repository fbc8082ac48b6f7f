"""treq's client over Twisted's web agent, with TLS as a realm's configuration has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

    from coname.configuration.tls import TlsIdentity

CONNECTIONS = 4
"""Connections that are kept open to one HTTPS front."""


@implementer(IPolicyForHTTPS)
class RealmPolicy:
    """What is presented to a realm's servers, and whom to trust there."""

    def __init__(self, tls: TlsIdentity) -> None:
        self._tls = tls

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        """See `IPolicyForHTTPS`."""
        return self._tls.client_options(hostname.decode("ascii"))


def web_client(
    tls: TlsIdentity, reactor: Any, connect_seconds: float
) -> tuple[HTTPClient, Callable[[], Deferred[None]]]:
    """A client, and what closes its connections.

    :param connect_seconds: how long to wait for a connection.
    """
    make_pool: Any = HTTPConnectionPool  # Twisted's classes here lack annotations
    make_agent: Any = Agent
    pool = make_pool(reactor)
    pool.maxPersistentPerHost = CONNECTIONS
    agent = make_agent(reactor, contextFactory=RealmPolicy(tls), connectTimeout=connect_seconds, pool=pool)
    return HTTPClient(agent), pool.closeCachedConnections
