"""SAML responses that prove an address, and such as say something that they should not."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from signxml.algorithms import SignatureMethod
from zope.interface.verify import verifyObject

from coname.registration import saml_request
from coname.registration.proof import IProofChecker
from tests.registration import saml_responses as idp
from tests.registration.saml_case import SamlCase


class GoodResponseTests(SamlCase):
    def test_interface(self) -> None:
        verifyObject(IProofChecker, self.checker)

    def test_what_the_front_shows(self) -> None:
        self.assertEqual(self.checker.offer("example.com"), [{"issuer": "idp.example.com", "login": "/saml"}])

    def test_what_it_proves(self) -> None:
        proved = self.prove(idp.signed())
        self.assertEqual((proved.address, proved.kind, proved.bound), (idp.ADDRESS, "saml", True))
        self.assertEqual((proved.issuer, proved.subject), (idp.ISSUER, "alice.a"))
        self.assertEqual(proved.expires, idp.NOW + 300 + 60)

    def test_response_signed_instead(self) -> None:
        self.prove(idp.text(idp.sign(idp.document(), ".")))

    def test_both_signed(self) -> None:
        both = idp.text(idp.sign(idp.sign(idp.document()), "."))
        self.assertEqual(self.prove(both).replay_id, self.prove(idp.signed()).replay_id)

    def test_ecdsa(self) -> None:
        other = idp.Identity(ec.generate_private_key(ec.SECP256R1()))
        self.document = idp.metadata([other])
        self.prove(idp.text(idp.sign(idp.document(), identity=other, method=SignatureMethod.ECDSA_SHA256)))

    def test_prefixes_that_count_as_used(self) -> None:
        """Because of ``xsi:type="xs:string"``, which canonicalisation does not see."""
        self.prove(idp.text(idp.sign(idp.document(), prefixes=["xs", "xsi"])))

    def test_second_key_of_the_metadata(self) -> None:
        self.document = idp.metadata([idp.stranger(), idp.provider()])
        self.prove(idp.signed())

    def test_capitals_in_the_address(self) -> None:
        self.assertEqual(self.prove(idp.signed(value=" Alice@Example.COM ")).address, idp.ADDRESS)

    def test_address_that_only_looks_like_another(self) -> None:
        self.refuse(idp.signed(value="\u212aate@example.com"), "only looks like kate@example.com")

    def test_expires_with_the_login(self) -> None:
        login = f'<saml:AuthnStatement AuthnInstant="{idp.at(-580)}"/>'
        self.assertEqual(self.prove(idp.signed(login=login)).expires, idp.NOW + 20 + 60)

    def test_expires_with_the_session(self) -> None:
        login = f'<saml:AuthnStatement AuthnInstant="{idp.at(-9)}" SessionNotOnOrAfter="{idp.at(9)}"/>'
        self.assertEqual(self.prove(idp.signed(login=login)).expires, idp.NOW + 9 + 60)

    def test_login_for_no_entry(self) -> None:
        """The original's: whether that is taken is the registrar's to say."""
        unbound = f'InResponseTo="{saml_request.new_id(b"")}"'
        self.assertFalse(self.prove(idp.signed(confirmed_request=unbound, in_response_to=unbound)).bound)


class ContentTests(SamlCase):
    """Signed by the provider, and not what is expected."""

    def refuse_parts(self, reason: str, code: str = "registration_refused", **parts: str) -> None:
        self.refuse(idp.signed(**parts), reason, code)

    def test_another_entry(self) -> None:
        self.refuse(idp.signed(), "the login was for another entry", entry=b"another entry")

    def test_no_request_of_ours(self) -> None:
        self.refuse_parts("which is no request of ours", confirmed_request='InResponseTo="_1"', in_response_to="")

    def test_nobody_asked(self) -> None:
        self.refuse_parts("SubjectConfirmationData has no InResponseTo", confirmed_request="")

    def test_envelope_answers_something_else(self) -> None:
        self.refuse_parts("has the InResponseTo '_1'", in_response_to='InResponseTo="_1"')

    def test_another_issuer(self) -> None:
        self.refuse_parts("has the Issuer 'https://evil.example'", issuer="https://evil.example")

    def test_envelope_by_another_issuer(self) -> None:
        other = "<saml:Issuer>https://evil.example</saml:Issuer>"
        self.refuse_parts("has the Issuer 'https://evil.example'", response_issuer=other)

    def test_another_audience(self) -> None:
        """A response for another service of the organisation, whose operator tries it here."""
        other = (
            "<saml:AudienceRestriction><saml:Audience>https://wiki.example</saml:Audience></saml:AudienceRestriction>"
        )
        self.refuse_parts("is for ['https://wiki.example'], not for", audience=other)
        self.refuse_parts("is for ['https://wiki.example'], not for", audience=idp.PARTS["audience"] + other)

    def test_no_audience(self) -> None:
        self.refuse_parts("has no AudienceRestriction", audience="")

    def test_unknown_condition(self) -> None:
        self.refuse_parts("a condition that is not known: Condition", audience="<saml:Condition/>")

    def test_another_recipient(self) -> None:
        self.refuse_parts("has the Recipient 'https://wiki.example'", recipient='Recipient="https://wiki.example"')

    def test_no_recipient(self) -> None:
        self.refuse_parts("has no Recipient", recipient="")

    def test_another_destination(self) -> None:
        self.refuse_parts("has the Destination", destination='Destination="https://wiki.example"')

    def test_signed_response_without_destination(self) -> None:
        self.refuse(idp.text(idp.sign(idp.document(destination=""), ".")), "is signed, and has no Destination")

    def test_no_bearer(self) -> None:
        self.refuse_parts("0 bearer confirmations", method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key")

    def test_not_logged_in(self) -> None:
        status = (
            '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode'
            ' Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode>'
        )
        self.refuse_parts("has not logged anybody in: it says 'urn:oasis:names:tc:SAML:2.0:status:Res", status=status)
        self.refuse_parts("it says 'nothing'", status="")

    def test_words_of_a_stranger_stay_on_one_line(self) -> None:
        status = '<samlp:StatusCode Value="x&#10;alice@example.com is registered"/>'
        self.refuse_parts(r"it says 'x\nalice@example.com is registered'", status=status)

    def test_confirmation_expired(self) -> None:
        self.prove(idp.signed(confirmed_until=f'NotOnOrAfter="{idp.at(-59)}"'))  # clocks may differ
        expired = f'NotOnOrAfter="{idp.at(-60)}"'
        self.refuse_parts("60 s too old: log in again", "registration_expired", confirmed_until=expired)

    def test_conditions_expired(self) -> None:
        expired = f'NotOnOrAfter="{idp.at(-100)}"'
        self.refuse_parts("100 s too old", "registration_expired", not_on_or_after=expired)

    def test_old_login(self) -> None:
        """The provider has not asked for a password again, though it should."""
        login = f'<saml:AuthnStatement AuthnInstant="{idp.at(-3600)}"/>'
        self.refuse_parts("3000 s too old", "registration_expired", login=login)

    def test_session_over(self) -> None:
        login = f'<saml:AuthnStatement AuthnInstant="{idp.at(-90)}" SessionNotOnOrAfter="{idp.at(-61)}"/>'
        self.refuse_parts("61 s too old", "registration_expired", login=login)

    def test_expired_and_wrong_is_wrong(self) -> None:
        self.refuse_parts("has no Recipient", not_on_or_after=f'NotOnOrAfter="{idp.at(-100)}"', recipient="")

    def test_no_end(self) -> None:
        self.refuse_parts("SubjectConfirmationData has no NotOnOrAfter", confirmed_until="")
        self.refuse_parts("Conditions has no NotOnOrAfter", not_on_or_after="")

    def test_not_yet(self) -> None:
        self.prove(idp.signed(not_before=f'NotBefore="{idp.at(60)}"'))
        self.refuse_parts("is good in 61 s only", not_before=f'NotBefore="{idp.at(61)}"')

    def test_issued_in_the_future(self) -> None:
        self.refuse_parts("issued in the future", issued=idp.at(61))

    def test_login_in_the_future(self) -> None:
        login = f'<saml:AuthnStatement AuthnInstant="{idp.at(61)}"/>'
        self.refuse_parts("the login was in the future", login=login)

    def test_no_login(self) -> None:
        self.refuse_parts("has no AuthnStatement", login="")

    def test_local_time(self) -> None:
        self.refuse_parts("which is not a time in UTC", issued="2027-01-15T08:00:00+01:00")

    def test_older_version(self) -> None:
        self.refuse_parts("SAML version '1.1'", version="1.1")

    def test_two_addresses(self) -> None:
        value = "<saml:AttributeValue>m@x.example</saml:AttributeValue>"
        other = f'<saml:Attribute Name="EmailAddress">{value}</saml:Attribute>'
        self.refuse_parts("2 attributes EmailAddress, not exactly one", attributes=other)

    def test_two_values(self) -> None:
        two = f"{idp.ADDRESS}</saml:AttributeValue><saml:AttributeValue>m@x.example"
        self.refuse_parts("2 AttributeValue elements", value=two)

    def test_no_address(self) -> None:
        self.refuse_parts("is not an address", value="alice")

    def test_element_in_the_address(self) -> None:
        self.refuse_parts("holds other elements", value="alice@example.com<x/>.evil.example")
