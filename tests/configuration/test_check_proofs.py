"""Registration policies by mail, SAML and client certificate: what is wrong with them, each as it is told."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.task import Clock

from coname.registration.client_certificate import ClientCertificateChecker
from coname.registration.dkim import DkimChecker
from coname.registration.dkim_policy import parse_server
from coname.registration.policies import Surroundings, make_checkers
from coname.registration.saml import SamlChecker
from tests.configuration.realms import RealmCase
from tests.registration import saml_responses as idp
from tests.registration.certificates import Authority, authority

PLACE = "keyserver_config.registration_policy[0]"


class PolicyCase(RealmCase):
    kind = ""

    def good(self) -> dict[str, Any]:
        """A policy without mistakes."""
        raise NotImplementedError

    def set(self, **fields: Any) -> None:
        """Make the policy the good one with some other `fields`; None: without them."""
        policy = {name: value for name, value in {**self.good(), **fields}.items() if value is not None}
        self.edit(lambda config: config["keyserver_config"].update(registration_policy=[{self.kind: policy}]))

    def check_mistake(self, field: str, text: str, **fields: Any) -> None:
        self.set(**fields)
        (mistake,) = self.mistakes()
        self.assertTrue(mistake.startswith(f"{PLACE}.{self.kind}.{field}: "), mistake)
        self.assertIn(text, mistake)

    def check_good(self, checker: type) -> Any:
        """The good policy's checker."""
        self.set()
        settings = self.load()
        surroundings = Surroundings(
            reactor=Clock(), folder=settings.path.parent, skew=60.0, front="", realm=settings.realm, secret=b"secret"
        )
        (made,) = make_checkers(settings.message.keyserver_config.registration_policy, surroundings)
        self.assertIsInstance(made, checker)
        self.assertEqual(list(made.domains), ["example.com"])
        return made


class DkimPolicyTests(PolicyCase):
    kind = "email_proof_by_dkim"

    def good(self) -> dict[str, Any]:
        return {"allowed_domains": ["example.com"], "to_addr": "keys@example.org", "subject_prefix": "coname "}

    def test_good(self) -> None:
        offer = self.check_good(DkimChecker).offer("example.com")
        self.assertEqual(offer, [{"to_addr": "keys@example.org", "subject_prefix": "coname "}])

    def test_no_domains(self) -> None:
        self.check_mistake("allowed_domains", "empty: whose addresses may be proved by mail?", allowed_domains=None)

    def test_domain_that_is_none(self) -> None:
        self.check_mistake("allowed_domains[0]", "write 'example.com'", allowed_domains=["Example.com"])

    def test_address_that_is_none(self) -> None:
        self.check_mistake("to_addr", "local@domain is expected", to_addr="keys")

    def test_address_not_canonical(self) -> None:
        self.check_mistake("to_addr", "write 'keys@example.org'", to_addr="Keys@example.org")

    def test_prefix_that_mail_programs_encode(self) -> None:
        self.check_mistake("subject_prefix", "printable ASCII", subject_prefix="Schlüssel ")

    def test_prefix_that_begins_with_a_blank(self) -> None:
        self.check_mistake("subject_prefix", "cannot begin a subject", subject_prefix=" x")

    def test_servers(self) -> None:
        self.check_mistake("dns_servers[1]", "is not an IP address", dns_servers=["192.0.2.1", "dns.example"])
        for text, server in {
            "192.0.2.1": ("192.0.2.1", 53),
            "192.0.2.1:5353": ("192.0.2.1", 5353),
            "2001:db8::1": ("2001:db8::1", 53),
            "[2001:db8::1]:5353": ("2001:db8::1", 5353),
        }.items():
            self.assertEqual(parse_server(text), server)
        for text in ("", "192.0.2.1:", "192.0.2.1:0", "[192.0.2.1]:53", "192.0.2.1:x", "[::1]"):
            self.assertRaises(ValueError, parse_server, text)


