"""The commands: exit statuses, words, JSON, and what they never print."""

from __future__ import annotations

import base64
import json
import stat
from dataclasses import replace
from pathlib import Path

from pysequoia import Tsk

from coname.client.console.documents import BROKEN_SUITE
from coname.client.identity_store import IdentityFile
from coname.core.hashes import profile_commitment
from coname.core.signatures import SigningKey
from coname.errors import Overloaded, QuorumUnmet, TimedOut, Unreachable
from coname.messages.client_pb2 import Entry, Profile
from coname.messages.config_pb2 import VRF_2017
from tests.client.commands import ALICE, CommandCase
from tests.client.simulator import Realm


class ExitStatus(CommandCase):
    def test_0_for_a_registered_address(self) -> None:
        self.register()
        self.assertEqual(self.invoke("lookup", ALICE).exit_code, 0)

    def test_0_for_a_registration(self) -> None:
        self.assertEqual(self.register().exit_code, 0)

    def test_1_for_an_absent_address(self) -> None:
        self.assertEqual(self.invoke("lookup", ALICE).exit_code, 1)

    def test_1_for_a_key_that_the_entry_does_not_have(self) -> None:
        self.register()
        self.assertEqual(self.invoke("lookup", ALICE, "--key", "pgp").exit_code, 1)

    def test_1_for_the_update_of_an_absent_address(self) -> None:
        self.register()
        identity = IdentityFile(self.folder / "identity.json").load()
        empty = Realm()
        empty.secret, empty.signers = self.realm.secret, self.realm.signers
        self.use(empty)
        (self.folder / "state").rename(self.folder / "old")
        self.assertIsNotNone(identity)
        self.assertEqual(self.invoke("update", ALICE, "--remove", "ssh").exit_code, 1)

    def test_2_for_an_unknown_option(self) -> None:
        self.assertEqual(self.invoke("lookup", ALICE, "--nonsense").exit_code, 2)

    def test_2_for_no_address(self) -> None:
        self.assertEqual(self.invoke("lookup", "alice").exit_code, 2)

    def test_2_for_an_address_of_no_realm(self) -> None:
        self.assertEqual(self.invoke("lookup", "alice@elsewhere.org").exit_code, 2)

    def test_2_for_a_configuration_that_is_not_there(self) -> None:
        self.assertEqual(self.invoke("lookup", ALICE, "--config", str(self.folder / "none")).exit_code, 2)

    def test_2_for_a_configuration_that_is_wrong(self) -> None:
        (self.folder / "config.json").write_text('{"realms": [{"RealmNam": "x"}]}')
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, 2)
        self.assertIn("RealmNam", result.stderr)

    def test_2_for_a_realm_without_a_server(self) -> None:
        config = self.realm.config()
        config.realms[0].addr = config.realms[0].URL = ""
        self.write_config(config)
        self.assertEqual(self.invoke("lookup", ALICE).exit_code, 2)

    def test_2_for_a_damaged_memory(self) -> None:
        self.register()
        for path in (self.folder / "state").rglob("*.json"):
            path.write_bytes(b"")
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, 2)
        self.assertIn("damaged", result.stderr)

    def test_2_for_a_memory_that_cannot_be_written(self) -> None:
        self.file("state", b"a file where a folder belongs")
        self.assertEqual(self.invoke("lookup", ALICE).exit_code, 2)

    def test_2_for_a_register_without_a_key(self) -> None:
        self.assertEqual(self.invoke("register", ALICE).exit_code, 2)

    def test_2_for_a_key_that_is_not_name_and_file(self) -> None:
        for option in ("--key=pgp", "--key==file", "--key=pgp=", f"--key=a={self.folder / 'none'}"):
            self.assertEqual(self.invoke("register", ALICE, option).exit_code, 2)

    def test_2_for_a_key_that_is_too_large(self) -> None:
        name = self.file("k", bytes(1024 * 1024 + 1))
        self.assertEqual(self.invoke("register", ALICE, f"--key=a={name}").exit_code, 2)

    def test_2_for_a_key_given_twice(self) -> None:
        name = self.file("k", b"key")
        self.assertEqual(self.invoke("register", ALICE, f"--key=a={name}", f"--key=a={name}").exit_code, 2)

    def test_2_for_a_key_both_published_and_removed(self) -> None:
        name = self.file("k", b"key")
        self.assertEqual(self.invoke("update", ALICE, f"--key=a={name}", "--remove=a").exit_code, 2)

    def test_2_for_an_update_without_an_identity(self) -> None:
        self.assertEqual(self.invoke("update", ALICE, "--remove", "ssh").exit_code, 2)

    def test_2_for_an_identity_in_use(self) -> None:
        with IdentityFile(self.folder / "identity.json"):
            self.assertEqual(self.register().exit_code, 2)

    def test_3_for_a_proof_that_does_not_verify(self) -> None:
        self.realm.tamper = lambda proof: proof.ClearField("ratifications")
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, 3)
        self.assertIn("not verified (ratification)", result.stderr)

    def test_3_for_an_answer_that_goes_back_in_time(self) -> None:
        self.register()
        self.realm.serves = 1
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, 3)
        self.assertIn("goes back in time", result.stderr)

    def test_4_for_a_server_that_cannot_be_reached(self) -> None:
        self.realm.refuse = Unreachable("keys.invalid:4625 cannot be reached: no route")
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, 4)
        self.assertIn("cannot be reached", result.stderr)

    def test_4_for_a_server_that_has_too_much_to_do(self) -> None:
        self.realm.refuse = Overloaded("busy")
        self.assertEqual(self.invoke("lookup", ALICE).exit_code, 4)

    def test_4_for_an_update_without_an_answer_in_time(self) -> None:
        self.realm.refuse = TimedOut("30 s have passed")
        self.assertEqual(self.invoke("lookup", ALICE).exit_code, 4)

    def test_5_for_what_the_server_refuses(self) -> None:
        self.realm.refuse = QuorumUnmet("no epoch has these signatures")
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, 5)
        self.assertIn("no epoch has these signatures", result.stderr)

    def test_5_for_an_epoch_that_does_not_exist(self) -> None:
        self.assertEqual(self.invoke("lookup", ALICE, "--epoch", "99").exit_code, 5)

    def test_5_for_an_address_registered_by_somebody_else(self) -> None:
        self.register()
        (self.folder / "identity.json").unlink()
        self.assertEqual(self.register().exit_code, 5)

    def test_0_for_help_with_each_command(self) -> None:
        for command in ("lookup", "register", "update", "verify-proof"):
            self.assertEqual(self.invoke(command, "--help").exit_code, 0)


