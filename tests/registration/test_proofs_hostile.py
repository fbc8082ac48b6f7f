"""Proofs in which anything was changed: each is refused as a proof, or proves the same, and nothing breaks."""

from __future__ import annotations

import base64
from typing import Any

import dkim
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from twisted.internet.defer import Deferred

from coname.errors import RegistrationRefused
from coname.messages.client_pb2 import EmailProof
from coname.registration.proof import Presented
from tests.registration import certificates, dkim_mails, saml_responses
from tests.registration.dkim_case import DkimCase
from tests.registration.saml_case import SamlCase
from tests.registration.test_client_certificate import CertificateCase

MANY = settings(max_examples=150, derandomize=True, deadline=None)


def outcome(proving: Deferred[Any]) -> Any:
    """What is proved, or None if it is refused; anything else that goes wrong is raised."""
    results: list[Any] = []
    proving.addErrback(lambda failure: failure.trap(RegistrationRefused) and None)
    proving.addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


def changed(data: bytes, place: float, replacement: bytes, removed: int) -> bytes:
    """`data` with some bytes exchanged."""
    start = int(place * len(data))
    return data[:start] + replacement + data[start + removed :]


CHANGES = (st.floats(0, 0.999), st.binary(max_size=8), st.integers(0, 8))


UNDATED = [dkim_mails.signed(tags={"t": None, "c": how}) for how in ("simple/simple", "relaxed/relaxed")]
"""Without a time of their own: dkimpy has its own clock."""


class MailTests(DkimCase):
    @given(st.sampled_from(UNDATED), *CHANGES)
    @MANY
    def test_any_change(self, mail: bytes, place: float, replacement: bytes, removed: int) -> None:
        """What is taken here, dkimpy takes too."""
        data = changed(mail, place, replacement, removed)
        check = self.checker.check(
            Presented(EmailProof(dkim_proof=data)), dkim_mails.ADDRESS, dkim_mails.ENTRY, dkim_mails.NOW
        )
        if outcome(Deferred.fromCoroutine(check)) is not None:
            record = self.records[dkim_mails.KEY_NAME][0]
            self.assertTrue(dkim.verify(data, dnsfunc=lambda name, timeout: record), data)

    @given(st.binary(max_size=200))
    @MANY
    def test_any_bytes(self, data: bytes) -> None:
        check = self.checker.check(Presented(EmailProof(dkim_proof=data)), dkim_mails.ADDRESS, b"", dkim_mails.NOW)
        self.assertIsNone(outcome(Deferred.fromCoroutine(check)))

    @given(st.binary(max_size=100))
    @MANY
    def test_any_key_record(self, record: bytes) -> None:
        self.records[dkim_mails.KEY_NAME] = [record]
        check = self.checker.check(
            Presented(EmailProof(dkim_proof=dkim_mails.signed())),
            dkim_mails.ADDRESS,
            dkim_mails.ENTRY,
            dkim_mails.NOW,
        )
        self.assertIsNone(outcome(Deferred.fromCoroutine(check)))


SIGNED = etree.tostring(saml_responses.sign(saml_responses.sign(saml_responses.document()), "."))


class ResponseTests(SamlCase):
    def look(self, data: bytes) -> Any:
        response = base64.b64encode(data).decode()
        return outcome(self.check(response, saml_responses.ENTRY, saml_responses.NOW))

    @given(*CHANGES)
    @MANY
    def test_any_change(self, place: float, replacement: bytes, removed: int) -> None:
        proved = self.look(changed(SIGNED, place, replacement, removed))
        self.assertIn(proved and proved.address, (None, saml_responses.ADDRESS))

    @given(st.integers(0, 200), st.sampled_from(["remove", "empty", "attribute", "text", "twice"]), st.integers(0, 9))
    @MANY
    def test_any_change_of_an_element(self, number: int, how: str, which: int) -> None:
        root = etree.fromstring(SIGNED)
        elements = list(root.iter())
        element = elements[number % len(elements)]
        parent = element.getparent()
        if how == "remove" and parent is not None:
            parent.remove(element)
        elif how == "empty":
            for child in list(element):
                element.remove(child)
            element.text = None
        elif how == "attribute" and element.attrib:
            element.attrib.pop(sorted(element.attrib)[which % len(element.attrib)])
        elif how == "text":
            element.text = "x"
        elif how == "twice" and parent is not None:
            parent.append(etree.fromstring(etree.tostring(element)))
        proved = self.look(etree.tostring(root))
        self.assertIn(proved and proved.address, (None, saml_responses.ADDRESS))


class CertificateTests(CertificateCase):
    @given(*CHANGES)
    @MANY
    def test_any_change(self, place: float, replacement: bytes, removed: int) -> None:
        good = certificates.authority().issue().public_bytes(Encoding.DER)
        data = changed(good, place, replacement, removed)
        proved = outcome(self.check(data, certificates.NOW))
        if data != good:
            self.assertIsNone(proved)
