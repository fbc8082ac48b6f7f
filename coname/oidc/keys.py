"""A provider's keys: JSON Web Keys (RFC 7517), each with the algorithms that it may be used with.

The algorithm is the key's, never the token's choice: a token names one, and it must be one that the key is for. So a
public key is no secret for an HMAC, and ``none`` is no algorithm at all. What cannot be used is left out: a set may
well hold keys for encryption, or of kinds that came later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc import jwk
from joserfc.errors import JoseError

from coname.oidc.documents import DocumentInvalid, parse_object

MOST_KEYS = 100
"""In one set. A provider has two or three at a time, one that serves many organisations some dozens."""

RSA_BITS = range(2048, 8193)
"""The lengths of an RSA key that are taken: less can be broken, more takes milliseconds for each check."""

BY_KIND: Mapping[tuple[str, str], frozenset[str]] = {
    ("RSA", ""): frozenset({"RS256", "PS256"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA", "Ed25519"}),
}
"""What a key of a type and curve may be used with. ``Ed25519`` is RFC 9864's name for this EdDSA."""

ALGORITHMS = frozenset().union(*BY_KIND.values())
"""All that are known here."""

_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_MEMBER = 4 * RSA_BITS.stop // 8 // 3 + 4
_LONGEST_EXPONENT = 8
"""Characters of base64: no exponent in use has more than three bytes; a long one makes each check slow."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One public key.

    :ivar kid: what tokens call it; None if it has no name.
    :ivar algorithms: what it may be used with.
    """

    kid: str | None
    algorithms: frozenset[str]
    key: Any


def parse_keys(data: bytes) -> tuple[VerificationKey, ...]:
    """The usable keys of the JSON Web Key Set in `data`.

    :raises DocumentInvalid: it is none, or has more than `MOST_KEYS`.
    """
    listed = parse_object(data).get("keys")
    if not isinstance(listed, list):
        raise DocumentInvalid("keys is missing, or is not a list")
    if len(listed) > MOST_KEYS:
        raise DocumentInvalid(f"it has {len(listed)} keys; {MOST_KEYS} are the most that are taken")
    found = (_usable(each) for each in listed if isinstance(each, dict))
    return tuple(key for key in found if key is not None)


def _usable(document: dict[str, Any]) -> VerificationKey | None:
    kind, curve, kid = document.get("kty"), document.get("crv", ""), document.get("kid")
    if not isinstance(kind, str) or not isinstance(curve, str) or not (kid is None or isinstance(kid, str)):
        return None
    algorithms = BY_KIND.get((kind, "" if kind == "RSA" else curve))
    if algorithms is None or not _for_signatures(document):
        return None
    if "alg" in document:
        algorithms &= {document["alg"]} if isinstance(document["alg"], str) else set()
        if {"EdDSA", "Ed25519"} & algorithms:
            algorithms = BY_KIND[kind, curve]  # two names of one algorithm
    key = _import(kind, document) if algorithms else None
    return None if key is None else VerificationKey(kid, algorithms, key)


def _for_signatures(document: dict[str, Any]) -> bool:
    """Whether the set means it for checking signatures; a private key that is there for all to read is for nothing."""
    operations = document.get("key_ops", ["verify"])
    return (
        document.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in document
    )


def _import(kind: str, document: dict[str, Any]) -> Any:
    """The key, of nothing but its public members; None if they are not in order."""
    members: dict[str, str | list[str]] = {"kty": kind}
    for name in _MEMBERS[kind]:
        value = document.get(name)
        if not isinstance(value, str) or len(value) > _LONGEST_MEMBER:
            return None
        if name != "crv" and not _BASE64URL.fullmatch(value):
            return None
        members[name] = value
    if len(members.get("e", "")) > _LONGEST_EXPONENT:
        return None
    try:
        key = jwk.import_key(members)
        public = key.public_key
    except (JoseError, ValueError, TypeError):
        return None
    return None if isinstance(public, RSAPublicKey) and public.key_size not in RSA_BITS else key
