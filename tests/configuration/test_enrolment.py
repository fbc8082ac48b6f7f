"""Becoming a verifier and admitting one: what is made, what is refused, and what changes in a realm's files."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from google.protobuf.json_format import MessageToDict

from coname.config import load_client, load_replica, load_verifier
from coname.configuration import acceptance, admission, admission_changes, enrolment
from coname.configuration.authority import Authority, verifier_name
from coname.configuration.init import InitOptions
from coname.configuration.listen import Address
from coname.core.quorums import replica_policy, satisfied
from coname.core.rollover import exchanged
from coname.core.signatures import SigningKey, public_key_message
from coname.core.types import Epoch
from coname.errors import Misconfigured
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.messages.config_pb2 import Replica
from tests.configuration.realms import NOW, RealmCase, original, put


class EnrolmentCase(RealmCase):
    """A realm, and somebody with a request to verify it."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.folder / "client" / "config.json"
        self.verifier = self.folder.parent / "verifier"
        self.request_file = self.verifier / "request.json"
        self.reply_file = self.folder.parent / "reply.json"
        enrolment.enroll(self.verifier, "example.com")

    def request(self) -> enrolment.Request:
        return enrolment.read_request(self.request_file)

    def admit(self, **options: str) -> None:
        realm = admission.read_realm(self.folder, NOW)
        config = admission.admit(realm, self.request(), NOW, **options)
        self.reply_file.write_bytes(acceptance.write_reply(config))

    def accept(self, **options: Any) -> acceptance.Accepted:
        return acceptance.accept(self.verifier, self.reply_file, NOW, **options)

    def apply(self, name: str = "Example University") -> list[Path]:
        wanted = admission_changes.changes(admission.read_realm(self.folder, NOW), self.request(), name)
        return admission_changes.apply(wanted)

    def refused(self, function: Callable[[], object]) -> str:
        return "\n".join(self.assertRaises(Misconfigured, function).mistakes)


class EnrollTests(EnrolmentCase):
    def test_secrets_are_private_and_not_in_the_request(self) -> None:
        request = self.request_file.read_bytes()
        for name in ("verifier.ed25519secret", "tls-key.pem"):
            path = self.verifier / name
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.assertNotIn(base64.b64encode(path.read_bytes()), request)
        secret = (self.verifier / "verifier.ed25519secret").read_bytes()
        self.assertNotIn(base64.b64encode(secret[:32])[:40], request)
        self.assertNotIn(b"PRIVATE", request)

    def test_the_id_is_the_key_s(self) -> None:
        key = SigningKey.from_secret((self.verifier / "verifier.ed25519secret").read_bytes())
        self.assertEqual(self.request().verifier, key.key_id)

    def test_nothing_is_overwritten(self) -> None:
        before = self.request_file.read_bytes()
        self.assertIn("nothing is ever overwritten", self.refused(lambda: enrolment.enroll(self.verifier, "a")))
        self.assertEqual(self.request_file.read_bytes(), before)

    def test_address_that_is_none(self) -> None:
        target = self.folder.parent / "other"
        self.assertIn("--keyserver", self.refused(lambda: enrolment.enroll(target, "a", "nowhere")))
        self.assertFalse(target.exists())


