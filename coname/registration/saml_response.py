"""What a SAML response says, and whether it says it to us, about now, and of this login.

Everything that a login is judged by is read from what was signed (`saml_signature`). What the unsigned envelope says is
held against it too, where it is there: it can make a response refused, never accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.x509 import Certificate

from coname.core import addresses
from coname.core.text import quoted
from coname.errors import InvalidRequest, RegistrationExpired, RegistrationRefused
from coname.registration import saml_xml as xml
from coname.registration.saml_signature import signed_assertion
from coname.registration.saml_xml import ASSERTION, PROTOCOL, Element

BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_KNOWN_CONDITIONS = {f"{ASSERTION}{name}" for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a response has to say.

    :ivar issuer: the identity provider's entity ID. :ivar audience: ours.
    :ivar consumer: the address that responses are sent to.
    :ivar keys: the identity provider's.
    :ivar attribute: the name of the attribute with the e-mail address.
    :ivar validity: seconds that the login may be old.
    :ivar skew: seconds that its clock may differ from ours.
    """

    issuer: str
    audience: str
    consumer: str
    keys: Sequence[Certificate]
    attribute: str
    validity: float
    skew: float


@dataclass(frozen=True, slots=True)
class Login:
    """Who logged in.

    :ivar id: the assertion's, which its issuer gives to no other one.
    :ivar address: canonical. :ivar subject: the identity provider's name for them.
    :ivar request: the ID of the request that this is the answer to.
    :ivar expires: the first moment at which it is refused, in seconds since 1970, clock skew included.
    """

    id: str
    address: str
    subject: str
    request: str
    expires: float


def read(data: bytes, expected: Expected, now: float) -> Login:
    """The login that the response `data`, XML, reports.

    :raises RegistrationRefused: it is not what is expected; `RegistrationExpired`: it was once.
    """
    root = xml.parse("the SAML response", data)
    _check_status(root)
    assertion, response = signed_assertion(root, expected.keys, now)
    if response is not None and not response.get("Destination"):
        raise RegistrationRefused("the SAML response is signed, and has no Destination")
    for part in (root, assertion):
        if part.get("Version") != "2.0":
            raise RegistrationRefused(f"the {xml.local(part.tag)} is of SAML version {part.get('Version')!r}, not 2.0")
    _check_issuer(root.find(f"{ASSERTION}Issuer"), expected)
    _check_issuer(xml.only(assertion, f"{ASSERTION}Issuer"), expected)
    _same("Destination", root.get("Destination", expected.consumer), expected.consumer)
    if xml.time(assertion, "IssueInstant") > now + expected.skew:
        raise RegistrationRefused("the assertion is issued in the future, by this clock")
    confirmation, ends = _confirmation(assertion, expected, now)
    request = xml.attribute(confirmation, "InResponseTo")
    _same("InResponseTo", root.get("InResponseTo", request), request)
    ends = [*ends, *_conditions(assertion, expected, now), *_logins(assertion, expected, now)]
    login = Login(
        id=xml.attribute(assertion, "ID"),
        address=_address(assertion, expected.attribute),
        subject=_subject(assertion),
        request=request,
        expires=min(ends) + expected.skew,
    )
    if now >= login.expires:
        raise RegistrationExpired(f"the login is {now - min(ends):.0f} s too old: log in again")
    return login


def _check_status(root: Element) -> None:
    if root.tag != f"{PROTOCOL}Response":
        return  # `signed_assertion` says so
    status = root.find(f"{PROTOCOL}Status/{PROTOCOL}StatusCode")
    code = None if status is None else status.get("Value")
    if code != SUCCESS:
        further = root.find(f"{PROTOCOL}Status/{PROTOCOL}StatusCode/{PROTOCOL}StatusCode")
        why = [code or "nothing", *([] if further is None else [str(further.get("Value"))])]
        raise RegistrationRefused(
            f"the identity provider has not logged anybody in: it says {quoted(', '.join(why), 300)}"
        )


