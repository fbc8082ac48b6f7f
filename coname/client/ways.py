"""How addresses of a domain are registered in a realm: asked of its HTTPS front, which knows what it takes."""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from functools import partial
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from coname.client.proving import Claim
from coname.client.transports.connecting import https_urls
from coname.client.waiting import in_thread
from coname.config import client_tls
from coname.configuration.certificates import pem
from coname.configuration.tls import TlsIdentity
from coname.core.addresses import split
from coname.errors import InvalidRequest, Misconfigured, Unreachable

ANSWER_BYTES = 64 * 1024
SECONDS = 15.0

Way = dict[str, str]
"""A kind of proof, and what one needs to know for it; `login`: the path at the front where a login begins."""


async def ask_ways(claim: Claim, folder: Path) -> tuple[str, Sequence[Way]]:
    """The first front of the claim's realm that answers, and the ways that it has for the claim's address.

    :param folder: where the configuration's paths begin.
    :raises Misconfigured: the realm has no front. :raises Unreachable: none of them answers.
    :raises InvalidRequest: one does not answer as it should.
    """
    fronts = https_urls(claim.realm)
    if not fronts:
        raise Misconfigured(
            [f"realm {claim.realm.RealmName} has no URL (of its HTTPS front), which says how addresses are registered"]
        )
    domain, tls = split(claim.address)[1], client_tls(claim.realm, folder)
    failure: Unreachable | None = None
    for front in fronts:
        try:
            return front.rstrip("/"), await in_thread(partial(ways, front, tls, domain))
        except Unreachable as error:
            failure = failure or error
    raise failure or Unreachable("nobody was asked")


def ways(url: str, tls: TlsIdentity, domain: str) -> Sequence[Way]:
    """The ways that the front at `url` has for addresses of `domain`, its operator's favourite first. Blocks.

    :raises Unreachable: it does not answer. :raises InvalidRequest: it does not answer as it should.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", f"{parts.path.rstrip('/')}/registration?domain={quote(domain)}"
    connection = _Connection(host, parts.port or 443, tls)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        response = connection.getresponse()
        status, body = response.status, response.read(ANSWER_BYTES)
    except (OSError, HTTPException) as error:
        raise Unreachable(f"{url} cannot be reached: {error}") from error
    finally:
        connection.close()
    found = _proofs(body) if status == 200 else None
    if found is None:
        raise InvalidRequest(f"{url} does not say how addresses of {domain} are registered (status {status})")
    return found


def _proofs(body: bytes) -> list[Way] | None:
    try:
        document: Any = json.loads(body)
        proofs = document["proofs"]
        return [{str(name): str(value) for name, value in proof.items()} for proof in proofs]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


class _Connection(HTTPSConnection):
    """To a host that may present the certificate of another name, where the configuration says so."""

    def __init__(self, host: str, port: int, tls: TlsIdentity) -> None:
        authorities = pem(tls.root_cas).decode() if tls.root_cas else None
        self._tls = ssl.create_default_context(cadata=authorities)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._name = tls.server_name or host
        super().__init__(host, port, timeout=SECONDS, context=self._tls)

    def connect(self) -> None:
        """See `HTTPSConnection`."""
        super(HTTPSConnection, self).connect()
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)