class WholeWayTests(EnrolmentCase):
    def test_the_configuration_works(self) -> None:
        self.admit()
        path = self.accept().path
        settings = load_verifier(path, NOW)
        self.assertEqual(settings.warnings, ())
        self.assertEqual(settings.realm, "example.com")
        self.assertEqual(settings.keyserver, Address("127.0.0.1", 4626))
        self.assertEqual(settings.keyserver_policy, load_replica(self.config, NOW).replica_policy)
        self.assertTrue(settings.require_transcripts)
        self.assertIsNone(settings.metrics)
        leaf = settings.tls.credentials[0].chain[0]
        self.assertEqual(leaf.not_valid_after_utc, NOW - timedelta(hours=1) + timedelta(days=825))
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        self.assertEqual([each._name for each in usage], ["clientAuth"])

    def test_metrics_and_keyserver_may_be_named(self) -> None:
        self.admit(keyserver_addr="keys.example.com:4626")
        self.accept(metrics_addr=":9100")
        settings = load_verifier(self.verifier / "config.json", NOW)
        self.assertEqual(
            (settings.keyserver, settings.metrics), (Address("keys.example.com", 4626), Address("127.0.0.1", 9100))
        )

    def test_where_the_verifier_wants_to_connect_is_taken_over(self) -> None:
        shutil.rmtree(self.verifier)
        enrolment.enroll(self.verifier, "example.com", "inside.example.com:1")
        self.admit()
        self.assertEqual(self.accept().config.keyserver_addr, "inside.example.com:1")

    def test_second_reply_replaces_the_certificate_only(self) -> None:
        self.admit()
        self.accept(metrics_addr=":9100")
        self.edit(put(sign_within={"seconds": 7}), self.verifier / "config.json")
        before = json.loads((self.verifier / "config.json").read_text())
        self.admit()
        self.assertTrue(self.accept().renewed)
        after = json.loads((self.verifier / "config.json").read_text())
        self.assertNotEqual(before["tls"], after["tls"])
        self.assertEqual(before | {"tls": None}, after | {"tls": None})
        (backup,) = self.verifier.glob("config.json.before-*")
        self.assertEqual(json.loads(backup.read_text()), before)
        load_verifier(self.verifier / "config.json", NOW)

    def test_second_reply_that_would_change_whom_to_believe_is_refused(self) -> None:
        self.admit()
        self.accept()
        before = (self.verifier / "config.json").read_bytes()
        self.edit(put(config__initial_keyserver_auth=other_policy()), self.reply_file)
        self.assertIn("initial_keyserver_auth: the reply has another value", self.refused(self.accept))
        self.assertEqual((self.verifier / "config.json").read_bytes(), before)

    def other_authority(self) -> None:
        """A second reply, by somebody who has seen the request and has made an authority."""
        self.admit()
        forger = Authority.create("example.com", NOW)
        request = self.request()
        mine = forger.certify(verifier_name(request.verifier), request.wanted.public_key(), (), NOW)
        self.edit(
            put(
                config__tls={
                    "certificates": [{"certificate": [base64.b64encode(der(mine)).decode()]}],
                    "root_cas": [base64.b64encode(der(forger.certificate)).decode()],
                }
            ),
            self.reply_file,
        )

    def test_second_reply_by_another_authority_is_refused(self) -> None:
        self.admit()
        self.accept()
        before = (self.verifier / "config.json").read_bytes()
        self.other_authority()
        self.assertIn("tls.root_cas: the reply has another authority", self.refused(self.accept))
        self.assertEqual((self.verifier / "config.json").read_bytes(), before)

    def test_another_authority_if_that_is_meant(self) -> None:
        self.admit()
        before = self.accept().config.tls
        self.other_authority()
        accepted = self.accept(new_authority=True)
        self.assertEqual(list(accepted.old_authorities), acceptance.fingerprints(before.root_cas))
        after = load_verifier(accepted.path, NOW).message.tls
        self.assertNotEqual(before.root_cas, after.root_cas)
        self.assertEqual(after, accepted.config.tls)

    def test_renewal_without_another_authority_replaces_none(self) -> None:
        self.admit()
        self.accept()
        self.admit()
        self.assertEqual(self.accept(new_authority=True).old_authorities, ())

    def test_what_the_operator_has_added_to_tls_stays(self) -> None:
        self.admit()
        self.accept()
        self.edit(put(tls__server_name="keys.example.com"), self.verifier / "config.json")
        self.admit()
        self.accept()
        self.assertEqual(load_verifier(self.verifier / "config.json", NOW).message.tls.server_name, "keys.example.com")

    def test_certificate_for_a_key_that_lies_elsewhere_is_left_to_the_operator(self) -> None:
        self.admit()
        self.accept()
        path = self.verifier / "config.json"
        path.write_text(path.read_text().replace("tls-key.pem", "/etc/verifier/key.pem"))
        self.admit()
        self.assertIn("make the change by hand", self.refused(self.accept))


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def other_policy() -> dict[str, Any]:
    key = SigningKey.generate()
    return {
        "public_keys": {str(key.key_id): {"ed25519": base64.b64encode(key.public).decode()}},
        "quorum": {"threshold": 1, "candidates": [str(key.key_id)]},
    }


