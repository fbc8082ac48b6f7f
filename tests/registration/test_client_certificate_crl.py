"""Client certificates that their issuer has revoked, and lists of them that say nothing."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from coname.errors import ConameError
from coname.messages.client_pb2 import EmailProof
from coname.registration.client_certificate import ClientCertificateChecker
from coname.registration.client_certificate_crl import RevocationList
from coname.registration.one_thread import OneThread
from coname.registration.proof import Presented, Proved
from tests.registration.certificates import ADDRESS, NOW, Authority, authority


class RevocationTests(TestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.number = 0
        self.write(authority().revocations())
        revoked = RevocationList(self.path, authority().certificate, 60.0, OneThread(reactor, "client certificates"))
        self.checker = ClientCertificateChecker(["example.com"], authority().certificate, revoked, 60.0)
        self.addCleanup(self.checker.stop)
        self.certificate = authority().issue()

    async def prove(self, certificate: x509.Certificate, now: float = NOW) -> Proved:
        presented = Presented(EmailProof(), certificate.public_bytes(Encoding.DER))
        return await self.checker.check(presented, ADDRESS, b"an encoded entry", now)

    async def refuse(
        self, certificate: x509.Certificate, reason: str, code: str = "registration_refused", now: float = NOW
    ) -> None:
        """The certificate proves nothing, for that `reason`, which is part of a sentence."""
        with self.assertRaises(ConameError) as refused:
            await self.prove(certificate, now)
        self.assertIn(reason, str(refused.exception))
        self.assertEqual(refused.exception.code, code)

    def write(self, data: bytes) -> None:
        self.path.write_bytes(data)
        self.number += 1
        os.utime(self.path, (self.number, self.number))  # the file system's clock may be coarse

    async def test_not_revoked(self) -> None:
        await self.prove(self.certificate)

    async def test_revoked(self) -> None:
        self.write(authority().revocations([authority().issue(), self.certificate]))
        await self.refuse(self.certificate, "the client certificate is revoked")

    async def test_revoked_later(self) -> None:
        await self.prove(self.certificate)
        self.write(authority().revocations([self.certificate]))
        await self.refuse(self.certificate, "the client certificate is revoked")

    async def test_in_der(self) -> None:
        revoked = x509.load_pem_x509_crl(authority().revocations([self.certificate]))
        self.write(revoked.public_bytes(Encoding.DER))
        await self.refuse(self.certificate, "the client certificate is revoked")

    async def test_ended(self) -> None:
        await self.prove(self.certificate, now=NOW + 159)
        await self.refuse(self.certificate, "has ended; whoever runs this server", "unavailable", now=NOW + 160)

    async def test_from_the_future(self) -> None:
        self.write(authority().revocations(begins=61))
        await self.refuse(self.certificate, "from the future", "unavailable")

    async def test_signed_by_somebody_else(self) -> None:
        self.write(authority().revocations(signer=ec.generate_private_key(ec.SECP256R1())))
        await self.refuse(self.certificate, "is not signed by CN=people of example.com", "unavailable")

    async def test_of_another_authority(self) -> None:
        self.write(Authority("others").revocations())
        await self.refuse(self.certificate, "is not signed by CN=people of example.com", "unavailable")

    async def test_changes_only(self) -> None:
        self.write(authority().revocations(more=[x509.DeltaCRLIndicator(1)]))
        await self.refuse(self.certificate, "is only a part of what is revoked", "unavailable")

    async def test_nonsense(self) -> None:
        self.write(b"hello")
        await self.refuse(self.certificate, "is not a list of revoked certificates", "unavailable")

    async def test_gone(self) -> None:
        await self.prove(self.certificate)
        self.path.unlink()
        await self.refuse(self.certificate, "cannot be read: No such file", "unavailable")
        self.write(authority().revocations())
        await self.prove(self.certificate)

    async def test_others_go_on_while_a_file_is_slow(self) -> None:
        """A pipe, whose other end nobody has opened yet."""
        self.path.unlink()
        os.mkfifo(self.path)
        proving = Deferred.fromCoroutine(self.prove(self.certificate))
        await deferLater(reactor, 0)  # type: ignore[arg-type]
        self.assertFalse(proving.called)
        await deferToThread(self.path.write_bytes, authority().revocations())
        self.assertEqual((await proving).address, ADDRESS)
