"""The example of RFC 8463, appendix A.3: a mail, its two signatures' Ed25519 one, and the key record."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.registration import dkim_canonical, dkim_keys, dkim_mail, dkim_signatures

RECORD = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
MAIL = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""


class ExampleTests(SynchronousTestCase):
    def test_it_verifies(self) -> None:
        mail = dkim_mail.parse(MAIL)
        signature = dkim_signatures.read(mail.only(b"dkim-signature"))
        self.assertEqual(signature.key_name, "brisbane._domainkey.football.example.com")
        self.assertEqual(dkim_canonical.body_hash(mail, signature.relaxed_body), signature.body_hash)
        key = dkim_keys.parse(RECORD)
        signed = dkim_canonical.signed_bytes(mail, signature)
        self.assertTrue(key.verify(signed, signature.signature))
        self.assertFalse(key.verify(signed + b" ", signature.signature))