class BadRequestTests(EnrolmentCase):
    def changed(self, expected: str, **fields: Any) -> None:
        self.edit(put(**fields), self.request_file)
        self.assertIn(expected, self.refused(self.request))

    def test_other_realm_in_the_request(self) -> None:
        self.changed("the proof is not by public_key over this realm", realm="elsewhere")

    def test_other_public_key(self) -> None:
        key = base64.b64encode(SigningKey.generate().public).decode()
        self.changed("the proof is not by public_key", public_key=key)

    def test_short_public_key(self) -> None:
        self.changed("public_key has 3 bytes, not 32", public_key="AAAA")

    def test_not_base64(self) -> None:
        self.changed("damaged", proof="!")

    def test_missing_part(self) -> None:
        self.changed("not a whole request; proof is missing", proof=None)

    def test_part_of_the_wrong_kind(self) -> None:
        self.changed("not a whole request; proof is missing", proof=7)

    def test_other_format(self) -> None:
        self.changed("not a 'coname verifier request 1'", format="coname verifier request 2")

    def test_no_certificate_request(self) -> None:
        self.changed("damaged", certificate_request="-----BEGIN NOTHING-----")

    def test_certificate_request_that_would_take_minutes(self) -> None:
        self.changed("has more than 10000 characters", certificate_request="x" * 10_001)

    def test_certificate_request_of_somebody_else(self) -> None:
        other = self.folder.parent / "other"
        enrolment.enroll(other, "example.com")
        theirs = json.loads((other / "request.json").read_text())["certificate_request"]
        self.changed("the proof is not by public_key", certificate_request=theirs)

    def test_certificate_request_that_its_key_has_not_signed(self) -> None:
        wanted = x509.load_pem_x509_csr(json.loads(self.request_file.read_text())["certificate_request"].encode())
        damaged = bytearray(wanted.public_bytes(Encoding.DER))
        damaged[-1] ^= 1
        lines = base64.encodebytes(bytes(damaged)).decode()
        self.changed(
            "not signed by its own key",
            certificate_request=f"-----BEGIN CERTIFICATE REQUEST-----\n{lines}-----END CERTIFICATE REQUEST-----\n",
        )

    def resigned(self, name: str, key: Any) -> None:
        """A request with another certificate request, properly signed with both keys."""
        signing = SigningKey.from_secret((self.verifier / "verifier.ed25519secret").read_bytes())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        wanted = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        proof = signing.sign(enrolment._proven("example.com", wanted))
        pem = wanted.public_bytes(Encoding.PEM).decode()
        self.edit(put(certificate_request=pem, proof=base64.b64encode(proof).decode()), self.request_file)

    def test_name_of_another_verifier(self) -> None:
        self.resigned(verifier_name(7), ec.generate_private_key(ec.SECP256R1()))
        self.assertIn("it must be 'verifier ", self.refused(self.request))

    def test_name_of_a_replica(self) -> None:
        self.resigned("replica 7", ec.generate_private_key(ec.SECP256R1()))
        self.assertIn("it must be 'verifier ", self.refused(self.request))

    def test_key_that_grpc_does_not_take(self) -> None:
        self.resigned(verifier_name(self.request().verifier), ec.generate_private_key(ec.SECP521R1()))
        self.assertIn("none that gRPC takes", self.refused(self.admit))

    def test_request_for_another_realm(self) -> None:
        shutil.rmtree(self.verifier)
        enrolment.enroll(self.verifier, "elsewhere")
        self.assertIn("the request is for the realm 'elsewhere'; the one in", self.refused(self.admit))

    def test_key_of_a_replica(self) -> None:
        secret = (self.replica / "replica.ed25519secret").read_bytes()
        (self.verifier / "verifier.ed25519secret").write_bytes(secret)
        signing, tls = SigningKey.from_secret(secret), ec.generate_private_key(ec.SECP256R1())
        self.request_file.write_text(json.dumps(enrolment._request("example.com", "", signing, tls)))
        self.assertIn("one of the realm's own replicas", self.refused(self.admit))


