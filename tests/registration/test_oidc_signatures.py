"""Whose signature an ID token has: every way of passing off one's own, with the refusal that it gets."""

from __future__ import annotations

import base64
import hmac
import json
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.defer import Deferred

from coname.errors import RegistrationRefused, Unavailable
from coname.oidc.tokens import LONGEST_TOKEN, UnknownKey
from tests.oidc.fake_provider import key_for
from tests.registration.oidc_case import OidcCase

FORGED = "the ID token's signature is not by a key of"


def part(content: bytes | dict[str, Any]) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class TakenTests(OidcCase):
    def of(self, algorithm: str, **changes: Any) -> Deferred[None]:
        """A token of that kind, signed with a key that is published as `changes` say."""
        self.fake.keys = [self.fake.public(algorithm, **changes)]
        return self.bound(self.fake.token(self.claims(), algorithm))

    def test_rs256(self) -> Deferred[None]:
        return self.of("RS256")

    def test_ps256(self) -> Deferred[None]:
        return self.of("PS256")

    def test_es256(self) -> Deferred[None]:
        return self.of("ES256")

    def test_eddsa(self) -> Deferred[None]:
        return self.of("EdDSA")

    def test_with_a_key_that_does_not_say_what_it_is_for(self) -> Deferred[None]:
        return self.of("PS256", alg=None, use=None)

    def test_without_kid_from_a_provider_with_one_key(self) -> Deferred[None]:
        self.fake.keys = [self.fake.public("RS256", kid=None)]
        return self.bound(self.fake.token(self.claims(), kid=None))

    def test_by_the_second_of_two_keys_of_one_name(self) -> Deferred[None]:
        self.fake.keys = [self.fake.public("RS256", "other"), self.fake.public("RS256")]
        return self.bound(self.fake.token(self.claims()))

    def test_beside_keys_of_no_use_here(self) -> Deferred[None]:
        odd: list[Any] = [{"kty": "oct", "k": "AAAA"}, {"kty": "new"}, {}, 7, {"kty": "RSA", "n": 1}, {"kty": "EC"}]
        self.fake.keys = [*odd, *self.fake.keys]
        return self.bound(self.fake.token(self.claims()))

    def test_with_a_type(self) -> Deferred[None]:
        return self.bound(self.fake.token(self.claims(), typ="JWT"))

    def test_with_words_in_the_header_that_mean_nothing_here(self) -> Deferred[None]:
        return self.bound(self.fake.token(self.claims(), x5t="abc", nonce="abc"))


