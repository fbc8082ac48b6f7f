"""A provider that is away, slow, or sends what it should not: what becomes of a registration, and of the keyserver."""

from __future__ import annotations

import gzip
import json

from twisted.internet.defer import Deferred, DeferredList, gatherResults

from coname.errors import RegistrationRefused, Unavailable
from coname.oidc.fetching import ANSWER_BYTES, REDIRECTS
from coname.oidc.keys import MOST_KEYS
from tests.oidc.fake_provider import floods, is_silent, moves_to, says
from tests.registration.oidc_case import OidcCase

DISCOVERY = "/.well-known/openid-configuration"


class AwayTests(OidcCase):
    seconds = 1.0

    async def test_nobody_listens(self) -> None:
        token = self.fake.token(self.claims())
        await self.fake.stop()
        await self.refused(Unavailable, "cannot be reached", token)

    def test_silent(self) -> Deferred[None]:
        self.fake.paths[DISCOVERY] = is_silent
        return self.unavailable("does not answer within 1 seconds")

    def test_silent_about_its_keys(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = is_silent
        return self.unavailable("does not answer within 1 seconds")

    def test_out_of_order(self) -> Deferred[None]:
        self.fake.paths[DISCOVERY] = says(b"oops", 500)
        return self.unavailable("answers with the status 500")

    def test_not_json(self) -> Deferred[None]:
        self.fake.paths[DISCOVERY] = says(b"<html>")
        return self.unavailable("is wrong: it is not JSON")

    def test_keys_that_are_no_json(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = says(b"[" * 100_000)
        return self.unavailable("are wrong: it is not JSON")

    def test_keys_that_are_no_list(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = says({"keys": {}})
        return self.unavailable("keys is missing, or is not a list")

    def test_too_many_keys(self) -> Deferred[None]:
        self.fake.keys = [{}] * (MOST_KEYS + 1)
        return self.unavailable(f"{MOST_KEYS} are the most that are taken")

    async def test_a_failure_is_not_tried_again_at_once(self) -> None:
        self.fake.paths[DISCOVERY] = says(b"oops", 500)
        for _ in range(10):
            await self.unavailable("answers with the status 500")
        self.assertEqual(self.fake.asked[DISCOVERY], 1)
        del self.fake.paths[DISCOVERY]
        self.clock.advance(5)
        await self.bound(self.fake.token(self.claims()))


class TooMuchTests(OidcCase):
    def test_a_description_without_end(self) -> Deferred[None]:
        self.fake.paths[DISCOVERY] = floods
        return self.unavailable(f"the answer has more than {ANSWER_BYTES} bytes")

    def test_keys_without_end(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = floods
        return self.unavailable(f"the answer has more than {ANSWER_BYTES} bytes")

    def test_headers_without_end(self) -> Deferred[None]:
        for number in range(ANSWER_BYTES // 8000 + 2):
            self.fake.headers[f"x-{number}"] = "x" * 8000
        return self.unavailable(f"the answer has more than {ANSWER_BYTES} bytes")

    def test_a_line_without_end(self) -> Deferred[None]:
        self.fake.headers["x"] = "x" * 100_000
        return self.unavailable("cannot be reached")

    def test_what_is_small_only_while_it_is_compressed(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = says(gzip.compress(b" " * 10_000_000), content_encoding="gzip")
        return self.unavailable("are wrong: it is not JSON")


class RedirectTests(OidcCase):
    def test_within_the_provider(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = moves_to("/keys")
        self.fake.paths["/keys"] = says({"keys": self.fake.keys})
        return self.bound(self.fake.token(self.claims()))

    def test_in_circles(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = moves_to("/jwks")
        checked = self.unavailable(f"redirects more than {REDIRECTS} times")
        return checked.addCallback(lambda _: self.assertEqual(self.fake.asked["/jwks"], 1 + REDIRECTS))

    def test_to_somebody_else(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = moves_to("http://127.0.0.1:1/jwks")
        return self.unavailable("redirects to somebody else, 'http://127.0.0.1:1/jwks'")

    def test_to_another_name_of_the_same(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = moves_to(self.fake.issuer.replace("127.0.0.1", "localhost") + "/jwks")
        return self.unavailable("redirects to somebody else")

    def test_to_a_file(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = moves_to("file:///etc/passwd")
        return self.unavailable("is not an address that begins with https://")

    def test_to_nowhere(self) -> Deferred[None]:
        self.fake.paths["/jwks"] = says(b"", 302)
        return self.unavailable(f"redirects more than {REDIRECTS} times")


class DescriptionTests(OidcCase):
    def wrong(self, reason: str, **members: object) -> Deferred[None]:
        self.fake.description = members
        return self.unavailable(reason)

    def test_of_another_issuer(self) -> Deferred[None]:
        return self.wrong("it is the description of 'https://evil.example', not of", issuer="https://evil.example")

    def test_of_nobody(self) -> Deferred[None]:
        return self.wrong("issuer is missing", issuer=None)

    def test_without_keys(self) -> Deferred[None]:
        return self.wrong("jwks_uri is missing", jwks_uri=None)

    def test_with_keys_in_a_file(self) -> Deferred[None]:
        return self.wrong("jwks_uri: 'file:///etc/passwd'", jwks_uri="file:///etc/passwd")

    def test_with_keys_in_the_open(self) -> Deferred[None]:
        return self.wrong("is not https", jwks_uri="http://keys.example/")

    def test_with_a_list_of_addresses(self) -> Deferred[None]:
        return self.wrong("jwks_uri is missing, or is not text", jwks_uri=["https://a.example/"])


class RememberedTests(OidcCase):
    """What is fetched is used again, as its headers allow, within bounds."""

    def in_order(self) -> Deferred[None]:
        return self.bound(self.fake.token(self.claims()))

    def asked_again_after(self, seconds: float, headers: dict[str, str]) -> Deferred[None]:
        """The keys are fetched again after `seconds`, and not a second before."""
        self.fake.headers = headers

        async def check() -> None:
            await self.in_order()
            self.clock.advance(seconds - 1)
            await self.in_order()
            self.assertEqual(self.fake.asked["/jwks"], 1)
            self.clock.advance(1)
            await self.in_order()
            self.assertEqual(self.fake.asked["/jwks"], 2)

        return Deferred.fromCoroutine(check())

    def test_by_age(self) -> Deferred[None]:
        return self.asked_again_after(900, {"cache-control": "public, max-age=900"})

    def test_by_age_less_what_has_passed_already(self) -> Deferred[None]:
        return self.asked_again_after(600, {"cache-control": "max-age=900", "age": "300"})

    def test_by_date(self) -> Deferred[None]:
        dates = {"date": "Mon, 01 Jan 2024 00:00:00 GMT", "expires": "Mon, 01 Jan 2024 00:30:00 GMT"}
        return self.asked_again_after(1800, dates)

    def test_in_the_past(self) -> Deferred[None]:
        return self.asked_again_after(60, {"expires": "0"})

    def test_never(self) -> Deferred[None]:
        return self.asked_again_after(60, {"cache-control": "no-store"})

    def test_for_ever(self) -> Deferred[None]:
        return self.asked_again_after(86400, {"cache-control": "max-age=999999999"})

    def test_without_a_word_about_it(self) -> Deferred[None]:
        return self.asked_again_after(3600, {})

    def test_many_who_come_at_once_have_it_fetched_once(self) -> Deferred[None]:
        checks = [self.in_order() for _ in range(20)]
        gathered: Deferred[object] = gatherResults(checks)
        return gathered.addCallback(
            lambda _: self.assertEqual((self.fake.asked[DISCOVERY], self.fake.asked["/jwks"]), (1, 1))
        )

    async def test_who_gives_up_does_not_stop_it_for_the_others(self) -> None:
        impatient = Deferred.fromCoroutine(self.check(self.fake.token(self.claims())))
        patient = self.in_order()
        impatient.cancel()
        await DeferredList([impatient], consumeErrors=True)
        await patient

    async def test_an_outage_of_some_hours_is_none_here(self) -> None:
        await self.in_order()
        self.fake.paths = {DISCOVERY: says(b"", 500), "/jwks": says(b"", 500)}
        self.clock.advance(3600 + 86400 - 1)
        await self.in_order()
        self.clock.advance(1)
        await self.refused(Unavailable, "answers with the status 500", self.fake.token(self.claims()))

    def test_nobody_is_asked_before_somebody_registers(self) -> None:
        self.begin()
        self.assertEqual(self.fake.asked, {})

    def test_a_token_of_another_issuer_has_nobody_asked(self) -> Deferred[None]:
        token = self.fake.token(self.claims(iss="https://evil.example"))
        checked = self.refused(RegistrationRefused, "need one by", token)
        return checked.addCallback(lambda _: self.assertEqual(json.dumps(self.fake.asked), "{}"))