class BadReplyTests(EnrolmentCase):
    def setUp(self) -> None:
        super().setUp()
        self.admit()

    def changed(self, expected: str, **fields: Any) -> None:
        self.edit(put(**{f"config__{name}": value for name, value in fields.items()}), self.reply_file)
        self.assertIn(expected, self.refused(self.accept))
        self.assertFalse((self.verifier / "config.json").exists())

    def test_paths_are_not_the_provider_s_to_say(self) -> None:
        self.changed("config.leveldb_path: is not the provider's to say", leveldb_path="/etc")

    def test_nor_where_evidence_goes(self) -> None:
        self.changed("config.evidence_folder: is not the provider's to say", evidence_folder="/dev/null")

    def test_nor_the_key_of_the_certificate(self) -> None:
        document = json.loads(self.reply_file.read_text())
        document["config"]["tls"]["certificates"][0]["key_id"] = "/etc/shadow"
        self.reply_file.write_text(json.dumps(document))
        self.assertIn("without a key's path", self.refused(self.accept))

    def test_nor_other_fields_of_tls(self) -> None:
        self.changed("tls.server_name: is not the provider's to say", tls__server_name="x")

    def test_id_of_another(self) -> None:
        self.changed("another's reply?", id="7")

    def test_other_realm(self) -> None:
        self.changed("realm: 'elsewhere'; what was asked for is 'example.com'", realm="elsewhere")

    def test_certificate_of_another(self) -> None:
        mine, shutil_target = self.reply_file.read_text(), self.folder.parent / "mine"
        shutil.move(self.verifier, shutil_target)
        enrolment.enroll(self.verifier, "example.com")
        self.admit()
        theirs = json.loads(self.reply_file.read_text())["config"]["tls"]["certificates"]
        shutil.rmtree(self.verifier)
        shutil.move(shutil_target, self.verifier)
        self.reply_file.write_text(mine)
        self.changed("the certificate is not for the key in tls-key.pem", tls__certificates=theirs)

    def test_authority_that_did_not_issue_it(self) -> None:
        other = original(InitOptions(realm="elsewhere.example")).folder / "ca" / "ca.pem"
        der = x509.load_pem_x509_certificate(other.read_bytes()).public_bytes(Encoding.DER)
        self.changed("not issued by the authority", tls__root_cas=[base64.b64encode(der).decode()])

    def test_no_authority(self) -> None:
        self.changed("the provider's authority is expected", tls__root_cas=[])

    def test_expired(self) -> None:
        late = NOW + timedelta(days=900)
        refused = self.refused(lambda: acceptance.accept(self.verifier, self.reply_file, late))
        self.assertIn("the certificate is valid until", refused)

    def test_policy_that_anybody_satisfies(self) -> None:
        self.changed("initial_keyserver_auth.quorum: satisfied without", initial_keyserver_auth__quorum={})

    def test_no_address(self) -> None:
        self.changed("keyserver_addr: ", keyserver_addr=None)

    def test_folder_of_somebody_else(self) -> None:
        (self.verifier / "verifier.ed25519secret").write_bytes(SigningKey.generate().secret)
        self.assertIn("is not by the key in", self.refused(self.accept))


class LaxReplyTests(EnrolmentCase):
    """What a reply may say, but not unnoticed."""

    def setUp(self) -> None:
        super().setUp()
        shutil.rmtree(self.verifier)
        enrolment.enroll(self.verifier, "example.com", "keys.example.com:4626")
        self.admit()

    def asked(self, **fields: Any) -> list[str]:
        self.edit(put(**{f"config__{name}": value for name, value in fields.items()}), self.reply_file)
        found: list[str] = []
        self.accept(confirm=found.extend)
        return found

    def test_nothing_to_ask_about(self) -> None:
        self.assertEqual(self.asked(), [])

    def test_the_usual_tolerance(self) -> None:
        self.assertEqual(self.asked(clock_tolerance={"seconds": 300}), [])

    def test_another_address_than_was_asked_for(self) -> None:
        (found,) = self.asked(keyserver_addr="evil.example:1")
        self.assertIn("at evil.example:1; asked for was keys.example.com:4626", found)

    def test_other_tolerance(self) -> None:
        (found,) = self.asked(clock_tolerance={"seconds": 1800})
        self.assertIn("up to 1800 s ahead", found)

    def test_everything_at_once(self) -> None:
        lax = {"require_transcripts": False, "clock_tolerance": {"seconds": 1}, "keyserver_addr": "a:1"}
        self.assertEqual(len(self.asked(**lax)), 3)

    def test_tolerance_that_would_let_a_judge_convict(self) -> None:
        self.edit(put(config__clock_tolerance={"seconds": 1801}), self.reply_file)
        self.assertIn("clock_tolerance: 1801 s; at most 1800 s", self.refused(self.accept))

    def test_without_anybody_to_ask_nothing_is_written(self) -> None:
        self.edit(put(config__require_transcripts=False), self.reply_file)
        self.assertIn("without transcripts", self.refused(self.accept))
        self.assertFalse((self.verifier / "config.json").exists())

    def test_renewal_changes_none_of_it_and_does_not_ask(self) -> None:
        self.accept()
        self.admit()
        self.assertEqual(self.asked(clock_tolerance={"seconds": 1}, require_transcripts=False), [])
        settings = load_verifier(self.verifier / "config.json", NOW)
        self.assertEqual((settings.clock_tolerance, settings.require_transcripts), (300.0, True))


