"""What an ID token must say, each thing wrong in turn, with the refusal that it gets."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from coname.errors import RegistrationExpired, RegistrationRefused
from coname.oidc.claims import nonce_for
from coname.oidc.fetching import Fetcher
from coname.oidc.provider import Provider
from coname.registration.oidc import OidcChecker
from coname.registration.proof import IProofChecker
from tests.oidc.fake_provider import NOW
from tests.registration.oidc_case import VOUCHER_KEY, OidcCase


class TakenTests(OidcCase):
    def taken(self, **changes: Any) -> Deferred[None]:
        return self.bound(self.fake.token(self.claims(**changes)))

    def test_is_a_checker(self) -> None:
        self.assertTrue(verifyObject(IProofChecker, self.checker))

    def test_in_order(self) -> Deferred[None]:
        return self.taken()

    def test_an_address_in_another_form(self) -> Deferred[None]:
        return self.taken(email="Alice@EXAMPLE.com")

    def test_an_address_that_only_looks_like_it(self) -> Deferred[None]:
        token = self.fake.token(self.claims(email="\u212aate@example.com"))
        return self.refused(RegistrationRefused, "only looks like kate@example.com", token, user_id="kate@example.com")

    def test_one_of_several_audiences_that_it_was_given_to(self) -> Deferred[None]:
        return self.taken(aud=["other", "coname"], azp="coname")

    def test_the_only_audience_as_a_list(self) -> Deferred[None]:
        return self.taken(aud=["coname"])

    def test_expired_within_the_skew_of_clocks(self) -> Deferred[None]:
        return self.taken(exp=NOW - 50)

    def test_made_ahead_within_the_skew_of_clocks(self) -> Deferred[None]:
        return self.taken(iat=NOW + 50, nbf=NOW + 50)

    def test_times_with_fractions(self) -> Deferred[None]:
        return self.taken(iat=NOW - 0.5)

    async def test_what_is_told_of_it(self) -> None:
        proved = await self.check(self.fake.token(self.claims()))
        self.assertEqual((proved.kind, proved.issuer, proved.subject), ("oidc", self.fake.issuer, "user-1"))
        self.assertEqual(proved.expires, NOW + 300 + 60)

    async def test_it_is_good_for_no_longer_than_the_realm_says(self) -> None:
        proved = await self.check(self.fake.token(self.claims(exp=NOW + 86400)))
        self.assertEqual(proved.expires, NOW + 600 + 60)

    async def test_the_same_token_has_the_same_id(self) -> None:
        token = self.fake.token(self.claims())
        first, again = await self.check(token), await self.check(token)
        self.assertEqual(first.replay_id, again.replay_id)

    async def test_two_tokens_for_one_entry_have_two_ids(self) -> None:
        first = await self.check(self.fake.token(self.claims(jti="1")))
        second = await self.check(self.fake.token(self.claims(jti="2")))
        self.assertNotEqual(first.replay_id, second.replay_id)

    async def test_bound_to_another_entry(self) -> None:
        proved = await self.check(self.fake.token(self.claims(nonce=nonce_for(b"another entry"))))
        self.assertFalse(proved.bound)

    async def test_bound_to_nothing(self) -> None:
        proved = await self.check(self.fake.token(self.claims(nonce=None)))
        self.assertFalse(proved.bound)


class SeveralNamesTests(OidcCase):
    """The provider knows the realm under two names."""

    def begin(self, **settings: Any) -> None:
        names = ("old", "coname")
        fetcher = Fetcher(reactor)
        settings_of = [self.fake.settings(client_id=name) for name in names]
        self.checker = OidcChecker([Provider(each, 60, fetcher, self.clock) for each in settings_of], True, VOUCHER_KEY)

    def test_under_the_second(self) -> Deferred[None]:
        return self.bound(self.fake.token(self.claims()))

    def test_under_a_third(self) -> Deferred[None]:
        token = self.fake.token(self.claims(aud="third"))
        return self.refused(RegistrationRefused, "not for this realm, 'old'", token)


class RefusedTests(OidcCase):
    def wrong(self, reason: str, **changes: Any) -> Deferred[None]:
        return self.refused(RegistrationRefused, reason, self.fake.token(self.claims(**changes)))

    def test_another_issuer(self) -> Deferred[None]:
        return self.wrong("the ID token is by 'https://evil.example'", iss="https://evil.example")

    def test_no_issuer(self) -> Deferred[None]:
        return self.wrong("the ID token is by ''", iss=None)

    def test_another_audience(self) -> Deferred[None]:
        return self.wrong("the ID token is for 'mail', not for this realm, 'coname'", aud="mail")

    def test_other_audiences(self) -> Deferred[None]:
        return self.wrong("not for this realm", aud=["mail", "wiki"])

    def test_no_audience(self) -> Deferred[None]:
        return self.wrong("the ID token is for 'None'", aud=None)

    def test_an_audience_that_holds_the_name(self) -> Deferred[None]:
        return self.wrong("not for this realm", aud="xconamex")

    def test_several_audiences_without_azp(self) -> Deferred[None]:
        return self.wrong("the ID token was given to 'None' (azp)", aud=["coname", "mail"])

    def test_several_audiences_and_another_azp(self) -> Deferred[None]:
        return self.wrong("the ID token was given to 'mail' (azp)", aud=["coname", "mail"], azp="mail")

    def test_one_audience_and_another_azp(self) -> Deferred[None]:
        return self.wrong("the ID token was given to 'mail' (azp)", azp="mail")

    def test_an_address_that_is_not_verified(self) -> Deferred[None]:
        return self.wrong("(email_verified is not true)", email_verified=False)

    def test_an_address_of_which_nothing_is_said(self) -> Deferred[None]:
        return self.wrong("(email_verified is not true)", email_verified=None)

    def test_verified_as_text(self) -> Deferred[None]:
        return self.wrong("(email_verified is not true)", email_verified="true")

    def test_verified_as_a_number(self) -> Deferred[None]:
        return self.wrong("(email_verified is not true)", email_verified=1)

    def test_somebody_elses_address(self) -> Deferred[None]:
        return self.wrong("the login is for 'bob@example.com', not for 'alice@example.com'", email="bob@example.com")

    def test_no_address(self) -> Deferred[None]:
        return self.wrong("does not say whose address it is for (email)", email=None)

    def test_an_address_that_is_none(self) -> Deferred[None]:
        return self.wrong("an e-mail address that is none", email="alice")

    def test_two_addresses(self) -> Deferred[None]:
        return self.wrong("does not tell an e-mail address", email=["alice@example.com", "bob@example.com"])

    def test_no_subject(self) -> Deferred[None]:
        return self.wrong("does not say whose it is (sub)", sub=None)

    def test_a_nonce_that_is_no_text(self) -> Deferred[None]:
        return self.wrong("nonce is not text", nonce=7)

    def test_of_the_future(self) -> Deferred[None]:
        return self.wrong("is of the future", iat=NOW + 100, exp=NOW + 400)

    def test_not_yet_to_be_used(self) -> Deferred[None]:
        return self.wrong("is of the future", nbf=NOW + 100)

    def test_no_end(self) -> Deferred[None]:
        return self.wrong("exp is missing", exp=None)

    def test_no_beginning(self) -> Deferred[None]:
        return self.wrong("iat is missing", iat=None)

    def test_an_end_that_is_no_time(self) -> Deferred[None]:
        return self.wrong("exp is missing, or is no time", exp="2999-01-01")

    def test_an_end_that_is_true(self) -> Deferred[None]:
        return self.wrong("exp is missing, or is no time", exp=True)

    def test_an_endless_end(self) -> Deferred[None]:
        return self.wrong("content is not a JSON object", exp=float("inf"))

    def test_an_end_beyond_all_numbers(self) -> Deferred[None]:
        return self.wrong("exp is missing, or is no time", exp=10**300)

    def test_for_a_domain_of_nobodys(self) -> Deferred[None]:
        token = self.fake.token(self.claims(email="alice@example.org"))
        return self.refused(RegistrationRefused, "addresses of example.org", token, user_id="alice@example.org")


class ExpiredTests(OidcCase):
    def test_past_its_end(self) -> Deferred[None]:
        token = self.fake.token(self.claims(exp=NOW + 10))
        return self.refused(RegistrationExpired, "too old", token, now=NOW + 10 + 60)

    def test_past_what_the_realm_grants(self) -> Deferred[None]:
        token = self.fake.token(self.claims(exp=NOW + 86400))
        return self.refused(RegistrationExpired, "too old", token, now=NOW + 600 + 60)

    def test_what_is_wrong_too_is_called_wrong(self) -> Deferred[None]:
        token = self.fake.token(self.claims(exp=NOW + 10, aud="mail"))
        return self.refused(RegistrationRefused, "not for this realm", token, now=NOW + 1000)