def _check_issuer(issuer: Element | None, expected: Expected) -> None:
    if issuer is not None:
        _same("Issuer", xml.text(issuer), expected.issuer)


def _same(what: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise RegistrationRefused(f"the SAML response has the {what} {found[:200]!r}; {wanted!r} is expected")


def _confirmation(assertion: Element, expected: Expected, now: float) -> tuple[Element, list[float]]:
    """What says to whom the assertion was given, and when it ends."""
    subject = xml.only(assertion, f"{ASSERTION}Subject")
    found = [each for each in subject.findall(f"{ASSERTION}SubjectConfirmation") if each.get("Method") == BEARER]
    if len(found) != 1:
        raise RegistrationRefused(f"the assertion has {len(found)} bearer confirmations, not exactly one")
    data = xml.only(found[0], f"{ASSERTION}SubjectConfirmationData")
    _same("Recipient", xml.attribute(data, "Recipient"), expected.consumer)
    if data.get("NotBefore") is not None:
        _check_begun(data, expected, now)
    return data, [xml.time(data, "NotOnOrAfter")]


def _check_begun(element: Element, expected: Expected, now: float) -> None:
    begins = xml.time(element, "NotBefore")
    if begins > now + expected.skew:
        raise RegistrationRefused(f"the assertion is good in {begins - now:.0f} s only, by this clock")


def _conditions(assertion: Element, expected: Expected, now: float) -> list[float]:
    conditions = xml.only(assertion, f"{ASSERTION}Conditions")
    for condition in conditions:
        if condition.tag not in _KNOWN_CONDITIONS:
            raise RegistrationRefused(f"the assertion has a condition that is not known: {xml.local(condition.tag)}")
    restrictions = conditions.findall(f"{ASSERTION}AudienceRestriction")
    if not restrictions:
        raise RegistrationRefused("the assertion says nothing of whom it is for: it has no AudienceRestriction")
    for restriction in restrictions:
        audiences = [xml.text(each) for each in restriction.findall(f"{ASSERTION}Audience")]
        if expected.audience not in audiences:
            raise RegistrationRefused(f"the assertion is for {audiences}, not for {expected.audience!r}")
    if conditions.get("NotBefore") is not None:
        _check_begun(conditions, expected, now)
    return [xml.time(conditions, "NotOnOrAfter")]


def _logins(assertion: Element, expected: Expected, now: float) -> list[float]:
    """When the logins that it tells of end."""
    statements = assertion.findall(f"{ASSERTION}AuthnStatement")
    if not statements:
        raise RegistrationRefused("the assertion tells of no login: it has no AuthnStatement")
    ends = []
    for statement in statements:
        began = xml.time(statement, "AuthnInstant")
        if began > now + expected.skew:
            raise RegistrationRefused("the login was in the future, by this clock")
        ends.append(began + expected.validity)
        if statement.get("SessionNotOnOrAfter") is not None:
            ends.append(xml.time(statement, "SessionNotOnOrAfter"))
    return ends


def _address(assertion: Element, name: str) -> str:
    found = [
        each
        for statement in assertion.findall(f"{ASSERTION}AttributeStatement")
        for each in statement.findall(f"{ASSERTION}Attribute")
        if each.get("Name") == name
    ]
    if len(found) != 1:
        raise RegistrationRefused(f"the assertion has {len(found)} attributes {name}, not exactly one")
    value = xml.text(xml.only(found[0], f"{ASSERTION}AttributeValue"))
    try:
        return addresses.vouched(value)
    except InvalidRequest as error:
        raise RegistrationRefused(f"the assertion's {name}: {error}") from error


def _subject(assertion: Element) -> str:
    found = assertion.find(f"{ASSERTION}Subject/{ASSERTION}NameID")
    return "" if found is None else xml.text(found)
