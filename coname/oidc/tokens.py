"""The signature of an ID token: a JWT in compact form (RFC 7515, RFC 7519), checked with one of the provider's keys.

Nothing else in the token is looked at here, and of its header only the key's name and the algorithm: addresses and keys
that a header may hold (``jku``, ``jwk``, ``x5u``, ``x5c``) are a stranger's words.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning

from coname.core.text import quoted
from coname.errors import RegistrationRefused
from coname.oidc.documents import DocumentInvalid, parse_object
from coname.oidc.keys import ALGORITHMS, VerificationKey
from coname.oidc.sealing import decoded

LONGEST_TOKEN = 16 * 1024
"""Characters. ID tokens have one or two thousand; one with the names of hundreds of groups has ten."""

SAME_NAME = 4
"""Keys of one name that are tried: their names should differ (RFC 7517, section 4.5)."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_UNSIGNED = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")
_TYPES = (None, "JWT")
"""What a header's ``typ`` may be: an access token or a logout token of the same provider says something else."""


class UnknownKey(RegistrationRefused):
    """The token names a key that is not among the provider's."""


class Unverified(NamedTuple):
    """A token's outside.

    :ivar signed: what its signature covers.
    :ivar key: the name of the key; None if it has none.
    """

    token: str
    signed: bytes
    algorithm: str
    key: str | None


def read(token: str) -> Unverified:
    """The outside of `token`, of which nothing is verified yet.

    :raises RegistrationRefused: it is no signed token, or is signed in a way that is not taken.
    """
    if len(token) > LONGEST_TOKEN:
        raise RegistrationRefused(f"the ID token has {len(token)} characters; {LONGEST_TOKEN} are the most")
    if not _COMPACT.fullmatch(token) and not _UNSIGNED.fullmatch(token):
        raise RegistrationRefused("the ID token is not a JWT: three parts of base64url are expected")
    header = _header(token)
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        taken = ", ".join(sorted(ALGORITHMS))
        raise RegistrationRefused(f"the ID token is signed with {quoted(str(algorithm))}; only {taken} are taken")
    if not (kid is None or isinstance(kid, str)):
        raise RegistrationRefused("the ID token's kid is not text")
    if "crit" in header or "b64" in header:
        raise RegistrationRefused("the ID token's header asks for an extension (crit), and none is known here")
    if (kind.upper() if isinstance(kind, str) else kind) not in _TYPES:
        raise RegistrationRefused(f"the token is of the type {quoted(str(kind))}, not an ID token")
    return Unverified(token, token.rpartition(".")[0].encode(), algorithm, kid)


def unverified_issuer(token: str) -> str:
    """Whose token it claims to be, which decides who is asked about it, and nothing else; empty if it does not say.

    :raises RegistrationRefused: it is no JWT.
    """
    read(token)
    try:
        issuer = parse_object(decoded(token.split(".")[1])).get("iss")
    except (DocumentInvalid, ValueError) as error:
        raise RegistrationRefused("the ID token's content is not a JSON object") from error
    return issuer if isinstance(issuer, str) else ""


def verified_claims(unverified: Unverified, keys: Sequence[VerificationKey], issuer: str) -> dict[str, Any]:
    """What the token says, now that it is known to be the provider's.

    :raises UnknownKey: it is signed with a key that is not among `keys`.
    :raises RegistrationRefused: its signature does not verify.
    """
    for key in _candidates(unverified, keys, issuer):
        payload = _payload(unverified, key)
        if payload is not None:
            try:
                return parse_object(payload)
            except DocumentInvalid as error:
                raise RegistrationRefused(f"the ID token's content is wrong: {error}") from error
    raise RegistrationRefused(f"the ID token's signature is not by a key of {issuer}")


def _candidates(unverified: Unverified, keys: Sequence[VerificationKey], issuer: str) -> list[VerificationKey]:
    """The keys that may have signed the token, few."""
    if unverified.key is None:
        fitting = [key for key in keys if unverified.algorithm in key.algorithms]
        if len(fitting) != 1:
            raise RegistrationRefused(f"the ID token does not name its key (kid), and {issuer} has {len(fitting)}")
        return fitting
    named = [key for key in keys if key.kid == unverified.key]
    if not named:
        raise UnknownKey(f"the ID token is signed with the key {quoted(unverified.key)}, which {issuer} does not have")
    fitting = [key for key in named if unverified.algorithm in key.algorithms]
    if not fitting:
        raise RegistrationRefused(
            f"the ID token is signed with {unverified.algorithm}, which {issuer}'s key {quoted(unverified.key)} "
            "is not for"
        )
    return fitting[:SAME_NAME]


def _payload(unverified: Unverified, key: VerificationKey) -> bytes | None:
    """What is signed, or None if the signature is not by `key`."""
    registry = jws.JWSRegistry(algorithms=[unverified.algorithm], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = registry.max_signature_length = LONGEST_TOKEN
    with warnings.catch_warnings():
        # EdDSA is on its way out as a name, since it leaves the curve open; here the key has fixed it.
        warnings.simplefilter("ignore", SecurityWarning)
        try:
            return jws.deserialize_compact(unverified.token, key.key, registry=registry).payload
        except (JoseError, ValueError, TypeError):
            return None


def _header(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    try:
        return parse_object(decoded(part))
    except (DocumentInvalid, ValueError) as error:
        raise RegistrationRefused("the ID token's header is not a JSON object") from error
