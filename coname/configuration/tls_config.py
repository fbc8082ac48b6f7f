"""TLSConfig messages become `TlsIdentity` objects, with every mistake named.

What a library cannot do is a mistake where security would suffer silently: gRPC in Python cannot ask for a client
certificate without verifying it, nor be kept to TLS 1.3. Where only comfort or speed would, it is a warning.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from coname.configuration import certificates
from coname.configuration.keys import TlsKey, read_tls_key
from coname.configuration.tls import CIPHERS, Credential, TlsIdentity
from coname.messages import config_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

    from coname.configuration.findings import Findings


class Use(enum.Enum):
    """Who speaks TLS by it."""

    SERVER = "a server in Twisted"
    GRPC_SERVER = "a server in gRPC"
    CLIENT = "a client"
    GRPC_CLIENT = "a client in gRPC only"
    PEER = "both ends, in Twisted"


_GRPC = (Use.GRPC_SERVER, Use.GRPC_CLIENT)

# The original's cipher suites that are still fine, by OpenSSL's names.
_SOUND_CIPHERS: dict[int, str] = {
    pb.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
    pb.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
}
_UNUSED = {
    "next_protos": "each front speaks one protocol, and offers that",
    "curve_preferences": "the TLS library's own preferences apply",
    "session_ticket_key_id": "ticket keys are made at start, and never leave the process",
}
_VERIFYING = (pb.VERIFY_CLIENT_CERT_IF_GIVEN, pb.REQUIRE_AND_VERIFY_CLIENT_CERT)


def load(config: pb.TLSConfig, folder: Path, use: Use, now: datetime, findings: Findings) -> TlsIdentity:
    """The identity that `config` describes. What is wrong goes to `findings`; without mistakes, it is complete.

    :param folder: where key files are looked for, the configuration file's.
    :param now: the time that certificates are warned about by.
    """
    _check_versions(config, use, findings)
    _warn_of_unused(config, findings)
    if use not in (Use.CLIENT, Use.GRPC_CLIENT):
        _check_server(config, use, findings)
    return TlsIdentity(
        credentials=_credentials(config, folder, use, now, findings.at("certificates")),
        root_cas=certificates.parse_authorities(config.root_cas, now, findings.at("root_cas")),
        client_auth=config.client_auth,
        client_cas=certificates.parse_authorities(config.client_cas, now, findings.at("client_cas")),
        server_name=config.server_name,
        only_tls13=config.min_version == pb.VERSION_TLS13,
        only_tls12=config.max_version == pb.VERSION_TLS12,
        ciphers=_ciphers(config.cipher_suites, use, findings.at("cipher_suites")),
        session_tickets=config.session_tickets_enabled,
    )


def _check_server(config: pb.TLSConfig, use: Use, findings: Findings) -> None:
    if not config.certificates:
        findings.at("certificates").mistake("empty; a server needs a certificate and its key")
    place = findings.at("client_auth")
    if config.client_auth not in pb.ClientAuthType.values():
        place.mistake(f"{config.client_auth} is none of {', '.join(pb.ClientAuthType.keys())}")
        return
    allowed = (pb.NO_CLIENT_CERT, pb.REQUIRE_AND_VERIFY_CLIENT_CERT)
    if use is Use.GRPC_SERVER and config.client_auth not in allowed:
        place.mistake(
            f"gRPC in Python cannot do {pb.ClientAuthType.Name(config.client_auth)}; choose NO_CLIENT_CERT or "
            "REQUIRE_AND_VERIFY_CLIENT_CERT"
        )
    if config.client_auth in _VERIFYING and not config.client_cas:
        findings.at("client_cas").mistake("empty; client_auth verifies certificates, by which authorities?")


def _check_versions(config: pb.TLSConfig, use: Use, findings: Findings) -> None:
    for name in ("min_version", "max_version"):
        if getattr(config, name) not in pb.TLSVersion.values():
            findings.at(name).mistake(f"{getattr(config, name)} is none of {', '.join(pb.TLSVersion.keys())}")
    if 0 < config.max_version < pb.VERSION_TLS12:
        findings.at("max_version").mistake("TLS 1.2 is the least that is spoken here; leave this field out")
    elif config.max_version and config.min_version > config.max_version:
        findings.at("min_version").mistake("greater than max_version; no version is left")
    if 0 < config.min_version < pb.VERSION_TLS12:
        findings.at("min_version").warn("TLS 1.2 is the least that is spoken here; this is raised to it")
    if use in _GRPC and config.min_version == pb.VERSION_TLS13:
        findings.at("min_version").mistake("gRPC in Python cannot refuse TLS 1.2; VERSION_TLS12 or nothing is possible")
    if use in _GRPC and config.max_version == pb.VERSION_TLS12:
        findings.at("max_version").warn("gRPC in Python speaks TLS 1.3 all the same")


def _warn_of_unused(config: pb.TLSConfig, findings: Findings) -> None:
    for name, reason in _UNUSED.items():
        if getattr(config, name):
            findings.at(name).warn(f"not used: {reason}")


def _ciphers(suites: Sequence[int], use: Use, findings: Findings) -> tuple[str, ...]:
    """OpenSSL's names of those `suites` that are sound; all sound ones if none are listed."""
    if not suites:
        return CIPHERS
    if use in _GRPC:
        findings.warn("gRPC in Python cannot be told; its own list applies, which holds sound ones only")
        return CIPHERS
    sound = tuple(_SOUND_CIPHERS[suite] for suite in suites if suite in _SOUND_CIPHERS)
    if not sound:
        findings.mistake(f"none of these is sound; leave them out, or list {' or '.join(map(_name, _SOUND_CIPHERS))}")
    for suite in suites:
        if suite not in _SOUND_CIPHERS and suite != pb.TLS_FALLBACK_SCSV:
            findings.warn(f"{_name(suite)} is not offered: it lacks forward secrecy or authenticated encryption")
    return sound or CIPHERS


