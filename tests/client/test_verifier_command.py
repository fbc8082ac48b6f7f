"""``coname verifier``, as it is typed."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from google.protobuf.json_format import MessageToDict
from twisted.trial.unittest import SynchronousTestCase

from coname.client.cli import cli
from coname.config import load_client, load_verifier
from coname.configuration.init import InitOptions, initialise
from coname.following.evidence_files import EvidenceFolder
from coname.following.opening import open_replay
from coname.storage.leveldb import LevelDBStore
from tests.verifier.lying import LIES, LyingKeyserver, honest


class CommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.realm, self.mine = self.folder / "realm", self.folder / "mine"
        initialise(self.realm, InitOptions(realm="example.com", insecure_skip_email_proof=True))

    def run_it(self, *words: object, answer: str = "") -> Result:
        return CliRunner().invoke(cli, ["verifier", *map(str, words)], input=answer)

    def done(self, *words: object) -> str:
        result = self.run_it(*words)
        self.assertEqual(result.exit_code, 0, result.output)
        return result.output

    def failed(self, *words: object) -> str:
        result = self.run_it(*words)
        self.assertEqual(result.exit_code, 2, result.output)
        return result.output

    def enroll(self) -> str:
        return self.done("enroll", self.mine, "--realm", "example.com")

    def admit(self, *words: object) -> str:
        reply = self.folder / "reply.json"
        return self.done("admit", self.mine / "request.json", "--realm-dir", self.realm, "--out", reply, *words)


class EnrollTests(CommandCase):
    def test_what_to_do_next_is_shown_whole(self) -> None:
        output = self.enroll()
        self.assertIn(f"coname verifier accept {self.mine} REPLY", output)
        self.assertIn(f"send {self.mine / 'request.json'} to the provider of example.com", output)

    def test_no_secret_is_shown(self) -> None:
        output = self.enroll()
        self.assertNotIn((self.mine / "verifier.ed25519secret").read_bytes().hex()[:16], output)

    def test_realm_missing(self) -> None:
        self.assertIn("--realm is missing", self.failed("enroll", self.mine))

    def test_nothing_is_overwritten(self) -> None:
        self.enroll()
        self.assertIn("nothing is ever overwritten", self.failed("enroll", self.mine, "--realm", "example.com"))

    def test_accept_is_an_option_of_it_too(self) -> None:
        self.enroll()
        self.admit()
        self.assertIn("Wrote", self.done("enroll", self.mine, "--accept", self.folder / "reply.json"))
        load_verifier(self.mine / "config.json")

    def test_accept_with_other_options(self) -> None:
        self.enroll()
        self.admit()
        words = ["enroll", self.mine, "--accept", self.folder / "reply.json", "--realm", "x"]
        self.assertIn("--accept goes without --realm and --keyserver", self.failed(*words))


class AdmitTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.enroll()

    def test_changes_are_shown_and_not_made(self) -> None:
        before = [path.read_bytes() for path in sorted(self.realm.rglob("*.json"))]
        output = self.admit()
        self.assertIn("let keyserver_config.verifiers be:", output)
        self.assertIn("let realms[0].verification_policy be:", output)
        self.assertEqual([path.read_bytes() for path in sorted(self.realm.rglob("*.json"))], before)

    def test_what_is_shown_is_what_is_made(self) -> None:
        output = self.admit("--name", "Example University")
        self.admit_again()
        document = json.loads((self.realm / "client" / "config.json").read_text())["realms"][0]
        for value in (document["verification_policy"], document["signer_names"]):
            self.assertIn(json.dumps(value, indent=2), output)

    def admit_again(self) -> None:
        (self.folder / "reply.json").unlink()
        self.admit("--apply", "--name", "Example University")

    def test_backups_are_named(self) -> None:
        output = self.admit("--apply")
        for backup in self.realm.rglob("*.before-*"):
            self.assertIn(f"kept the old file: {backup}", output)

    def test_policy_of_one_s_own_is_left_to_the_operator(self) -> None:
        path = self.realm / "client" / "config.json"
        document = json.loads(path.read_text())
        policy = document["realms"][0]["verification_policy"]
        policy["quorum"] = {"threshold": 1, "subexpressions": [policy["quorum"]]}
        path.write_text(json.dumps(document))
        output = self.admit("--apply")
        self.assertIn("realms[0].verification_policy by hand", output)
        self.assertEqual(len(load_client(path).realms[0].verification_policy.public_keys), 1)

    def test_answer_goes_to_standard_output_alone(self) -> None:
        result = self.run_it("admit", self.mine / "request.json", "--realm-dir", self.realm)
        self.assertEqual(json.loads(result.stdout)["format"], "coname verifier reply 1")
        self.assertIn("Admitted verifier", result.stderr)

    def test_no_secret_is_in_the_answer(self) -> None:
        self.admit()
        reply = (self.folder / "reply.json").read_text()
        self.assertNotIn("PRIVATE", reply)
        self.assertNotIn("key_id", reply)

    def test_answer_that_is_there_already(self) -> None:
        self.admit()
        words = ["--realm-dir", self.realm, "--out", self.folder / "reply.json"]
        self.assertIn("nothing is ever overwritten", self.failed("admit", self.mine / "request.json", *words))

    def test_tampered_request(self) -> None:
        path = self.mine / "request.json"
        path.write_text(path.read_text().replace("example.com", "example.org"))
        self.assertIn("it was changed", self.failed("admit", path, "--realm-dir", self.realm))

    def test_request_for_another_realm(self) -> None:
        shutil.rmtree(self.mine)
        self.done("enroll", self.mine, "--realm", "elsewhere")
        output = self.failed("admit", self.mine / "request.json", "--realm-dir", self.realm, "--apply")
        self.assertIn("the request is for the realm 'elsewhere'", output)
        self.assertEqual(list(self.realm.rglob("*.before-*")), [])

    def test_folder_that_is_no_realm(self) -> None:
        self.assertIn("ca.pem", self.failed("admit", self.mine / "request.json", "--realm-dir", self.mine))


class AcceptTests(CommandCase):
    def test_what_to_compare_and_what_to_type(self) -> None:
        self.enroll()
        self.admit()
        output = self.done("accept", self.mine, self.folder / "reply.json")
        replica = json.loads((self.realm / "replica1" / "config.json").read_text())["replica_id"]
        self.assertIn(str(replica), output)
        self.assertIn(f"coname-verifier --config {self.mine / 'config.json'}", output)

    def lax(self) -> Path:
        self.enroll()
        self.admit()
        reply = self.folder / "reply.json"
        document = json.loads(reply.read_text())
        document["config"]["require_transcripts"] = False
        reply.write_text(json.dumps(document))
        return reply

    def test_both_sides_show_the_same_fingerprint(self) -> None:
        self.enroll()
        admitted = self.admit()
        certificate = x509.load_pem_x509_certificate((self.realm / "ca" / "ca.pem").read_bytes())
        shown = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        self.assertIn(shown, admitted)
        self.assertIn(shown, self.done("accept", self.mine, self.folder / "reply.json"))

    def test_what_is_less_strict_is_shown_and_asked_about(self) -> None:
        result = self.run_it("accept", self.mine, self.lax(), answer="y\n")
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertIn("sign without transcripts", result.output)

    def test_no_is_taken_for_an_answer(self) -> None:
        result = self.run_it("accept", self.mine, self.lax(), answer="n\n")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("nothing was written", result.output)
        self.assertFalse((self.mine / "config.json").exists())

    def test_nobody_there_to_answer(self) -> None:
        self.assertNotEqual(self.run_it("accept", self.mine, self.lax()).exit_code, 0)
        self.assertFalse((self.mine / "config.json").exists())

    def test_yes_in_advance(self) -> None:
        self.assertIn("sign without transcripts", self.done("accept", self.mine, self.lax(), "--yes"))

    def test_reply_of_another(self) -> None:
        self.enroll()
        self.admit()
        shutil.rmtree(self.mine)
        self.enroll()
        self.assertIn("another's reply?", self.failed("accept", self.mine, self.folder / "reply.json"))


class ResumeTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.enroll()
        self.admit()
        self.done("accept", self.mine, self.folder / "reply.json")
        self.config = self.mine / "config.json"
        self.keyserver = LyingKeyserver(realm="example.com")
        self.keyserver._state.issued = time.time() - 60
        document = json.loads(self.config.read_text())
        document["initial_keyserver_auth"] = MessageToDict(self.keyserver.policy, preserving_proto_field_name=True)
        self.config.write_text(json.dumps(document))
        honest(self.keyserver, 2)

    def verify(self) -> bool:
        """Let the verifier see the keyserver's log. Returns whether it still signs."""
        settings = load_verifier(self.config)
        store = LevelDBStore(settings.data_folder, create=True)
        try:
            replay = open_replay(store, settings, EvidenceFolder(settings.evidence_folder, time.monotonic).keep)
            replay.take_many(self.keyserver.steps[replay.begin() :], time.time_ns())
            return replay.violation is None
        finally:
            store.close()

    def violate(self) -> None:
        LIES["wrong root"].tell(self.keyserver)
        self.assertFalse(self.verify())

    def test_nothing_to_do(self) -> None:
        self.verify()
        self.assertIn("this verifier signs", self.done("resume", "--config", self.config))

    def test_it_shows_what_it_was_and_asks(self) -> None:
        self.violate()
        result = self.run_it("resume", "--config", self.config, answer="y\n")
        self.assertEqual(result.exit_code, 0)
        self.assertIn("in epoch 3, the keyserver broke the rule wrong_root:", result.output)
        self.assertIn(str(self.mine / "evidence"), result.output)
        self.assertIn("signs again", result.output)
        del self.keyserver.steps[-2:]
        self.assertTrue(self.verify())

    def test_no_is_taken_for_an_answer(self) -> None:
        self.violate()
        self.assertNotEqual(self.run_it("resume", "--config", self.config, answer="n\n").exit_code, 0)
        self.assertFalse(self.verify())

    def test_yes_in_advance(self) -> None:
        self.violate()
        self.done("resume", "--config", self.config, "--yes")
        self.assertIn("this verifier signs", self.done("resume", "--config", self.config))

    def test_what_is_still_wrong_stops_it_again(self) -> None:
        self.violate()
        self.done("resume", "--config", self.config, "--yes")
        self.assertFalse(self.verify())

    def test_evidence_stays(self) -> None:
        self.violate()
        before = list((self.mine / "evidence").iterdir())
        self.done("resume", "--config", self.config, "--yes")
        self.assertEqual(list((self.mine / "evidence").iterdir()), before)
        self.assertEqual(len(before), 1)

    def test_database_that_is_open(self) -> None:
        self.violate()
        store = LevelDBStore(load_verifier(self.config).data_folder, create=False)
        self.addCleanup(store.close)
        result = self.run_it("resume", "--config", self.config, "--yes")
        self.assertNotEqual(result.exit_code, 0)
        self.assertIn("already open", result.output)

    def test_database_that_is_not_there(self) -> None:
        self.assertIn("there is no database", self.failed("resume", "--config", self.config))
