"""A new realm: complete, private, loadable, and readable by the original's programs where it has to be."""

from __future__ import annotations

import json
import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from google.protobuf import json_format
from google.protobuf.message import Message
from twisted.trial.unittest import SynchronousTestCase

from coname.config import load_client, load_replica
from coname.configuration import keys
from coname.configuration.authority import AUTHORITY_LIFETIME, CERTIFICATE_LIFETIME, CLOCK_SKEW
from coname.configuration.findings import Findings
from coname.configuration.init import InitOptions, Layout, initialise
from coname.core import vrf
from coname.core.quorums import replica_policy, satisfied
from coname.core.rollover import exchanged
from coname.core.types import Epoch
from coname.errors import Misconfigured
from coname.messages.config_pb2 import RFC9381, Config, ReplicaConfig, VerifierConfig
from tests.configuration.realms import NOW, RealmCase, original

LARGE = InitOptions(realm="example.com", replicas=3, verifiers=3, hosts=("keys.example.com",))


class LayoutCase(SynchronousTestCase):
    options = InitOptions(realm="example.com")

    def setUp(self) -> None:
        self.layout: Layout = original(self.options)

    def replica(self, number: int = 0) -> ReplicaConfig:
        return json_format.Parse(self.layout.replicas[number].read_text(), ReplicaConfig())

    def verifier(self, number: int = 0) -> VerifierConfig:
        return json_format.Parse(self.layout.verifiers[number].read_text(), VerifierConfig())


class SmallTests(LayoutCase):
    def test_files(self) -> None:
        found = {str(path.relative_to(self.layout.folder)) for path in self.layout.folder.rglob("*") if path.is_file()}
        self.assertEqual(found, {file.path for file in self.layout.files})
        self.assertLess(
            {"ca/ca.pem", "ca/ca-key.pem", "replica1/config.json", "replica1/manhole_host_key", "client/config.json"},
            found,
        )

    def test_every_file_has_a_purpose(self) -> None:
        self.assertTrue(all(file.purpose for file in self.layout.files))

    def test_layout_holds_no_contents(self) -> None:
        self.assertEqual({file.content for file in self.layout.files}, {b""})

    def test_secrets_are_for_their_owner_only(self) -> None:
        for file in self.layout.files:
            mode = stat.S_IMODE((self.layout.folder / file.path).stat().st_mode)
            self.assertEqual(mode, 0o600 if file.secret else 0o644, file.path)

    def test_every_private_key_is_known_as_a_secret(self) -> None:
        for file in self.layout.files:
            content = (self.layout.folder / file.path).read_bytes()
            if b"PRIVATE KEY" in content or file.path.endswith("secret"):
                self.assertTrue(file.secret, file.path)

    def test_folders_with_secrets_are_private(self) -> None:
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in self.layout.folder.iterdir()}
        self.assertEqual(modes, {"ca": 0o700, "replica1": 0o700, "client": 0o755})

    def test_it_loads_without_a_mistake(self) -> None:
        self.assertEqual(load_replica(self.layout.replicas[0], NOW).realm, "example.com")
        self.assertEqual(load_client(self.layout.client).realms[0].domains, ["example.com"])

    def test_suite_is_rfc9381_and_clients_know_its_key(self) -> None:
        settings, realm = load_replica(self.layout.replicas[0], NOW), load_client(self.layout.client).realms[0]
        self.assertEqual((settings.suite, realm.vrf_suite), (RFC9381, RFC9381))
        self.assertEqual(vrf.RFC9381.public_key(settings.vrf_secret), realm.VRFPublic)

    def test_clients_ask_for_the_replicas_signatures(self) -> None:
        settings, realm = load_replica(self.layout.replicas[0], NOW), load_client(self.layout.client).realms[0]
        self.assertEqual(realm.verification_policy, settings.replica_policy)

    def test_client_gets_nothing_secret(self) -> None:
        self.assertNotIn("client", {file.path.partition("/")[0] for file in self.layout.files if file.secret})

    def test_nobody_can_register_and_the_notes_say_so(self) -> None:
        self.assertEqual(len(self.replica().keyserver_config.registration_policy), 0)
        self.assertIn("Nobody can register", " ".join(self.layout.notes))

    def test_no_verifiers_and_the_notes_say_so(self) -> None:
        self.assertIn("no verifiers", " ".join(self.layout.notes))

    def test_everything_listens_on_loopback_only(self) -> None:
        settings = load_replica(self.layout.replicas[0], NOW)
        fronts = [settings.public, settings.verifier, settings.httpfront, settings.hkp, settings.manhole]
        self.assertTrue(all(front and front.address.is_loopback for front in fronts))

    def test_two_realms_share_no_secret(self) -> None:
        other = initialise(Path(self.mktemp()), self.options, NOW)
        for file in self.layout.files:
            if file.secret and not file.path.endswith("authorized_keys"):
                mine, theirs = (layout.folder / file.path for layout in (self.layout, other))
                self.assertNotEqual(mine.read_bytes(), theirs.read_bytes(), file.path)

    def test_configuration_is_for_people(self) -> None:
        text = self.layout.replicas[0].read_text()
        self.assertTrue(text.startswith('{\n  "keyserver_config": {\n    "server_id"'))
        self.assertTrue(text.endswith("}\n"))