class RealmFolderTests(EnrolmentCase):
    def refused_realm(self) -> str:
        return self.refused(lambda: admission.read_realm(self.folder, NOW))

    def test_without_the_authority_s_key(self) -> None:
        (self.folder / "ca" / "ca-key.pem").unlink()
        self.assertIn("ca-key.pem: No such file", self.refused_realm())

    def test_key_of_another_authority(self) -> None:
        shutil.copy(self.replica / "tls-key.pem", self.folder / "ca" / "ca-key.pem")
        self.assertIn("not the key of ca.pem", self.refused_realm())

    def test_expired_authority(self) -> None:
        late = NOW + timedelta(days=4000)
        self.assertIn("expired on", self.refused(lambda: admission.read_realm(self.folder, late)))

    def test_without_replicas(self) -> None:
        shutil.rmtree(self.replica)
        self.assertIn("no replica1/config.json in it", self.refused_realm())


class ApplyTests(EnrolmentCase):
    def policies(self) -> list[AuthorizationPolicy]:
        return [
            load_client(self.client).realms[0].verification_policy,
            load_replica(self.config, NOW).verification_policy,
        ]

    def test_first_verifier(self) -> None:
        replica = load_replica(self.config, NOW).replica_id
        self.apply()
        me = self.request().verifier
        for policy in self.policies():
            self.assertTrue(satisfied(policy.quorum, {replica, me}))
            self.assertFalse(satisfied(policy.quorum, {replica}))
            self.assertFalse(satisfied(policy.quorum, {me}))
        (listed,) = load_replica(self.config, NOW).message.keyserver_config.verifiers
        self.assertEqual((listed.id, listed.public_keys[0].ed25519), (me, self.request().public))
        self.assertEqual(load_client(self.client).realms[0].signer_names[me], "Example University")

    def test_three_verifiers_are_asked_for_two(self) -> None:
        for number in range(3):
            shutil.rmtree(self.verifier)
            enrolment.enroll(self.verifier, "example.com")
            self.apply(f"number {number}")
        for policy in self.policies():
            self.assertEqual(policy.quorum.subexpressions[1].threshold, 2)
            self.assertEqual(len(policy.quorum.subexpressions[1].candidates), 3)
        self.assertEqual(len(load_replica(self.config, NOW).message.keyserver_config.verifiers), 3)

    def test_again_changes_nothing(self) -> None:
        self.assertEqual(len(self.apply()), 2)
        before = self.config.read_bytes(), self.client.read_bytes()
        self.assertEqual(self.apply(), [])
        self.assertEqual((self.config.read_bytes(), self.client.read_bytes()), before)

    def test_the_old_files_are_kept(self) -> None:
        before = {self.config.read_bytes(), self.client.read_bytes()}
        self.assertEqual({backup.read_bytes() for backup in self.apply()}, before)

    def test_everything_else_stays(self) -> None:
        def rest(path: Path) -> Any:
            document = json.loads(path.read_text())
            shared = document["keyserver_config"]
            shared.pop("verifiers", None)
            shared.pop("verification_policy", None)
            return document

        before, mode = rest(self.config), self.config.stat().st_mode
        self.apply()
        self.assertEqual((rest(self.config), self.config.stat().st_mode), (before, mode))

    def test_disk_that_fails_changes_nothing(self) -> None:
        before = sorted((path, path.read_bytes()) for path in self.folder.rglob("*") if path.is_file())
        count = iter(range(100))
        sync = os.fsync

        def fail(descriptor: int) -> None:
            if next(count) == 1:
                raise OSError(28, "No space left on device")
            sync(descriptor)

        self.patch(os, "fsync", fail)
        self.assertRaises(OSError, self.apply)
        self.assertEqual(sorted((path, path.read_bytes()) for path in self.folder.rglob("*") if path.is_file()), before)

    def test_policy_that_a_person_made_is_left_to_a_person(self) -> None:
        def change(document: dict[str, Any]) -> None:
            quorum = document["realms"][0]["verification_policy"]["quorum"]
            quorum["subexpressions"].append({"threshold": 0})
            quorum["threshold"] = 2

        self.edit(change, self.client)
        before = json.loads(self.client.read_text())["realms"][0]["verification_policy"]
        wanted = admission_changes.changes(admission.read_realm(self.folder, NOW), self.request())
        left = [each for each in wanted if each.value is None]
        self.assertEqual([each.path for each in left], [self.client])
        admission_changes.apply(wanted)
        self.assertEqual(json.loads(self.client.read_text())["realms"][0]["verification_policy"], before)


