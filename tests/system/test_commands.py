"""The command `coname` against a real keyserver: the story of one owner, and every exit status on the way."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pysequoia
from twisted.trial.unittest import TestCase

from tests.needs import needs
from tests.system.processes import PATIENCE, KeyserverProcess, program

ALICE = "alice@example.com"


class CommandCase(TestCase):
    timeout = 300
    hosts: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.keyserver = KeyserverProcess(self.folder, hosts=self.hosts)
        self.addCleanup(self.keyserver.clean_up)
        self.keyserver.start()

    def coname(self, *words: str, person: str = "alice") -> subprocess.CompletedProcess[str]:
        """Run `coname` as `person`, whose files are in a home of their own."""
        home = self.folder / person
        home.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "CONAME_CONFIG": str(self.keyserver.client_config),
        }
        whole = [program("coname"), *words]
        return subprocess.run(whole, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def succeeds(self, *words: str, person: str = "alice") -> str:
        done = self.coname(*words, person=person)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def key_of(self, name: str, *words: str) -> str:
        return self.succeeds("lookup", ALICE, "--key", name, *words, person="bob")


class StoryTests(CommandCase):
    def test_an_owner_registers_updates_and_rotates(self) -> None:
        self.assertEqual(self.coname("lookup", ALICE, person="bob").returncode, 1)
        self.succeeds("register", ALICE, "--key", f"ssh={self.file('one', b'first')}")
        self.assertEqual(self.key_of("ssh"), "first")
        self.succeeds("update", ALICE, "--key", f"ssh={self.file('two', b'second')}")
        self.assertEqual(self.key_of("ssh"), "second")
        self.succeeds("update", ALICE, "--key", f"age={self.file('three', b'third')}", "--rotate")
        self.assertEqual(self.key_of("ssh"), "second")
        self.assertEqual(self.key_of("age"), "third")
        self.succeeds("update", ALICE, "--remove", "ssh")
        found = json.loads(self.succeeds("lookup", ALICE, "--json", person="bob"))
        self.assertEqual(list(found["keys"]), ["age"])

    def test_the_identity_is_for_the_owner_only_and_its_path_is_shown(self) -> None:
        shown = self.coname("register", ALICE, "--key", f"ssh={self.file('one', b'first')}")
        identities = [path for path in (self.folder / "alice").rglob("*.json") if "identities" in path.parts]
        self.assertEqual(len(identities), 1)
        self.assertIn(str(identities[0]), shown.stdout + shown.stderr)
        self.assertEqual(stat.S_IMODE(identities[0].stat().st_mode), 0o600)

    def test_an_address_is_brought_into_canonical_form(self) -> None:
        self.succeeds("register", "Alice@Example.COM", "--key", f"ssh={self.file('one', b'first')}")
        self.assertEqual(self.key_of("ssh"), "first")

    def test_an_older_epoch_shows_the_older_key(self) -> None:
        self.succeeds("register", ALICE, "--key", f"ssh={self.file('one', b'first')}")
        epoch = json.loads(self.succeeds("lookup", ALICE, "--json", person="bob"))["epoch"]
        self.succeeds("update", ALICE, "--key", f"ssh={self.file('two', b'second')}")
        self.assertEqual(self.key_of("ssh", "--epoch", str(epoch)), "first")

    def test_https_serves_as_well(self) -> None:
        self.succeeds("register", ALICE, "--https", "--key", f"ssh={self.file('one', b'first')}")
        self.assertEqual(self.key_of("ssh", "--https"), "first")


class ExitTests(CommandCase):
    def test_refused_by_the_server(self) -> None:
        self.succeeds("register", ALICE, "--key", f"ssh={self.file('one', b'first')}")
        done = self.coname("register", ALICE, "--key", f"ssh={self.file('two', b'mine')}", person="mallory")
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)

    def test_not_reachable(self) -> None:
        self.keyserver.stop()
        done = self.coname("lookup", ALICE, "--timeout", "3")
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_usage(self) -> None:
        self.assertEqual(self.coname("lookup").returncode, 2)

    def test_a_proof_that_does_not_verify(self) -> None:
        content = json.loads(self.keyserver.client_config.read_text())
        realm = content["realms"][0]
        realm["VRFPublic"] = "16k9NkJ26t+qRoe4cKaMZ5xULl1K6LnMRrFbpBAWzVk="
        self.keyserver.client_config.write_text(json.dumps(content))
        done = self.coname("lookup", ALICE)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)

    def test_a_rolled_back_keyserver_is_refused(self) -> None:
        self.keyserver.stop()
        data = self.keyserver.settings.data_folder
        shutil.copytree(data, self.folder / "backup")
        self.keyserver.start()
        self.succeeds("register", ALICE, "--key", f"ssh={self.file('one', b'first')}")
        self.keyserver.stop()
        shutil.rmtree(data)
        shutil.copytree(self.folder / "backup", data)
        self.keyserver.start()
        done = self.coname("lookup", ALICE)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)


class GnuPGTests(CommandCase):
    hosts = ("127.0.0.2",)  # dirmngr takes 127.0.0.1 for the name localhost, and refuses names without a dot

    def test_gnupg_fetches_what_coname_registered(self) -> None:
        needs("gpg", "dirmngr")
        secret = pysequoia.Tsk.generate(user_id=f"Alice <{ALICE}>")
        public = secret.extract_certificate()
        certificate = self.file("alice.pgp", bytes(public))
        self.succeeds("register", ALICE, "--key", f"pgp={certificate}")
        hkp = self.keyserver.settings.hkp
        assert hkp is not None
        home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (home / "dirmngr.conf").write_text(f"hkp-cacert {self.keyserver.authority}\nstandard-resolver\n")
        words = ["gpg", "--homedir", str(home), "--batch", "--keyserver", f"hkps://{hkp.address}"]
        words += ["--auto-key-locate", "clear,keyserver", "--locate-external-keys", ALICE]
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.addCleanup(subprocess.run, ["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        self.assertIn(public.fingerprint.upper(), done.stdout.upper(), done.stderr)


class DemoTests(TestCase):
    timeout = 300

    def demo(self, folder: Path) -> subprocess.CompletedProcess[str]:
        words = [program("coname"), "demo", "--folder", str(folder), "--once"]
        return subprocess.run(words, capture_output=True, text=True, timeout=3 * PATIENCE, check=False)

    def test_shows_everything_and_a_second_run_goes_on_with_the_folder(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "demo"
        first = self.demo(folder)
        self.assertEqual(first.returncode, 0, first.stdout + first.stderr)
        self.assertIn("registered, and proved present", first.stdout)
        second = self.demo(folder)
        self.assertEqual(second.returncode, 0, second.stdout + second.stderr)
        self.assertIn("registered already", second.stdout)
        self.assertIn("proved present", second.stdout)
