"""An organisation's authority for client certificates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = 1_800_000_000.0
ADDRESS = "alice@example.com"
_OTHER_USES = (
    "content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign encipher_only"
    " decipher_only"
)
SIGNING = {**dict.fromkeys(_OTHER_USES.split(), False), "digital_signature": True}


def at(seconds: float) -> datetime:
    """A time, so many seconds from `NOW`."""
    return datetime.fromtimestamp(NOW + seconds, UTC)


def name(text: str) -> x509.Name:
    """A subject's."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Issues what a test wants."""

    def __init__(self, called: str = "people of example.com", is_ca: bool = True, signs: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = name(called)
        usage = SIGNING | {"key_cert_sign": signs, "crl_sign": True}
        self.certificate = (
            self._builder(self.name, self.key.public_key(), -1e9, 1e9)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, SHA256())
        )

    def _builder(self, subject: x509.Name, key: Any, begins: float, ends: float) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(at(begins))
            .not_valid_after(at(ends))
        )

    def issue(
        self,
        names: Sequence[x509.GeneralName] = (x509.RFC822Name(ADDRESS),),
        usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CLIENT_AUTH,),
        begins: float = -1000,
        ends: float = 1000,
        key: Any = None,
        signer: Any = None,
        usage: dict[str, bool] | None = None,
        more: Sequence[tuple[x509.ExtensionType, bool]] = (),
        is_ca: bool = False,
    ) -> x509.Certificate:
        """A certificate for `key`."""
        key = client_key() if key is None else key
        builder = self._builder(name("Alice"), key.public_key(), begins, ends)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=is_ca, path_length=None), True),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
            *more,
        ]
        if names:
            extensions.append((x509.SubjectAlternativeName(names), False))
        if usages:
            extensions.append((x509.ExtendedKeyUsage(usages), False))
        if usage is not None:
            extensions.append((x509.KeyUsage(**usage), True))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer or self.key, SHA256())

    def revocations(
        self,
        revoked: Sequence[x509.Certificate] = (),
        begins: float = -100,
        ends: float = 100,
        signer: Any = None,
        more: Sequence[x509.ExtensionType] = (),
    ) -> bytes:
        """A list of revoked certificates, PEM."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(at(begins)).next_update(at(ends))
        for certificate in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(at(-50))
            builder = builder.add_revoked_certificate(entry.build())
        for extension in more:
            builder = builder.add_extension(extension, critical=True)
        return builder.sign(signer or self.key, SHA256()).public_bytes(Encoding.PEM)


@cache
def authority() -> Authority:
    """The organisation's."""
    return Authority()


@cache
def client_key() -> ec.EllipticCurvePrivateKey:
    """Of the person's device."""
    return ec.generate_private_key(ec.SECP256R1())
