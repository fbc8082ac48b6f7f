"""What a DKIM signature is computed over (RFC 6376, sections 3.4 and 3.7), in time in proportion to the mail."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from coname.registration.dkim_mail import Field, Mail
from coname.registration.dkim_signatures import Signature

_BLANKS = re.compile(rb"[ \t]+")
_SIGNATURE_VALUE = re.compile(rb"(?P<before>(?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


class BodyHashes:
    """A mail's body hashes, each computed once, however many signatures there are."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._known: dict[bool, bytes] = {}

    def __call__(self, relaxed: bool) -> bytes:
        """See `body_hash`."""
        if relaxed not in self._known:
            self._known[relaxed] = body_hash(self._mail, relaxed)
        return self._known[relaxed]


def body_hash(mail: Mail, relaxed: bool) -> bytes:
    """SHA-256 of the body, 32 bytes."""
    body = mail.body
    if relaxed:
        body = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    # Neither CR nor LF stands alone in a mail: what goes are the empty lines at the end.
    body = body.rstrip(b"\r\n")
    if not body:
        return hashlib.sha256(b"" if relaxed else b"\r\n").digest()
    return hashlib.sha256(body + b"\r\n").digest()


def signed_bytes(mail: Mail, signature: Signature) -> bytes:
    """The signed fields and the signature itself, whose ``b=`` counts as empty."""
    canonical = _relaxed if signature.relaxed_header else _simple
    own = Field(signature.field.name, _SIGNATURE_VALUE.sub(rb"\g<before>", signature.field.value, count=1))
    # The signature's own field ends without CRLF; with `b=` at its end, that went along with the value.
    return b"".join(canonical(field) for field in _selected(mail, signature)) + canonical(own).removesuffix(b"\r\n")


def relaxed_fields(mail: Mail, names: Iterable[bytes]) -> bytes:
    """The only fields of those names, ``relaxed``: the same whichever signature covers them, and however folded."""
    return b"".join(_relaxed(mail.only(name)) for name in names)


def _selected(mail: Mail, signature: Signature) -> Iterator[Field]:
    """The fields that ``h=`` names: of several with one name, the last one first (RFC 6376, section 5.4.2)."""
    left = {name: mail.all(name) for name in set(signature.signed)}
    for name in signature.signed:
        if left[name]:
            yield left[name].pop()


def _simple(field: Field) -> bytes:
    return field.name + b":" + field.value


def _relaxed(field: Field) -> bytes:
    value = _BLANKS.sub(b" ", field.value.replace(b"\r\n", b"")).strip(b" ")
    return field.key + b":" + value + b"\r\n"