class OneKey(CommandCase):
    def test_standard_output_is_its_bytes_and_nothing_else(self) -> None:
        value = bytes(range(256))
        self.register(blob=value)
        result = self.invoke("lookup", ALICE, "--key", "blob")
        self.assertEqual(result.stdout_bytes, value)
        self.assertIn("proved present", result.stderr)

    def test_nothing_comes_out_of_what_does_not_verify(self) -> None:
        self.register(blob=b"value")
        self.realm.tamper = lambda proof: setattr(proof, "profile", proof.profile + b"\x12\x00")
        result = self.invoke("lookup", ALICE, "--key", "blob")
        self.assertEqual((result.exit_code, result.stdout_bytes), (3, b""))

    def test_a_key_that_is_not_there_prints_nothing(self) -> None:
        self.register(blob=b"value")
        self.assertEqual(self.invoke("lookup", ALICE, "--key", "pgp").stdout_bytes, b"")

    def test_with_json_the_document_holds_only_that_key(self) -> None:
        self.register(a=b"1", b=b"2")
        document = self.json("lookup", ALICE, "--key", "a")
        self.assertEqual(document["keys"], {"a": base64.b64encode(b"1").decode()})


class Json(CommandCase):
    def test_a_found_address(self) -> None:
        self.register(ssh=b"key")
        document = self.json("lookup", "Alice@Example.com")
        steps = document.pop("steps")
        self.assertEqual([step["name"] for step in steps][-1], "memory")
        self.assertEqual(document.pop("proof")["user_id"], ALICE)
        signers = document.pop("signers")
        self.assertEqual(set(signers), {str(key.key_id) for key in self.realm.signers})
        vouchers = document.pop("vouchers")
        self.assertEqual({each["id"]: each["signed_at"] for each in vouchers}, signers)
        index, _ = self.realm.vrf.prove(self.realm.secret, ALICE.encode())
        self.assertEqual(
            document,
            {
                "schema": 1,
                "command": "lookup",
                "exit_status": 0,
                "outcome": "present",
                "asked": "Alice@Example.com",
                "address": ALICE,
                "realm": "testing",
                "vrf_suite": "rfc9381",
                "vrf_trustworthy": True,
                "epoch": 2,
                "issue_time": "2030-03-17T17:46:42Z",
                "epoch_age": 0.0,
                "time_to_live": 3600.0,
                "index": index.hex(),
                "version": 0,
                "keys": {"ssh": "a2V5"},
                "warnings": [],
                "notes": [],
            },
        )

    def test_an_absent_address(self) -> None:
        document = self.json("lookup", ALICE)
        self.assertEqual((document["outcome"], document["keys"], document["version"]), ("absent", None, None))

    def test_an_error(self) -> None:
        self.realm.tamper = lambda proof: proof.ClearField("ratifications")
        document = self.json("lookup", ALICE)
        self.assertEqual((document["error"]["code"], document["error"]["step"]), ("proof_invalid", "ratification"))

    def test_a_mistake_in_usage(self) -> None:
        self.assertEqual(self.json("lookup", "alice")["error"]["code"], "usage")

    def test_a_registration_names_the_identity(self) -> None:
        document = self.json("register", ALICE, f"--key=ssh={self.file('k', b'key')}")
        identity = IdentityFile(self.folder / "identity.json").load()
        self.assertEqual(
            document["identity"],
            {"path": str(self.folder / "identity.json"), "key_ids": [str(identity.keys[0].key_id)]},
        )

    def test_a_rotation_names_the_one_key_that_counts_now(self) -> None:
        self.register()
        document = self.json("update", ALICE, "--rotate")
        (key,) = IdentityFile(self.folder / "identity.json").load().keys
        self.assertEqual(document["identity"]["key_ids"], [str(key.key_id)])

    def test_a_failed_registration_names_the_identity_too(self) -> None:
        self.realm.lose_requests = 1
        document = self.json("register", ALICE, f"--key=ssh={self.file('k', b'key')}")
        self.assertEqual((document["exit_status"], document["error"]["code"]), (4, "unavailable"))
        self.assertEqual(document["identity"]["path"], str(self.folder / "identity.json"))


