"""Mails that somebody made to pass for another's, each with the reason for which it is refused."""

from __future__ import annotations

import base64
import time

from twisted.internet.defer import Deferred

from coname.messages.client_pb2 import EmailProof
from coname.registration import dkim, dkim_mail
from coname.registration.dkim import VALIDITY, DkimChecker
from coname.registration.proof import CLOCK_SKEW, Presented
from tests.registration import dkim_mails as mails
from tests.registration.dkim_case import DkimCase

MALLORY = "mallory@example.com"


class FieldTests(DkimCase):
    """A colleague's signed mail, and lines put before or into it."""

    def setUp(self) -> None:
        super().setUp()
        self.mallorys = mails.signed(mails.mail(mails.fields(From=MALLORY)))

    def test_prepended_lines(self) -> None:
        """The original verifies the last of equal fields and reads the first."""
        lines = f"From: {mails.ADDRESS}\r\nTo: {mails.TO}\r\nSubject: {mails.subject_line()}\r\n".encode()
        self.refuse(lines + self.mallorys, "2 From fields in its header, not exactly one")

    def test_appended_line(self) -> None:
        head, _, body = self.mallorys.partition(b"\r\n\r\n")
        self.refuse(head + f"\r\nfrom: {mails.ADDRESS}\r\n\r\n".encode() + body, "2 From fields")

    def test_two_subjects(self) -> None:
        self.refuse(b"Subject: another\r\n" + mails.signed(), "2 Subject fields")

    def test_two_to_fields(self) -> None:
        self.refuse(f"TO: {mails.TO}\r\n".encode() + mails.signed(), "2 To fields")

    def test_two_dates(self) -> None:
        self.refuse(b"Date: Fri, 15 Jan 2027 07:58:01 +0000\r\n" + mails.signed(), "2 Date fields")

    def test_no_date(self) -> None:
        header = [field for field in mails.fields() if field[0] != "Date"]
        self.refuse(mails.signed(mails.mail(header)), "0 Date fields")

    def test_date_that_is_none(self) -> None:
        self.refuse(mails.signed(mails.mail(mails.fields(Date="tomorrow"))), "Date is not one: 'tomorrow'")

    def test_another_ones_mail(self) -> None:
        self.refuse(self.mallorys, f"the mail is from {MALLORY}, not from {mails.ADDRESS} alone")

    def test_mail_for_another_entry(self) -> None:
        self.refuse(mails.signed(), "for this entry it has to be", entry=b"another entry")

    def test_subject_without_the_prefix(self) -> None:
        bare = mails.subject_line().removeprefix(mails.PREFIX)
        self.refuse(mails.signed(mails.mail(mails.fields(Subject=bare))), "for this entry it has to be")

    def test_reply_to_such_a_mail(self) -> None:
        answer = mails.signed(mails.mail(mails.fields(Subject="Re: " + mails.subject_line())))
        self.refuse(answer, "for this entry it has to be")

    def test_encoded_subject(self) -> None:
        encoded = f"=?utf-8?b?{base64.b64encode(mails.subject_line().encode()).decode()}?="
        self.refuse(mails.signed(mails.mail(mails.fields(Subject=encoded))), "for this entry it has to be")

    def test_to_somebody_else(self) -> None:
        self.refuse(mails.signed(mails.mail(mails.fields(To=f"{mails.TO}, all@example.com"))), "is to all@example.com")

    def test_to_nobody(self) -> None:
        """With the original, an empty To passes."""
        self.refuse(mails.signed(mails.mail(mails.fields(To=""))), "To field has '' where a plain address is expected")

    def test_continuation_that_is_a_field(self) -> None:
        hidden = mails.signed(mails.mail(mails.fields(From=f"{MALLORY}\r\n From: {mails.ADDRESS}")))
        self.refuse(hidden, "From field holds ':'")

    def test_line_of_blanks(self) -> None:
        """Some programs take it for the end of the header, some for a part of the field."""
        split = mails.signed().replace(b"Subject:", b"X: y\r\n \r\nSubject:")
        self.refuse(split, "a line of blanks only")

    def test_continuation_of_nothing(self) -> None:
        self.refuse(b" x\r\n" + mails.signed(), "begins with the continuation of a line")

    def test_blank_before_the_colon(self) -> None:
        self.refuse(f"From : {mails.ADDRESS}\r\n".encode() + mails.signed(), "a line that is no field")

    def test_field_without_a_name(self) -> None:
        self.refuse(b": x\r\n" + mails.signed(), "a line that is no field")

    def test_zero_byte(self) -> None:
        self.refuse(mails.signed() + b"\0", "holds a zero byte")

    def test_mixed_line_ends(self) -> None:
        self.refuse(mails.signed() + b"one\n", "some lines of the mail end in CRLF, and some in LF alone")

    def test_lone_carriage_return(self) -> None:
        forged = mails.signed(mails.mail(mails.fields(Subject=f"x\rFrom: {mails.ADDRESS}")))
        self.refuse(forged, "a carriage return that no line feed follows")

    def test_other_characters_in_the_address(self) -> None:
        self.refuse(mails.signed(mails.mail(mails.fields(From="älice@example.com"))), "other characters than printable")

    def test_huge_mail(self) -> None:
        self.refuse(mails.signed() + b"x" * dkim_mail.MAIL_BYTES, f"at most {dkim_mail.MAIL_BYTES} are looked at")

    def test_very_many_fields(self) -> None:
        self.refuse(b"X: y\r\n" * dkim_mail.FIELDS + mails.signed(), f"more than {dkim_mail.FIELDS} fields")

    def test_blanks_without_end_take_no_time(self) -> None:
        body = (" " * (dkim_mail.MAIL_BYTES // 2) + "x") + "\r\n" * 10_000 + "y"
        started = time.process_time()
        self.prove(mails.signed(mails.mail(body="\r\n")))  # what does not depend on the body
        honest = time.process_time() - started
        message = mails.signed(tags={"c": "simple/simple"}).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body.encode()
        for signed in (message, message.replace(b"simple/simple", b"relaxed/relaxed")):
            self.refuse(signed, "body is not the one that was signed")
        self.assertLess(time.process_time() - started, honest + 1.0)

    def test_empty(self) -> None:
        self.refuse(b"", "a line that is no field")


class AddressTests(DkimCase):
    """From fields in which one program sees one address, and another program another."""

    def refuse_sender(self, sender: str, reason: str) -> None:
        self.refuse(mails.signed(mails.mail(mails.fields(From=sender))), reason)

    def test_two_senders(self) -> None:
        self.refuse_sender(f"{mails.ADDRESS}, {MALLORY}", "not from alice@example.com alone")

    def test_same_sender_twice(self) -> None:
        self.refuse_sender(f"{mails.ADDRESS}, {mails.ADDRESS}", "not from alice@example.com alone")

    def test_group(self) -> None:
        self.refuse_sender(f"all: {mails.ADDRESS}, {MALLORY};", "From field holds ':'")

    def test_comment(self) -> None:
        self.refuse_sender(f"{mails.ADDRESS} ({MALLORY})", "From field holds '('")

    def test_route(self) -> None:
        self.refuse_sender(f"<@example.org,@x.example:{mails.ADDRESS}>", "From field holds ':'")

    def test_display_name_that_is_the_address(self) -> None:
        self.refuse_sender(f'"{mails.ADDRESS}" <{MALLORY}>', f"is from {MALLORY}")

    def test_display_name_with_the_address_unquoted(self) -> None:
        self.refuse_sender(f"{mails.ADDRESS} <{MALLORY}>", "where a plain address is expected")

    def test_encoded_display_name(self) -> None:
        self.refuse_sender(f"=?utf-8?q?=3C{mails.ADDRESS.replace('@', '=40')}=3E?= <{MALLORY}>", f"is from {MALLORY}")

    def test_encoded_address(self) -> None:
        self.refuse_sender("=?utf-8?q?alice?=@example.com", "is from =?utf-8?q?alice?=@example.com")

    def test_two_brackets(self) -> None:
        self.refuse_sender(f"<{MALLORY}> <{mails.ADDRESS}>", "where a plain address is expected")

    def test_bracket_within_a_bracket(self) -> None:
        self.refuse_sender(f"<<{mails.ADDRESS}>>", "where a plain address is expected")

    def test_quoted_local_part(self) -> None:
        self.refuse_sender('"alice"@example.com', "where a plain address is expected")

    def test_quote_without_end(self) -> None:
        self.refuse_sender(f'"x <{mails.ADDRESS}>', "From field holds '\"'")

    def test_two_at_signs(self) -> None:
        self.refuse_sender("alice@example.com@example.org", "where a plain address is expected")

    def test_blanks_in_the_address(self) -> None:
        self.refuse_sender("alice @ example.com", "where a plain address is expected")

    def test_domain_that_is_none(self) -> None:
        self.refuse_sender("alice@exa_mple..com", "is not a domain name")

    def test_domain_in_brackets(self) -> None:
        self.refuse_sender("alice@[192.0.2.1]", "From field holds '['")

    def test_too_many(self) -> None:
        self.refuse_sender(", ".join([mails.ADDRESS] * 21), "has 21 addresses; at most 20")

    def test_look_alike_in_unicode(self) -> None:
        """A Cyrillic letter in the domain, as mail programs send it."""
        self.refuse_sender("alice@xn--exmple-4nf.com", "is from alice@xn--exmple-4nf.com")


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
