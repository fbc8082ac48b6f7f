"""Signed responses in which something was moved, added or exchanged: what is read must be what was signed.

The eight forms of signature wrapping are those of Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be".
"""

from __future__ import annotations

import base64
from copy import deepcopy
from typing import Any

from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod

from tests.registration import saml_responses as idp
from tests.registration.saml_case import SamlCase

ISSUER = "{urn:oasis:names:tc:SAML:2.0:assertion}Issuer"
VALUE = ".//{urn:oasis:names:tc:SAML:2.0:assertion}AttributeValue"
DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
MISPLACED = "holds a Response, Assertion or Signature where none belongs"


def forged(element: Any, id_: str = "_forged") -> Any:
    """A copy of `element` that speaks of somebody else, without signatures."""
    copy = deepcopy(element)
    for signature in copy.iter(idp.SIGNATURE):
        signature.getparent().remove(signature)
    copy.set("ID", id_)
    for value in copy.findall(VALUE):
        value.text = "ceo@example.com"
    return copy


class WrappingTests(SamlCase):
    def setUp(self) -> None:
        super().setUp()
        self.by_response = idp.sign(idp.document(), ".")
        self.by_assertion = idp.sign(idp.document())

    def refuse_root(self, root: Any, reason: str) -> None:
        self.refuse(idp.text(root), reason)

    def changed_and_original(self) -> tuple[Any, Any]:
        """The signed assertion under another ID, still with the signature; and it as it was signed, in no document."""
        changed = self.by_assertion.find(idp.ASSERTION)
        original = forged(changed, "_assertion")
        original.find(VALUE).text = idp.ADDRESS
        changed.set("ID", "_forged")
        return changed, original

    def test_xsw1_forged_response_around_the_signature(self) -> None:
        """The signature of the forged response holds the signed one."""
        root = forged(self.by_response)
        signature = self.by_response.find(idp.SIGNATURE)
        self.by_response.remove(signature)
        signature.append(self.by_response)
        root.insert(1, signature)
        self.refuse_root(root, MISPLACED)

    def test_xsw2_signed_response_beside_its_signature(self) -> None:
        root = forged(self.by_response)
        signature = self.by_response.find(idp.SIGNATURE)
        self.by_response.remove(signature)
        root.insert(1, self.by_response)
        root.insert(2, signature)
        self.refuse_root(root, MISPLACED)

    def test_xsw3_forged_assertion_before_the_signed_one(self) -> None:
        root = self.by_assertion
        original = root.find(idp.ASSERTION)
        original.addprevious(forged(original))
        self.refuse_root(root, "Response has 2 Assertion elements, not exactly one")

    def test_xsw4_signed_assertion_inside_of_the_forged_one(self) -> None:
        root = self.by_assertion
        original = root.find(idp.ASSERTION)
        wrapper = forged(original)
        root.replace(original, wrapper)
        wrapper.append(original)
        self.refuse_root(root, MISPLACED)

    def test_xsw5_changed_assertion_has_the_signature_of_the_one_after_it(self) -> None:
        root = self.by_assertion
        _, original = self.changed_and_original()
        root.append(original)
        self.refuse_root(root, "2 Assertion elements")

    def test_xsw6_signed_assertion_inside_of_the_signature(self) -> None:
        root = self.by_assertion
        changed, original = self.changed_and_original()
        changed.find(idp.SIGNATURE).append(original)
        self.refuse_root(root, MISPLACED)

    def test_xsw7_forged_assertion_in_extensions(self) -> None:
        root = self.by_assertion
        extensions = etree.SubElement(root, "{urn:oasis:names:tc:SAML:2.0:protocol}Extensions")
        extensions.append(forged(root.find(idp.ASSERTION)))
        self.refuse_root(root, MISPLACED)

    def test_xsw8_signed_assertion_in_an_object_of_the_signature(self) -> None:
        root = self.by_assertion
        changed, original = self.changed_and_original()
        etree.SubElement(changed.find(idp.SIGNATURE), f"{DSIG}Object").append(original)
        self.refuse_root(root, MISPLACED)

    def test_same_id_twice(self) -> None:
        root = self.by_assertion
        root.set("ID", "_assertion")
        self.refuse_root(root, "has the ID '_assertion' twice")

    def test_same_id_under_another_name(self) -> None:
        root = self.by_assertion
        status = root.find("{urn:oasis:names:tc:SAML:2.0:protocol}Status")
        status.set("{http://www.w3.org/XML/1998/namespace}id", "_assertion")
        self.refuse_root(root, "has the ID '_assertion' twice")

    def test_assertion_exchanged(self) -> None:
        root = self.by_response
        root.find(VALUE).text = "ceo@example.com"
        self.refuse_root(root, "the Response is not signed by the identity provider: 'Digest mismatch")

    def test_signed_assertion_in_another_envelope(self) -> None:
        """The envelope is not signed, and says nothing that counts."""
        root = self.by_assertion
        root.set("ID", "_other")
        self.assertEqual(self.prove(idp.text(root)).address, idp.ADDRESS)

    def test_bad_signature_of_the_envelope(self) -> None:
        root = idp.sign(self.by_assertion, ".", identity=idp.stranger())
        self.refuse_root(root, "the Response is not signed by the identity provider")

    def test_second_signature(self) -> None:
        root = self.by_assertion
        assertion = root.find(idp.ASSERTION)
        assertion.append(deepcopy(assertion.find(idp.SIGNATURE)))
        self.refuse_root(root, "the Assertion has more than one signature")

    def test_two_references(self) -> None:
        root = self.by_assertion
        info = root.find(f".//{DSIG}SignedInfo")
        info.append(deepcopy(info.find(f"{DSIG}Reference")))
        self.refuse_root(root, "SignedInfo holds CanonicalizationMethod, SignatureMethod, Reference, Reference")

    def test_signature_over_something_else(self) -> None:
        root = self.by_assertion
        root.find(f".//{DSIG}Reference").set("URI", "#_response")
        self.refuse_root(root, "is over '#_response', not over what it is in")

    def test_signature_over_the_whole_document(self) -> None:
        root = self.by_assertion
        root.find(f".//{DSIG}Reference").set("URI", "")
        self.refuse_root(root, "is over '', not over what it is in")