class LargeTests(LayoutCase):
    options = LARGE

    def test_a_configuration_for_each(self) -> None:
        folder = self.layout.folder
        self.assertEqual(self.layout.replicas, tuple(folder / f"replica{n}/config.json" for n in (1, 2, 3)))
        self.assertEqual(self.layout.verifiers, tuple(folder / f"verifier{n}/config.json" for n in (1, 2, 3)))

    def test_all_replicas_share_the_realm(self) -> None:
        self.assertEqual(
            len({self.replica(n).keyserver_config.SerializeToString(deterministic=True) for n in range(3)}), 1
        )
        self.assertEqual(len({load_replica(path, NOW).vrf_secret for path in self.layout.replicas}), 1)

    def test_each_replica_signs_with_its_own_key(self) -> None:
        self.assertEqual(len({load_replica(path, NOW).signing_key.public for path in self.layout.replicas}), 3)

    def test_replicas_listen_everywhere_and_are_reached_by_name(self) -> None:
        config = self.replica(1)
        self.assertEqual((config.public_addr, config.raft_addr), (":4635", ":9817"))
        self.assertEqual(config.keyserver_config.initial_replicas[1].raft_addr, "keys.example.com:9817")
        realm = load_client(self.layout.client).realms[0]
        self.assertEqual((realm.addr, realm.URL), ("keys.example.com:4625", "https://keys.example.com:25519"))
        self.assertEqual(list(realm.addrs), ["keys.example.com:4635", "keys.example.com:4645"])
        self.assertEqual(list(realm.URLs), ["https://keys.example.com:25529", "https://keys.example.com:25539"])

    def test_clients_can_follow_a_change_of_the_replicas(self) -> None:
        realm = load_client(self.layout.client).realms[0]
        self.assertEqual(realm.keyserver_auth, replica_policy(self.replica().keyserver_config.initial_replicas))
        changed = exchanged(realm, realm.keyserver_auth, Epoch(5))
        self.assertEqual(changed.verification_policy, realm.verification_policy)

    def test_console_stays_on_loopback(self) -> None:
        self.assertEqual(self.replica(1).manhole.addr, "127.0.0.1:25532")

    def test_verifiers_know_the_replicas_and_not_the_vrf(self) -> None:
        config = self.verifier(0)
        replicas = self.replica().keyserver_config.initial_replicas
        self.assertEqual(config.initial_keyserver_auth, replica_policy(replicas))
        self.assertFalse((self.layout.verifiers[0].parent / "realm.vrfsecret").exists())

    def test_verifiers_take_turns_with_the_replicas(self) -> None:
        addresses = [self.verifier(n).keyserver_addr for n in range(3)]
        self.assertEqual(addresses, [f"keys.example.com:{port}" for port in (4626, 4636, 4646)])

    def test_verifiers_keys_are_their_ids(self) -> None:
        for number in range(3):
            path = self.layout.verifiers[number].parent / self.verifier(number).signing_key_id
            key = keys.read_signing_key(path, Findings())
            assert key is not None
            self.assertEqual(key.key_id, self.verifier(number).id)

    def test_verifiers_are_named_in_their_certificates(self) -> None:
        for number in range(3):
            config = self.verifier(number)
            leaf = x509.load_der_x509_certificate(config.tls.certificates[0].certificate[0])
            self.assertEqual(leaf.subject.rfc4514_string(), f"CN=verifier {config.id:x}")
            usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            self.assertEqual(list(usage), [ExtendedKeyUsageOID.CLIENT_AUTH])

    def test_the_notes_say_that_verifiers_must_run(self) -> None:
        self.assertIn("until these run, lookups are refused", " ".join(self.layout.notes))

    def test_front_that_hands_out_keys_asks_for_what_clients_ask_for(self) -> None:
        policy = load_client(self.layout.client).realms[0].verification_policy
        self.assertEqual(self.replica().keyserver_config.verification_policy, policy)


