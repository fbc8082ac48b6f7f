"""SAML responses that prove an address, and such as say something that they should not."""

from __future__ import annotations

import base64
import zlib
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from signxml.algorithms import SignatureMethod
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from coname.core.hashes import entry_hash
from coname.errors import Unavailable
from coname.registration import saml_request
from coname.registration.proof import IProofChecker
from coname.registration.saml import RESPONSE_BYTES
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


class FormTests(SamlCase):
    def refuse_bytes(self, data: bytes, reason: str) -> None:
        self.refuse(base64.b64encode(data).decode(), reason)

    def test_not_base64(self) -> None:
        self.refuse("<xml/>", "is not base64")

    def test_not_xml(self) -> None:
        self.refuse_bytes(b"hello", "is not XML")

    def test_huge(self) -> None:
        self.refuse("A" * (RESPONSE_BYTES + 1), f"at most {RESPONSE_BYTES} are taken")

    def test_deep(self) -> None:
        self.refuse_bytes(b"<a>" * 10_000 + b"</a>" * 10_000, "is not XML")

    def test_many_elements(self) -> None:
        self.refuse_bytes(b"<a>" + b"<b/>" * 1000 + b"</a>", "has 1001 elements; at most 1000")

    def test_entities(self) -> None:
        bomb = b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>'
        self.refuse_bytes(bomb, "has a DTD, which is refused")

    def test_entities_in_an_attribute(self) -> None:
        """Parsers expand those even where they leave others alone."""
        self.refuse_bytes(b"""<!DOCTYPE a [<!ENTITY x "1234567890">]><a b="&x;&x;"/>""", "has a DTD")

    def test_file_of_this_machine(self) -> None:
        self.refuse_bytes(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "has a DTD")

    def test_dtd_somewhere_else(self) -> None:
        self.refuse_bytes(b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>', "has a DTD")

    def test_other_encodings(self) -> None:
        self.refuse_bytes("<?xml version='1.0' encoding='utf-16'?><a/>".encode("utf-16"), "is not XML in UTF-8")
        self.refuse_bytes(
            b"<?xml version='1.0' encoding='utf-7'?>+ADwAIQ-DOCTYPE a+AD4APA-a/+AD4-", "is not XML in UTF-8"
        )

    def test_processing_instruction(self) -> None:
        self.refuse_bytes(b"<a><?php echo ?></a>", "a comment, a processing instruction or an entity")

    def test_instruction_before_the_document(self) -> None:
        self.refuse_bytes(b"<?xml-stylesheet href='x'?><a/>", "a comment, a processing instruction or an entity")

    def test_another_document(self) -> None:
        self.refuse_bytes(b"<a/>", "a SAML response is expected, not a")


class RequestTests(SamlCase):
    def login(self, relay_state: str = "") -> dict[str, str]:
        url = self.successResultOf(
            Deferred.fromCoroutine(self.checker.login(entry_hash(idp.ENTRY), relay_state, idp.NOW))
        )
        self.assertTrue(url.startswith("https://idp.example.com/login?tenant=1&SAMLRequest="))
        self.query = urlsplit(url).query
        return {name: values[0] for name, values in parse_qs(self.query).items()}

    def test_what_it_says(self) -> None:
        fields = self.login("state")
        self.assertEqual(fields["RelayState"], "state")
        root = etree.fromstring(zlib.decompress(base64.b64decode(fields["SAMLRequest"]), wbits=-15))
        self.assertEqual(root.get("AssertionConsumerServiceURL"), idp.CONSUMER)
        self.assertEqual(root.get("Destination"), idp.LOGIN)
        self.assertEqual((root.get("ForceAuthn"), root.get("IssueInstant")), ("true", idp.at(0)))
        self.assertEqual(root[0].text, idp.AUDIENCE)
        self.assertEqual(saml_request.entry_hash_in(root.get("ID")), entry_hash(idp.ENTRY))

    def test_signature(self) -> None:
        fields = self.login("a state")
        signed = self.query[self.query.index("SAMLRequest=") : self.query.index("&Signature=")]
        key = idp.stranger().certificate.public_key()
        key.verify(base64.b64decode(fields["Signature"]), signed.encode(), PKCS1v15(), SHA256())  # type: ignore[union-attr,call-arg]

    def test_no_two_are_alike(self) -> None:
        self.assertNotEqual(saml_request.new_id(b"x" * 32), saml_request.new_id(b"x" * 32))

    def test_ids_that_are_not_ours(self) -> None:
        for id_ in ("", "_", "_" + "0" * 33, "_" + "0" * 95, "_" + "0" * 97, "x" + "0" * 32, "_" + "A" * 32):
            self.assertIsNone(saml_request.entry_hash_in(id_))

    def test_provider_is_away(self) -> None:
        self.document = None
        self.failureResultOf(Deferred.fromCoroutine(self.checker.login(b"", "", idp.NOW)), Unavailable)

    def test_own_metadata(self) -> None:
        root = etree.fromstring(self.checker.describe(idp.NOW))
        self.assertEqual(root.get("entityID"), idp.AUDIENCE)
        self.assertIn(idp.CONSUMER, etree.tostring(root).decode())
