"""The mail that ``coname register --dkim`` says to send."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.client.mailing import mail_for
from coname.client.proving import Claim
from coname.messages.config_pb2 import RealmConfig
from coname.registration.dkim import subject

CLAIM = Claim("alice@example.com", b"an encoded entry", RealmConfig(RealmName="example.com"))


class MailTests(SynchronousTestCase):
    def test_what_the_server_expects(self) -> None:
        mail = mail_for(CLAIM, {"kind": "dkim", "to_addr": "keys@example.org", "subject_prefix": "coname "})
        head, _, body = mail.partition("\n\n")
        self.assertEqual(
            head.splitlines(),
            ["From: alice@example.com", "To: keys@example.org", f"Subject: {subject('coname ', CLAIM.entry)}"],
        )
        self.assertEqual(body, "This registers my keys in the directory example.com.\n")

    def test_to_oneself(self) -> None:
        self.assertIn("To: alice@example.com\n", mail_for(CLAIM, {"kind": "dkim", "to_addr": "", "subject_prefix": ""}))

    def test_words_of_a_server_that_means_ill(self) -> None:
        mail = mail_for(CLAIM, {"kind": "dkim", "to_addr": "x\nBcc: y", "subject_prefix": "a\r\nBcc: z\x1b[2J"})
        self.assertEqual(len(mail.partition("\n\n")[0].splitlines()), 3)
        self.assertNotIn("\x1b", mail)