class ExistingVerifiersTests(EnrolmentCase):
    options = InitOptions(realm="example.com", verifiers=2, replicas=3, insecure_skip_email_proof=True)

    def test_those_that_clients_ask_for_stay_when_a_list_begins(self) -> None:
        for path in self.folder.glob("replica*/config.json"):
            self.edit(put(keyserver_config__verifiers=None), path)
        self.apply()
        listed = load_replica(self.config, NOW).message.keyserver_config.verifiers
        others = [load_verifier(path, NOW).verifier_id for path in self.folder.glob("verifier*/config.json")]
        self.assertEqual({each.id for each in listed}, {self.request().verifier, *others})

    def test_every_replica_is_changed(self) -> None:
        self.assertEqual(len(self.apply()), 4)
        lists = {
            tuple(each.id for each in load_replica(path, NOW).message.keyserver_config.verifiers)
            for path in self.folder.glob("replica*/config.json")
        }
        self.assertEqual(len(lists), 1)


class ChangedReplicasTests(EnrolmentCase):
    """Clients were given the policy of replicas that came later; the keyserver's files say who began."""

    def test_the_verifier_is_asked_for_beside_them(self) -> None:
        realm = load_client(self.client).realms[0]
        key = SigningKey.generate()
        later = replica_policy([Replica(id=key.key_id, public_keys=[public_key_message(key.public)])])
        changed = exchanged(realm, later, Epoch(7))

        def change(document: dict[str, Any]) -> None:
            document["realms"][0] = MessageToDict(changed, preserving_proto_field_name=True)

        self.edit(change, self.client)
        self.apply()
        policy = load_client(self.client).realms[0].verification_policy
        self.assertEqual(policy.quorum.subexpressions[0], later.quorum)
        self.assertIn(self.request().verifier, policy.public_keys)
        config = load_replica(self.config, NOW)
        self.assertEqual(config.verification_policy.quorum.subexpressions[0], config.replica_policy.quorum)


class OriginalTests(EnrolmentCase):
    """A realm that the programs of 2017 read gets no field that they would refuse."""

    options = InitOptions(realm="example.com", vrf_suite="2017", insecure_skip_email_proof=True)

    def test_only_the_clients_policy_changes(self) -> None:
        self.assertEqual(len(self.apply()), 1)
        document = json.loads(self.client.read_text())["realms"][0]
        self.assertNotIn("signer_names", document)
        self.assertEqual(len(document["verification_policy"]["quorum"]["subexpressions"]), 2)

    def test_no_transcripts_are_asked_for_and_that_is_confirmed(self) -> None:
        self.admit()
        asked: list[str] = []
        self.assertFalse(self.accept(confirm=asked.extend).config.require_transcripts)
        self.assertEqual(len(asked), 1)
        self.assertIn("without transcripts", asked[0])


class LeftoversTests(EnrolmentCase):
    def test_nothing_temporary_stays(self) -> None:
        self.admit()
        self.accept()
        self.apply()
        self.assertEqual(list(self.folder.parent.rglob(".*")), [])
