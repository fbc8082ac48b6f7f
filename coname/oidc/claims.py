"""What an ID token must say (OpenID Connect Core 1.0, section 3.1.3.7; protocol section 11).

Whose it is comes first, its times last: a token that is called expired was right once, and logging in anew helps.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from coname.core.addresses import vouched
from coname.core.hashes import entry_hash
from coname.core.text import quoted
from coname.errors import InvalidRequest, RegistrationExpired, RegistrationRefused

NUMBERS = range(1 << 40)
"""Times that are taken, in seconds since 1970: until the year 36812, and no arithmetic surprises anybody."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token is held against.

    :ivar issuer: who must have made it, and `client_id`: for whom.
    :ivar validity: seconds for which it is good from its making, whatever it says itself.
    :ivar skew: seconds that the provider's clock may differ.
    """

    issuer: str
    client_id: str
    validity: float
    skew: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Who has logged in.

    :ivar address: canonical; empty if the token does not say.
    :ivar subject: the provider's own name for whoever it is.
    :ivar nonce: what the login was for; empty if the token has none.
    :ivar expires: the first moment at which the token is refused, in seconds since 1970, clock skew included.
    """

    address: str
    subject: str
    nonce: str
    expires: float


def nonce_for(entry: bytes) -> str:
    """The nonce that binds a login to the encoded `entry`: 43 characters."""
    return urlsafe_b64encode(entry_hash(entry)).decode().rstrip("=")


def login_code(nonce: str) -> str:
    """What a person compares, to see that a login is for the entry that their own program has made: 8 characters."""
    return f"{nonce[:4]} {nonce[4:8]}"


def names_entry(identity: Identity, entry: bytes) -> bool:
    """Whether the login was for the encoded `entry`."""
    return hmac.compare_digest(identity.nonce.encode("utf-8", "replace"), nonce_for(entry).encode())


def check(claims: dict[str, Any], expected: Expected, now: float) -> Identity:
    """Who has logged in, by the verified `claims` of an ID token.

    :param now: seconds since 1970.
    :raises RegistrationRefused: they are not as `expected`.
    :raises RegistrationExpired: they were, once.
    """
    _check_issuer(claims, expected)
    _check_audience(claims, expected)
    subject, nonce = claims.get("sub"), claims.get("nonce", "")
    if not isinstance(subject, str) or not subject:
        raise RegistrationRefused("the ID token does not say whose it is (sub)")
    if not isinstance(nonce, str):
        raise RegistrationRefused("the ID token's nonce is not text")
    address = verified_address(claims) if "email" in claims else ""
    return Identity(address, subject, nonce, _check_times(claims, expected, now))


def verified_address(claims: dict[str, Any]) -> str:
    """The e-mail address in `claims`, canonical, which the provider must have verified.

    :raises RegistrationRefused: there is none, or it is not verified.
    """
    email = claims.get("email")
    if not isinstance(email, str):
        raise RegistrationRefused("the provider does not tell an e-mail address")
    if claims.get("email_verified") is not True:
        raise RegistrationRefused(
            f"the provider has not verified that {quoted(email)} is whose it says (email_verified is not true)"
        )
    try:
        return vouched(email)
    except InvalidRequest as error:
        raise RegistrationRefused(f"the provider tells an e-mail address that is none: {error}") from error


def _check_issuer(claims: dict[str, Any], expected: Expected) -> None:
    issuer = claims.get("iss")
    if issuer != expected.issuer:
        raise RegistrationRefused(f"the ID token is by {quoted(str(issuer))}, not by {quoted(expected.issuer)}")


def _check_audience(claims: dict[str, Any], expected: Expected) -> None:
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in several:
        raise RegistrationRefused(
            f"the ID token is for {quoted(str(audience))}, not for this realm, {quoted(expected.client_id)}"
        )
    party = claims.get("azp")
    if (len(several) > 1 or party is not None) and party != expected.client_id:
        raise RegistrationRefused(
            f"the ID token was given to {quoted(str(party))} (azp), not to this realm, {quoted(expected.client_id)}"
        )


def _check_times(claims: dict[str, Any], expected: Expected, now: float) -> float:
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    begins = _time(claims, "nbf") if "nbf" in claims else issued
    ahead = max(issued, begins) - expected.skew - now
    if ahead > 0:
        raise RegistrationRefused(f"the ID token is of the future: it begins in {ahead + expected.skew:.0f} seconds")
    end = min(expires, issued + expected.validity) + expected.skew
    if now >= end:
        raise RegistrationExpired(f"the login is too old: it was good until {now - end:.0f} seconds ago; log in again")
    return end


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not NUMBERS.start <= value < NUMBERS.stop:
        raise RegistrationRefused(f"the ID token's {name} is missing, or is no time")
    return float(value)
