"""What is refused before a response is read, and what requests look like."""

from __future__ import annotations

import base64
import zlib
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from twisted.internet.defer import Deferred

from coname.core.hashes import entry_hash
from coname.errors import Unavailable
from coname.registration import saml_request
from coname.registration.saml import RESPONSE_BYTES
from tests.registration import saml_responses as idp
from tests.registration.saml_case import SamlCase


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

    def test_many_attributes(self) -> None:
        """Sorting them for a signature that nobody has looked at yet would take seconds."""
        self.refuse_bytes(b"<a" + b"".join(b' b%d=""' % number for number in range(31)) + b"/>", "with 31 attributes")
        several = b"<b" + b"".join(b' b%d=""' % number for number in range(30)) + b"/>"
        self.refuse_bytes(b"<a>" + several * 101 + b"</a>", "has 3030 attributes; at most 3000")

    def test_many_namespaces(self) -> None:
        several = b"".join(b' xmlns:n%d="urn:%d"' % (number, number) for number in range(1001))
        self.refuse_bytes(b"<a" + several + b"/>", "declares 1001 namespaces; at most 1000")

    def test_many_namespaces_at_once(self) -> None:
        several = "".join(f' xmlns:n{number}="urn:{number}"' for number in range(31))
        signed = base64.b64decode(idp.signed()).decode()
        self.refuse_bytes(
            signed.replace("<ds:SignedInfo", f"<ds:SignedInfo{several}", 1).encode(), "namespaces at once"
        )

    def test_many_prefixes(self) -> None:
        prefixes = [f"n{number}" for number in range(31)]
        self.refuse(idp.text(idp.sign(idp.document(), prefixes=prefixes)), "lists more than 30 prefixes")

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
