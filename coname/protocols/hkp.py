"""The HKP front: OpenPGP certificates by address, for GnuPG and mail clients (protocol section 9).

``GET /pks/lookup?op=get&search=ADDRESS[&options=mr]`` answers the ``pgp`` key of the address's profile, armoured.

- HKP carries no proof, so this front is the client: it asks for the signatures that the realm's own policy wants,
  verifies the answer as any client would, and hands out nothing that does not verify.
- Only a value that is one OpenPGP certificate without secrets is answered; anything else counts as none.
- 404 where there is none. Whatever else is asked for is answered 501: searches by name, fingerprint or part of an
  address, what is no address, uploads, other paths and methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from coname.core.addresses import canonical
from coname.core.lookup import Verified, verify_lookup
from coname.errors import ConameError, InvalidRequest, NotFound, ProofInvalid, QuorumUnmet
from coname.messages.client_pb2 import LookupProof, LookupRequest
from coname.protocols import http_bounds as bounds
from coname.protocols.followed_realm import FollowedRealm
from coname.protocols.hkp_armour import ArmouredCertificates
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
        :param realm: what answers must verify under, and what follows from it (`coname.protocols.followed_realm`); its
            `domains` may be empty for a realm of any domain.

        The other parameters are those of `HttpService`.
        """
        self._keyserver = keyserver
        self._realm = FollowedRealm(keyserver, realm)
        self._clock = reactor
        self._certificates = ArmouredCertificates()
        routes: Routes = {b"/pks/lookup": {b"GET": self._lookup}}
        super().__init__("HKP", routes, limits, tls, host, port, reactor, grace=grace, otherwise=_unsupported)

    def _lookup(self, exchange: Exchange) -> Response:
        return Response(200, CONTENT_TYPE, self._certificate(wanted_address(exchange.query)))

    def _certificate(self, user_id: str) -> bytes:
        """The verified value of `KEY_NAME` for the address `user_id`, armoured.

        :raises NotFound: the address is proved to have none, or none that can be given out.
        :raises ProofInvalid: the answer does not verify.
        """
        verified = self._verified(user_id)
        entry, profile = verified.entry, verified.profile
        if entry is None or profile is None:
            raise NotFound(f"{user_id} is not registered")
        if not profile.keys.get(KEY_NAME):
            raise NotFound(f"{user_id} is registered without an OpenPGP certificate")
        return self._certificates.armoured(entry.profile_commitment, profile.keys[KEY_NAME])

    def _verified(self, user_id: str) -> Verified:
        """The answer for the address, verified.

        Right after the replicas have changed, verifiers may have signed no epoch since then: the newest one that they
        have signed is answered by those who were replicas before.
        """
        refusal: ConameError | None = None
        for realm in self._realm.versions()[:2]:
            try:
                return self._asked(user_id, realm)
            except (QuorumUnmet, ProofInvalid) as error:
                if isinstance(error, ProofInvalid) and error.step != "signatures":
                    raise
                refusal = refusal or error
        raise refusal or NotFound(f"nobody is asked for {user_id}")

    def _asked(self, user_id: str, realm: RealmConfig) -> Verified:
        """The answer with the signatures that `realm` demands, verified by what holds for its epoch."""
        request = LookupRequest(user_id=user_id, quorum_requirement=realm.verification_policy.quorum)
        answer = self._keyserver.lookup(request)
        proof = LookupProof.FromString(answer.protobuf())
        return verify_lookup(self._realm.of(answer.epoch), user_id, proof, self._clock.seconds())


def wanted_address(query: bytes) -> str:
    """The address that a query asks for, in canonical form.

    :raises HttpError: 501, the query asks for something else than one address's certificate.
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
    try:
        return canonical(search)
    except InvalidRequest as error:
        raise _not_implemented(f"only addresses can be searched for: {error}") from error


def _parameters(query: bytes) -> Mapping[str, str]:
    """A query's parameters, percent-decoded; a plus sign is one, as in addresses."""
    parts = query.split(b"&", PARAMETERS)
    if len(parts) > PARAMETERS:
        raise _not_implemented(f"the query has more than {PARAMETERS} parameters")
    parameters: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition(b"=")
        try:
            parameters[unquote(name.decode(), errors="strict")] = unquote(value.decode(), errors="strict")
        except UnicodeDecodeError as error:
            raise _not_implemented("the query is not percent-encoded UTF-8") from error
    return parameters


def _unsupported(_: Exchange) -> Response:
    raise _not_implemented("only GET /pks/lookup is served; certificates are registered with `coname register`")


def _not_implemented(message: str) -> HttpError:
    return HttpError(501, "not_implemented", message)
