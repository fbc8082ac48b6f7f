"""X.509 certificates of a configuration: DER in, checked against key and date.

A certificate that has expired is a warning and not a mistake: its clients will refuse it, but a replica that does not
start at all serves nobody, and its signatures do not depend on it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coname.configuration.findings import Findings
    from coname.configuration.keys import TlsKey

# Time enough to have a new one made, and to hand it to everybody who needs it.
EXPIRES_SOON = timedelta(days=30)

# What the library raises over DER that is no certificate that it can use.
_DAMAGE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def parse(ders: Sequence[bytes], findings: Findings) -> list[x509.Certificate]:
    """The certificates in the list of DER at this place; what is none is noted as a mistake and left out."""
    found = (parse_one(der, findings.at(number)) for number, der in enumerate(ders))
    return [certificate for certificate in found if certificate is not None]


def parse_one(der: bytes, findings: Findings) -> x509.Certificate | None:
    """The certificate at this place; None, with the mistake noted, if it is none."""
    try:
        return _load(der)
    except _DAMAGE as error:
        findings.mistake(f"not an X.509 certificate in DER: {error}")
        return None


def _load(der: bytes) -> x509.Certificate:
    """The certificate in `der`. Its parts are parsed when asked for: those that are asked for later are asked for now.

    :raises: one of _DAMAGE: it is none, or damaged.
    """
    certificate = x509.load_der_x509_certificate(der)
    certificate.subject.rfc4514_string()
    certificate.public_key()
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.extensions
    return certificate


def parse_authorities(ders: Sequence[bytes], now: datetime, findings: Findings) -> tuple[x509.Certificate, ...]:
    """The certificate authorities in the list of DER at this place, each warned about if its time is not now."""
    certificates = parse(ders, findings)
    for certificate in certificates:
        warn_of_dates(certificate, now, findings)
    return tuple(certificates)


def warn_of_dates(certificate: x509.Certificate, now: datetime, findings: Findings) -> None:
    """Warn if `certificate` is not valid `now`, or not for long."""
    name = certificate.subject.rfc4514_string() or "without a name"
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        findings.warn(f"the certificate {name} expired on {end:%Y-%m-%d %H:%M} UTC; peers will refuse it")
    elif now + EXPIRES_SOON > end:
        findings.warn(f"the certificate {name} expires on {end:%Y-%m-%d %H:%M} UTC; have a new one made")
    elif now < start:
        findings.warn(f"the certificate {name} is valid only from {start:%Y-%m-%d %H:%M} UTC; is the clock right?")


def belongs_to(certificate: x509.Certificate, key: TlsKey) -> bool:
    """Whether `certificate` certifies the public half of `key`."""
    certified = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certified == key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of `certificate` as ``openssl x509 -fingerprint -sha256`` shows it, for people to compare."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """`certificates` one after the other in PEM."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def utc_now() -> datetime:
    """The time that validity is judged by, unless a caller passes another."""
    return datetime.now(UTC)
