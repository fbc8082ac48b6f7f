"""An address that the provider tells beside the ID token, and carried with it.

A provider need not put the address into the ID token: it may tell it only to whoever brings the access token of the
same login (OpenID Connect Core 1.0, section 5.3). The replica that led the login asks, and appends the answer to the ID
token, marked with a key that only the realm's replicas have: ``TOKEN~ADDRESS~MARK``. Whichever replica then checks the
registration believes its colleague; everything else it reads from the token, whose nonce binds it to the entry.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import NamedTuple

from coname.errors import RegistrationRefused
from coname.oidc.claims import Identity
from coname.oidc.sealing import decoded, encoded, mark
from coname.oidc.tokens import LONGEST_TOKEN, read

SEPARATOR = "~"
"""Is in no JWT, and needs no quoting anywhere."""

LONGEST_ADDRESS = 512
"""Characters of the address in base64: of 320, which mail can carry."""


class Carried(NamedTuple):
    """What came as an ID token.

    :ivar token: the ID token. :ivar address: what is appended to it, if anything. :ivar mark: of that.
    """

    token: str
    address: str
    mark: bytes


def with_address(token: str, address: str, key: bytes) -> str:
    """`token`, and the `address` of whoever it is about."""
    made = mark(key, read(token).signed, address.encode())
    return SEPARATOR.join((token, encoded(address.encode()), encoded(made)))


def carried(text: str) -> Carried:
    """The parts of `text`.

    :raises RegistrationRefused: it has others.
    """
    parts = text[: LONGEST_TOKEN + LONGEST_ADDRESS + 64].split(SEPARATOR)
    if len(parts) == 1:
        return Carried(text, "", b"")
    try:
        token, address, made = parts
        return Carried(token, decoded(address).decode(), decoded(made))
    except ValueError as error:
        raise RegistrationRefused("what is appended to the ID token is not an address and its mark") from error


def identified(identity: Identity, carried: Carried, key: bytes) -> Identity:
    """`identity` with the address that came with it, unless the token itself had one.

    :raises RegistrationRefused: none of this realm's replicas has appended it, or there is none.
    """
    if identity.address:
        return identity
    if not carried.address:
        raise RegistrationRefused("the ID token does not say whose address it is for (email)")
    if not hmac.compare_digest(carried.mark, mark(key, read(carried.token).signed, carried.address.encode())):
        raise RegistrationRefused("the address beside the ID token was not put there by this realm")
    return replace(identity, address=carried.address)
