"""What a configuration may say of OpenID providers and of proofs that name no entry, and what `coname init` says."""

from __future__ import annotations

import json
from typing import Any

from coname.config import load_replica
from coname.configuration.init import InitOptions, initialise
from coname.configuration.options import OidcOptions
from coname.registration.oidc_policy import provider_settings
from tests.configuration.realms import NOW, RealmCase, put

ISSUER = "https://login.example.com"
PLACE = "keyserver_config.registration_policy[0].email_proof_by_oidc.oidc_config[0]"


class OidcCase(RealmCase):
    options = InitOptions(realm="example.com", oidc=OidcOptions(ISSUER, "coname", "a secret"))

    def provider(self, **fields: Any) -> Any:
        """A change of the provider's fields."""

        def change(document: dict[str, Any]) -> None:
            policy = document["keyserver_config"]["registration_policy"][0]
            put(**fields)(policy["email_proof_by_oidc"]["oidc_config"][0])

        return change

    def wrong(self, field: str, reason: str, **fields: Any) -> None:
        (mistake,) = self.mistakes_of(self.provider(**fields))
        self.assertTrue(mistake.startswith(f"{PLACE}.{field}: "), mistake)
        self.assertIn(reason, mistake)


class InitTests(OidcCase):
    def test_it_loads_without_a_warning_about_logins(self) -> None:
        self.assertEqual([line for line in self.load().warnings if "oidc" in line or "httpfront_url" in line], [])

    def test_the_provider_as_it_is_used(self) -> None:
        config = self.load().message.keyserver_config.registration_policy[0].email_proof_by_oidc.oidc_config[0]
        settings = provider_settings(config, self.replica)
        self.assertEqual(
            (settings.issuer, settings.client_id, settings.client_secret, settings.scope, settings.domains),
            (ISSUER, "coname", "a secret", "openid email", ("example.com",)),
        )
        self.assertEqual(settings.discovery_url, ISSUER + "/.well-known/openid-configuration")
        self.assertNotIn("a secret", repr(settings))

    def test_the_secret_is_nobody_elses_to_read(self) -> None:
        self.assertEqual((self.replica / "oidc-client-secret").stat().st_mode & 0o777, 0o600)

    def test_browsers_come_to_the_front_itself(self) -> None:
        self.assertEqual(self.load().httpfront_url, "https://127.0.0.1:25519")

    def test_or_to_the_balancer(self) -> None:
        options = InitOptions("example.com", replicas=3, front="https://keys.example.com/")
        layout = initialise(self.folder.parent / "other", options, NOW)
        urls = {load_replica(path, NOW).httpfront_url for path in layout.replicas}
        self.assertEqual(urls, {"https://keys.example.com"})

    def test_proofs_must_name_the_entry(self) -> None:
        self.assertFalse(self.load().unbound_proofs)

    def test_where_logins_come_back_to_is_said(self) -> None:
        layout = initialise(self.folder.parent / "other", self.options, NOW)
        self.assertIn("Register https://127.0.0.1:25519/oidc/callback there", " ".join(layout.notes))


class ProviderTests(OidcCase):
    def test_no_issuer(self) -> None:
        self.wrong("issuer", "missing", issuer=None)

    def test_no_client_id(self) -> None:
        self.wrong("clientID", "missing", clientID=None)

    def test_no_domains(self) -> None:
        self.wrong("allowed_domains", "empty", allowed_domains=None)

    def test_a_domain_that_is_none(self) -> None:
        self.wrong("allowed_domains[0]", "not a domain name", allowed_domains=["a b"])

    def test_a_domain_in_another_form(self) -> None:
        self.wrong("allowed_domains[0]", "write 'example.com'", allowed_domains=["Example.com"])

    def test_all_domains_below_one(self) -> None:
        self.edit(self.provider(allowed_domains=["example.com", "*.example.com"]))
        self.load()

    def test_all_domains_there_are(self) -> None:
        self.wrong("allowed_domains[0]", "everybody's", allowed_domains=["*.com"])

    def test_in_the_open(self) -> None:
        self.wrong("discovery_url", "is not https", discovery_url="http://login.example.com/x")

    def test_no_address(self) -> None:
        self.wrong("discovery_url", "not an address", discovery_url="login.example.com")

    def test_with_a_password_in_it(self) -> None:
        self.wrong("discovery_url", "names a user", discovery_url="https://a:b@login.example.com/x")

    def test_in_the_open_on_this_machine(self) -> None:
        (warning,) = self.warnings_of(self.provider(discovery_url="http://127.0.0.1:8080/x"))
        self.assertIn("is not https; that is for trying things out", warning)

    def test_without_an_address_it_follows_from_the_issuer(self) -> None:
        self.edit(self.provider(discovery_url=None))
        self.load()

    def test_a_secret_that_is_not_there(self) -> None:
        self.wrong("client_secret_id", "holds no client's secret", client_secret_id="none")

    def test_a_secret_of_two_lines(self) -> None:
        (self.replica / "oidc-client-secret").write_text("a\nb\n")
        (mistake,) = self.mistakes()
        self.assertIn("one line of text is expected", mistake)

    def test_a_secret_that_others_can_read(self) -> None:
        (self.replica / "oidc-client-secret").chmod(0o644)
        (mistake,) = self.mistakes()
        self.assertIn("has mode 0644", mistake)

    def test_too_long_a_life(self) -> None:
        self.wrong("validity", "is too long", validity={"seconds": 86401})

    def test_a_scope_that_leaves_the_address_out(self) -> None:
        (warning,) = self.warnings_of(self.provider(scope="openid profile"))
        self.assertIn("'email openid profile' is asked for", warning)

    def test_no_provider(self) -> None:
        def change(document: dict[str, Any]) -> None:
            document["keyserver_config"]["registration_policy"][0]["email_proof_by_oidc"] = {}

        (mistake,) = self.mistakes_of(change)
        self.assertIn("oidc_config: empty", mistake)


