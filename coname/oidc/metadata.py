"""A provider's own description: OpenID Connect Discovery 1.0, sections 3 and 4.3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coname.core.text import quoted
from coname.oidc.documents import DocumentInvalid, parse_object, text_in, texts_in
from coname.oidc.urls import Origin, UrlNotAllowed, check_named

WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is needed of it.

    :ivar jwks_uri: where its keys are.
    :ivar authorization_endpoint: where people log in; `token_endpoint`: where a code is exchanged for an ID token; and
        `userinfo_endpoint`: where an access token is, for what the ID token may leave out. Empty: it has none.
    :ivar algorithms: what it signs ID tokens with; None if it does not say.
    :ivar secret_in_body: how it wants a client's secret.
    :ivar claims_parameter: whether it can be asked for single claims.
    :ivar names_itself: whether its answer to a login says whose it is (RFC 9207).
    """

    jwks_uri: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    algorithms: frozenset[str] | None
    secret_in_body: bool
    claims_parameter: bool
    names_itself: bool


def discovery_url(issuer: str) -> str:
    """Where an issuer's description is, unless the configuration says otherwise."""
    return issuer.rstrip("/") + WELL_KNOWN


def parse_metadata(data: bytes, issuer: str, source: Origin) -> Metadata:
    """The description in `data`.

    :param issuer: whose it must be.
    :param source: whom the address belongs to that it came from.
    :raises DocumentInvalid: it is malformed, another issuer's, or names addresses that are not to be asked.
    """
    document = parse_object(data)
    found = text_in(document, "issuer")
    if found != issuer:
        raise DocumentInvalid(f"it is the description of {quoted(found)}, not of {quoted(issuer)}")
    methods = texts_in(document, "token_endpoint_auth_methods_supported")
    return Metadata(
        jwks_uri=_address(document, "jwks_uri", source),
        authorization_endpoint=_address(document, "authorization_endpoint", source, optional=True),
        token_endpoint=_address(document, "token_endpoint", source, optional=True),
        userinfo_endpoint=_address(document, "userinfo_endpoint", source, optional=True),
        algorithms=texts_in(document, "id_token_signing_alg_values_supported"),
        secret_in_body=methods is not None and "client_secret_basic" not in methods,
        claims_parameter=document.get("claims_parameter_supported") is True,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(document: dict[str, Any], name: str, source: Origin, optional: bool = False) -> str:
    if optional and name not in document:
        return ""
    url = text_in(document, name)
    try:
        check_named(url, source)
    except UrlNotAllowed as error:
        raise DocumentInvalid(f"{name}: {error}") from error
    return url
