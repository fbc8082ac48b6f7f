"""A SAML request to log somebody in, signed, for the redirect binding (SAML 2.0 bindings, section 3.4).

The request's ID says what the login is for: it ends in the hash of the entry that is to be registered. The identity
provider repeats it in what it signs, so that any replica can tell, without having kept anything, what was asked for.
The ID begins with random bytes: two requests for one entry differ.
"""

from __future__ import annotations

import base64
import re
import secrets
import zlib
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from coname.registration.saml_xml import escaped, quoted

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_RANDOM_BYTES = 16
_ID = re.compile(r"_[0-9a-f]{32}([0-9a-f]{64})?")
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"


def new_id(entry_hash: bytes) -> str:
    """The ID of a request.

    :param entry_hash: H(entry, 32) of what is to be registered; empty for a login that names no entry.
    """
    return f"_{secrets.token_hex(_RANDOM_BYTES)}{entry_hash.hex()}"


def entry_hash_in(id_: str) -> bytes | None:
    """The hash in an ID that `new_id` has made; None if it is no such ID."""
    match = _ID.fullmatch(id_)
    return None if match is None else bytes.fromhex(match[1] or "")


def document(id_: str, now: float, destination: str, consumer: str, issuer: str) -> bytes:
    """The request: whoever it is must log in, now, even if they are logged in already.

    :param destination: where it goes to. :param consumer: where the answer is to go. :param issuer: who we are.
    """
    issued = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
        ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0" ForceAuthn="true"'
        ' ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"'
        f" ID={quoted(id_)} IssueInstant={quoted(issued)} Destination={quoted(destination)}"
        f" AssertionConsumerServiceURL={quoted(consumer)}>"
        f"<saml:Issuer>{escaped(issuer)}</saml:Issuer></samlp:AuthnRequest>"
    ).encode()


def redirection(location: str, request: bytes, relay_state: str, key: SigningKey) -> str:
    """The address to send the browser to, with the request and its signature in the query.

    :param relay_state: comes back with the answer; at most 80 bytes, or empty.
    """
    packed = zlib.compressobj(wbits=-15)
    deflated = packed.compress(request) + packed.flush()
    query = [("SAMLRequest", base64.b64encode(deflated).decode("ascii"))]
    if relay_state:
        query.append(("RelayState", relay_state))
    kind = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ecdsa"
    query.append(("SigAlg", f"{_MORE}{kind}-sha256"))
    signed = urlencode(query)
    signature = base64.b64encode(_sign(key, signed.encode("ascii"))).decode("ascii")
    parts = urlsplit(location)
    before = urlencode(parse_qsl(parts.query, keep_blank_values=True))
    return parts._replace(query="&".join(filter(None, [before, signed, urlencode({"Signature": signature})]))).geturl()


def _sign(key: SigningKey, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, PKCS1v15(), SHA256())
    return key.sign(data, ec.ECDSA(SHA256()))
