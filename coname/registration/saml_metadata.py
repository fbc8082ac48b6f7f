"""What an identity provider says of itself (SAML 2.0 metadata): its keys, and where to log in.

Metadata is believed because of where it comes from: a file of the operator's, or an address asked over TLS.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.x509 import Certificate, load_der_x509_certificate

from coname.errors import RegistrationRefused
from coname.oidc.urls import UrlNotAllowed, origin
from coname.registration import saml_xml as xml
from coname.registration.saml_xml import DSIG, METADATA, PROTOCOL, Element

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"

ELEMENTS = 50_000
"""The most elements: a federation's aggregate has some for each of its members."""

KEYS = 4
"""The most keys of one provider: the one that signs and the next one are usual. All are tried."""


class MetadataInvalid(ValueError):
    """The document is not what it must be; its text says why."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """An identity provider.

    :ivar entity_id: its name. :ivar location: where browsers are sent to log in, by the redirect binding.
    :ivar keys: certificates with the keys that it signs with. Each is believed because it is in the metadata,
        whoever has issued it, until it ends.
    :ivar valid_until: seconds since 1970 after which nothing of this is believed, or None.
    """

    entity_id: str
    location: str
    keys: Sequence[Certificate]
    valid_until: float | None


def parse(data: bytes, entity_id: str = "") -> IdentityProvider:
    """The provider in the metadata `data`.

    :param entity_id: which one, where there are several.
    :raises MetadataInvalid: there is none, or none of what is needed of it.
    """
    try:
        root = xml.parse("it", data, ELEMENTS, comments=True)
        return _provider(root, entity_id)
    except RegistrationRefused as error:
        raise MetadataInvalid(str(error)) from error


def _provider(root: Element, entity_id: str) -> IdentityProvider:
    found = [
        (entity, role)
        for entity in root.iter(f"{METADATA}EntityDescriptor")
        for role in entity.findall(f"{METADATA}IDPSSODescriptor")
        if not entity_id or entity.get("entityID") == entity_id
    ]
    if len(found) != 1:
        which = f" named {entity_id!r}" if entity_id else "; with several, idp_entity_id says which one is meant"
        raise MetadataInvalid(f"it describes {len(found)} identity providers{which}")
    entity, role = found[0]
    if PROTOCOL[1:-1] not in role.get("protocolSupportEnumeration", "").split():
        raise MetadataInvalid("the identity provider does not speak SAML 2.0")
    keys = list(_keys(role))
    if not 0 < len(keys) <= KEYS:
        raise MetadataInvalid(f"the identity provider has {len(keys)} signing keys; 1 to {KEYS} are expected")
    ends = [xml.time(each, "validUntil") for each in (root, entity, role) if each.get("validUntil") is not None]
    return IdentityProvider(xml.attribute(entity, "entityID"), _location(role), keys, min(ends, default=None))


def _location(role: Element) -> str:
    services = role.findall(f"{METADATA}SingleSignOnService")
    found = [each for each in services if each.get("Binding") == REDIRECT]
    if not found:
        raise MetadataInvalid("the identity provider takes no logins by the HTTP redirect binding")
    location = xml.attribute(found[0], "Location")
    try:
        origin(location)
    except UrlNotAllowed as error:
        raise MetadataInvalid(f"the address to log in at: {error}") from error
    return location


def _keys(role: Element) -> Iterator[Certificate]:
    for descriptor in role.findall(f"{METADATA}KeyDescriptor"):
        if descriptor.get("use", "signing") != "signing":
            continue
        for element in descriptor.iterfind(f"{DSIG}KeyInfo/{DSIG}X509Data/{DSIG}X509Certificate"):
            try:
                yield load_der_x509_certificate(base64.b64decode("".join(xml.text(element).split()), validate=True))
            except (binascii.Error, ValueError) as error:
                raise MetadataInvalid("one of the identity provider's certificates cannot be read") from error


def describe(entity_id: str, consumer: str, certificate: bytes, valid_until: float) -> bytes:
    """Our own metadata, for the identity provider's operator.

    :param consumer: the address that responses are sent to. :param certificate: of the key that signs requests, DER.
    """
    until = datetime.fromtimestamp(valid_until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    encoded = base64.b64encode(certificate).decode("ascii")
    return (
        f'<md:EntityDescriptor xmlns:md="{METADATA[1:-1]}" xmlns:ds="{DSIG[1:-1]}" entityID={xml.quoted(entity_id)}'
        f' validUntil="{until}"><md:SPSSODescriptor AuthnRequestsSigned="true" WantAssertionsSigned="true"'
        f' protocolSupportEnumeration="{PROTOCOL[1:-1]}"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data>'
        f"<ds:X509Certificate>{encoded}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        '<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"'
        f' Location={xml.quoted(consumer)} index="0" isDefault="true"/></md:SPSSODescriptor></md:EntityDescriptor>'
    ).encode()
