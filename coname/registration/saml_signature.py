"""Which part of a SAML response its issuer has signed: the only part that is ever believed.

Signatures are moved about in a document, so that one place is checked and another one read ("signature wrapping").
Rules:

1. The document has one shape only: a Response with one Assertion right below it, each with at most one signature, as
   its own child. There is no other Response, Assertion or Signature anywhere, and no ID is there twice.
2. A signature is over the element that it is in, by its ID, and over all of it: the transforms are "enveloped
   signature" and exclusive canonicalisation, nothing else.
3. What is given back was parsed again from the very bytes that were hashed. The document itself is not read any more.
4. Keys are the ones of the metadata; whatever the signature says of its own key does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import Certificate
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from coname.core.text import quoted
from coname.errors import RegistrationRefused
from coname.registration.saml_xml import ASSERTION, DSIG, PROTOCOL, Element, local, only

_METHODS = {
    f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha{size}": getattr(SignatureMethod, f"{kind}_SHA{size}".upper())
    for kind in ("rsa", "ecdsa")
    for size in (256, 384, 512)
}
_DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": DigestAlgorithm.SHA256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": DigestAlgorithm.SHA384,
    "http://www.w3.org/2001/04/xmlenc#sha512": DigestAlgorithm.SHA512,
}
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"

NAMESPACES, PREFIXES = 30, 30
"""The most that are in scope at an element, and the most that a signature lists: canonicalising takes time in
proportion to the elements and to both."""

_FAILURES = (SignXMLException, etree.LxmlError, UnsupportedAlgorithm, ValueError, TypeError, AttributeError, KeyError)
"""What the library raises over a signature; the last three where it does not expect an element to be empty."""

_RESPONSE_SIGNATURE = "./"
_ASSERTION_SIGNATURE = f"./{ASSERTION}Assertion/"


class NotSigned(RegistrationRefused):
    """The signature is by none of the keys that are known."""


def signed_assertion(root: Element, keys: Sequence[Certificate], now: float) -> tuple[Element, Element | None]:
    """The assertion of the response `root`, and the response if it is signed too, each as it was signed.

    :param keys: certificates with the issuer's keys.
    :raises NotSigned: it is not signed by any of them. :raises RegistrationRefused: it breaks a rule of this file.
    """
    assertion = _check_shape(root)
    response = (
        _verified(root, root, _RESPONSE_SIGNATURE, keys, now) if root.find(f"{DSIG}Signature") is not None else None
    )
    if assertion.find(f"{DSIG}Signature") is not None:
        return _verified(root, assertion, _ASSERTION_SIGNATURE, keys, now), response
    if response is None:
        raise RegistrationRefused("neither the SAML response nor its assertion is signed")
    return only(response, f"{ASSERTION}Assertion"), response


def _check_shape(root: Element) -> Element:
    """Rule 1; the assertion."""
    if root.tag != f"{PROTOCOL}Response":
        raise RegistrationRefused(f"a SAML response is expected, not {local(root.tag)}")
    for element in root.iter():
        if local(element.tag).startswith("Encrypted"):
            raise RegistrationRefused(
                f"the SAML response holds an {local(element.tag)}: this server reads none; have the identity provider"
                " sign the assertion, and not encrypt it"
            )
    assertion = only(root, f"{ASSERTION}Assertion")
    expected = [root, assertion, *root.findall(f"{DSIG}Signature"), *assertion.findall(f"{DSIG}Signature")]
    watched = ("Response", "Assertion", "Signature")
    found = [element for element in root.iter() if local(element.tag) in watched]
    if len(found) != len(expected) or set(found) != set(expected):
        raise RegistrationRefused("the SAML response holds a Response, Assertion or Signature where none belongs")
    for signed in (root, assertion):
        if len(signed.findall(f"{DSIG}Signature")) > 1:
            raise RegistrationRefused(f"the {local(signed.tag)} has more than one signature")
    _check_ids(root)
    _check_cost(root)
    return assertion


def _check_ids(root: Element) -> None:
    seen: set[str] = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            if local(name).lower() != "id":
                continue
            if value in seen:
                raise RegistrationRefused(f"the SAML response has the ID {value[:80]!r} twice")
            seen.add(value)


def _check_cost(root: Element) -> None:
    """Before anything is canonicalised: whether anybody has signed it is known only afterwards."""
    for element in root.iter():
        if len(element.nsmap) > NAMESPACES:
            raise RegistrationRefused(f"the SAML response has {len(element.nsmap)} namespaces at once")
        if len(element.get("PrefixList", "").split()) > PREFIXES:
            raise RegistrationRefused(f"the SAML response lists more than {PREFIXES} prefixes")


def _verified(root: Element, signed: Element, location: str, keys: Sequence[Certificate], now: float) -> Element:
    """`signed` as it was signed, by the signature that it holds."""
    methods = _check_terms(signed, only(signed, f"{DSIG}Signature"))
    config = SignatureConfiguration(
        location=location,
        expect_references=1,
        signature_methods=frozenset([methods[0]]),
        digest_algorithms=frozenset([methods[1]]),
        ignore_ambiguous_key_info=True,  # nothing of it is used
        verification_time=datetime.fromtimestamp(now, UTC),
    )
    data, reasons = etree.tostring(root), []
    for key in keys:
        try:
            # Not against the schema: it is checked here what there may be, and the schema lets no list of prefixes be.
            result = XMLVerifier().verify(
                data, x509_cert=key, id_attribute="ID", expect_config=config, validate_schema=False
            )
        except _FAILURES as error:
            reasons.append(str(error))
            continue
        found = result.signed_xml  # type: ignore[union-attr]
        if found is None or found.tag != signed.tag or found.get("ID") != signed.get("ID"):
            raise RegistrationRefused(f"the signature in the {local(signed.tag)} is over something else")
        return found
    why = "; ".join(dict.fromkeys(reasons)) or "its metadata has no keys"
    raise NotSigned(f"the {local(signed.tag)} is not signed by the identity provider: {quoted(why, 300)}")


def _check_terms(signed: Element, signature: Element) -> tuple[SignatureMethod, DigestAlgorithm]:
    """Rule 2, and that the algorithms are ones that still prove something."""
    info, _ = _parts(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    canonical, method, reference = _parts(info, "CanonicalizationMethod", "SignatureMethod", "Reference")
    transforms, digest, _ = _parts(reference, "Transforms", "DigestMethod", "DigestValue")
    id_, uri = signed.get("ID"), reference.get("URI")
    if not id_ or uri != f"#{id_}":
        raise RegistrationRefused(f"the signature in the {local(signed.tag)} is over {uri!r}, not over what it is in")
    found = [each.get("Algorithm") for each in transforms]
    if found != [_ENVELOPED, _EXCLUSIVE]:
        raise RegistrationRefused(f"the signature has the transforms {found}; enveloped and exclusive c14n are taken")
    if canonical.get("Algorithm") != _EXCLUSIVE:
        raise RegistrationRefused(
            f"the signature is over {canonical.get('Algorithm')!r}; exclusive canonicalisation is taken"
        )
    return _algorithms(method.get("Algorithm"), digest.get("Algorithm"))


def _parts(element: Element, *names: str) -> list[Element]:
    """The children of `element`, which are these and no others, but for a KeyInfo."""
    found = [child for child in element if child.tag != f"{DSIG}KeyInfo"]
    wanted = [f"{DSIG}{name}" for name in names if name != "KeyInfo"]
    if [child.tag for child in found] != wanted or (len(found) != len(element) and "KeyInfo" not in names):
        held = ", ".join(local(child.tag) for child in element)
        raise RegistrationRefused(f"the signature's {local(element.tag)} holds {held}; expected are {', '.join(names)}")
    return found


def _algorithms(method: str, digest: str) -> tuple[SignatureMethod, DigestAlgorithm]:
    for uri in (method, digest):
        if uri not in _METHODS and uri not in _DIGESTS:
            raise RegistrationRefused(f"the signature uses {uri!r}: RSA or ECDSA with SHA-256, -384 or -512 is taken")
    if method not in _METHODS or digest not in _DIGESTS:
        raise RegistrationRefused("the signature names a hash for a signature, or the other way round")
    return _METHODS[method], _DIGESTS[digest]
