"""Metadata of identity providers: what is in it, and how it is kept up to date."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Unavailable
from coname.oidc.fetching import Fetched
from coname.registration.saml_metadata import KEYS, IdentityProvider, MetadataInvalid, parse
from coname.registration.saml_provider import FILE_SECONDS, Metadata, at_address, in_file
from tests.registration import saml_responses as idp
from tests.registration.saml_case import SamlCase

GROUP = '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">{}</md:EntitiesDescriptor>'


class ParseTests(SynchronousTestCase):
    def refuse(self, data: bytes, reason: str, entity_id: str = "") -> None:
        self.assertIn(reason, str(self.assertRaises(MetadataInvalid, parse, data, entity_id)))

    def test_what_it_says(self) -> None:
        found = parse(idp.metadata(more=f'validUntil="{idp.at(60)}"'))
        self.assertEqual((found.entity_id, found.location, found.valid_until), (idp.ISSUER, idp.LOGIN, idp.NOW + 60))
        self.assertEqual(found.keys, [idp.provider().certificate])

    def test_comments_in_it(self) -> None:
        self.assertEqual(parse(b"<!-- ours -->" + idp.metadata()).entity_id, idp.ISSUER)

    def test_one_of_a_federation(self) -> None:
        other = idp.metadata(issuer="https://other.example").decode()
        group = GROUP.format(idp.metadata().decode() + other).encode()
        self.assertEqual(parse(group, "https://other.example").entity_id, "https://other.example")
        self.refuse(group, "it describes 2 identity providers; with several, idp_entity_id says which one is meant")
        self.refuse(group, "it describes 0 identity providers named 'x'", "x")

    def test_no_keys(self) -> None:
        self.refuse(idp.metadata([]), "has 0 signing keys")

    def test_too_many_keys(self) -> None:
        self.refuse(idp.metadata([idp.provider()] * (KEYS + 1)), "has 5 signing keys; 1 to 4 are expected")

    def test_keys_for_encryption_only(self) -> None:
        self.refuse(idp.metadata().replace(b'"signing"', b'"encryption"'), "has 0 signing keys")

    def test_damaged_certificate(self) -> None:
        self.refuse(idp.metadata().replace(b"Certificate>M", b"Certificate>!"), "certificates cannot be read")

    def test_older_protocol(self) -> None:
        self.refuse(idp.metadata().replace(b"SAML:2.0:protocol", b"SAML:1.1:protocol"), "does not speak SAML 2.0")

    def test_no_redirect_binding(self) -> None:
        self.refuse(idp.metadata().replace(b"HTTP-Redirect", b"SOAP"), "no logins by the HTTP redirect binding")

    def test_no_address_to_log_in_at(self) -> None:
        for place in ("javascript:alert(1)", "https://idp.example.com/\u00e9", "//idp.example.com/"):
            document = idp.metadata().replace(idp.LOGIN.encode(), place.encode())
            self.refuse(document, "the address to log in at: ")

    def test_entities(self) -> None:
        self.refuse(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "has a DTD")

    def test_web_page(self) -> None:
        self.refuse(b"<html><body>Not found</body></html>", "it describes 0 identity providers")


class _Answers:
    """Answers with `body`, or not at all."""

    def __init__(self) -> None:
        self.body: bytes | None = idp.metadata()
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []

    async def get(self, url: str) -> Fetched:
        self.asked.append(url)
        if self.body is None:
            raise Unavailable("away")
        return Fetched(200, self.headers, self.body)


class SourceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.answers = _Answers()
        self.metadata = at_address("https://idp.example", self.answers, "", self.clock)

    def get(self, metadata: Metadata | None = None, now: float = idp.NOW) -> IdentityProvider:
        return self.successResultOf(Deferred.fromCoroutine((metadata or self.metadata).get(now)))

    def fail_to_get(self, reason: str, metadata: Metadata | None = None, now: float = idp.NOW) -> None:
        failure = self.failureResultOf(Deferred.fromCoroutine((metadata or self.metadata).get(now)), Unavailable)
        self.assertIn(reason, str(failure.value))

    def test_asked_when_needed_and_again_later(self) -> None:
        self.answers.headers = {"cache-control": "max-age=600"}
        self.assertEqual(self.answers.asked, [])
        self.get()
        self.clock.advance(599)
        self.get()
        self.assertEqual(self.answers.asked, ["https://idp.example"])
        self.clock.advance(1)
        self.get()
        self.assertEqual(len(self.answers.asked), 2)

    def test_away_for_a_while(self) -> None:
        self.get()
        self.answers.body = None
        self.clock.advance(7200)
        self.assertEqual(self.get().entity_id, idp.ISSUER)

    def test_away_at_first(self) -> None:
        self.answers.body = None
        self.fail_to_get("away")

    def test_nonsense(self) -> None:
        self.answers.body = b"<html/>"
        self.fail_to_get("the metadata at https://idp.example is wrong: it describes 0 identity providers")

    def test_ended(self) -> None:
        self.answers.body = idp.metadata(more=f'validUntil="{idp.at(60)}"')
        self.get()
        self.fail_to_get("has ended", now=idp.NOW + 60)

    def test_file(self) -> None:
        path = Path(self.mktemp())
        metadata = in_file(path, "", self.clock)
        self.fail_to_get("cannot be read: No such file or directory", metadata)
        path.write_bytes(idp.metadata())
        self.clock.advance(FILE_SECONDS)
        self.assertEqual(self.get(metadata).entity_id, idp.ISSUER)
        path.write_bytes(idp.metadata(issuer="https://other.example"))
        self.clock.advance(FILE_SECONDS)
        self.assertEqual(self.get(metadata).entity_id, "https://other.example")


class NewKeyTests(SamlCase):
    """The provider signs with another key than before."""

    def test_key_that_we_have_not_heard_of(self) -> None:
        self.prove(idp.signed())
        self.document = idp.metadata([idp.stranger()])
        self.clock.advance(60)
        self.prove(idp.text(idp.sign(idp.document(), identity=idp.stranger())))
        self.assertEqual(self.fetched, 2)

    def test_old_key_is_not_believed_any_more(self) -> None:
        self.prove(idp.signed())
        self.document = idp.metadata([idp.stranger()])
        self.clock.advance(3600)
        self.refuse(idp.signed(), "is not signed by the identity provider")

    def test_strangers_do_not_have_the_metadata_fetched_each_time(self) -> None:
        forged = idp.text(idp.sign(idp.document(), identity=idp.stranger()))
        self.prove(idp.signed())
        self.clock.advance(60)
        for _ in range(5):
            self.refuse(forged, "is not signed by the identity provider")
        self.assertEqual(self.fetched, 2)