def _name(suite: int) -> str:
    return pb.CipherSuite.Name(suite) if suite in pb.CipherSuite.values() else f"suite {suite}"


def _credentials(
    config: pb.TLSConfig, folder: Path, use: Use, now: datetime, findings: Findings
) -> tuple[Credential, ...]:
    found = []
    for number, pair in enumerate(config.certificates):
        place = findings.at(number)
        chain = _chain(pair, now, place)
        key = _key(pair, folder, use, place.at("key_id"))
        if chain and key:
            if not certificates.belongs_to(chain[0], key):
                place.at("key_id").mistake(f"{pair.key_id} is not the key of certificate[0], which must be the leaf's")
            found.append(Credential(chain, key))
    return tuple(found)


def _chain(pair: pb.CertificateAndKeyID, now: datetime, findings: Findings) -> tuple[x509.Certificate, ...]:
    if pair.OCSP_staple:
        findings.at("OCSP_staple").warn("not used: it would be out of date within days")
    place = findings.at("certificate")
    if not pair.certificate:
        place.mistake("empty; the leaf's DER comes first, then those of its issuers")
    chain = certificates.parse(pair.certificate, place)
    for certificate in chain:
        certificates.warn_of_dates(certificate, now, place)
    return tuple(chain)


def _key(pair: pb.CertificateAndKeyID, folder: Path, use: Use, findings: Findings) -> TlsKey | None:
    if not pair.key_id:
        findings.mistake("missing: the path of the private key in PEM")
        return None
    key = read_tls_key(folder / pair.key_id, findings)
    if key is not None and use in _GRPC and not _known_to_grpc(key):
        findings.mistake("gRPC's TLS takes RSA keys and those on the curves P-256 and P-384 only")
    return key


def _known_to_grpc(key: TlsKey) -> bool:
    """BoringSSL's clients, gRPC's among them, offer neither Ed25519 nor P-521 for certificates."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
    return isinstance(key, rsa.RSAPrivateKey)
