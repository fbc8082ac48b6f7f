"""An identity provider that says whatever a test wants, and signs it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import SignatureReference, XMLSigner

from coname.core.hashes import entry_hash
from coname.registration import saml_request

NOW = 1_800_000_000.0
ISSUER = "https://idp.example.com/metadata"
LOGIN = "https://idp.example.com/login?tenant=1"
AUDIENCE = "https://directory.example.com/saml/metadata"
CONSUMER = "https://directory.example.com/saml/consumer"
ADDRESS = "alice@example.com"
ENTRY = b"an encoded entry"
REQUEST = saml_request.new_id(entry_hash(ENTRY))

ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Identity:
    """A key and its certificate."""

    def __init__(self, key: Key, ends: float = NOW + 1e9) -> None:
        self.key = key
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(datetime.fromtimestamp(NOW - 1e9, UTC))
            .not_valid_after(datetime.fromtimestamp(ends, UTC))
            .sign(key, SHA256())
        )


@cache
def provider() -> Identity:
    """The identity provider's."""
    return Identity(rsa.generate_private_key(65537, 2048))


@cache
def stranger() -> Identity:
    """Somebody else's."""
    return Identity(rsa.generate_private_key(65537, 2048))


def at(seconds: float) -> str:
    """A time, so many seconds from now."""
    return (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


PARTS: Mapping[str, str] = {
    "destination": f'Destination="{CONSUMER}"',
    "in_response_to": f'InResponseTo="{REQUEST}"',
    "response_issuer": f"<saml:Issuer>{ISSUER}</saml:Issuer>",
    "status": '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>',
    "version": "2.0",
    "issued": at(-5),
    "issuer": ISSUER,
    "subject": "<saml:NameID>alice.a</saml:NameID>",
    "method": "urn:oasis:names:tc:SAML:2.0:cm:bearer",
    "recipient": f'Recipient="{CONSUMER}"',
    "confirmed_until": f'NotOnOrAfter="{at(300)}"',
    "confirmed_request": f'InResponseTo="{REQUEST}"',
    "not_before": f'NotBefore="{at(-30)}"',
    "not_on_or_after": f'NotOnOrAfter="{at(300)}"',
    "audience": f"<saml:AudienceRestriction><saml:Audience>{AUDIENCE}</saml:Audience></saml:AudienceRestriction>",
    "login": f'<saml:AuthnStatement AuthnInstant="{at(-10)}"/>',
    "value": ADDRESS,
    "attributes": "",
    "more": "",
}

_ASSERTION = """<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_assertion" Version="{version}"
 IssueInstant="{issued}"><saml:Issuer>{issuer}</saml:Issuer><saml:Subject>{subject}<saml:SubjectConfirmation
 Method="{method}"><saml:SubjectConfirmationData {recipient} {confirmed_until} {confirmed_request}/>
</saml:SubjectConfirmation></saml:Subject><saml:Conditions {not_before} {not_on_or_after}>{audience}</saml:Conditions>
{login}<saml:AttributeStatement><saml:Attribute Name="EmailAddress"><saml:AttributeValue
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:type="xs:string">{value}</saml:AttributeValue></saml:Attribute>{attributes}</saml:AttributeStatement>
</saml:Assertion>"""

_RESPONSE = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
 xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_response" Version="2.0" IssueInstant="{issued}" {destination}
 {in_response_to}>{response_issuer}<samlp:Status>{status}</samlp:Status>{assertion}{more}</samlp:Response>"""


def document(**parts: str) -> Any:
    """A response, not signed, with `parts` in place of some of `PARTS`."""
    filled = {**PARTS, **parts}
    assertion = _ASSERTION.format(**filled)
    return etree.fromstring(_RESPONSE.format(**{"assertion": assertion, **filled}).encode())


class _Signer(XMLSigner):
    """Also signs with what nobody should."""

    def check_deprecated_methods(self) -> None:
        pass

    def _build_transforms_for_reference(self, *, transforms_node: Any, reference: Any, **how: Any) -> None:
        """In an enveloped signature, the library forgets to say which prefixes it has used."""
        super()._build_transforms_for_reference(transforms_node=transforms_node, reference=reference, **how)
        if reference.inclusive_ns_prefixes:
            place = "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces"
            etree.SubElement(transforms_node[-1], place, PrefixList=" ".join(reference.inclusive_ns_prefixes))


def sign(
    root: Any,
    path: str = ASSERTION,
    identity: Identity | None = None,
    method: SignatureMethod = SignatureMethod.RSA_SHA256,
    digest: DigestAlgorithm = DigestAlgorithm.SHA256,
    canonical: CanonicalizationMethod = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    prefixes: list[str] | None = None,
) -> Any:
    """`root` with a signature in the element at `path` (the root itself: ``.``).

    :param prefixes: of namespaces that count as used, as some providers have it.
    """
    identity = provider() if identity is None else identity
    element = root if path == "." else root.find(path)
    signer = _Signer(signature_algorithm=method, digest_algorithm=digest, c14n_algorithm=canonical)
    cert = [identity.certificate.public_bytes(Encoding.PEM).decode()]
    signed = signer.sign(
        element,
        key=identity.key,
        cert=cert,
        reference_uri=[SignatureReference(URI=f"#{element.get('ID')}", inclusive_ns_prefixes=prefixes)],
        id_attribute="ID",
    )
    signature = signed.find(SIGNATURE)
    signed.remove(signature)
    issuers = [place for place, child in enumerate(signed) if child.tag.endswith("Issuer")]
    signed.insert(issuers[0] + 1 if issuers else 0, signature)
    if path == ".":
        return signed
    parent = element.getparent()
    parent.replace(element, signed)
    return root


def text(root: Any) -> str:
    """As the proof has it."""
    return base64.b64encode(etree.tostring(root)).decode()


def signed(**parts: str) -> str:
    """A response with a signed assertion; see `document`."""
    return text(sign(document(**parts)))


def metadata(identities: list[Identity] | None = None, more: str = "", issuer: str = ISSUER) -> bytes:
    """The provider's own."""
    keys = "".join(
        '<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>'
        f"{base64.b64encode(each.certificate.public_bytes(Encoding.DER)).decode()}"
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for each in (identities if identities is not None else [provider()])
    )
    location = LOGIN.replace("&", "&amp;")
    return (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
        f' xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{issuer}" {more}>'
        '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f"{keys}"
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://x.example"/>'
        '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
        f' Location="{location}"/></md:IDPSSODescriptor></md:EntityDescriptor>'
    ).encode()