class Words(CommandCase):
    def test_a_pipe_gets_plain_lines(self) -> None:
        self.register(ssh=b"ssh-ed25519 AAAA alice")
        output = self.invoke("lookup", ALICE).stdout
        self.assertNotIn("\x1b", output)
        self.assertIn(f"{ALICE}: proved present in epoch 2 of realm testing\n", output)
        self.assertRegex(output, r"(?m)^ok  index +[0-9a-f]{64} is ")
        self.assertRegex(output, r"(?m)^ssh  22 bytes  ssh-ed25519 AAAA alice$")

    def test_absence_is_said(self) -> None:
        self.assertIn("proved absent", self.invoke("lookup", ALICE).stdout)

    def test_the_canonical_form_is_said_where_it_differs(self) -> None:
        output = self.invoke("lookup", "Alice@Example.com").stdout
        self.assertIn("Alice@Example.com was asked for in its canonical form, alice@example.com", output)

    def test_the_identitys_path_is_said_when_the_key_is_made_and_when_it_is_used(self) -> None:
        path = self.folder / "identity.json"
        self.assertRegex(self.register().stdout, rf"made signing key \d+, which is in {path}: keep a copy")
        self.assertRegex(self.invoke("update", ALICE, "--remove", "ssh").stdout, rf"signing key \d+, from {path}")

    def test_control_characters_of_strangers_are_not_passed_on(self) -> None:
        self.realm.refuse = QuorumUnmet("\x1b[2Jgone\nnext")
        result = self.invoke("lookup", ALICE)
        self.assertNotIn("\x1b", result.output)

    def test_a_key_with_a_hostile_name_and_value_is_shown_harmlessly(self) -> None:
        self.register(**{"a[red]": b"\x1b]0;title\x07"})
        output = self.invoke("lookup", ALICE).stdout
        self.assertIn("a[red]", output)
        self.assertNotIn("\x1b", output)


