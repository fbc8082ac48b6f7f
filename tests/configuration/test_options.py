"""What `coname init` is asked for is checked as a whole."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.configuration.options import PORTS, InitOptions, OidcOptions, checked
from coname.errors import Misconfigured


class OptionsCase(SynchronousTestCase):
    def refused(self, **fields: Any) -> list[str]:
        return self.assertRaises(Misconfigured, checked, InitOptions(**{"realm": "example.com", **fields})).mistakes


class OptionsTests(OptionsCase):
    def test_realm_is_the_domain_by_default(self) -> None:
        self.assertEqual(checked(InitOptions("Example.COM")).domains, ("example.com",))

    def test_realms_name_is_kept_as_it_is(self) -> None:
        self.assertEqual(checked(InitOptions("Example.COM")).realm, "Example.COM")

    def test_domains_in_canonical_form_and_once(self) -> None:
        options = checked(InitOptions("our realm", domains=("Bücher.example", "bücher.example", "b.example.")))
        self.assertEqual(options.domains, ("xn--bcher-kva.example", "b.example"))

    def test_realm_that_is_no_domain_needs_one(self) -> None:
        mistakes = self.refused(realm="our realm")
        self.assertEqual(len(mistakes), 1)
        self.assertTrue(mistakes[0].startswith("--realm: 'our realm' is not a domain name"))
        self.assertTrue(mistakes[0].endswith("name the domains that it is for with --domain"))

    def test_all_mistakes_at_once(self) -> None:
        mistakes = self.refused(realm="", domains=("a b",), replicas=0, verifiers=-1, hosts=("x y",), vrf_suite="2018")
        self.assertEqual(
            sorted(line.partition(":")[0] for line in mistakes),
            ["--domain", "--host", "--realm", "--replicas", "--verifiers", "--vrf-suite"],
        )

    def test_realm_of_unprintable_characters(self) -> None:
        self.assertIn("characters that do not show", self.refused(realm="a\x1b[31m", domains=("a.b",))[0])

    def test_base_port_too_high_for_all_replicas(self) -> None:
        checked(InitOptions("example.com", base_port=65530))
        self.assertIn("--base-port: 65530 leaves too few ports", self.refused(base_port=65530, replicas=2)[0])

    def test_base_port_zero(self) -> None:
        self.assertIn("--base-port: 0 leaves too few", self.refused(base_port=0)[0])

    def test_hosts_of_every_kind(self) -> None:
        options = checked(InitOptions("example.com", hosts=("Keys.example.com", "[::1]", "192.0.2.1", "192.0.2.1")))
        self.assertEqual(options.hosts, ("keys.example.com", "::1", "192.0.2.1"))

    def test_certificates_are_for_this_machine_too(self) -> None:
        names = InitOptions("example.com", hosts=("keys.example.com",)).names()
        self.assertEqual(names, ["keys.example.com", "localhost", "127.0.0.1"])

    def test_without_hosts_everything_stays_on_this_machine(self) -> None:
        options = InitOptions("example.com")
        self.assertEqual((options.host(3), options.listen_host(3)), ("127.0.0.1", "127.0.0.1"))

    def test_replicas_at_their_hosts(self) -> None:
        options = InitOptions("example.com", hosts=("a.example.com", "b.example.com"), replicas=3)
        self.assertEqual([options.host(n) for n in range(3)], ["a.example.com", "b.example.com", "b.example.com"])

    def test_reached_by_a_name_it_listens_on_every_interface(self) -> None:
        self.assertEqual(InitOptions("example.com", hosts=("keys.example.com",)).listen_host(0), "")

    def test_reached_on_loopback_it_listens_there(self) -> None:
        self.assertEqual(InitOptions("example.com", hosts=("::1",)).listen_host(0), "::1")

    def test_ports_of_the_protocol(self) -> None:
        options = InitOptions("example.com")
        self.assertEqual((options.port("public", 0), options.port("httpfront", 0)), (4625, 25519))

    def test_ports_from_the_base(self) -> None:
        options = InitOptions("example.com", base_port=7000)
        self.assertEqual([options.port(front, 1) for front in PORTS], [7010, 7011, 7012, 7013, 7014, 7015])

    def test_no_two_ports_are_ever_the_same(self) -> None:
        for base in (None, 20_000):
            options = InitOptions("example.com", base_port=base)
            ports = [options.port(front, replica) for front in PORTS for replica in range(99)]
            self.assertEqual(len(set(ports)), len(ports))


class OidcTests(OptionsCase):
    def provider(self, issuer: str = "https://login.example.com", client: str = "coname", **more: Any) -> str:
        (mistake,) = self.refused(oidc=OidcOptions(issuer, client), **more)
        return mistake

    def test_a_provider_in_the_open(self) -> None:
        self.assertIn("--oidc: 'http://login.example.com", self.provider("http://login.example.com"))

    def test_a_provider_that_calls_the_realm_nothing(self) -> None:
        self.assertIn("--oidc-client is missing", self.provider(client=""))

    def test_a_provider_that_nobody_need_log_in_at(self) -> None:
        self.assertIn("proves nothing", self.provider(insecure_skip_email_proof=True))

    def test_a_provider_for_the_originals_programs(self) -> None:
        self.assertIn("refuse the fields it needs", self.provider(vrf_suite="2017"))

    def test_a_front_that_is_none(self) -> None:
        (mistake,) = self.refused(front="keys.example.com")
        self.assertTrue(mistake.startswith("--front: 'keys.example.com' is not https://host"))

    def test_the_secret_shows_nowhere(self) -> None:
        self.assertNotIn("hush", repr(InitOptions("a.example", oidc=OidcOptions("https://i.example", "c", "hush"))))
