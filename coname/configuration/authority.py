"""A realm's own certificate authority, and the certificates it gives to replicas and verifiers.

Choices:

- ECDSA on P-256, SHA-256: what every TLS library speaks, the original's Go programs and gRPC's BoringSSL included;
- the authority is valid for ten years: clients pin it, and changing it means to reach every one of them;
- certificates are valid for 825 days, the longest that some platforms accept even from a private authority;
- they begin an hour ago, for machines whose clocks are behind;
- one authority issues all: a verifier is known by its common name ``verifier <id in hex>`` (protocol section 9),
  which no replica's certificate carries.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coname.configuration.tls import Credential

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coname.configuration.keys import TlsKey

CertifiedKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
"""What gRPC's TLS takes."""

AUTHORITY_LIFETIME = timedelta(days=3652)
CERTIFICATE_LIFETIME = timedelta(days=825)
CLOCK_SKEW = timedelta(hours=1)

# X.509's upper bound for a common name (RFC 5280, appendix A.1), in characters.
MAX_COMMON_NAME = 64


@dataclass(frozen=True)
class Authority:
    """A certificate and the key that issues by it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def create(cls, realm: str, now: datetime) -> Authority:
        """A new authority for `realm`, which can issue certificates but no further authorities."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"{realm} certificate authority")
        builder = _builder(name, key.public_key(), now, AUTHORITY_LIFETIME).issuer_name(name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(issues=True), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    def issue(self, common_name: str, hosts: Sequence[str], now: datetime) -> Credential:
        """A new key, and its certificate for TLS servers at `hosts` (names or IP addresses) and for TLS clients.

        :param hosts: empty for one that is only a client.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        return Credential((self.certify(common_name, key.public_key(), hosts, now),), key)

    def certify(self, common_name: str, key: CertifiedKey, hosts: Sequence[str], now: datetime) -> x509.Certificate:
        """A new certificate as `issue` makes it, for a `key` whose secret half is somebody else's."""
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])
        builder = _builder(_name(common_name), key, now, CERTIFICATE_LIFETIME)
        builder = builder.issuer_name(self.certificate.subject)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(issues=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        return builder.sign(self.key, hashes.SHA256())


def replica_name(replica: int) -> str:
    """The common name of the certificate that speaks for the replica of that id, to the other replicas."""
    return f"replica {replica:x}"


def verifier_name(verifier: int) -> str:
    """The common name of the certificate that speaks for the verifier of that id (protocol section 9)."""
    return f"verifier {verifier:x}"


def key_pem(key: TlsKey) -> bytes:
    """`key` in PEM as ``EC PRIVATE KEY`` (RFC 5915), the form that the original's programs read. A secret."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _builder(subject: x509.Name, key: CertifiedKey, now: datetime, lifetime: timedelta) -> x509.CertificateBuilder:
    """What every certificate has."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now - CLOCK_SKEW + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:MAX_COMMON_NAME])])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, issues: bool) -> x509.KeyUsage:
    """What a key is for: to issue certificates, or to sign in TLS handshakes."""
    return x509.KeyUsage(
        digital_signature=not issues,
        key_cert_sign=issues,
        crl_sign=issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