class ForgedTests(OidcCase):
    def forged(self, reason: str, token: str, kind: type[RegistrationRefused] = RegistrationRefused) -> Deferred[None]:
        return self.refused(kind, reason, token)

    def test_by_another_key(self) -> Deferred[None]:
        return self.forged(FORGED, self.fake.token(self.claims(), key=key_for("RS256", "mine")))

    def test_by_another_key_of_a_curve(self) -> Deferred[None]:
        return self.forged(FORGED, self.fake.token(self.claims(), "ES256", key_for("ES256", "mine"), "ec"))

    def test_with_the_names_of_two_keys_swapped(self) -> Deferred[None]:
        self.fake.keys = [self.fake.public("RS256", kid="a"), self.fake.public("RS256", "other", kid="b")]
        return self.forged(FORGED, self.fake.token(self.claims(), kid="b"))

    def test_with_another_content(self) -> Deferred[None]:
        header, _, signature = self.fake.token(self.claims()).split(".")
        return self.forged(FORGED, f"{header}.{part(self.claims(sub='root'))}.{signature}")

    def test_with_another_header(self) -> Deferred[None]:
        _, payload, signature = self.fake.token(self.claims()).split(".")
        return self.forged(FORGED, f"{part({'alg': 'RS256', 'kid': 'rsa', 'a': 1})}.{payload}.{signature}")

    def test_with_an_empty_signature(self) -> Deferred[None]:
        header, payload, _ = self.fake.token(self.claims()).split(".")
        return self.forged(FORGED, f"{header}.{payload}.")

    def test_with_its_own_key_in_the_header(self) -> Deferred[None]:
        mine = key_for("RS256", "mine")
        return self.forged(FORGED, self.fake.token(self.claims(), key=mine, jwk=mine.as_dict(private=False)))

    def test_with_an_address_of_keys_in_the_header(self) -> Deferred[None]:
        mine = key_for("RS256", "mine")
        url = self.fake.issuer + "/mine"
        checked = self.forged(FORGED, self.fake.token(self.claims(), key=mine, jku=url, x5u=url))
        return checked.addCallback(lambda _: self.assertNotIn("/mine", self.fake.asked))

    def test_none(self) -> Deferred[None]:
        return self.forged("signed with 'none'; only", f"{part({'alg': 'none'})}.{part(self.claims())}.")

    def test_none_in_other_letters(self) -> Deferred[None]:
        header = part({"alg": "nOnE", "kid": "rsa"})
        return self.forged("signed with 'nOnE'; only", f"{header}.{part(self.claims())}.")

    def test_an_hmac_under_the_public_key(self) -> Deferred[None]:
        public = key_for("RS256").public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signed = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(self.claims())}"
        signature = part(hmac.digest(public, signed.encode(), sha256))
        return self.forged("signed with 'HS256'; only", f"{signed}.{signature}")

    def test_with_another_algorithm_than_the_key_is_for(self) -> Deferred[None]:
        token = self.fake.token(self.claims(), "PS256", key_for("RS256"))
        return self.forged("signed with PS256, which", token)

    def test_with_an_algorithm_for_keys_of_another_kind(self) -> Deferred[None]:
        return self.forged("signed with ES256, which", self.fake.token(self.claims(), "ES256", kid="rsa"))

    def test_with_an_algorithm_that_the_provider_does_not_use(self) -> Deferred[None]:
        self.fake.description["id_token_signing_alg_values_supported"] = ["RS256"]
        token = self.fake.token(self.claims(), "ES256", kid="ec")
        return self.forged("says that it does not use that", token)

    def test_without_kid_from_a_provider_with_two_keys(self) -> Deferred[None]:
        self.fake.keys = [self.fake.public("RS256"), self.fake.public("RS256", "other", kid="b")]
        return self.forged("does not name its key (kid)", self.fake.token(self.claims(), kid=None))

    def test_by_a_key_that_is_not_there(self) -> Deferred[None]:
        return self.forged("does not have", self.fake.token(self.claims(), kid="new"), UnknownKey)

    def test_by_a_key_for_encryption(self) -> Deferred[None]:
        self.fake.keys = [self.fake.public("RS256", use="enc")]
        return self.forged("does not have", self.fake.token(self.claims()), UnknownKey)

    def test_by_a_key_whose_secret_is_published(self) -> Deferred[None]:
        self.fake.keys = [{**key_for("RS256").as_dict(private=True), "kid": "rsa"}]
        return self.forged("does not have", self.fake.token(self.claims()), UnknownKey)

    def test_by_a_key_that_is_too_short(self) -> Deferred[None]:
        from joserfc import jwk

        short = jwk.generate_key("RSA", 1024)
        self.fake.keys = [{**short.as_dict(private=False), "kid": "rsa"}]
        return self.forged("does not have", self.fake.token(self.claims(), key=short), UnknownKey)


