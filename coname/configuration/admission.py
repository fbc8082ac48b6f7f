"""Admitting a verifier, on the provider's side: its certificate, and the reply to its request.

Works on the folder that ``coname init`` made, with the authority's key in it. What changes in that folder's files is
`coname.configuration.admission_changes`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from coname.configuration import authority, certificates, documents
from coname.configuration.authority import Authority
from coname.configuration.findings import Findings
from coname.configuration.keys import MIN_RSA_BITS, read_tls_key
from coname.configuration.parse import fill
from coname.core.quorums import replica_policy
from coname.core.text import quoted
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from coname.configuration.enrolment import Request


@dataclass(frozen=True)
class Realm:
    """A realm's folder, read.

    :ivar replicas: each replica's configuration file, and what it says; :ivar client: the clients'.
    """

    folder: Path
    authority: Authority
    replicas: Mapping[Path, pb.ReplicaConfig]
    client: tuple[Path, pb.Config] | None

    @property
    def keyserver(self) -> pb.KeyserverConfig:
        """What all replicas have in common."""
        return next(iter(self.replicas.values())).keyserver_config

    @property
    def ours(self) -> bool:
        """Whether files may hold what the original's programs refuse."""
        return self.keyserver.vrf_suite != pb.VRF_2017

    @property
    def client_realm(self) -> pb.RealmConfig | None:
        """What clients are told of this realm."""
        known = self.client[1].realms if self.client else []
        return next((realm for realm in known if realm.RealmName == self.keyserver.realm), None)


def read_realm(folder: Path, now: datetime) -> Realm:
    """The realm in the folder that ``coname init`` made.

    :raises Misconfigured: with everything that is wrong with it, or missing.
    """
    findings = Findings()
    issuer = read_authority(folder, now, findings)
    replicas = {path: _read(path, pb.ReplicaConfig(), findings) for path in sorted(folder.glob("replica*/config.json"))}
    if not replicas:
        findings.mistake(f"{folder}: no replica1/config.json in it; the folder that `coname init` made is expected")
    if len({config.keyserver_config.realm for config in replicas.values()}) > 1:
        findings.mistake(f"{folder}: its replicas are of different realms")
    client = folder / "client" / "config.json"
    known = (client, _read(client, pb.Config(), findings)) if client.exists() else None
    findings.raise_mistakes()
    if issuer is None:
        raise Misconfigured([f"{folder}: incomplete"])  # never comes: a mistake was noted
    return Realm(folder, issuer, replicas, known)


def read_authority(folder: Path, now: datetime, findings: Findings) -> Authority | None:
    """The authority in ``ca/`` of a realm's folder; None if a mistake was found."""
    path = folder / "ca" / "ca.pem"
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        findings.mistake(f"{path}: {getattr(error, 'strerror', None) or 'not a certificate in PEM'}")
        return None
    key = read_tls_key(folder / "ca" / "ca-key.pem", findings)
    if key is None:
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not certificates.belongs_to(certificate, key):
        findings.mistake(f"{folder / 'ca' / 'ca-key.pem'}: not the key of ca.pem")
        return None
    if now > certificate.not_valid_after_utc:
        findings.mistake(f"{path}: the authority expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    return Authority(certificate, key)


def _read(path: Path, message: Any, findings: Findings) -> Any:
    fill(message, documents.read(path), findings)
    return message


def admit(realm: Realm, request: Request, now: datetime, keyserver_addr: str = "") -> pb.VerifierConfig:
    """The configuration, without paths, for the verifier that asks by `request`; with a new certificate.

    :param keyserver_addr: where it shall connect to; by default what the request says, or else the first replica's.
    :raises Misconfigured: the request is for another realm, or its key is of no use in TLS.
    """
    if request.realm != realm.keyserver.realm:
        asked, here = quoted(request.realm), quoted(realm.keyserver.realm)
        raise Misconfigured([f"the request is for the realm {asked}; the one in {realm.folder} is {here}"])
    if any(each.id == request.verifier for each in realm.keyserver.initial_replicas):
        raise Misconfigured(["the request is by the key of one of the realm's own replicas"])
    certificate = realm.authority.certify(authority.verifier_name(request.verifier), _tls_key(request), (), now)
    root = realm.authority.certificate
    tls = pb.TLSConfig(
        certificates=[pb.CertificateAndKeyID(certificate=[certificate.public_bytes(Encoding.DER)])],
        root_cas=[root.public_bytes(Encoding.DER)],
    )
    return pb.VerifierConfig(
        id=request.verifier,
        realm=request.realm,
        tls=tls,
        keyserver_addr=keyserver_addr or request.keyserver_addr or _verifier_addr(realm),
        initial_keyserver_auth=replica_policy(realm.keyserver.initial_replicas),
        tree_nonce=realm.keyserver.tree_nonce,
        require_transcripts=realm.ours,
    )


def _tls_key(request: Request) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    key = request.wanted.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return key
    raise Misconfigured(["the request's TLS key is none that gRPC takes: EC on P-256 or P-384, or RSA"])


def _verifier_addr(realm: Realm) -> str:
    """Where others reach the first replica's front for verifiers: its host as clients know it, its own port."""
    config = next(iter(realm.replicas.values()))
    host, _, port = config.verifier_addr.rpartition(":")
    known = realm.client_realm
    if not host and known is not None:
        host = known.addr.rpartition(":")[0]
    if not host or not port:
        raise Misconfigured(["nothing says where verifiers connect to; name it with --keyserver HOST:PORT"])
    return f"{host}:{port}"
