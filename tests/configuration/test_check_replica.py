"""Every mistake in a replica's configuration is named with its path, all at once; what is odd is warned about."""

from __future__ import annotations

import base64
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import tomli_w
from google.protobuf.json_format import MessageToJson

from coname.config import load_replica
from coname.configuration import defaults
from coname.configuration.check import largest_update
from coname.configuration.defaults import with_defaults
from coname.configuration.init import InitOptions
from coname.configuration.listen import Address
from coname.core.quorums import replica_policy
from coname.core.signatures import SigningKey, public_key_message
from coname.errors import Misconfigured
from coname.messages.client_pb2 import AuthorizationPolicy, UpdateRequest
from coname.messages.config_pb2 import RFC9381, Limits
from tests.configuration.realms import NOW, RealmCase, original, put


def replica_field(**fields: Any) -> Any:
    """A change of the first of initial_replicas."""
    return lambda document: document["keyserver_config"]["initial_replicas"][0].update(fields)


class SettingsTests(RealmCase):
    def test_what_init_makes_is_loaded(self) -> None:
        settings = self.load()
        self.assertEqual((settings.realm, settings.domains, settings.suite), ("example.com", ("example.com",), RFC9381))
        self.assertEqual(settings.replica_id, settings.signing_key.key_id)
        self.assertEqual(settings.replica_policy, replica_policy(settings.message.keyserver_config.initial_replicas))
        self.assertEqual(settings.verification_policy, settings.replica_policy)
        self.assertEqual(
            (settings.min_epoch_interval, settings.max_epoch_interval, settings.proposal_retry_interval), (1, 60, 5)
        )
        self.assertEqual((settings.client_timeout, settings.lagging_verifier_scan), (30, 1000))
        self.assertEqual(settings.data_folder, self.replica / "database")

    def test_fronts_have_their_addresses(self) -> None:
        settings = self.load()
        found = [settings.public, settings.verifier, settings.httpfront, settings.hkp]
        ports = [front.address.port for front in found if front]
        self.assertEqual(ports, [4625, 4626, 25519, 11371])

    def test_lone_replica_needs_no_replication(self) -> None:
        self.assertIsNone(self.load().raft)

    def test_front_without_an_address_is_not_started(self) -> None:
        self.edit(put(hkp_addr=None, hkp_tls=None, manhole=None))
        settings = self.load()
        self.assertIsNone(settings.hkp)
        self.assertIsNone(settings.manhole)

    def test_paths_are_relative_to_the_file(self) -> None:
        self.patch_cwd(self.folder)
        self.assertEqual(load_replica(Path("replica1/config.json"), NOW).data_folder, self.replica / "database")

    def patch_cwd(self, folder: Path) -> None:
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(folder)

    def test_manhole_without_a_host_is_on_loopback(self) -> None:
        self.edit(put(manhole__addr=":25522"))
        manhole = self.load().manhole
        assert manhole is not None
        self.assertEqual(manhole.address, Address("127.0.0.1", 25522))

    def test_limits_have_defaults(self) -> None:
        self.edit(put(limits={"entry_bytes": 1000, "policy_keys": 0}))
        limits = self.load().limits
        self.assertEqual((limits.entry_bytes, limits.policy_keys), (1000, defaults.POLICY_KEYS))

    def test_toml_means_the_same(self) -> None:
        path = self.config.with_suffix(".toml")
        path.write_text(tomli_w.dumps(json.loads(self.config.read_text())))
        self.assertEqual(load_replica(path, NOW).message, self.load().message)

    def test_secrets_do_not_show(self) -> None:
        settings = self.load()
        shown = repr(settings)
        self.assertNotIn(repr(settings.vrf_secret), shown)
        self.assertNotIn(repr(settings.signing_key.secret), shown)

    def test_nothing_is_written(self) -> None:
        before = sorted(path for path in self.folder.rglob("*"))
        self.load()
        self.assertEqual(sorted(path for path in self.folder.rglob("*")), before)


