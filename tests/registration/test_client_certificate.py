"""Client certificates that prove an address, and such as do not."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.errors import ConameError
from coname.messages.client_pb2 import EmailProof
from coname.registration.client_certificate import VALIDITY, ClientCertificateChecker
from coname.registration.proof import IProofChecker, Presented, Proved
from tests.registration import certificates
from tests.registration.certificates import ADDRESS, NOW, SIGNING, Authority, authority

ENTRY = b"an encoded entry"


class CertificateCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.checker = ClientCertificateChecker(["example.com"], authority().certificate, None, 60.0)

    def check(self, certificate: x509.Certificate | bytes, now: float, entry: bytes = ENTRY) -> Deferred[Proved]:
        data = certificate if isinstance(certificate, bytes) else certificate.public_bytes(Encoding.DER)
        return Deferred.fromCoroutine(self.checker.check(Presented(EmailProof(), data), ADDRESS, entry, now))

    def prove(self, certificate: x509.Certificate, now: float = NOW, entry: bytes = ENTRY) -> Proved:
        """What the certificate proves."""
        return self.successResultOf(self.check(certificate, now, entry))

    def refuse(
        self, certificate: x509.Certificate | bytes, reason: str, code: str = "registration_refused", now: float = NOW
    ) -> None:
        """The certificate proves nothing, for that `reason`, which is part of a sentence."""
        error = self.failureResultOf(self.check(certificate, now), ConameError).value
        self.assertIn(reason, str(error))
        self.assertEqual(error.code, code)


class GoodCertificateTests(CertificateCase):
    def test_interface(self) -> None:
        verifyObject(IProofChecker, self.checker)

    def test_what_it_proves(self) -> None:
        certificate = authority().issue()
        proved = self.prove(certificate)
        self.assertEqual((proved.address, proved.kind, proved.bound), (ADDRESS, "client_certificate", True))
        self.assertEqual(proved.issuer, "CN=people of example.com")
        self.assertEqual(proved.subject, f"serial {certificate.serial_number:x}, CN=Alice")
        self.assertEqual(proved.expires, NOW + VALIDITY)

    def test_each_entry_has_its_own_id(self) -> None:
        certificate = authority().issue()
        self.assertEqual(self.prove(certificate).replay_id, self.prove(certificate).replay_id)
        self.assertNotEqual(self.prove(certificate).replay_id, self.prove(certificate, entry=b"other").replay_id)

    def test_capitals(self) -> None:
        self.prove(authority().issue([x509.RFC822Name("Alice@Example.com")]))

    def test_several_addresses(self) -> None:
        self.prove(authority().issue([x509.RFC822Name("a@example.com"), x509.RFC822Name(ADDRESS)]))

    def test_several_usages(self) -> None:
        self.prove(authority().issue(usages=[ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CLIENT_AUTH]))

    def test_rsa(self) -> None:
        self.prove(authority().issue(key=rsa.generate_private_key(65537, 2048)))

    def test_clocks_that_differ(self) -> None:
        self.prove(authority().issue(begins=59))
        self.prove(authority().issue(ends=-59))

    def test_taken_without_another_proof_only(self) -> None:
        self.assertTrue(self.checker.takes(Presented(EmailProof(), b"x")))
        self.assertFalse(self.checker.takes(Presented(EmailProof())))
        self.assertFalse(self.checker.takes(Presented(EmailProof(oidc_token="t"), b"x")))


class BadCertificateTests(CertificateCase):
    def test_for_somebody_else(self) -> None:
        other = authority().issue([x509.RFC822Name("mallory@example.com")])
        self.refuse(other, "is for 'mallory@example.com', not for alice@example.com")

    def test_without_an_address(self) -> None:
        self.refuse(authority().issue([x509.DNSName("alice.example.com")]), "has 0 e-mail addresses")

    def test_address_in_another_name(self) -> None:
        """Only rfc822Name is one."""
        self.refuse(authority().issue([x509.UniformResourceIdentifier(f"mailto:{ADDRESS}")]), "has 0 e-mail addresses")

    def test_with_very_many_addresses(self) -> None:
        names = [x509.RFC822Name(f"a{number}@example.com") for number in range(20)]
        self.refuse(authority().issue([*names, x509.RFC822Name(ADDRESS)]), "has 21 e-mail addresses")

    def test_zero_byte_in_the_address(self) -> None:
        self.refuse(authority().issue([x509.RFC822Name(f"{ADDRESS}\0.evil.example")]), "not for alice@example.com")

    def test_by_another_authority(self) -> None:
        self.refuse(Authority("others").issue(), "is issued by 'CN=others'; 'CN=people of example.com' is expected")

    def test_by_another_authority_of_that_name(self) -> None:
        self.refuse(Authority().issue(), "does not verify")

    def test_signed_with_its_own_key(self) -> None:
        self.refuse(authority().issue(signer=certificates.client_key()), "does not verify")

    def test_expired(self) -> None:
        self.refuse(authority().issue(ends=-60), "ended 60 s ago", "registration_expired")

    def test_not_yet(self) -> None:
        self.refuse(authority().issue(begins=61), "begins in 61 s")

    def test_for_servers(self) -> None:
        self.refuse(authority().issue(usages=[ExtendedKeyUsageOID.SERVER_AUTH]), "does not verify")

    def test_for_nothing_said(self) -> None:
        self.refuse(authority().issue(usages=[]), "has no extended key usage clientAuth")

    def test_for_anything(self) -> None:
        self.refuse(authority().issue(usages=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), "required EKU not found")

    def test_key_for_encryption(self) -> None:
        usage = SIGNING | {"digital_signature": False, "key_encipherment": True}
        self.refuse(authority().issue(usage=usage), "is not for signatures")

    def test_unknown_critical_extension(self) -> None:
        strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\0")
        self.refuse(authority().issue(more=[(strange, True)]), "does not verify")

    def test_weak_key(self) -> None:
        self.refuse(authority().issue(key=rsa.generate_private_key(65537, 1024)), "an RSA key of 1024 bits; 2048")

    def test_of_an_authority_below(self) -> None:
        """Whoever has such a certificate could issue others; it is for no person."""
        self.refuse(authority().issue(is_ca=True), "does not verify")

    def test_not_a_certificate(self) -> None:
        self.refuse(b"hello", "cannot be read")

    def test_authority_that_may_not_issue(self) -> None:
        for other in (Authority(is_ca=False), Authority(signs=False)):
            self.checker = ClientCertificateChecker(["example.com"], other.certificate, None, 60.0)
            self.refuse(other.issue(), "does not verify")
