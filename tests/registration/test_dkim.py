"""Mails that prove an address, and mails that do not."""

from __future__ import annotations

import base64
import re
import time

import dkim
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.registration.dkim import VALIDITY, subject
from coname.registration.proof import CLOCK_SKEW, IProofChecker
from tests.registration import dkim_mails as mails
from tests.registration.dkim_case import DkimCase


class GoodMailTests(DkimCase):
    def test_interface(self) -> None:
        verifyObject(IProofChecker, self.checker)

    def test_what_it_proves(self) -> None:
        proved = self.prove(mails.signed())
        self.assertEqual((proved.address, proved.kind, proved.bound), (mails.ADDRESS, "dkim", True))
        self.assertEqual((proved.issuer, proved.subject), (mails.DOMAIN, f"mail from {mails.ADDRESS}, key mail"))
        self.assertEqual(proved.expires, mails.NOW - 60 + VALIDITY + CLOCK_SKEW)

    def test_ed25519(self) -> None:
        self.records[mails.KEY_NAME] = [mails.record(mails.ed25519_key())]
        self.prove(mails.signed(key=mails.ed25519_key()))

    def test_rsa_key_in_the_older_form(self) -> None:
        """RFC 6376 says RSAPublicKey, the world publishes SubjectPublicKeyInfo."""
        bare = mails.rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        self.records[mails.KEY_NAME] = [b"p=" + base64.b64encode(bare)]
        self.prove(mails.signed())

    def test_to_oneself(self) -> None:
        self.prove(mails.signed(mails.mail(mails.fields(To=f"me <{mails.ADDRESS}>, {mails.TO}"))))

    def test_saved_with_line_feeds_only(self) -> None:
        self.prove(mails.signed().replace(b"\r\n", b"\n"))

    def test_saved_in_a_mailbox_file(self) -> None:
        self.prove(b"From alice@example.com Mon Nov 23 12:00:00 2026\n" + mails.signed().replace(b"\r\n", b"\n"))

    def test_folded_subject(self) -> None:
        folded = mails.subject_line().replace(" ", "\r\n ", 1)
        self.prove(mails.signed(mails.mail(mails.fields(Subject=folded))))

    def test_capitals_in_the_address(self) -> None:
        self.prove(mails.signed(mails.mail(mails.fields(From="Alice@EXAMPLE.com")), tags={"d": "Example.COM"}))

    def test_fields_that_relays_add(self) -> None:
        added = b"Received: from mail.example.com\r\n by relay; Mon, 1 Jan 2026 00:00:00 +0000\r\nX-\xff: \xe4\r\n"
        self.prove(added.replace(b"X-\xff", b"X-Odd") + mails.signed())

    def test_signature_of_somebody_else_beside_it(self) -> None:
        other = mails.signature(mails.mail(), tags={"d": "relay.example", "s": "other"})
        self.prove(other + mails.signed())
        self.assertEqual(self.asked, [mails.KEY_NAME])

    def test_second_signature_is_good(self) -> None:
        broken = mails.signature(mails.mail(), mails.rsa_key(1024), tags={"s": "old"})
        self.assertIn("key mail", self.prove(broken + mails.signed()).subject)

    def test_oversigned(self) -> None:
        self.prove(mails.signed(names=(*mails.NAMES, *mails.NAMES, "cc")))

    def test_without_a_time_of_its_own_the_date_counts(self) -> None:
        proved = self.prove(mails.signed(tags={"t": None}))
        self.assertEqual(proved.expires, mails.NOW - 60 + VALIDITY + CLOCK_SKEW)

    def test_expires_when_the_signature_does(self) -> None:
        proved = self.prove(mails.signed(tags={"x": str(int(mails.NOW + 100))}))
        self.assertEqual(proved.expires, mails.NOW + 100 + CLOCK_SKEW)

    def test_same_mail_has_one_id_by_whichever_signature(self) -> None:
        self.records["second._domainkey.example.com"] = [mails.record(mails.ed25519_key())]
        first = self.prove(mails.signed())
        second = self.prove(mails.signed(key=mails.ed25519_key(), tags={"s": "second"}))
        self.assertEqual(first.replay_id, second.replay_id)
        other = self.prove(mails.signed(mails.mail(mails.fields(Date="Fri, 15 Jan 2027 07:58:01 +0000"))))
        self.assertNotEqual(first.replay_id, other.replay_id)


CANONICALISATIONS = [(header, body) for header in (b"simple", b"relaxed") for body in (b"simple", b"relaxed")]


class DkimpyTests(DkimCase):
    """dkimpy signs, as a mail server does with it."""

    def check_with(self, canonicalisation: tuple[bytes, bytes], body: str) -> None:
        now = time.time()
        message = mails.mail(mails.fields(Date="Fri, 15 Jan 2027 07:58:01 +0000"), body)
        names = [b"from", b"to", b"subject", b"date", b"from"]
        line = dkim.DKIM(message).sign(
            b"mail", b"example.com", mails.pem(mails.rsa_key()), canonicalize=canonicalisation, include_headers=names
        )
        self.prove(line + message, now=now)

    @given(st.text(alphabet="a \t\r\n=.é", max_size=60))
    @settings(max_examples=40, derandomize=True, deadline=None)
    def test_bodies(self, body: str) -> None:
        body = body.replace("\r", "").replace("\n", "\r\n") + "\r\n"
        for canonicalisation in CANONICALISATIONS:
            self.records = {mails.KEY_NAME: [mails.record(mails.rsa_key())]}
            self.check_with(canonicalisation, body)

    @given(st.lists(st.sampled_from(["a", " ", "\t", "\r\n ", "\r\n\t", "b=", "; b=x", ":"]), max_size=12))
    @settings(max_examples=40, derandomize=True, deadline=None)
    def test_headers(self, parts: list[str]) -> None:
        """However a field is folded, and whatever is in it."""
        value = re.sub(r"(\r\n[ \t]+)+(?=\r\n|$)", "", "x" + "".join(parts))  # no line of blanks only
        message = mails.mail([*mails.fields(Date="Fri, 15 Jan 2027 07:58:01 +0000"), ("X-Odd", value), ("X-ODD", "2")])
        names = [b"x-odd", b"from", b"to", b"subject", b"date", b"x-odd", b"x-odd"]
        for canonicalisation in CANONICALISATIONS:
            line = dkim.DKIM(message).sign(
                b"mail", b"example.com", mails.pem(mails.rsa_key()), None, None, canonicalisation, names
            )
            self.prove(line + message, now=time.time())

    def test_ed25519(self) -> None:
        self.records[mails.KEY_NAME] = [mails.record(mails.ed25519_key())]
        seed = mails.ed25519_key().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        message = mails.mail()
        line = dkim.DKIM(message, signature_algorithm=b"ed25519-sha256").sign(
            b"mail", b"example.com", base64.b64encode(seed), include_headers=[name.encode() for name in mails.NAMES]
        )
        self.prove(line + message, now=time.time())

    def test_dkimpy_agrees_with_the_signer_of_these_tests(self) -> None:
        message = mails.mail()
        record = mails.record(mails.rsa_key())
        # Its clock is the real one, and NOW is not.
        line = mails.signature(message, tags={"t": str(int(time.time()))})
        self.assertTrue(dkim.verify(line + message, dnsfunc=lambda name, timeout: record))


class SubjectTests(SynchronousTestCase):
    def test_prefix_and_the_hash_of_the_entry(self) -> None:
        self.assertEqual(subject(mails.PREFIX, mails.ENTRY), mails.subject_line())