class ContentTests(SamlCase):
    """Texts that look different to two programs."""

    def test_comment_in_the_address(self) -> None:
        """Canonicalisation drops it, and so the signature still fits; some programs read only what is before it."""
        root = idp.sign(idp.document(value="alice@example.com.evil.example"))
        data = etree.tostring(root).replace(b"com.evil", b"com<!---->.evil")
        self.refuse(idp.text(etree.fromstring(data)), "a comment, a processing instruction or an entity")

    def test_comment_in_the_name(self) -> None:
        root = idp.sign(idp.document())
        data = etree.tostring(root).replace(b"alice.a<", b"alice<!---->.a<")
        self.refuse(idp.text(etree.fromstring(data)), "a comment, a processing instruction or an entity")

    def test_character_data_section(self) -> None:
        """It is another way to write the same text."""
        root = idp.sign(idp.document())
        data = etree.tostring(root).replace(b">alice@example.com<", b"><![CDATA[alice@example.com]]><")
        self.assertEqual(self.prove(base64.b64encode(data).decode()).address, idp.ADDRESS)

    def test_encrypted_assertion(self) -> None:
        root = idp.document()
        encrypted = etree.Element("{urn:oasis:names:tc:SAML:2.0:assertion}EncryptedAssertion")
        root.replace(root.find(idp.ASSERTION), encrypted)
        self.refuse(idp.text(root), "holds an EncryptedAssertion: this server reads none; have the identity provider")

    def test_encrypted_name(self) -> None:
        self.refuse(idp.signed(subject="<saml:EncryptedID/>"), "holds an EncryptedID")

    def test_no_assertion(self) -> None:
        root = idp.document()
        root.remove(root.find(idp.ASSERTION))
        self.refuse(idp.text(root), "Response has 0 Assertion elements")


class SignatureTests(SamlCase):
    def refuse_signature(self, reason: str, **terms: Any) -> None:
        self.refuse(idp.text(idp.sign(idp.document(), **terms)), reason)

    def test_none(self) -> None:
        self.refuse(idp.text(idp.document()), "neither the SAML response nor its assertion is signed")

    def test_removed(self) -> None:
        root = idp.sign(idp.document())
        assertion = root.find(idp.ASSERTION)
        assertion.remove(assertion.find(idp.SIGNATURE))
        self.refuse(idp.text(root), "is signed")

    def test_by_somebody_else(self) -> None:
        """Their certificate comes along, and is not looked at."""
        self.refuse_signature("is not signed by the identity provider", identity=idp.stranger())

    def test_sha1(self) -> None:
        self.refuse_signature("rsa-sha1': RSA or ECDSA with SHA-256", method=SignatureMethod.RSA_SHA1)

    def test_sha1_digest(self) -> None:
        self.refuse_signature("xmldsig#sha1'", digest=DigestAlgorithm.SHA1)

    def replaced(self, old: bytes, new: bytes) -> str:
        data = etree.tostring(idp.sign(idp.document()))
        self.assertIn(old, data)
        return idp.text(etree.fromstring(data.replace(old, new)))

    def test_md5(self) -> None:
        data = self.replaced(b"2001/04/xmldsig-more#rsa-sha256", b"2001/04/xmldsig-more#rsa-md5")
        self.refuse(data, "xmldsig-more#rsa-md5'")

    def test_hmac_with_the_public_key(self) -> None:
        """Whoever knows the certificate could make it, if it were taken for a secret."""
        data = self.replaced(b"2001/04/xmldsig-more#rsa-sha256", b"2001/04/xmldsig-more#hmac-sha256")
        self.refuse(data, "xmldsig-more#hmac-sha256'")

    def test_digest_as_method(self) -> None:
        data = self.replaced(b"2001/04/xmldsig-more#rsa-sha256", b"2001/04/xmlenc#sha256")
        self.refuse(data, "a hash for a signature, or the other way round")

    def test_inclusive_canonicalisation(self) -> None:
        """It draws in what is around: what is signed depends on the envelope."""
        canonical = CanonicalizationMethod.CANONICAL_XML_1_1
        self.refuse_signature("enveloped and exclusive c14n are taken", canonical=canonical)

    def test_canonicalisation_with_comments(self) -> None:
        canonical = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0_WITH_COMMENTS
        self.refuse_signature("enveloped and exclusive c14n are taken", canonical=canonical)

    def test_transform_that_selects(self) -> None:
        old = b'<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        new = b'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"/>' + old
        self.refuse(self.replaced(old, new), "enveloped and exclusive c14n are taken")

    def test_value_changed(self) -> None:
        self.refuse(self.replaced(b"<ds:SignatureValue>", b"<ds:SignatureValue>AAAA"), "is not signed by")

    def test_expired_certificate_of_the_provider(self) -> None:
        old = idp.Identity(idp.provider().key, ends=idp.NOW - 1)
        self.document = idp.metadata([old])
        self.refuse(idp.signed(), "certificate has expired")
