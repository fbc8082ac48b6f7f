"""A certificate authority and a server's certificate, for the loopback interface."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class Pki(NamedTuple):
    """All there is.

    :ivar authority: the authority's certificate, DER.
    :ivar certificate: the server's, PEM.
    :ivar key: the server's, PEM.
    """

    authority: bytes
    certificate: bytes
    key: bytes


def make_pki(host: str = "127.0.0.1") -> Pki:
    """A new authority, and a server's certificate for `host`."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
    root = _builder(root_name, root_name, root_key).add_extension(x509.BasicConstraints(True, 0), critical=True)
    leaf = _builder(x509.Name([]), root_name, key).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=True
    )
    return Pki(
        root.sign(root_key, hashes.SHA256()).public_bytes(Encoding.DER),
        leaf.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
    )
