"""The addresses in a From or To field: a strict part of RFC 5322, section 3.4.

Taken are ``alice@example.com`` and ``Alice Example <alice@example.com>``, and lists of them. A display name may be
anything that is well-formed; it is never looked into, so that nothing in it, encoded or quoted, can pass for an
address. Refused is what programs disagree on: groups, comments, routes, quoted local parts, domains in brackets, and
blanks inside of an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from coname.core import addresses
from coname.core.text import quoted
from coname.errors import InvalidRequest, RegistrationRefused

ADDRESSES = 20
"""The most addresses in one field."""

CHARACTERS, TOKENS = 8 * 1024, 20 * ADDRESSES
"""The longest field: so many addresses with long names, of some words each. Anybody may send one, and meanwhile nobody
else is answered."""

_TOKEN = re.compile(
    r"""(?P<blank>[ \t]+)
    | (?P<word>[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+)
    | (?P<quoted>"(?:[^"\\]|\\.)*")
    | (?P<mark>[<>,@])""",
    re.VERBOSE,
)


class _Token(NamedTuple):
    kind: str
    text: str


def read(field: str, value: str) -> list[str]:
    """The addresses in `value`, a field's on one line, in canonical form.

    :param field: what to call it in an error.
    :raises RegistrationRefused: it is none, too many, or not of the form above.
    """
    if len(value) > CHARACTERS:
        raise RegistrationRefused(f"the mail's {field} field has {len(value)} characters; {CHARACTERS} are read")
    tokens = list(islice(_tokens(field, value), TOKENS + 1))
    if len(tokens) > TOKENS:
        raise RegistrationRefused(f"the mail's {field} field has more than {TOKENS} words and marks")
    found = list(_mailboxes(tokens))
    if len(found) > ADDRESSES:
        raise RegistrationRefused(f"the mail's {field} field has {len(found)} addresses; at most {ADDRESSES} are taken")
    return [_address(field, mailbox) for mailbox in found]


def _tokens(field: str, value: str) -> Iterator[_Token]:
    place = 0
    while place < len(value):
        match = _TOKEN.match(value, place)
        if match is None:
            raise RegistrationRefused(
                f"the mail's {field} field holds {value[place]!r}, which is refused outside of quotes: "
                "plain addresses are expected, no groups, no comments"
            )
        yield _Token(match.lastgroup or "", match[0])
        place = match.end()


def _mailboxes(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """The pieces between the commas, without blanks around them."""
    piece: list[_Token] = []
    for token in [*tokens, _Token("mark", ",")]:
        if token == ("mark", ","):
            yield _stripped(piece)
            piece = []
        else:
            piece.append(token)


def _stripped(piece: list[_Token]) -> list[_Token]:
    first = 1 if piece and piece[0].kind == "blank" else 0
    last = len(piece) - 1 if len(piece) > first and piece[-1].kind == "blank" else len(piece)
    return piece[first:last]


def _address(field: str, mailbox: list[_Token]) -> str:
    """The address of ``[name] <local@domain>`` or of ``local@domain``."""
    if mailbox and mailbox[-1].text == ">":
        start = next((place for place, token in enumerate(mailbox) if token.text == "<"), len(mailbox))
        name, address = mailbox[:start], mailbox[start + 1 : -1]
        sound = all(token.kind in ("blank", "word", "quoted") for token in name)
    else:
        address, sound = mailbox, True
    if not sound or [token.kind for token in address] != ["word", "mark", "word"] or address[1].text != "@":
        text = "".join(token.text for token in mailbox)
        raise RegistrationRefused(f"the mail's {field} field has {quoted(text)} where a plain address is expected")
    try:
        return addresses.canonical("".join(token.text for token in address))
    except InvalidRequest as error:
        raise RegistrationRefused(f"the mail's {field} field: {error}") from error
