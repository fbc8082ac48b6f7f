"""Addresses in canonical form, so that one person has one entry.

The protocol compares user ids byte for byte, hence ``Alice@…`` and ``alice@…`` would be two people. New entries are
only made under the canonical form of an address, and clients bring an address into it before they ask:

* lower case, Unicode normalisation form C;
* split at the last ``@``; neither side empty;
* the domain in IDNA 2008's A-labels (``xn--…``), without a dot at its end;
* no spaces, control or formatting characters, and none that Unicode leaves unassigned: they do not show.

`canonical` is idempotent: the canonical form is its own canonical form.
"""

from __future__ import annotations

import re
import unicodedata

import idna

from coname.core.text import quoted
from coname.errors import InvalidRequest

MAX_DOMAIN = 253
"""The longest domain name, in characters (RFC 1035, section 2.3.4, less the encoding's overhead)."""

_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_CANONICAL_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_CANONICAL_LOCAL = re.compile(r"[!-?\[-~]+")  # the ASCII characters that show, without capitals and @


def split(user_id: str) -> tuple[str, str]:
    """The local part and the domain, split at the last ``@``.

    :raises InvalidRequest: there is no ``@``, or nothing on one side of it.
    """
    local, at, domain = user_id.rpartition("@")
    if not (local and at and domain):
        raise InvalidRequest(f"{quoted(user_id)} is not an address: local@domain is expected")
    return local, domain


def canonical(user_id: str) -> str:
    """The canonical form of an address.

    :raises InvalidRequest: it has none: it is not local@domain, holds characters that do not show, or its domain is not
        a domain name.
    """
    local, domain = split(user_id)
    return f"{_canonical_local(local)}@{canonical_domain(domain)}"


def vouched(user_id: str) -> str:
    """The canonical form of an address as somebody who vouches for it has written it.

    Some letters that are not ASCII become such in it, as the sign for kelvin becomes k. Whoever vouches for one of them
    has not seen the address that it becomes, which may be another person's.

    :raises InvalidRequest: it has none, or is such a one.
    """
    found = canonical(user_id)
    if split(found)[0].isascii() and not split(user_id)[0].isascii():
        raise InvalidRequest(f"{quoted(user_id)} only looks like {found}")
    return found


def canonical_domain(domain: str) -> str:
    """The canonical form of a domain name: lower case A-labels, no dot at the end.

    :raises InvalidRequest: it is not a domain name.
    """
    name = domain.removesuffix(".")
    if len(name) > MAX_DOMAIN:
        raise InvalidRequest(f"the domain has {len(name)} characters; a domain name has at most {MAX_DOMAIN}")
    if _CANONICAL_DOMAIN.fullmatch(name):
        return name
    try:
        encoded = idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidRequest(f"{quoted(domain)} is not a domain name: {error}") from error
    if encoded.endswith("."):  # IDNA takes one at the end, and other characters that mean a dot
        raise InvalidRequest(f"{quoted(domain)} is not a domain name: there is a dot too many at its end")
    return encoded


def _canonical_local(local: str) -> str:
    if _CANONICAL_LOCAL.fullmatch(local):
        return local
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    for character in lowered:
        # Categories: C* are control, formatting, surrogate, private and unassigned characters; Z* are separators.
        if unicodedata.category(character)[0] in "CZ":
            raise InvalidRequest(f"{quoted(local)} holds the character U+{ord(character):04X}, which does not show")
    return lowered