class OriginalTests(RealmCase):
    """What an original's file has and lacks."""

    options = InitOptions(realm="example.com", vrf_suite="2017", insecure_skip_email_proof=True)

    def test_no_suite_means_the_one_of_2017_and_is_warned_about(self) -> None:
        settings = self.load()
        self.assertEqual(settings.suite, 0)
        self.assertTrue(any("2017 is broken" in warning for warning in settings.warnings))

    def test_times_of_zero(self) -> None:
        self.edit(put(client_timeout={"seconds": "0"}, lagging_verifier_scan=None, raft_heartbeat=None))
        self.edit(put(keyserver_config__min_epoch_interval={}, keyserver_config__max_epoch_interval=None))
        self.edit(put(keyserver_config__proposal_retry_interval=None))
        settings = self.load()
        self.assertEqual((settings.client_timeout, settings.lagging_verifier_scan), (0, 0))
        self.assertEqual(settings.min_epoch_interval, 0)
        self.assertEqual(settings.max_epoch_interval, defaults.MAX_EPOCH_INTERVAL)
        self.assertEqual(settings.proposal_retry_interval, defaults.PROPOSAL_RETRY_INTERVAL)
        self.assertEqual(sum("without a pause" in warning for warning in settings.warnings), 2)

    def test_secrets_that_everybody_can_read(self) -> None:
        for path in self.replica.iterdir():
            path.chmod(0o644)
        warnings = [warning for warning in self.load().warnings if "chmod 600" in warning]
        self.assertTrue(any(warning.startswith("signing_key_id: ") for warning in warnings))
        self.assertTrue(any(warning.startswith("keyserver_config.vrf_key_id: ") for warning in warnings))
        self.assertTrue(any(warning.startswith("public_tls.certificates[0].key_id: ") for warning in warnings))

    def test_seed_of_the_other_suite(self) -> None:
        (self.replica / "realm.vrfsecret").write_bytes(b"s" * 32)
        self.assertTrue(self.mistakes()[0].startswith("keyserver_config.vrf_key_id: "))

    def test_changing_the_suite_under_the_same_secret(self) -> None:
        mistakes = self.mistakes_of(put(keyserver_config__vrf_suite="RFC9381"))
        self.assertIn("is no secret of the suite rfc9381", mistakes[0])


