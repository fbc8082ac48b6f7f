"""A client certificate as a proof: the organisation has issued it for the address, and the update came over it.

The TLS handshake of the connection that carries the update proves that whoever sends it has the certificate's key. So
nothing can be replayed, and the proof is for the entry that came that way. Rules:

1. `ca` itself has issued the certificate, for logging in (clientAuth), now, and with a signature that still means
   something; the path is checked by ``cryptography``'s verifier, which knows names and constraints.
2. One of its e-mail addresses (subjectAltName, rfc822Name) is the one to be registered, in canonical form. The
   subject's name is not looked at.
3. It is not revoked, by a list that `ca` has signed and that has not ended (`client_certificate_crl`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from zope.interface import implementer

from coname.core import addresses
from coname.core.hashes import entry_hash
from coname.core.text import quoted
from coname.errors import InvalidRequest, RegistrationExpired, RegistrationRefused
from coname.registration.client_certificate_crl import RevocationList
from coname.registration.proof import CLOCK_SKEW, IProofChecker, Presented, Proved, replay_id

KIND = "client_certificate"

VALIDITY = 600.0
"""Seconds for which the handshake counts: the update that it carries is applied well before."""

LEAST_RSA_BITS = 2048

ADDRESSES = 20
"""The most e-mail addresses in one certificate."""

_DAMAGE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises over a certificate that it cannot read."""


@implementer(IProofChecker)
class ClientCertificateChecker:
    """Checks certificates.

    :param domains: whose addresses it may prove. :param ca: must have issued them.
    :param revoked: which of them do not count any more; None: nothing is known of that.
    :param skew: seconds that the issuer's clock may differ from ours.
    """

    kind = KIND

    def __init__(
        self,
        domains: Sequence[str],
        ca: x509.Certificate,
        revoked: RevocationList | None,
        skew: float = CLOCK_SKEW,
    ) -> None:
        self.domains = domains
        self.ca = ca
        self._store = Store([ca])
        self._revoked = revoked
        self._skew = skew

    def offer(self, domain: str) -> Sequence[Mapping[str, str]]:
        """See `IProofChecker`: who has to have issued the certificate."""
        return [{"issuer": self.ca.subject.rfc4514_string()}]

    def takes(self, presented: Presented) -> bool:
        """See `IProofChecker`: another proof that is there was meant instead."""
        return bool(presented.certificate) and presented.email_proof.WhichOneof("proof_type") is None

    async def check(self, presented: Presented, user_id: str, entry: bytes, now: float) -> Proved:
        """See `IProofChecker`."""
        certificate = _load(presented.certificate)
        self._check_path(certificate, now)
        _check_address(certificate, user_id)
        if self._revoked is not None:
            await self._revoked.check(certificate.serial_number, now)
        issuer = self.ca.subject.rfc4514_string()
        fingerprint = certificate.fingerprint(SHA256())
        return Proved(
            address=user_id,
            kind=KIND,
            issuer=issuer,
            subject=f"serial {certificate.serial_number:x}, {certificate.subject.rfc4514_string()}",
            expires=now + VALIDITY,
            replay_id=replay_id(KIND, issuer, fingerprint + entry_hash(entry)),
            bound=True,
        )

    def stop(self) -> None:
        """See `IProofChecker`."""
        if self._revoked is not None:
            self._revoked.stop()

    def _check_path(self, certificate: x509.Certificate, now: float) -> None:
        at = _time_within(certificate, now, self._skew)
        if certificate.issuer != self.ca.subject:
            raise RegistrationRefused(
                f"the client certificate is issued by {certificate.issuer.rfc4514_string()[:200]!r}; "
                f"{self.ca.subject.rfc4514_string()!r} is expected"
            )
        try:
            PolicyBuilder().store(self._store).time(at).build_client_verifier().verify(certificate, [])
        except (VerificationError, ValueError) as error:
            raise RegistrationRefused(f"the client certificate does not verify: {quoted(str(error), 300)}") from error
        _check_key(certificate)
        _check_usage(certificate)


def _load(data: bytes) -> x509.Certificate:
    """The certificate, whose parts can be read: the library parses them only when they are asked for."""
    try:
        certificate = x509.load_der_x509_certificate(data)
        for name in (certificate.subject, certificate.issuer):
            name.rfc4514_string()
        certificate.public_key()
        _ = certificate.extensions, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except _DAMAGE as error:
        raise RegistrationRefused("the client certificate cannot be read") from error
    return certificate


def _time_within(certificate: x509.Certificate, now: float, skew: float) -> datetime:
    """The time to check the path by: now, or as near to it as the issuer's clock may be."""
    begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    if now >= ends + skew:
        raise RegistrationExpired(f"the client certificate ended {now - ends:.0f} s ago")
    if now < begins - skew:
        raise RegistrationRefused(f"the client certificate begins in {begins - now:.0f} s, by this clock")
    return datetime.fromtimestamp(min(max(now, begins), ends), UTC)


def _check_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise RegistrationRefused(
            f"the client certificate has an RSA key of {key.key_size} bits; {LEAST_RSA_BITS} are the least"
        )


def _check_usage(certificate: x509.Certificate) -> None:
    """The verifier wants clientAuth where usages are said; here they must be."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usages = x509.ExtendedKeyUsage([])
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        raise RegistrationRefused(
            "the client certificate is not for logging in: it has no extended key usage clientAuth"
        )
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.digital_signature:
        raise RegistrationRefused("the client certificate's key is not for signatures (key usage digitalSignature)")


def _check_address(certificate: x509.Certificate, user_id: str) -> None:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = names.get_values_for_type(x509.RFC822Name)
    except (x509.ExtensionNotFound, ValueError):
        found = []
    if not 0 < len(found) <= ADDRESSES:
        raise RegistrationRefused(
            f"the client certificate has {len(found)} e-mail addresses (subjectAltName rfc822Name)"
        )
    if user_id not in [_canonical(each) for each in found]:
        raise RegistrationRefused(f"the client certificate is for {', '.join(found)[:300]!r}, not for {user_id}")


def _canonical(address: str) -> str:
    try:
        return addresses.vouched(address)
    except InvalidRequest:
        return ""
