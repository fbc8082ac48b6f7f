"""Which realm answers for an address."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.lookup import realm_for
from coname.errors import InvalidRequest, Misconfigured
from coname.messages.config_pb2 import Config, RealmConfig


class RealmFor(SynchronousTestCase):
    def setUp(self) -> None:
        self.config = Config(
            realms=[
                RealmConfig(RealmName="one", domains=["one.example", "Bücher.example"]),
                RealmConfig(RealmName="two", domains=["two.example", "not a domain"]),
            ]
        )

    def found(self, user: str) -> str:
        return realm_for(self.config, user).RealmName

    def test_the_realm_that_lists_the_domain(self) -> None:
        self.assertEqual(self.found("alice@two.example"), "two")

    def test_the_domain_is_what_follows_the_last_at(self) -> None:
        self.assertEqual(self.found("alice@two.example@one.example"), "one")

    def test_domains_are_compared_as_names(self) -> None:
        self.assertEqual(self.found("alice@One.Example"), "one")
        self.assertEqual(self.found("alice@xn--bcher-kva.example"), "one")

    def test_a_domain_that_is_no_name_is_compared_as_it_stands(self) -> None:
        self.assertEqual(self.found("alice@not a domain"), "two")

    def test_no_realm(self) -> None:
        self.assertRaises(InvalidRequest, self.found, "alice@three.example")

    def test_a_subdomain_is_another_domain(self) -> None:
        self.assertRaises(InvalidRequest, self.found, "alice@sub.one.example")

    def test_all_domains_below_one(self) -> None:
        self.config.realms[1].domains.insert(0, "*.One.example")
        self.assertEqual(self.found("alice@sub.one.example"), "two")
        self.assertEqual(self.found("alice@one.example"), "one")

    def test_no_address(self) -> None:
        self.assertRaises(InvalidRequest, self.found, "alice")

    def test_two_realms_that_claim_one_domain(self) -> None:
        self.config.realms[1].domains.append("one.example")
        self.assertRaises(Misconfigured, self.found, "alice@one.example")
