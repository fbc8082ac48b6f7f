"""Mails that somebody made to pass for another's, each with the reason for which it is refused."""

from __future__ import annotations

import base64
import time

from coname.registration import dkim_mail
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
        self.refuse(mails.signed() + b"x" * dkim_mail.MAIL_BYTES, f"at most {dkim_mail.MAIL_BYTES} bytes are looked at")

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

    def test_so_many_that_looking_at_them_takes_long(self) -> None:
        """Anybody may send them, and meanwhile the reactor does nothing else."""
        self.refuse_sender("a@A," * 2000, "more than 400 words and marks")
        self.refuse_sender("<" * 8000, "more than 400 words and marks")

    def test_field_that_is_long(self) -> None:
        self.refuse_sender(f'"{"a" * 8192}" <{mails.ADDRESS}>', "characters; 8192 are read")

    def test_look_alike_in_unicode(self) -> None:
        """A Cyrillic letter in the domain, as mail programs send it."""
        self.refuse_sender("alice@xn--exmple-4nf.com", "is from alice@xn--exmple-4nf.com")
