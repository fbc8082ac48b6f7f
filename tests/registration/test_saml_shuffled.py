"""Signed responses mixed at random with parts of forged ones: whatever is taken says what was signed."""

from __future__ import annotations

import copy
import random
from typing import Any

from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import RegistrationRefused
from coname.registration.saml_response import Expected, read
from tests.registration import saml_responses as idp

ROUNDS = 800

EXPECTED = Expected(idp.ISSUER, idp.AUDIENCE, idp.CONSUMER, [idp.provider().certificate], "EmailAddress", 600, 60)


def signed_in_each_way() -> list[bytes]:
    """The assertion is signed, the response, or both."""
    roots = [
        idp.sign(idp.document()),
        idp.sign(idp.document(), "."),
        idp.sign(idp.sign(idp.document()), "."),
    ]
    return [etree.tostring(root) for root in roots]


def forged(data: bytes) -> Any:
    """The same with another address."""
    root = etree.fromstring(data)
    for value in root.iter("{urn:oasis:names:tc:SAML:2.0:assertion}AttributeValue"):
        value.text = "ceo@example.com"
    return root


def shuffle(root: Any, other: Any, chance: random.Random) -> None:
    """Exchange, add, remove or rename something in `root`, with parts of `other`."""
    element = chance.choice(list(root.iter()))
    part = copy.deepcopy(chance.choice(list(other.iter())))
    parent = element.getparent()
    how = chance.choice(["remove", "append", "prepend", "replace", "change", "name", "text"])
    if how == "append":
        element.append(part)
    elif how == "prepend":
        element.insert(0, part)
    elif how == "change" and element.attrib:
        element.set(chance.choice(list(element.attrib)), chance.choice(["", "x", "_assertion", "#_response"]))
    elif how == "name":
        element.set(chance.choice(["ID", "Id", "id"]), chance.choice(["_assertion", "_response", "x"]))
    elif how == "text":
        element.text = chance.choice([None, "", "ceo@example.com", "x"])
    elif parent is not None:
        if how == "remove":
            parent.remove(element)
        elif how == "replace":
            parent.replace(element, part)


class ShuffledTests(SynchronousTestCase):
    def test_what_is_taken_was_signed(self) -> None:
        chance, documents = random.Random(1), signed_in_each_way()
        taken = 0
        for _ in range(ROUNDS):
            root, other = etree.fromstring(chance.choice(documents)), forged(chance.choice(documents))
            for _ in range(chance.randint(1, 4)):
                shuffle(root, other, chance)
            try:
                login = read(etree.tostring(root), EXPECTED, idp.NOW)
            except RegistrationRefused:
                continue
            taken += 1
            self.assertEqual(login.address, idp.ADDRESS, etree.tostring(root))
        self.assertGreater(taken, ROUNDS // 100)  # or else this shows nothing