class MalformedTests(OidcCase):
    def malformed(self, reason: str, token: str) -> Deferred[None]:
        checked = self.refused(RegistrationRefused, reason, token)
        return checked.addCallback(lambda _: self.assertEqual(self.fake.asked["/jwks"], 0))

    def test_empty(self) -> Deferred[None]:
        return self.malformed("is not a JWT", "")

    def test_two_parts(self) -> Deferred[None]:
        return self.malformed("is not a JWT", "aaaa.bbbb")

    def test_five_parts_as_if_encrypted(self) -> Deferred[None]:
        return self.malformed("is not a JWT", "a.b.c.d.e")

    def test_no_base64(self) -> Deferred[None]:
        return self.malformed("is not a JWT", self.fake.token(self.claims()).replace(".", ".!", 1))

    def test_spaces(self) -> Deferred[None]:
        return self.malformed("is not a JWT", self.fake.token(self.claims()) + "\n")

    def test_huge(self) -> Deferred[None]:
        return self.malformed(f"{LONGEST_TOKEN} are the most", "a" * (LONGEST_TOKEN + 1))

    def test_a_header_that_is_no_json(self) -> Deferred[None]:
        return self.malformed("header is not a JSON object", f"{part(b'{')}.{part({})}.aaaa")

    def test_a_header_that_is_a_list(self) -> Deferred[None]:
        return self.malformed("header is not a JSON object", f"{part(b'[]')}.{part({})}.aaaa")

    def test_a_deep_header(self) -> Deferred[None]:
        return self.malformed("header is not a JSON object", f"{part(b'[' * 9000)}.{part({})}.aaaa")

    def test_a_deep_content(self) -> Deferred[None]:
        header = self.fake.token(self.claims()).split(".")[0]
        return self.malformed("content is not a JSON object", f"{header}.{part(b'[' * 9000)}.aaaa")

    def test_an_extension_that_must_be_understood(self) -> Deferred[None]:
        header = part({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": False})
        return self.malformed("asks for an extension", f"{header}.{part(self.claims())}.aaaa")

    def test_a_kid_that_is_a_list(self) -> Deferred[None]:
        header = part({"alg": "RS256", "kid": ["rsa"]})
        return self.malformed("kid is not text", f"{header}.{part(self.claims())}.aaaa")

    def test_an_algorithm_that_is_a_list(self) -> Deferred[None]:
        header = part({"alg": ["RS256"], "kid": "rsa"})
        return self.malformed("signed with", f"{header}.{part(self.claims())}.aaaa")

    def test_an_access_token(self) -> Deferred[None]:
        return self.malformed("of the type 'at+jwt', not an ID token", self.fake.token(self.claims(), typ="at+jwt"))


class RotatedTests(OidcCase):
    """The provider's keys change."""

    def new(self, name: str = "new") -> str:
        return self.fake.token(self.claims(), key=key_for("RS256", name), kid=name)

    def publish(self, name: str) -> None:
        self.fake.keys = [self.fake.public("RS256", name, kid=name)]

    async def flood(self) -> None:
        for number in range(20):
            token = self.fake.token(self.claims(), kid=f"made up {number}")
            await self.refused(Unavailable, "were fetched a moment ago; try again in", token)

    async def test_a_new_key_is_fetched_when_a_token_names_it(self) -> None:
        await self.bound(self.fake.token(self.claims()))
        self.publish("new")
        self.clock.advance(31)
        await self.bound(self.new())
        self.assertEqual(self.fake.asked["/jwks"], 2)

    async def test_a_key_that_is_withdrawn_is_not_believed_then(self) -> None:
        await self.bound(self.fake.token(self.claims()))
        self.publish("new")
        self.clock.advance(31)
        await self.bound(self.new())
        self.clock.advance(31)
        await self.refused(UnknownKey, "does not have", self.fake.token(self.claims()))

    async def test_made_up_names_do_not_have_the_provider_asked_for_each(self) -> None:
        await self.bound(self.fake.token(self.claims()))
        self.clock.advance(1)
        await self.flood()
        self.clock.advance(30)
        await self.refused(UnknownKey, "does not have", self.fake.token(self.claims(), kid="made up"))
        self.clock.advance(1)
        await self.flood()
        self.assertEqual(self.fake.asked["/jwks"], 2)
        await self.bound(self.fake.token(self.claims()))