class Advice(CommandCase):
    """What is said beside an error: what is wrong, where, and what would be right."""

    def test_a_mistyped_command_is_told_which_was_meant(self) -> None:
        self.assertIn("did you mean lookup?", self.invoke("loookup", ALICE).stderr)

    def test_no_epoch_is_told_what_one_is(self) -> None:
        for number in ("0", "-1", "x", "1.5", "18446744073709551616", "\u0663"):
            result = self.invoke("lookup", ALICE, f"--epoch={number}")
            self.assertEqual(result.exit_code, 2)
            self.assertIn("is no epoch: they are numbered 1, 2, 3", result.stderr)

    def test_an_address_of_no_realm_is_told_which_domains_there_are_and_where_that_stands(self) -> None:
        message = self.invoke("lookup", "alice@elsewhere.org").stderr
        self.assertIn(f"'elsewhere.org': {self.folder / 'config.json'} has example.com", message)

    def test_each_mistake_in_a_configuration_names_the_file(self) -> None:
        path = self.file("wrong.json", b'{"realms": [{"RealmNam": "x"}, {"URLL": "y"}]}')
        lines = self.invoke("lookup", ALICE, "--config", path).stderr.splitlines()
        self.assertGreater(len(lines), 1)
        self.assertEqual([line for line in lines if not line.startswith(f"error: {path}: realms")], [])

    def test_a_mistake_that_names_the_file_already_does_not_name_it_twice(self) -> None:
        path = self.file("wrong.json", b"{")
        self.assertEqual(self.invoke("lookup", ALICE, "--config", path).stderr.count(path), 1)

    def test_a_replicas_configuration_is_told_apart(self) -> None:
        path = self.file("replica.json", b'{"replica_id": "1", "keyserver_config": {}, "leveldb_path": "db"}')
        (line,) = self.invoke("lookup", ALICE, "--config", path).stderr.splitlines()
        self.assertIn(f"{path} is the configuration of a replica; a client's is wanted", line)

    def test_a_key_that_is_not_there_is_the_headline_and_no_other_is_shown(self) -> None:
        self.register(ssh=b"ssh-ed25519 AAAA")
        lines = self.invoke("lookup", ALICE, "--key", "pgp").stderr.splitlines()
        self.assertEqual(lines[0], f"{ALICE}: proved to have no key pgp in epoch 2 of realm testing")
        self.assertFalse([line for line in lines if "AAAA" in line])

    def test_an_answer_that_is_too_old_may_be_the_clocks_fault(self) -> None:
        self.realm.now += 4000
        self.assertIn("the clock of this machine is wrong", self.invoke("lookup", ALICE).stderr)

    def test_after_a_refused_update_it_is_said_that_it_is_kept_and_what_to_do(self) -> None:
        self.register()
        self.realm.refuse_update = QuorumUnmet("no epoch has these signatures")
        result = self.invoke("update", ALICE, "--rotate")
        self.assertEqual(result.exit_code, 5)
        self.assertIn("The update is kept", result.stderr)
        self.assertEqual(self.invoke("update", ALICE, "--rotate").exit_code, 0)

    def test_after_a_refused_lookup_nothing_is_said_of_updates(self) -> None:
        self.realm.refuse = QuorumUnmet("no epoch has these signatures")
        self.assertNotIn("update", self.invoke("lookup", ALICE).stderr)

    def test_a_key_that_stays_is_not_said_to_be_made(self) -> None:
        """The update that overtakes a refused rotation leaves the old key in force."""
        self.register()
        self.realm.refuse_update = QuorumUnmet("no epoch has these signatures")
        self.invoke("update", ALICE, "--rotate")
        result = self.invoke("update", ALICE, "--remove", "ssh")
        self.assertEqual(result.exit_code, 0)
        self.assertNotIn("made signing key", result.stdout)

    def test_an_identity_that_does_not_own_the_entry_is_told_where_to_look(self) -> None:
        self.register()
        identity = IdentityFile(self.folder / "identity.json")
        identity.save(replace(identity.load(), keys=(SigningKey.generate(),)))
        result = self.invoke("update", ALICE, "--remove", "ssh")
        self.assertEqual(result.exit_code, 5)
        self.assertIn("--identity FILE", result.stderr)


