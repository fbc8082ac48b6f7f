"""The HKP front: OpenPGP certificates by address, for GnuPG and mail clients (protocol section 9).

``GET /pks/lookup?op=get&search=ADDRESS[&options=mr]`` answers the ``pgp`` key of the address's profile, armoured.

- HKP carries no proof, so this front is the client: it asks for the signatures that the realm's own policy wants,
  verifies the answer as any client would, and hands out nothing that does not verify.
- Only a value that is an OpenPGP certificate is answered, and only its public part.
- There is no search by name, fingerprint or part of an address, and no upload: 501.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import pysequoia

from coname.core.addresses import canonical
from coname.core.lookup import verify_lookup
from coname.errors import InvalidRequest, NotFound
from coname.messages.client_pb2 import LookupProof, LookupRequest
from coname.protocols import http_bounds as bounds
from coname.protocols.http_service import HttpService, Routes
from coname.protocols.responses import HttpError, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coname.configuration.tls import TlsIdentity
    from coname.interfaces import IKeyserver
    from coname.messages.config_pb2 import Limits, RealmConfig
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_service import ListeningReactor

KEY_NAME = "pgp"
"""Under which name a profile holds an OpenPGP certificate."""

CONTENT_TYPE = b"application/pgp-keys"

PARAMETERS = 16
"""Parameters of one query; GnuPG sends four."""


class HkpService(HttpService):
    """The front at ``hkp_addr``."""

    def __init__(
        self,
        keyserver: IKeyserver,
        realm: RealmConfig,
        limits: Limits,
        tls: TlsIdentity,
        host: str,
        port: int,
        reactor: ListeningReactor,
        *,
        grace: float = bounds.GRACE_SECONDS,
    ) -> None:
        """
        :param realm: what answers must verify under; its `domains` may be empty for a realm of any domain.

        The other parameters are those of `HttpService`.
        """
        self._keyserver = keyserver
        self._realm = realm
        self._clock = reactor
        routes: Routes = {
            b"/pks/lookup": {b"GET": self._lookup},
            b"/pks/add": {b"GET": _unsupported, b"POST": _unsupported},
        }
        super().__init__("HKP", routes, limits, tls, host, port, reactor, grace=grace)

    def _lookup(self, exchange: Exchange) -> Response:
        certificate = self._certificate(wanted_address(exchange.query))
        return Response(200, CONTENT_TYPE, armoured(certificate).encode())

    def _certificate(self, user_id: str) -> bytes:
        """The verified value of `KEY_NAME` for the address `user_id`.

        :raises NotFound: the address is proved to have none. :raises ProofInvalid: the answer does not verify.
        """
        request = LookupRequest(user_id=user_id, quorum_requirement=self._realm.verification_policy.quorum)
        proof = LookupProof.FromString(self._keyserver.lookup(request).protobuf())
        profile = verify_lookup(self._realm, user_id, proof, self._clock.seconds()).profile
        if profile is None:
            raise NotFound(f"{user_id} is not registered")
        if not profile.keys.get(KEY_NAME):
            raise NotFound(f"{user_id} is registered without an OpenPGP certificate")
        return profile.keys[KEY_NAME]


def wanted_address(query: bytes) -> str:
    """The address that a query asks for, in canonical form.

    :raises HttpError: 501, the query asks for something else than one address's certificate.
    :raises InvalidRequest: the address has no canonical form.
    """
    parameters = _parameters(query)
    operation = parameters.get("op", "")
    if operation != "get":
        raise _not_implemented(f"op={operation} is not supported: only op=get is")
    search = parameters.get("search", "").removeprefix("=")  # GnuPG's mark of an exact user id
    if search.startswith("<") and search.endswith(">"):
        search = search[1:-1]
    if "@" not in search:
        raise _not_implemented("only whole addresses can be searched for: search=local@domain")
    return canonical(search)


def armoured(certificate: bytes) -> str:
    """The public part of an OpenPGP certificate, ASCII-armoured.

    :raises NotFound: `certificate` is none, or is more than one.
    """
    try:
        return str(pysequoia.Cert.from_bytes(certificate))
    except (RuntimeError, ValueError) as error:  # what pysequoia raises for everything that does not parse
        reason = str(error).partition("\n")[0]
        raise NotFound(f"the value registered as {KEY_NAME!r} is not an OpenPGP certificate: {reason}") from error


def _parameters(query: bytes) -> Mapping[str, str]:
    """A query's parameters, percent-decoded; a plus sign is one, as in addresses."""
    parts = query.split(b"&", PARAMETERS)
    if len(parts) > PARAMETERS:
        raise InvalidRequest(f"the query has more than {PARAMETERS} parameters")
    parameters: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition(b"=")
        try:
            parameters[unquote(name.decode(), errors="strict")] = unquote(value.decode(), errors="strict")
        except UnicodeDecodeError as error:
            raise InvalidRequest("the query is not percent-encoded UTF-8") from error
    return parameters


def _unsupported(_: Exchange) -> Response:
    raise _not_implemented("certificates are registered with `coname register`, not over HKP")


def _not_implemented(message: str) -> HttpError:
    return HttpError(501, "not_implemented", message)
