"""The verifier as twistd runs it: enrolled, started, stopped, and what it says when it cannot start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from twisted.trial.unittest import TestCase

from coname.config import load_client
from tests.ports import free_ports
from tests.system.processes import PATIENCE, KeyserverProcess, Stub, VerifierProcess, program, wait_for


class VerifierCase(TestCase):
    timeout = 180

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.keyserver = KeyserverProcess(self.folder, verifiers=1)
        self.addCleanup(self.keyserver.clean_up)
        self.verifier = VerifierProcess(self.keyserver, 1)
        self.addCleanup(self.verifier.clean_up)

    def configure(self, **changes: object) -> None:
        content = json.loads(self.verifier.config.read_text())
        content.update(changes)
        self.verifier.config.write_text(json.dumps(content))

    def run_program(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        whole = [program(name), *words]
        return subprocess.run(whole, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def fails(self, *words: str) -> str:
        """What twistd says when it cannot start the verifier."""
        done = self.run_program(
            "twistd", "--nodaemon", "--pidfile=", *words, "coname-verifier", f"--config={self.verifier.config}"
        )
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        return (done.stdout + done.stderr).strip()

    def says(self, words: str) -> bool:
        self.verifier.check_alive()
        return words in self.verifier.log.read_text()


class StartTests(VerifierCase):
    def test_mistakes_are_named_before_anything_is_opened(self) -> None:
        self.configure(keyserver_addr="nonsense", signing_key_id="nowhere.ed25519secret", colour="blue")
        said = self.fails()
        for path in ("keyserver_addr", "signing_key_id", "colour"):
            self.assertIn(path, said)
        self.assertEqual(said.splitlines()[0], f"{self.verifier.config}:")
        self.assertFalse((self.verifier.folder / "database").exists())

    def test_another_reactor_is_refused_with_the_flag_to_use(self) -> None:
        self.assertIn("twistd --reactor=asyncio coname-verifier", self.fails("--reactor=select"))

    def test_second_process_on_the_same_database_says_so_and_fails(self) -> None:
        self.verifier.start()
        wait_for(lambda: self.says("is up"), "the verifier is up")
        self.assertIn("open in another process", self.fails().splitlines()[-1])

    def test_a_port_in_use_is_named_in_one_line(self) -> None:
        port = free_ports()
        self.configure(metrics_addr=f"127.0.0.1:{port}")
        with socket.create_server(("127.0.0.1", port)):
            self.assertIn(str(port), self.fails().splitlines()[-1])

    def test_evidence_that_would_have_no_place_is_told_now(self) -> None:
        (self.folder / "file").write_text("")
        self.configure(evidence_folder=str(self.folder / "file" / "evidence"))
        self.assertIn("Not a directory", self.fails().splitlines()[-1])

    def test_database_of_another_verifier_is_refused(self) -> None:
        self.keyserver.start()
        self.verifier.start()
        alice = self.keyserver.owner("alice@example.com")
        with self.keyserver.channel() as channel:
            Stub(channel).update(alice.update(0), timeout=60)  # which the verifier has signed
        self.verifier.stop()
        self.configure(tree_nonce="AAAA")
        self.assertIn("the database is of a verifier with the tree_nonce", self.fails().splitlines()[-1])


class RunningTests(VerifierCase):
    def test_keyserver_may_come_later_and_go_and_come_again(self) -> None:
        port = free_ports()
        self.configure(metrics_addr=f":{port}")
        self.verifier.start()
        wait_for(lambda: self.says("Not connected to the keyserver"), "it finds nobody")
        self.keyserver.start()
        wait_for(lambda: self.says("Connected to the keyserver"), "it connects")
        self.keyserver.stop()
        wait_for(lambda: self.says("Not connected to the keyserver"), "it is alone again")
        self.keyserver.start()
        alice = self.keyserver.owner("alice@example.com")
        with self.keyserver.channel() as channel:
            verified = self.keyserver.verified(Stub(channel).update(alice.update(0), timeout=60), alice.user_id)
        self.assertIn(self.verifier.id, verified.signers)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        self.assertIn("coname_verifier_connected 1.0", text)
        self.assertIn("coname_verifier_signing 1.0", text)

    def stops(self, number: int) -> None:
        self.keyserver.start()
        self.verifier.start()
        wait_for(lambda: self.says("Connected to the keyserver"), "it connects")
        assert self.verifier.process is not None
        self.verifier.process.send_signal(number)
        self.verifier.process.wait(PATIENCE)
        log = self.verifier.log.read_text()
        self.assertIn("has stopped", log)
        self.assertNotIn("Traceback", log)

    def test_term_stops_it(self) -> None:
        self.stops(signal.SIGTERM)

    def test_int_stops_it(self) -> None:
        self.stops(signal.SIGINT)

    def test_it_stops_while_it_looks_for_the_keyserver(self) -> None:
        self.verifier.start()
        wait_for(lambda: self.says("Not connected to the keyserver"), "it finds nobody")
        self.verifier.stop()
        self.assertNotIn("Traceback", self.verifier.log.read_text())

    def test_daemon_writes_pid_and_log_and_stops_cleanly(self) -> None:
        self.keyserver.start()
        pid_file, log = self.folder / "verifier.pid", self.folder / "daemon.log"
        words = [f"--pidfile={pid_file}", f"--logfile={log}", "coname-verifier", f"--config={self.verifier.config}"]
        done = self.run_program("twistd", *words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        wait_for(lambda: log.exists() and "Connected to the keyserver" in log.read_text(), "the daemon is connected")
        pid = int(pid_file.read_text())
        self.addCleanup(self.ensure_gone, pid)
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not pid_file.exists(), "the pid file is gone")
        wait_for(lambda: "has stopped" in log.read_text(), "the log says that it stopped")
        self.assertNotIn("Traceback", log.read_text())

    def ensure_gone(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def test_resuming_is_refused_while_it_runs(self) -> None:
        self.verifier.start()
        wait_for(lambda: self.says("is up"), "the verifier is up")
        done = self.run_program("coname", "verifier", "resume", "--config", str(self.verifier.config), "--yes")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("open in another process; stop that one first", done.stdout + done.stderr)


class EnrolledTests(TestCase):
    timeout = 180

    def test_two_commands_and_the_answer_in_between(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        keyserver = KeyserverProcess(folder)
        self.addCleanup(keyserver.clean_up)
        mine, answer = keyserver.folder / "verifier1", folder / "answer.json"
        for words in (
            ["enroll", str(mine), "--realm", "testing"],
            ["admit", str(mine / "request.json"), f"--realm-dir={keyserver.folder}", f"--out={answer}", "--apply"],
            ["accept", str(mine), str(answer)],
        ):
            done = subprocess.run([program("coname"), "verifier", *words], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        verifier = VerifierProcess(keyserver, 1)
        self.addCleanup(verifier.clean_up)
        keyserver.start()
        verifier.start()
        keyserver.realm = load_client(keyserver.client_config).realms[0]
        self.assertIn(verifier.id, keyserver.realm.verification_policy.public_keys)
        alice = keyserver.owner("alice@example.com")
        with keyserver.channel() as channel:
            verified = keyserver.verified(Stub(channel).update(alice.update(0), timeout=60), alice.user_id)
        self.assertIn(verifier.id, verified.signers)