class SamlPolicyTests(PolicyCase):
    kind = "email_proof_by_saml"

    def setUp(self) -> None:
        super().setUp()
        self.key = self.replica / "saml.pem"
        self.key.write_bytes(idp.stranger().key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.key.chmod(0o600)
        (self.replica / "idp.xml").write_bytes(idp.metadata())

    def good(self) -> dict[str, Any]:
        certificate = base64.b64encode(idp.stranger().certificate.public_bytes(Encoding.DER)).decode()
        return {
            "allowed_domains": ["example.com"],
            "idp_metadata_file": "idp.xml",
            "consumer_service_url": idp.CONSUMER,
            "service_provider_tls": {"certificates": [{"certificate": [certificate], "key_id": "saml.pem"}]},
        }

    def test_good(self) -> None:
        checker = self.check_good(SamlChecker)
        self.assertEqual((checker.settings.entity_id, checker.settings.called), (idp.CONSUMER, "idp.xml"))
        self.assertEqual((checker.settings.attribute, checker.settings.validity), ("EmailAddress", 600.0))

    def test_no_domains(self) -> None:
        self.check_mistake("allowed_domains", "empty: whose addresses", allowed_domains=None)

    def test_no_metadata(self) -> None:
        self.check_mistake("idp_metadata_url", "missing: where", idp_metadata_file=None)

    def test_two_metadata(self) -> None:
        self.check_mistake("idp_metadata_url", "which of them counts?", idp_metadata_url="https://idp.example")

    def test_metadata_that_anybody_could_change(self) -> None:
        self.check_mistake(
            "idp_metadata_url", "is not https", idp_metadata_file=None, idp_metadata_url="http://idp.example"
        )

    def test_file_that_is_not_there(self) -> None:
        self.check_mistake("idp_metadata_file", "cannot be read: No such file", idp_metadata_file="none.xml")

    def test_file_that_is_none(self) -> None:
        (self.replica / "idp.xml").write_text("<html/>")
        self.check_mistake("idp_metadata_file", "it describes 0 identity providers")

    def test_no_consumer(self) -> None:
        self.check_mistake("consumer_service_url", "missing", consumer_service_url=None)

    def test_consumer_without_a_path(self) -> None:
        self.check_mistake("consumer_service_url", "https://host[:port]/path", consumer_service_url="https://x.example")

    def test_consumer_without_tls(self) -> None:
        self.check_mistake("consumer_service_url", "is not https", consumer_service_url="http://x.example/saml")

    def test_no_key(self) -> None:
        self.check_mistake("service_provider_tls.certificates", "requests are signed", service_provider_tls=None)

    def test_key_that_others_can_read(self) -> None:
        self.key.chmod(0o640)
        self.check_mistake("service_provider_tls.certificates[0].key_id", "has mode 0640, so others can read it")

    def test_another_key(self) -> None:
        self.key.write_bytes(idp.provider().key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.check_mistake("service_provider_tls.certificates[0].key_id", "is not the key of certificate[0]")

    def test_key_that_is_none(self) -> None:
        self.key.write_text("hello")
        self.check_mistake("service_provider_tls.certificates[0].key_id", "holds no key that could sign requests")

    def test_login_that_may_be_days_old(self) -> None:
        self.check_mistake("validity", "is too long", validity={"seconds": 90000})


class ClientCertificatePolicyTests(PolicyCase):
    kind = "email_proof_by_client_cert"

    def setUp(self) -> None:
        super().setUp()
        self.list: Path = self.replica / "revoked.pem"
        self.list.write_bytes(authority().revocations())

    def good(self) -> dict[str, Any]:
        return {
            "allowed_domains": ["example.com"],
            "ca_cert": base64.b64encode(authority().certificate.public_bytes(Encoding.DER)).decode(),
            "crl_file": "revoked.pem",
        }

    def test_good(self) -> None:
        checker = self.check_good(ClientCertificateChecker)
        self.assertEqual(checker.offer("example.com"), [{"issuer": "CN=people of example.com"}])

    def test_no_list(self) -> None:
        self.set(crl_file=None)
        warned = [each for each in self.load().warnings if "crl_file" in each]
        self.assertEqual(len(warned), 1)
        self.assertIn("revoked lets its holder register until it ends", warned[0])

    def test_no_domains(self) -> None:
        self.check_mistake("allowed_domains", "empty: whose addresses", allowed_domains=None)

    def test_no_authority(self) -> None:
        self.check_mistake("ca_cert", "missing: the DER of the authority", ca_cert=None)

    def test_certificate_that_is_none(self) -> None:
        self.check_mistake("ca_cert", "not an X.509 certificate", ca_cert=base64.b64encode(b"hello").decode())

    def test_certificate_of_a_version_that_there_is_not(self) -> None:
        der = authority().certificate.public_bytes(Encoding.DER)
        strange = der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020109"), 1)
        self.check_mistake("ca_cert", "not an X.509 certificate", ca_cert=base64.b64encode(strange).decode())

    def test_certificate_that_may_not_issue(self) -> None:
        person = authority().issue().public_bytes(Encoding.DER)
        self.check_mistake("ca_cert", "is not an authority's", ca_cert=base64.b64encode(person).decode())

    def test_list_that_is_not_there(self) -> None:
        self.check_mistake("crl_file", "cannot be read: No such file", crl_file="none.pem")

    def test_list_of_another_authority(self) -> None:
        self.list.write_bytes(Authority("others").revocations())
        self.check_mistake("crl_file", "is not signed by CN=people of example.com")