class PolicyTests(LayoutCase):
    """Clients ask for a majority of the replicas and a majority of the verifiers."""

    options = LARGE

    def satisfied_by(self, replicas: int, verifiers: int) -> bool:
        policy = load_client(self.layout.client).realms[0].verification_policy
        replica_ids = [replica.id for replica in self.replica().keyserver_config.initial_replicas]
        verifier_ids = [self.verifier(number).id for number in range(3)]
        self.assertEqual(set(policy.public_keys), {*replica_ids, *verifier_ids})
        return satisfied(policy.quorum, {*replica_ids[:replicas], *verifier_ids[:verifiers]})

    def test_two_of_three_each(self) -> None:
        self.assertTrue(self.satisfied_by(2, 2))

    def test_all_replicas_and_one_verifier(self) -> None:
        self.assertFalse(self.satisfied_by(3, 1))

    def test_one_replica_and_all_verifiers(self) -> None:
        self.assertFalse(self.satisfied_by(1, 3))


class CertificateTests(LayoutCase):
    options = LARGE

    def setUp(self) -> None:
        super().setUp()
        self.authority = x509.load_pem_x509_certificate((self.layout.folder / "ca" / "ca.pem").read_bytes())
        self.leaf = x509.load_der_x509_certificate(self.replica().public_tls.certificates[0].certificate[0])

    def test_leaf_is_issued_by_the_authority(self) -> None:
        self.leaf.verify_directly_issued_by(self.authority)

    def test_authority_is_one_and_issues_no_others(self) -> None:
        constraints = self.authority.extensions.get_extension_for_class(x509.BasicConstraints)
        self.assertEqual((constraints.critical, constraints.value.ca, constraints.value.path_length), (True, True, 0))

    def test_leaf_is_no_authority(self) -> None:
        self.assertFalse(self.leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)

    def test_leaf_is_for_the_hosts_and_this_machine(self) -> None:
        names = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["keys.example.com", "localhost"])
        self.assertEqual([str(ip) for ip in names.get_values_for_type(x509.IPAddress)], ["127.0.0.1"])

    def test_validity(self) -> None:
        for certificate, lifetime in ((self.authority, AUTHORITY_LIFETIME), (self.leaf, CERTIFICATE_LIFETIME)):
            self.assertEqual(certificate.not_valid_before_utc, NOW - CLOCK_SKEW)
            self.assertEqual(certificate.not_valid_after_utc, NOW - CLOCK_SKEW + lifetime)
        self.assertLess(self.leaf.not_valid_after_utc + timedelta(days=365), self.authority.not_valid_after_utc)

    def test_authoritys_key_is_its_own(self) -> None:
        key = keys.read_tls_key(self.layout.folder / "ca" / "ca-key.pem", Findings())
        assert key is not None
        self.assertEqual(key.public_key(), self.authority.public_key())

    def test_long_names_of_realms_fit(self) -> None:
        layout = initialise(Path(self.mktemp()), InitOptions("x" * 200, domains=("a.b",)), NOW)
        self.assertEqual(load_replica(layout.replicas[0], NOW).realm, "x" * 200)


