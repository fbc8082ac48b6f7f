"""DKIM signatures and keys that prove too little, each with the reason for which they are refused."""

from __future__ import annotations

import base64

from twisted.internet.defer import Deferred

from coname.messages.client_pb2 import EmailProof
from coname.registration import dkim
from coname.registration.dkim import VALIDITY, DkimChecker
from coname.registration.proof import CLOCK_SKEW, Presented
from tests.registration import dkim_mails as mails
from tests.registration.dkim_case import DkimCase


class SignatureTests(DkimCase):
    """Signatures that prove too little."""

    def refuse_tags(self, reason: str, **tags: str | None) -> None:
        self.refuse(mails.signed(tags=tags), reason)

    def test_none(self) -> None:
        self.refuse(mails.mail(), "no DKIM signature by example.com, the domain that it is from")

    def test_by_another_domain(self) -> None:
        self.records["mail._domainkey.example.org"] = self.records[mails.KEY_NAME]
        self.refuse_tags("no DKIM signature by example.com", d="example.org")
        self.assertEqual(self.asked, [])

    def test_by_the_domain_above(self) -> None:
        self.refuse_tags("no DKIM signature by example.com", d="com")

    def test_by_a_domain_below(self) -> None:
        self.refuse_tags("no DKIM signature by example.com", d="mail.example.com")

    def test_identity_below_the_domain(self) -> None:
        self.refuse_tags("i= is not of its domain", i="@sub.example.com")

    def test_length(self) -> None:
        self.refuse_tags("covers the body's beginning only (it has an l= tag)", l="10")

    def test_length_as_long_as_the_body(self) -> None:
        self.refuse_tags("it has an l= tag", l=str(len("This registers my keys.\r\n")))

    def test_sha1(self) -> None:
        self.refuse_tags("SHA-1 proves nothing any more", a="rsa-sha1")

    def test_unknown_algorithm(self) -> None:
        self.refuse_tags("'rsa-md5', and rsa-sha256 and ed25519-sha256 are taken", a="rsa-md5")

    def test_each_field_has_to_be_signed(self) -> None:
        for name in mails.NAMES:
            names = [other for other in mails.NAMES if other != name]
            self.refuse(mails.signed(names=names), f"does not cover the mail's {name.title()} field")

    def test_changed_subject(self) -> None:
        other = mails.signed(mails.mail(mails.fields(Subject="hello")))
        changed = other.replace(b"Subject: hello", f"Subject: {mails.subject_line()}".encode())
        self.refuse(changed, "does not verify over the mail's header")

    def test_changed_body(self) -> None:
        self.refuse(mails.signed().replace(b"my keys", b"no keys"), "body is not the one that was signed")

    def test_appended_body(self) -> None:
        self.refuse(mails.signed() + b"more\r\n", "body is not the one that was signed")

    def test_changed_tag(self) -> None:
        self.refuse(mails.signed().replace(b"; t=", b"; T="), "does not verify")

    def test_expired(self) -> None:
        data = mails.signed(tags={"x": str(int(mails.NOW - 30))})
        self.prove(data)  # the clocks may differ
        self.refuse(data, "send and bring a new one", "registration_expired", now=mails.NOW - 30 + CLOCK_SKEW)

    def test_old(self) -> None:
        last = mails.NOW - 60 + VALIDITY + CLOCK_SKEW
        self.prove(mails.signed(), now=last - 1)
        self.refuse(mails.signed(), "proves nothing since 60 s", "registration_expired", now=last)

    def test_old_by_its_date(self) -> None:
        later = mails.NOW + VALIDITY + CLOCK_SKEW
        self.refuse(mails.signed(tags={"t": None}), "proves nothing since", "registration_expired", now=later)

    def test_from_the_future(self) -> None:
        self.refuse_tags("was signed 120 s in the future", t=str(int(mails.NOW + 120)))

    def test_date_in_the_future(self) -> None:
        message = mails.mail(mails.fields(Date="Wed, 01 Jan 2031 00:00:00 +0000"))
        self.refuse(mails.signed(message, tags={"t": None}), "in the future, by this clock")

    def test_expires_before_it_was_made(self) -> None:
        self.refuse_tags("expires before it was made", x=str(int(mails.NOW - 61)))

    def test_times_that_are_none(self) -> None:
        self.refuse_tags("t= is not a number of seconds", t="now")
        self.refuse_tags("x= is not a number of seconds", x="1" * 13)

    def test_unknown_version(self) -> None:
        self.refuse_tags("DKIM version '2'", v="2")

    def test_unknown_canonicalisation(self) -> None:
        data = mails.signed().replace(b"c=relaxed/relaxed", b"c=nofws/relaxed")
        self.refuse(data, "c= is none that is known: 'nofws/relaxed'")

    def test_unknown_query(self) -> None:
        self.refuse_tags("asked for by 'dns/any'", q="dns/any")

    def test_selector_that_is_none(self) -> None:
        self.refuse_tags("s= is no selector", s="a..b")
        self.refuse_tags("s= is no selector", s="a" * 64)  # no name in the DNS can have such a part

    def test_missing_tag(self) -> None:
        self.refuse_tags("the signature has no s=", s=None)

    def test_tag_twice(self) -> None:
        """Which of two ``d=`` counts is for nobody to choose."""
        data = mails.signed().replace(b"; d=example.com", b"; d=example.com; d=example.com")
        self.refuse(data, "no DKIM signature by example.com")

    def test_not_base64(self) -> None:
        self.refuse(mails.signed().replace(b"bh=", b"bh=!"), "bh= is not base64")

    def test_huge_signature(self) -> None:
        self.refuse(mails.signed(tags={"z": "x" * 8192}), "no DKIM signature by example.com")

    def test_very_many_names(self) -> None:
        self.refuse(mails.signed(names=(*mails.NAMES, *["x"] * 100)), "at most 100 field names")

    def test_very_many_signatures(self) -> None:
        other = mails.signature(mails.mail(), tags={"d": "relay.example"})
        self.refuse(other * dkim.SIGNATURES + mails.signed(), "17 DKIM signatures; at most 16")

    def test_many_signatures_by_the_domain(self) -> None:
        self.refuse(mails.signature(mails.mail()) * 4 + mails.signed(), "5 signatures by example.com; at most 4")
        self.assertEqual(self.asked, [])


