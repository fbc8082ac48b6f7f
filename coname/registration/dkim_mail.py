"""A mail as it was received, taken apart for DKIM (RFC 5322, RFC 6376), once, so that what is read is what is signed.

Two programs that take a mail apart differently are how a signed mail is made to say something else. Rules:

- lines end in CRLF, or in LF where a mail program has saved it so; never in both, and never in CR alone;
- what no mail may hold is refused, not mended: NUL, a field without a name, a continuation of nothing or of blanks;
- whatever is read of a field comes from the very bytes that the signature is computed over;
- everything takes time in proportion to the mail's size, which is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from coname.errors import RegistrationRefused

MAIL_BYTES = 64 * 1024
"""The largest mail that is looked at: the one that `coname register --dkim` prints has less than 1 kB, and relays and
mail programs add some kilobytes each."""

FIELDS = 200
"""The most header fields of a mail; one that has passed ten relays and filters has about a hundred."""

_FIELD = re.compile(rb"([!-9;-~]{1,100}):")
_MBOX_LINE = re.compile(rb"From [^\s:]+ [^\n]*\n")
_LOOSE_CR = re.compile(rb"\r(?!\n)")
_LOOSE_LF = re.compile(rb"(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field.

    :ivar name: as it stands.
    :ivar value: what comes after the colon, as it stands, folded and with the CRLF at its end.
    """

    name: bytes
    value: bytes

    @property
    def key(self) -> bytes:
        """The name in lower case: what fields are told apart by."""
        return self.name.lower()

    @property
    def unfolded(self) -> str:
        """The value on one line, without blanks around it.

        :raises RegistrationRefused: it holds anything but printable ASCII characters.
        """
        line = self.value.replace(b"\r\n", b"").strip(b" \t")
        if any(octet != 9 and not 32 <= octet < 127 for octet in line):
            name = self.name.decode("ascii")
            raise RegistrationRefused(f"the mail's {name} field holds other characters than printable ASCII ones")
        return line.decode("ascii")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail.

    :ivar fields: of its header, from the first to the last.
    :ivar body: with CRLF at the ends of its lines.
    """

    fields: tuple[Field, ...]
    body: bytes

    def all(self, name: bytes) -> list[Field]:
        """The fields of that name, which is in lower case."""
        return [field for field in self.fields if field.key == name]

    def only(self, name: bytes) -> Field:
        """The one field of that name.

        :raises RegistrationRefused: there is none, or more than one.
        """
        found = self.all(name)
        if len(found) != 1:
            called = name.decode("ascii").title()
            raise RegistrationRefused(f"the mail has {len(found)} {called} fields in its header, not exactly one")
        return found[0]


def parse(data: bytes) -> Mail:
    """The mail that `data` is.

    :raises RegistrationRefused: it is none, or is too large.
    """
    if len(data) > MAIL_BYTES:
        raise RegistrationRefused(f"the mail is too large: at most {MAIL_BYTES} bytes are looked at")
    if b"\0" in data:
        raise RegistrationRefused("the mail holds a zero byte")
    # Mail programs that save it in a file put a line before it.
    saved = _MBOX_LINE.match(data)
    head, _, body = _with_crlf(data[saved.end() :] if saved else data).partition(b"\r\n\r\n")
    return Mail(tuple(_fields(head)), body)


def _with_crlf(data: bytes) -> bytes:
    if _LOOSE_CR.search(data):
        raise RegistrationRefused("the mail holds a carriage return that no line feed follows")
    if not _LOOSE_LF.search(data):
        return data
    if b"\r" in data:
        raise RegistrationRefused("some lines of the mail end in CRLF, and some in LF alone")
    return data.replace(b"\n", b"\r\n")


def _fields(head: bytes) -> list[Field]:
    fields: list[Field] = []
    for line in _unfolded_lines(head):
        match = _FIELD.match(line)
        if match is None:
            raise RegistrationRefused(f"the mail's header holds a line that is no field: {line[:40]!r}")
        fields.append(Field(match[1], line[match.end() :] + b"\r\n"))
        if len(fields) > FIELDS:
            raise RegistrationRefused(f"the mail's header has more than {FIELDS} fields")
    return fields


def _unfolded_lines(head: bytes) -> list[bytes]:
    """Each field as one piece, still folded."""
    pieces: list[list[bytes]] = []
    for line in head.removesuffix(b"\r\n").split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            pieces.append([line])
        elif not pieces:
            raise RegistrationRefused("the mail begins with the continuation of a line")
        elif not line.strip(b" \t"):
            raise RegistrationRefused("the mail's header holds a line of blanks only")
        else:
            pieces[-1].append(line)
    return [b"\r\n".join(piece) for piece in pieces]
