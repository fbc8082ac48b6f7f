"""The mail that ``coname register --dkim`` says to send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import txaio
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from coname.client import ways as asking
from coname.client.mailing import Mailing, MailNeeded, mail_for
from coname.client.proving import Claim
from coname.errors import Misconfigured, Unreachable
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


class FrontTests(TestCase):
    def setUp(self) -> None:
        txaio.use_twisted()

    def prove(self, realm: RealmConfig) -> Deferred[Any]:
        return ensureDeferred(Mailing(Path())(Claim(CLAIM.address, CLAIM.entry, realm)))

    def test_another_front_where_the_first_does_not_answer(self) -> Deferred[Any]:
        def ways(url: str, tls: object, domain: str) -> Any:
            if "second" not in url:
                raise Unreachable("away")
            return [{"kind": "dkim", "to_addr": "keys@example.org"}]

        self.patch(asking, "ways", ways)
        realm = RealmConfig(RealmName="r", URL="https://first.example.com", URLs=["https://second.example.com"])
        needed = self.assertFailure(self.prove(realm), MailNeeded)
        return needed.addCallback(lambda error: self.assertIn("To: keys@example.org", error.mail))

    def test_a_realm_without_a_front(self) -> Deferred[Any]:
        return self.assertFailure(self.prove(RealmConfig(RealmName="r")), Misconfigured)
