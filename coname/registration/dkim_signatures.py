"""One DKIM-Signature field of a mail, read (RFC 6376, sections 3.2 and 3.5) and held against what a proof needs.

Stricter than the RFC, since a forged proof would register somebody's address for good:

- ``d=`` is the very domain of the From address, and so is the domain of ``i=``: whoever has a key for a part of a
  domain, or for what it is a part of, speaks for no address of it;
- From, To, Subject and Date are signed. Of each there is exactly one in the mail, so that what is signed is what is
  read, whether or not the signer has also signed their absence ("oversigning");
- no ``l=``: whatever is appended to the mail would be taken as its author's;
- SHA-1 proves nothing any more (RFC 8301), and a mail is signed once ``t=`` has come and until ``x=``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

from coname.core import addresses
from coname.errors import InvalidRequest, RegistrationRefused
from coname.registration.dkim_mail import Field

SIGNED = (b"from", b"to", b"subject", b"date")
"""What has to be signed: all that a proof is read from."""

ALGORITHMS = ("rsa-sha256", "ed25519-sha256")

FIELD_BYTES = 8 * 1024
"""The largest signature that is read; one of RSA with 4096 bits over fifty fields has less than 2 kB."""

LONGEST_SELECTOR = 100
"""Characters; with a domain, they must fit into a name of the DNS."""

SIGNED_FIELDS = 100
"""The most names in ``h=``."""

_TAG = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9_]*)[ \t]*=[ \t]*([!-:<-~](?:[!-:<-~ \t]*[!-:<-~])?|)[ \t]*")
_CANONICALISATION = re.compile(r"(simple|relaxed)(?:/(simple|relaxed))?")
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_NAME = re.compile(r"[!-9;-~]+")
_TIME = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature says.

    :ivar domain: ``d=``, in canonical form.
    :ivar selector: ``s=``, in lower case.
    :ivar algorithm: one of `ALGORITHMS`.
    :ivar relaxed_header: whether the header is canonicalised as ``relaxed``; otherwise as ``simple``.
    :ivar relaxed_body: the same of the body.
    :ivar signed: ``h=``: the names of the signed fields, in lower case, in order, with repetitions.
    :ivar signed_at: ``t=``, seconds since 1970, or None.
    :ivar expires_at: ``x=``, likewise.
    """

    field: Field
    domain: str
    selector: str
    algorithm: str
    relaxed_header: bool
    relaxed_body: bool
    signed: tuple[bytes, ...]
    body_hash: bytes
    signature: bytes
    signed_at: int | None
    expires_at: int | None

    @property
    def key_name(self) -> str:
        """The name that the domain has the key under, in its DNS."""
        return f"{self.selector}._domainkey.{self.domain}"


def tags(what: str, text: str) -> dict[str, str]:
    """The tags of a list ``name=value; name=value`` on one line (RFC 6376, section 3.2).

    :param what: what to call the list in an error.
    :raises RegistrationRefused: it is none, or names a tag twice.
    """
    found: dict[str, str] = {}
    pieces = text.split(";")
    if not pieces[-1].strip(" \t"):
        pieces.pop()
    for piece in pieces:
        match = _TAG.fullmatch(piece)
        if match is None:
            raise RegistrationRefused(f"{what} holds {piece[:40]!r}, which is no tag=value")
        if match[1] in found:
            raise RegistrationRefused(f"{what} has the tag {match[1]}= twice")
        found[match[1]] = match[2]
    return found


def domain_of(field: Field) -> str | None:
    """The domain that a signature is by, in canonical form; None if it cannot be told."""
    if len(field.value) > FIELD_BYTES:
        return None
    try:
        return addresses.canonical_domain(tags("a signature", field.unfolded).get("d", ""))
    except (RegistrationRefused, InvalidRequest):
        return None


def read(field: Field) -> Signature:
    """The signature that `field` holds.

    :raises RegistrationRefused: it cannot be read, or could prove nothing.
    """
    if len(field.value) > FIELD_BYTES:
        raise RegistrationRefused(f"a DKIM signature has {len(field.value)} bytes; at most {FIELD_BYTES} are read")
    found = tags("the signature", field.unfolded)
    for name in ("v", "a", "b", "bh", "d", "h", "s"):
        if not found.get(name):
            raise RegistrationRefused(f"the signature has no {name}=")
    _check_terms(found)
    header, body = _canonicalisation(found.get("c", "simple/simple"))
    try:
        domain = addresses.canonical_domain(found["d"])
    except InvalidRequest as error:
        raise RegistrationRefused(f"the signature's d=: {error}") from error
    _check_identity(found.get("i"), domain)
    return Signature(
        field=field,
        domain=domain,
        selector=found["s"].lower(),
        algorithm=found["a"],
        relaxed_header=header,
        relaxed_body=body,
        signed=_signed(found["h"]),
        body_hash=decoded("the signature's bh=", found["bh"]),
        signature=decoded("the signature's b=", found["b"]),
        signed_at=_time(found, "t"),
        expires_at=_time(found, "x"),
    )


def decoded(what: str, text: str) -> bytes:
    """What `text` is in base64, blanks in which do not count.

    :raises RegistrationRefused: it is not base64.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RegistrationRefused(f"{what} is not base64") from error


def _check_terms(found: Mapping[str, str]) -> None:
    if found["v"] != "1":
        raise RegistrationRefused(f"the signature is of DKIM version {found['v']!r}; 1 is known")
    if found["a"] not in ALGORITHMS:
        why = ": SHA-1 proves nothing any more" if found["a"] == "rsa-sha1" else ""
        raise RegistrationRefused(f"the signature is of {found['a']!r}, and {' and '.join(ALGORITHMS)} are taken{why}")
    if "l" in found:
        raise RegistrationRefused("the signature covers the body's beginning only (it has an l= tag)")
    if found.get("q", "dns/txt") != "dns/txt":
        raise RegistrationRefused(f"the signature's key is to be asked for by {found['q']!r}; dns/txt is known")
    if not _SELECTOR.fullmatch(found["s"]) or len(found["s"]) > LONGEST_SELECTOR:
        raise RegistrationRefused(f"the signature's s= is no selector: {found['s'][:40]!r}")


def _canonicalisation(text: str) -> tuple[bool, bool]:
    match = _CANONICALISATION.fullmatch(text)
    if match is None:
        raise RegistrationRefused(f"the signature's c= is none that is known: {text[:40]!r}")
    return match[1] == "relaxed", match[2] == "relaxed"


def _check_identity(identity: str | None, domain: str) -> None:
    if identity is None:
        return
    try:
        same = addresses.canonical_domain(identity.rpartition("@")[2]) == domain
    except InvalidRequest:
        same = False
    if not same:
        raise RegistrationRefused(f"the signature's i= is not of its domain, {domain}")


def _signed(text: str) -> tuple[bytes, ...]:
    names = [name.strip(" \t") for name in text.split(":")]
    if len(names) > SIGNED_FIELDS or not all(_NAME.fullmatch(name) for name in names):
        raise RegistrationRefused("the signature's h= is not a list of at most 100 field names")
    signed = tuple(name.lower().encode("ascii") for name in names)
    for wanted in SIGNED:
        if wanted not in signed:
            raise RegistrationRefused(f"the signature does not cover the mail's {wanted.decode().title()} field")
    return signed


def _time(found: Mapping[str, str], name: str) -> int | None:
    if name not in found:
        return None
    if not _TIME.fullmatch(found[name]):
        raise RegistrationRefused(f"the signature's {name}= is not a number of seconds: {found[name][:40]!r}")
    return int(found[name])