class BrokenSuite(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.use(Realm(vrf_suite=VRF_2017))
        self.warning = BROKEN_SUITE.format(realm="testing")

    def test_presence_comes_with_the_warning(self) -> None:
        self.assertIn(self.warning, self.register().stdout)

    def test_absence_comes_with_the_warning(self) -> None:
        self.assertIn(self.warning, self.invoke("lookup", ALICE).stdout)

    def test_raw_bytes_come_with_the_warning_beside_them(self) -> None:
        self.register(blob=b"value")
        self.assertIn(self.warning, self.invoke("lookup", ALICE, "--key", "blob").stderr)

    def test_json_comes_with_the_warning(self) -> None:
        document = self.json("lookup", ALICE)
        self.assertEqual((document["vrf_trustworthy"], document["warnings"]), (False, [self.warning]))
        self.assertEqual(document["vrf_suite"], "2017")


class OpenPgp(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.secret = Tsk.generate(f"Alice <{ALICE}>")
        self.certificate = self.secret.extract_certificate()

    def published(self, content: bytes) -> bytes:
        result = self.register(pgp=content)
        self.assertEqual(result.exit_code, 0, result.output)
        return self.invoke("lookup", ALICE, "--key", "pgp").stdout_bytes

    def test_an_armoured_certificate_is_stored_without_armour(self) -> None:
        self.assertEqual(self.published(str(self.certificate).encode()), bytes(self.certificate))

    def test_a_binary_certificate_is_stored_as_it_is(self) -> None:
        self.assertEqual(self.published(bytes(self.certificate)), bytes(self.certificate))

    def test_it_is_described_by_fingerprint_and_user_id(self) -> None:
        self.published(bytes(self.certificate))
        output = self.invoke("lookup", ALICE).stdout
        self.assertIn(f"{self.certificate.fingerprint.upper()} Alice <{ALICE}>", output)

    def refused(self, content: bytes) -> str:
        result = self.register(pgp=content)
        self.assertEqual((result.exit_code, self.realm.updates), (2, []))
        self.assertFalse((self.folder / "identity.json").exists())
        return result.stderr

    def test_a_secret_key_is_refused(self) -> None:
        self.assertIn("SECRET", self.refused(bytes(self.secret)))

    def test_an_armoured_secret_key_is_refused(self) -> None:
        self.assertIn("SECRET", self.refused(str(self.secret).encode()))

    def test_two_certificates_are_refused(self) -> None:
        other = Tsk.generate("Bob <bob@example.com>").extract_certificate()
        self.assertIn("several certificates", self.refused(bytes(self.certificate) + bytes(other)))

    def test_something_else_is_refused_without_a_stack_trace(self) -> None:
        message = self.refused(b"not a certificate")
        self.assertIn("not an OpenPGP certificate", message)
        self.assertNotIn("backtrace", message)

    def test_a_truncated_certificate_is_refused(self) -> None:
        self.refused(bytes(self.certificate)[:-7])

    def test_a_secret_subkey_after_a_public_key_is_refused(self) -> None:
        self.assertIn("SECRET", self.refused(packet(6, b"key") + packet(7, b"secret")))

    def test_an_armoured_certificate_of_two_is_refused(self) -> None:
        other = Tsk.generate("Bob <bob@example.com>").extract_certificate()
        self.refused((str(self.certificate) + str(other)).encode())

    def test_a_certificate_that_would_take_minutes_to_parse_is_refused_for_its_size(self) -> None:
        self.assertIn("at most 64 are taken", self.refused(slow_certificate(bytes(self.certificate))))

    def test_packets_within_packets_are_refused_by_their_type(self) -> None:
        self.assertIn("packet of type 8", self.refused(nested_packets(bytes(self.certificate))))

    def found(self, content: bytes) -> str:
        """What is said of a key that somebody else has published."""
        index, _ = self.realm.vrf.prove(self.realm.secret, ALICE.encode())
        profile = Profile(nonce=bytes(32), keys={"pgp": content}).SerializeToString()
        entry = Entry(index=index, profile_commitment=profile_commitment(profile))
        self.realm.entries[index], self.realm.profiles[index] = entry.SerializeToString(), profile
        self.realm.close_epoch()
        result = self.invoke("lookup", ALICE)
        self.assertEqual(result.exit_code, 0, result.output)
        return result.stdout

    def test_a_strangers_slow_certificate_is_not_parsed_to_be_shown(self) -> None:
        self.assertIn("at most 64 are taken", self.found(slow_certificate(bytes(self.certificate))))

    def test_a_strangers_packets_within_packets_are_not_parsed_to_be_shown(self) -> None:
        self.assertIn("packet of type 8", self.found(nested_packets(bytes(self.certificate))))

    def test_an_empty_file_is_refused(self) -> None:
        self.assertIn("is empty", self.refused(b""))

    def test_a_certificate_of_another_address_is_pointed_out(self) -> None:
        other = Tsk.generate("Bob <bob@example.com>").extract_certificate()
        self.assertIn(f"no user id of this certificate names {ALICE}", self.register(pgp=bytes(other)).stdout)


def packet(kind: int, body: bytes) -> bytes:
    """In the new format (RFC 9580, section 4.2)."""
    return bytes([0xC0 | kind, 0xFF]) + len(body).to_bytes(4, "big") + body


def slow_certificate(certificate: bytes) -> bytes:
    """With 2,000 user ids, which Sequoia compares with one another."""
    return certificate + b"".join(packet(13, b"%d" % number) for number in range(2000))


def nested_packets(certificate: bytes) -> bytes:
    """With compressed data in compressed data, 500 deep (not compressed in fact: algorithm 0)."""
    body = packet(13, b"x")
    for _ in range(500):
        body = packet(8, b"\0" + body)
    return certificate + body


class Secrets(CommandCase):
    def test_the_identity_file_is_private(self) -> None:
        self.register()
        self.assertEqual(stat.S_IMODE((self.folder / "identity.json").stat().st_mode), 0o600)

    def test_no_command_prints_a_secret(self) -> None:
        printed = self.register().output
        printed += self.invoke("update", ALICE, "--rotate").output
        printed += self.invoke("update", ALICE, "--remove", "ssh", "--json").output
        self.assert_no_secret(printed)

    def test_a_damaged_identity_file_is_named_without_its_content(self) -> None:
        self.register()
        path = self.folder / "identity.json"
        secrets = self.secrets()
        path.write_text(path.read_text().replace('"pending"', '"bending"'))
        result = self.invoke("update", ALICE, "--remove", "ssh")
        self.assertEqual(result.exit_code, 2)
        self.assertIn(str(path), result.stderr)
        self.assertFalse([each for each in secrets if each in result.output])

    def test_repr_shows_no_secret(self) -> None:
        self.register()
        self.assert_no_secret(repr(IdentityFile(self.folder / "identity.json").load()))

    def assert_no_secret(self, text: str) -> None:
        self.assertFalse([each for each in self.secrets() if each in text])

    def secrets(self) -> list[str]:
        content = json.loads((self.folder / "identity.json").read_text())["content"]
        encoded = [key["ed25519_secret"] for key in content["keys"]]
        return encoded + [base64.b64decode(each).hex()[:64] for each in encoded]


class Ways(CommandCase):
    def test_grpc_is_the_rule(self) -> None:
        self.invoke("lookup", ALICE)
        self.assertFalse(self.environment.ways[-1].https)

    def test_https_can_be_wanted(self) -> None:
        self.invoke("lookup", ALICE, "--https")
        self.assertTrue(self.environment.ways[-1].https)

    def test_https_is_taken_where_there_is_no_grpc(self) -> None:
        config = self.realm.config()
        config.realms[0].addr = ""
        self.write_config(config)
        self.invoke("lookup", ALICE)
        self.assertTrue(self.environment.ways[-1].https)

    def test_a_timeout_is_passed_on(self) -> None:
        self.invoke("lookup", ALICE, "--timeout", "3")
        self.assertEqual(self.environment.ways[-1].timeouts, (3.0, 3.0))

    def test_key_files_are_looked_for_beside_the_configuration(self) -> None:
        self.invoke("lookup", ALICE)
        self.assertEqual(self.environment.ways[-1].folder, Path(self.folder).absolute())