class MistakeTests(RealmCase):
    def one(self, change: Any, expected: str) -> None:
        mistakes = self.mistakes_of(change)
        self.assertEqual(len(mistakes), 1, mistakes)
        self.assertTrue(mistakes[0].startswith(expected), mistakes[0])

    def test_all_at_once_of_every_kind(self) -> None:
        def spoil(document: dict[str, Any]) -> None:
            put(keyserver_config__realm=None, replica_id="x", public_adr=":1", verifier_addr="nowhere")(document)
            put(leveldb_path=None, public_tls__certificates=[], manhole__host_key_id="none")(document)
            put(keyserver_config__min_epoch_interval={"seconds": -1}, signing_key_id="none.ed25519secret")(document)

        paths = {line.partition(": ")[0] for line in self.mistakes_of(spoil)}
        self.assertEqual(
            paths,
            {
                "keyserver_config.realm",
                "keyserver_config.min_epoch_interval",
                "replica_id",
                "public_adr",
                "verifier_addr",
                "leveldb_path",
                "public_tls.certificates",
                "manhole.host_key_id",
                "signing_key_id",
            },
        )

    def test_empty_file(self) -> None:
        self.config.write_text("{}")
        paths = {line.partition(": ")[0] for line in self.mistakes()}
        self.assertEqual(
            paths,
            {
                "keyserver_config.realm",
                "keyserver_config.vrf_key_id",
                "keyserver_config.initial_replicas",
                "replica_id",
                "signing_key_id",
                "leveldb_path",
            },
        )

    def test_wrong_kind_of_value_is_said_once(self) -> None:
        self.one(put(keyserver_config__initial_replicas={}), "keyserver_config.initial_replicas: a list is expected")

    def test_whole_part_of_the_wrong_kind_is_said_once(self) -> None:
        self.one(put(keyserver_config="x"), "keyserver_config: an object is expected")

    def test_domain_not_canonical(self) -> None:
        self.one(
            put(keyserver_config__domains=["Example.com"]),
            "keyserver_config.domains[0]: 'Example.com' is not in canonical form; write 'example.com'",
        )

    def test_domain_twice(self) -> None:
        self.one(put(keyserver_config__domains=["a.b", "c.d", "a.b"]), "keyserver_config.domains[2]: 'a.b' stands at")

    def test_domain_that_is_none(self) -> None:
        self.one(put(keyserver_config__domains=["a b"]), "keyserver_config.domains[0]: 'a b' is not a domain name")

    def test_unknown_suite(self) -> None:
        self.one(put(keyserver_config__vrf_suite=7), "keyserver_config.vrf_suite: 7 is none of VRF_2017, RFC9381")

    def test_vrf_secret_missing(self) -> None:
        self.one(put(keyserver_config__vrf_key_id="no.vrfsecret"), "keyserver_config.vrf_key_id: ")

    def test_least_interval_above_the_greatest(self) -> None:
        self.one(
            put(keyserver_config__min_epoch_interval={"seconds": 61}),
            "keyserver_config.min_epoch_interval: 61 s is more than max_epoch_interval, 60 s",
        )

    def test_nanoseconds_out_of_range(self) -> None:
        self.one(put(client_timeout={"nanos": 2_000_000_000}), "client_timeout: ")

    def test_negative_time(self) -> None:
        self.one(put(client_timeout={"seconds": -1}), "client_timeout: -1.0 s is negative")

    def test_no_replicas(self) -> None:
        mistakes = self.mistakes_of(put(keyserver_config__initial_replicas=[]))
        self.assertTrue(any(line.startswith("keyserver_config.initial_replicas: empty") for line in mistakes))

    def test_replica_twice(self) -> None:
        def double(document: dict[str, Any]) -> None:
            replicas = document["keyserver_config"]["initial_replicas"]
            replicas.append(dict(replicas[0]))

        mistakes = self.mistakes_of(double)
        self.assertIn("keyserver_config.initial_replicas[1].public_keys[0]: the key, or its id", mistakes[0])

    def test_replica_without_an_id(self) -> None:
        mistakes = self.mistakes_of(replica_field(id=0))
        self.assertTrue(mistakes[0].startswith("keyserver_config.initial_replicas[0].id: missing"))

    def test_replica_with_a_short_key(self) -> None:
        mistakes = self.mistakes_of(replica_field(public_keys=[{"ed25519": "AAAA"}]))
        self.assertTrue(
            mistakes[0].startswith("keyserver_config.initial_replicas[0].public_keys[0].ed25519: 3 bytes; an Ed25519")
        )

    def test_replica_with_a_key_of_no_kind(self) -> None:
        mistakes = self.mistakes_of(replica_field(public_keys=[{}]))
        self.assertTrue(mistakes[0].startswith("keyserver_config.initial_replicas[0].public_keys[0]: no key"))

    def test_replica_that_is_not_in_the_realm(self) -> None:
        self.one(put(replica_id=5), "replica_id: 5 is not in keyserver_config.initial_replicas, which has ")

    def test_key_of_another_replica(self) -> None:
        (self.replica / "replica.ed25519secret").write_bytes(SigningKey.generate().secret)
        self.one(put(), "signing_key_id: the public half of this key is not among this replica's public_keys")

    def test_second_replica_without_replication_address(self) -> None:
        def add(document: dict[str, Any]) -> None:
            key = SigningKey.generate()
            other = {"id": str(key.key_id), "public_keys": [{"ed25519": base64.b64encode(key.public).decode()}]}
            document["keyserver_config"]["initial_replicas"].append(other)
            del document["raft_addr"]

        paths = [line.partition(": ")[0] for line in self.mistakes_of(add)]
        self.assertEqual(paths, ["keyserver_config.initial_replicas[1].raft_addr", "raft_addr"])

    def test_verification_policy_that_nobody_can_meet(self) -> None:
        self.one(
            put(keyserver_config__verification_policy={"quorum": {"threshold": 1}}),
            "keyserver_config.verification_policy.quorum: not satisfied by all of its keys together",
        )

    def test_verification_policy_that_everybody_meets(self) -> None:
        self.one(
            put(keyserver_config__verification_policy={"quorum": {}}),
            "keyserver_config.verification_policy.quorum: satisfied without any signature",
        )

    def test_verification_policy_of_unknown_keys(self) -> None:
        mistakes = self.mistakes_of(
            put(keyserver_config__verification_policy={"quorum": {"threshold": 1, "candidates": [5]}})
        )
        self.assertIn("names 5, of which public_keys has no key", mistakes[0])

    def test_verification_policy_in_which_the_replicas_are_not_found(self) -> None:
        key = SigningKey.generate()
        policy = AuthorizationPolicy(public_keys={key.key_id: public_key_message(key.public)})
        policy.quorum.threshold = 1
        policy.quorum.candidates.append(key.key_id)
        self.edit(put(keyserver_config__verification_policy=json.loads(MessageToJson(policy))))
        self.assertIn("nor clients with this policy can follow", " ".join(self.load().warnings))

    def test_verification_policy_without_a_quorum(self) -> None:
        self.one(put(keyserver_config__verification_policy={}), "keyserver_config.verification_policy.quorum: missing")

    def test_registration_policy_of_no_kind(self) -> None:
        self.one(put(keyserver_config__registration_policy=[{}]), "keyserver_config.registration_policy[0]: empty")

    def test_port_taken_twice(self) -> None:
        self.one(put(hkp_addr="127.0.0.1:25519"), "httpfront_addr: port 25519 is taken by hkp_addr already")

    def test_port_taken_by_the_manhole(self) -> None:
        self.one(put(manhole__addr="127.0.0.1:4625"), "manhole.addr: port 4625 is taken by public_addr already")

    def test_front_without_tls(self) -> None:
        self.one(put(httpfront_tls=None), "httpfront_tls.certificates: empty; a server needs")

    def test_verifiers_without_certificates(self) -> None:
        self.one(
            put(verifier_tls__client_auth=None),
            "verifier_tls.client_auth: verifiers are known by certificate: REQUIRE_AND_VERIFY_CLIENT_CERT",
        )

    def test_request_limit_below_what_it_must_hold(self) -> None:
        self.one(put(limits={"request_bytes": 1000}), "limits.request_bytes: 1000 is too little")

    def test_request_limit_that_has_room_for_the_largest_update_in_binary_only(self) -> None:
        limits = {"entry_bytes": 4096, "profile_bytes": 65536, "request_bytes": 4096 + 65536 + 8192}
        self.one(put(limits=limits), "limits.request_bytes: 77824 is too little")

    def test_request_limit_has_room_for_the_largest_update(self) -> None:
        limits = with_defaults(Limits())
        request = UpdateRequest(profile=bytes(limits.profile_bytes))
        request.update.new_entry = bytes(limits.entry_bytes)
        for number in range(2 * limits.policy_keys):
            request.update.signatures[2**64 - 1 - number] = bytes(64)
        lookup = request.lookup_parameters
        lookup.user_id = "a" * limits.user_id_bytes
        lookup.epoch = 2**64 - 1
        for _ in range(limits.quorum_size // 2):
            lookup.quorum_requirement.subexpressions.add(threshold=2**32 - 1, candidates=[2**64 - 1])
        text = MessageToJson(request, preserving_proto_field_name=True, indent=None)
        self.assertLessEqual(len(text), largest_update(limits))

    def test_mistake_in_toml_has_the_same_path(self) -> None:
        document = json.loads(self.config.read_text())
        del document["leveldb_path"]
        path = self.config.with_suffix(".toml")
        path.write_text(tomli_w.dumps(document))
        error = self.assertRaises(Misconfigured, load_replica, path, NOW)
        self.assertEqual([line.partition(":")[0] for line in error.mistakes], ["leveldb_path"])


class WarningTests(RealmCase):
    def one(self, change: Any, expected: str) -> None:
        warnings = self.warnings_of(change)
        self.assertEqual(len(warnings), 1, warnings)
        self.assertTrue(warnings[0].startswith(expected), warnings[0])

    def test_insecure_registration(self) -> None:
        found = [line for line in self.load().warnings if line.startswith("keyserver_config.registration_policy[0]: ")]
        self.assertEqual(len(found), 1)
        self.assertIn("insecure", found[0])

    def test_nobody_can_register(self) -> None:
        self.one(put(keyserver_config__registration_policy=[]), "keyserver_config.registration_policy: empty: nobody")

    def test_replica_id_against_the_convention(self) -> None:
        def rename(document: dict[str, Any]) -> None:
            replica_field(id="5")(document)
            document["replica_id"] = "5"

        self.one(rename, "keyserver_config.initial_replicas[0].id: by convention the id of the first public key")

    def test_no_front_for_clients(self) -> None:
        self.one(put(public_addr=None, httpfront_addr=None), "public_addr: not set, nor is httpfront_addr")

    def test_certificates_about_to_expire(self) -> None:
        later = NOW + timedelta(days=824)
        warnings = [line for line in load_replica(self.config, later).warnings if "expires on" in line]
        self.assertTrue(warnings[0].startswith("public_tls.certificates[0].certificate: the certificate CN=replica "))

    def test_expired_certificates_stop_nothing(self) -> None:
        later = NOW + timedelta(days=5000)
        warnings = [line for line in load_replica(self.config, later).warnings if "expired on" in line]
        self.assertTrue(any(line.startswith("verifier_tls.client_cas") for line in warnings))

    def test_certificates_of_the_future(self) -> None:
        earlier = NOW - timedelta(days=1)
        warnings = [line for line in load_replica(self.config, earlier).warnings if "is the clock right?" in line]
        self.assertNotEqual(warnings, [])


class ReplicatedTests(RealmCase):
    options = InitOptions(realm="example.com", replicas=3, verifiers=3, insecure_skip_email_proof=True)

    def test_a_heartbeat_is_a_tenth_of_a_second_where_nothing_is_said(self) -> None:
        self.edit(put(raft_heartbeat=None))
        self.assertEqual(self.load().raft_heartbeat, 0.1)

    def test_a_heartbeat_that_no_machine_can_keep_up(self) -> None:
        [mistake] = self.mistakes_of(put(raft_heartbeat={"nanos": 1_000_000}))
        self.assertEqual(mistake, "raft_heartbeat: 0.001 s is out of range: 0.02 to 5")

    def test_a_heartbeat_that_would_stop_updates_for_minutes(self) -> None:
        [mistake] = self.mistakes_of(put(raft_heartbeat={"seconds": "20"}))
        self.assertEqual(mistake, "raft_heartbeat: 20 s is out of range: 0.02 to 5")

    def test_replication_is_set_up(self) -> None:
        raft = self.load().raft
        assert raft is not None
        self.assertEqual(raft.address, Address("127.0.0.1", 9807))

    def test_verification_policy_is_the_one_of_the_clients(self) -> None:
        settings = self.load()
        self.assertNotEqual(settings.verification_policy, settings.replica_policy)

    def test_replication_needs_tls(self) -> None:
        self.assertEqual(
            [line.partition(":")[0] for line in self.mistakes_of(put(raft_tls=None))], ["raft_tls.certificates"]
        )

    def test_each_replica_loads(self) -> None:
        ids = {load_replica(path, NOW).replica_id for path in original(self.options).replicas}
        self.assertEqual(len(ids), 3)
