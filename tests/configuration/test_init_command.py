"""``coname init``, as it is typed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from coname.client.commands.init import init
from coname.config import load_client, load_replica


class InitCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()

    def run_init(self, *arguments: str) -> Result:
        return CliRunner().invoke(init, [str(self.folder), *arguments])

    def made(self, *arguments: str) -> str:
        result = self.run_init(*arguments)
        self.assertEqual(result.exit_code, 0, result.output)
        return result.output

    def test_realm_alone_is_enough(self) -> None:
        self.made("--realm", "example.com")
        self.assertEqual(load_replica(self.folder / "replica1" / "config.json").realm, "example.com")

    def test_every_option(self) -> None:
        self.made(
            *("--realm", "us", "--domain", "a.example", "--domain", "b.example", "--replicas", "2"),
            *("--verifiers", "1", "--host", "x.example", "--host", "y.example", "--base-port", "7000"),
            *("--vrf-suite", "2017", "--insecure-skip-email-proof"),
        )
        realm = load_client(self.folder / "client" / "config.json").realms[0]
        self.assertEqual((realm.domains, realm.addr), (["a.example", "b.example"], "x.example:7000"))
        shared = load_replica(self.folder / "replica2" / "config.json").message.keyserver_config
        self.assertEqual(
            [replica.raft_addr for replica in shared.initial_replicas], ["x.example:7002", "y.example:7012"]
        )
        self.assertTrue(shared.registration_policy[0].insecure_skip_email_proof)
        self.assertTrue((self.folder / "verifier1" / "config.json").exists())

    def test_every_file_and_its_purpose_are_shown(self) -> None:
        output = self.made("--realm", "example.com")
        for path in self.folder.rglob("*"):
            if path.is_file():
                self.assertIn(str(path.relative_to(self.folder)), output)
        self.assertIn("signs epoch heads", output)

    def test_the_next_commands_are_shown_whole(self) -> None:
        lines = [line.strip() for line in self.made("--realm", "a.example", "--insecure-skip-email-proof").splitlines()]
        replica, client = self.folder / "replica1" / "config.json", self.folder / "client" / "config.json"
        self.assertIn(f"twistd --nodaemon coname --config {replica}", lines)
        self.assertIn(f"coname register alice@a.example --key pgp=key.asc --config {client}", lines)
        self.assertIn(f"coname lookup alice@a.example --config {client}", lines)
        self.assertNotIn("coname-verifier", "".join(lines))

    def test_verifiers_are_to_be_started_too(self) -> None:
        lines = [line.strip() for line in self.made("--realm", "a.example", "--verifiers", "2").splitlines()]
        self.assertIn("# start the verifier (1 of 2; the others likewise, each in a folder of its own)", lines)
        verifier = self.folder / "verifier1" / "config.json"
        self.assertIn(f"twistd --nodaemon coname-verifier --config {verifier}", lines)

    def test_paths_with_spaces_can_be_copied(self) -> None:
        self.folder = Path(self.mktemp() + " and more").absolute()
        self.assertIn(f"--config '{self.folder}/replica1/config.json'", self.made("--realm", "example.com"))

    def test_it_is_said_that_nobody_can_register(self) -> None:
        self.assertIn("Nobody can register an address yet", self.made("--realm", "example.com"))

    def test_no_secret_is_shown(self) -> None:
        output = self.made("--realm", "example.com")
        for name in ("replica.ed25519secret", "realm.vrfsecret"):
            self.assertNotIn((self.folder / "replica1" / name).read_bytes().hex()[:16], output)

    def test_realm_missing(self) -> None:
        result = self.run_init()
        self.assertEqual(result.exit_code, 2)
        self.assertIn("--realm", result.output)

    def test_unknown_suite(self) -> None:
        self.assertEqual(self.run_init("--realm", "example.com", "--vrf-suite", "2018").exit_code, 2)

    def test_mistakes_are_all_shown(self) -> None:
        result = self.run_init("--realm", "example.com", "--replicas", "0", "--verifiers", "-1")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("--replicas: 0 is out of range", result.output)
        self.assertIn("--verifiers: -1 is out of range", result.output)
        self.assertFalse(self.folder.exists())

    def test_nothing_is_overwritten(self) -> None:
        self.made("--realm", "example.com")
        before = json.loads((self.folder / "client" / "config.json").read_text())
        result = self.run_init("--realm", "example.com")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("nothing is ever overwritten", result.output)
        self.assertEqual(json.loads((self.folder / "client" / "config.json").read_text()), before)

    def test_there_is_no_force(self) -> None:
        self.assertEqual(self.run_init("--realm", "example.com", "--force").exit_code, 2)

    def test_failing_disk_is_a_sentence(self) -> None:
        def fail(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", fail)
        result = self.run_init("--realm", "example.com")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("No space left on device", result.output)
        self.assertFalse(self.folder.exists())