class FrontTests(OidcCase):
    def test_missing(self) -> None:
        (warning,) = self.warnings_of(put(httpfront_url=None))
        self.assertIn("nobody can log in here", warning)

    def test_in_the_open(self) -> None:
        (mistake,) = self.mistakes_of(put(httpfront_url="http://keys.example.com"))
        self.assertIn("is not https://host or https://host:port", mistake)

    def test_with_a_path(self) -> None:
        (mistake,) = self.mistakes_of(put(httpfront_url="https://keys.example.com/x"))
        self.assertIn("is not https://host or https://host:port", mistake)

    def test_with_a_port_that_is_none(self) -> None:
        (mistake,) = self.mistakes_of(put(httpfront_url="https://keys.example.com:x"))
        self.assertIn("is not https://host or https://host:port", mistake)


class NameTests(OidcCase):
    """Names of providers, which give their logins paths of their own."""

    OTHER = "https://login.example.org"

    def providers(self, *more: dict[str, Any], **fields: Any) -> Any:
        """A change: the provider with other `fields`, and others beside it."""

        def change(document: dict[str, Any]) -> None:
            self.provider(**fields)(document)
            policy = document["keyserver_config"]["registration_policy"][0]
            first = policy["email_proof_by_oidc"]["oidc_config"][0]
            policy["email_proof_by_oidc"]["oidc_config"].extend({**first, **one} for one in more)

        return change

    def test_one_needs_none(self) -> None:
        self.assertEqual([line for line in self.load().warnings if ".name" in line], [])

    def test_two_without(self) -> None:
        (warning,) = self.warnings_of(self.providers({"issuer": self.OTHER}))
        self.assertIn("oidc_config[1].name: missing, as 'https://login.example.com' has none", warning)

    def test_one_of_two_without(self) -> None:
        self.assertEqual(self.warnings_of(self.providers({"issuer": self.OTHER, "name": "other"})), [])

    def test_one_provider_that_knows_the_realm_by_two_names(self) -> None:
        self.assertEqual(self.warnings_of(self.providers({"clientID": "another"})), [])

    def test_two_of_one_name(self) -> None:
        (mistake,) = self.mistakes_of(self.providers({"issuer": self.OTHER}, name="acme"))
        self.assertIn("oidc_config[1].name: 'acme' is another provider's name", mistake)

    def test_one_that_is_no_part_of_an_address(self) -> None:
        self.wrong("name", "'a/b' is part of an address", name="a/b")


class BindingTests(OidcCase):
    def unbound(self, change: Any) -> bool:
        self.edit(change)
        return self.load().unbound_proofs

    def test_absent_beside_fields_of_ours(self) -> None:
        self.assertFalse(self.unbound(put(keyserver_config__unbound_proofs=None)))

    def test_wanted(self) -> None:
        self.assertTrue(self.unbound(put(keyserver_config__unbound_proofs=True)))

    def test_wanted_with_a_warning(self) -> None:
        (warning,) = self.warnings_of(put(keyserver_config__unbound_proofs=True))
        self.assertIn("whoever gets hold of one registers any key", warning)

    def test_an_originals_file(self) -> None:
        options = InitOptions("example.com", vrf_suite="2017")
        layout = initialise(self.folder.parent / "other", options, NOW)
        self.assertTrue(load_replica(layout.replicas[0], NOW).unbound_proofs)

    def test_an_originals_file_that_says_no(self) -> None:
        options = InitOptions("example.com", vrf_suite="2017")
        layout = initialise(self.folder.parent / "other", options, NOW)
        path = layout.replicas[0]
        document = json.loads(path.read_text())
        document["keyserver_config"]["unbound_proofs"] = False
        path.write_text(json.dumps(document))
        self.assertFalse(load_replica(path, NOW).unbound_proofs)

    def test_too_much_skew(self) -> None:
        (mistake,) = self.mistakes_of(put(keyserver_config__proof_clock_skew={"seconds": 601}))
        self.assertIn("601 s is too much", mistake)

    def test_some_skew(self) -> None:
        self.edit(put(keyserver_config__proof_clock_skew={"seconds": 5}))
        self.assertEqual(self.load().proof_clock_skew, 5)