class KeyTests(DkimCase):
    """Keys that the domain does not mean, or that are too weak."""

    def refuse_record(self, record: bytes, reason: str) -> None:
        self.records[mails.KEY_NAME] = [record]
        self.refuse(mails.signed(), reason)

    def test_none(self) -> None:
        self.records.clear()
        self.refuse(mails.signed(), "mail._domainkey.example.com has 0 key records, not exactly one")

    def test_two(self) -> None:
        self.records[mails.KEY_NAME] *= 2
        self.refuse(mails.signed(), "has 2 key records, not exactly one")

    def test_dns_is_silent(self) -> None:
        self.silent.add(mails.KEY_NAME)
        self.refuse(mails.signed(), "try again later", "unavailable")

    def test_silence_about_one_of_two(self) -> None:
        """It might have been the good one."""
        self.silent.add("second._domainkey.example.com")
        self.records.clear()
        second = mails.signature(mails.mail(), tags={"s": "second"})
        self.refuse(second + mails.signed(), "try again later", "unavailable")

    def test_keys_are_asked_for_at_the_same_time(self) -> None:
        answers: dict[str, Deferred[list[bytes]]] = {}

        async def look_up(name: str) -> list[bytes]:
            return await answers.setdefault(name, Deferred())

        checker = DkimChecker([mails.DOMAIN], mails.TO, mails.PREFIX, look_up)
        second = mails.signature(mails.mail(), tags={"s": "second"})
        presented = Presented(EmailProof(dkim_proof=second + mails.signed()))
        proving = Deferred.fromCoroutine(checker.check(presented, mails.ADDRESS, mails.ENTRY, mails.NOW))
        self.assertEqual(sorted(answers), [mails.KEY_NAME, "second._domainkey.example.com"])
        answers[mails.KEY_NAME].callback([mails.record(mails.rsa_key())])
        self.assertNoResult(proving)
        answers["second._domainkey.example.com"].callback([])
        self.assertEqual(self.successResultOf(proving).address, mails.ADDRESS)

    def test_another_key(self) -> None:
        self.refuse_record(mails.record(mails.rsa_key(3072)), "does not verify")

    def test_revoked(self) -> None:
        self.refuse_record(b"v=DKIM1; k=rsa; p=", "the key is revoked")

    def test_testing(self) -> None:
        self.refuse_record(mails.record(mails.rsa_key(), " t=s:y;"), "only testing DKIM")

    def test_for_something_else(self) -> None:
        self.refuse_record(mails.record(mails.rsa_key(), " s=tlsrpt;"), "the key is not for mail")

    def test_for_another_hash(self) -> None:
        self.refuse_record(mails.record(mails.rsa_key(), " h=sha1;"), "not for SHA-256")

    def test_for_some_local_parts(self) -> None:
        self.refuse_record(mails.record(mails.rsa_key(), " g=bob;"), "for some local parts only")

    def test_weak(self) -> None:
        self.records[mails.KEY_NAME] = [mails.record(mails.rsa_key(1024))]
        self.refuse(mails.signed(key=mails.rsa_key(1024)), "the key has 1024 bits; RSA keys of 2048 to 4096 are taken")

    def test_of_another_kind(self) -> None:
        self.refuse_record(mails.record(mails.ed25519_key()), "is of rsa-sha256, and its key is for ed25519-sha256")

    def test_unknown_kind(self) -> None:
        self.refuse_record(b"k=dsa; p=AAAA", "the key is of type 'dsa'")

    def test_unknown_version(self) -> None:
        self.refuse_record(b"v=DKIM2; p=AAAA", "the key record is of version 'DKIM2'")

    def test_no_key(self) -> None:
        self.refuse_record(b"v=DKIM1; k=rsa", "has no p=")

    def test_no_rsa_key(self) -> None:
        self.refuse_record(b"p=AAAA", "p= is not an RSA key")

    def test_short_ed25519_key(self) -> None:
        self.refuse_record(b"k=ed25519; p=AAAA", "the Ed25519 key has 3 bytes, not 32")

    def test_rubbish(self) -> None:
        self.refuse_record(b"v=spf1 -all", "is of version")

    def test_not_ascii(self) -> None:
        self.refuse_record(b"v=DKIM1; n=\xff; p=", "the key record is not ASCII")

    def test_huge(self) -> None:
        self.refuse_record(b"v=DKIM1; n=" + b"x" * 4096, "at most 4096 are read")

    def test_ed25519_key_of_small_order(self) -> None:
        """Under it, one signature would fit every mail."""
        self.records[mails.KEY_NAME] = [b"k=ed25519; p=" + base64.b64encode(bytes([1] + [0] * 31))]
        data = mails.signed(key=mails.ed25519_key())
        forged = data[: data.index(b" b=") + 3] + base64.b64encode(bytes([1] + [0] * 63))
        self.refuse(forged + b"\r\n" + mails.mail(), "does not verify")