class OriginalTests(LayoutCase):
    """A realm for the original's programs."""

    options = InitOptions(realm="example.com", vrf_suite="2017", verifiers=1, insecure_skip_email_proof=True)

    def test_no_field_that_they_do_not_know(self) -> None:
        for path, message in (
            (self.layout.replicas[0], ReplicaConfig()),
            (self.layout.verifiers[0], VerifierConfig()),
            (self.layout.client, Config()),
        ):
            json_format.Parse(path.read_text(), message)
            self.assertEqual(list(_own_fields(message)), [], path)

    def test_secrets_in_the_sizes_that_they_read(self) -> None:
        folder = self.layout.replicas[0].parent
        self.assertEqual(len((folder / "realm.vrfsecret").read_bytes()), 64)
        self.assertEqual(len((folder / "replica.ed25519secret").read_bytes()), 64)

    def test_tls_key_in_the_form_that_they_read(self) -> None:
        pem = (self.layout.replicas[0].parent / "tls-key.pem").read_bytes()
        self.assertTrue(pem.startswith(b"-----BEGIN EC PRIVATE KEY-----"))

    def test_it_loads_here_too(self) -> None:
        self.assertEqual(load_replica(self.layout.replicas[0], NOW).suite, 0)
        self.assertEqual(load_client(self.layout.client).realms[0].vrf_suite, 0)

    def test_the_notes_warn(self) -> None:
        self.assertIn("2017 is broken", " ".join(self.layout.notes))

    def test_a_realm_of_ours_has_such_fields(self) -> None:
        message = json_format.Parse(original(LARGE).replicas[0].read_text(), ReplicaConfig())
        wanted = {
            "manhole",
            "httpfront_url",
            "vrf_suite",
            "domains",
            "verification_policy",
            "verifiers",
            "unbound_proofs",
        }
        self.assertEqual(set(_own_fields(message)), wanted)


class NothingOverwrittenTests(RealmCase):
    def snapshot(self) -> dict[Path, Any]:
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def test_again_in_the_same_folder(self) -> None:
        before = self.snapshot()
        error = self.assertRaises(Misconfigured, initialise, self.folder, self.options, NOW)
        self.assertIn("nothing is ever overwritten", error.mistakes[0])
        self.assertEqual(self.snapshot(), before)

    def test_wrong_options_make_nothing(self) -> None:
        target = self.folder.parent / "other"
        self.assertRaises(Misconfigured, initialise, target, InitOptions("example.com", replicas=0), NOW)
        self.assertEqual([path.name for path in self.folder.parent.iterdir()], ["realm"])

    def test_failing_disk_leaves_nothing(self) -> None:
        real, left = os.fsync, [4]

        def failing(descriptor: int) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
            real(descriptor)

        self.patch(os, "fsync", failing)
        target = self.folder.parent / "other"
        self.assertRaises(OSError, initialise, target, InitOptions("example.com"), NOW)
        self.assertEqual([path.name for path in self.folder.parent.iterdir()], ["realm"])


def _own_fields(message: Message) -> Any:
    """The names of all fields from 100 up that are set, at any depth."""
    for field, value in message.ListFields():
        if field.number >= 100:
            yield field.name
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inner = list(value.values())
        else:
            inner = list(value) if field.is_repeated else [value]
        for child in inner:
            yield from _own_fields(child)


class DocumentTests(LayoutCase):
    options = LARGE

    def test_json_is_what_protobuf_writes(self) -> None:
        document = json.loads(self.layout.client.read_text())
        again = json_format.MessageToDict(load_client(self.layout.client), preserving_proto_field_name=True)
        self.assertEqual(document, again)
