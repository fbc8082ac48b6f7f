"""The process as twistd runs it: starting, stopping, signals, and what it says when it cannot start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from twisted.trial.unittest import TestCase

from coname.messages.client_pb2 import LookupRequest
from tests.system.processes import PATIENCE, KeyserverProcess, Stub, program, wait_for


class ProcessCase(TestCase):
    timeout = 180

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.keyserver = KeyserverProcess(self.folder)
        self.addCleanup(self.keyserver.clean_up)

    def http_status(self, path: str) -> int:
        listener = self.keyserver.settings.httpfront
        assert listener is not None
        context = ssl.create_default_context(cafile=str(self.keyserver.authority))
        try:
            with urllib.request.urlopen(f"https://{listener.address}{path}", context=context, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def run_twistd(self, *words: str) -> subprocess.CompletedProcess[str]:
        whole = [program("twistd"), *words]
        return subprocess.run(whole, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False)


class StartTests(ProcessCase):
    def test_second_start_finds_everything(self) -> None:
        alice = self.keyserver.owner("alice@example.com")
        self.keyserver.start()
        with self.keyserver.channel() as channel:
            Stub(channel).update(alice.update(0))
        self.keyserver.stop()
        self.keyserver.start()
        with self.keyserver.channel() as channel:
            proof = Stub(channel).lookup(LookupRequest(user_id=alice.user_id))
        self.assertIsNotNone(self.keyserver.verified(proof, alice.user_id).entry)

    def test_mistakes_in_the_configuration_are_named_before_anything_is_opened(self) -> None:
        self.keyserver.configure(public_addr="nonsense", signing_key_id="nowhere.ed25519secret", colour="blue")
        done = self.run_twistd("--nodaemon", "--pidfile=", "coname", f"--config={self.keyserver.config}")
        self.assertEqual(done.returncode, 1)
        for path in ("public_addr", "signing_key_id", "colour"):
            self.assertIn(path, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.splitlines()[0], f"{self.keyserver.config}:")
        self.assertFalse(self.keyserver.settings_free_data_folder().exists())

    def test_second_process_on_the_same_database_says_so_and_fails(self) -> None:
        self.keyserver.start()
        done = self.run_twistd("--nodaemon", "--pidfile=", "coname", f"--config={self.keyserver.config}")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("open in another process", (done.stdout + done.stderr).strip().splitlines()[-1])
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertTrue(self.keyserver.is_up())

    def test_a_port_in_use_is_named_in_one_line(self) -> None:
        listener = self.keyserver.settings.httpfront
        assert listener is not None
        with socket.create_server((listener.address.host, listener.address.port)):
            done = self.run_twistd("--nodaemon", "--pidfile=", "coname", f"--config={self.keyserver.config}")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{listener.address.port}", (done.stdout + done.stderr).strip().splitlines()[-1])
        self.assertNotIn("Traceback", done.stdout + done.stderr)

    def test_another_reactor_is_refused_with_the_flag_to_use(self) -> None:
        words = ["--nodaemon", "--pidfile=", "--reactor=select", "coname", f"--config={self.keyserver.config}"]
        done = self.run_twistd(*words)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--reactor=asyncio", done.stdout + done.stderr)

    def test_toml_says_the_same(self) -> None:
        import tomli_w

        content = json.loads(self.keyserver.config.read_text())
        toml = self.keyserver.config.with_suffix(".toml")
        toml.write_text(tomli_w.dumps(content))
        self.keyserver.config = toml
        self.keyserver.start()


class DaemonTests(ProcessCase):
    def test_daemon_writes_pid_and_log_and_stops_cleanly(self) -> None:
        pid_file, log = self.folder / "coname.pid", self.folder / "coname.log"
        words = [f"--pidfile={pid_file}", f"--logfile={log}", "coname", f"--config={self.keyserver.config}"]
        done = self.run_twistd(*words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        wait_for(lambda: log.exists() and "is up" in log.read_text(), "the daemon is up")
        pid = int(pid_file.read_text())
        self.addCleanup(self.ensure_gone, pid)
        with self.keyserver.channel() as channel:
            Stub(channel).update(self.keyserver.owner("alice@example.com").update(0))
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not pid_file.exists(), "the pid file is gone")
        wait_for(lambda: "has stopped" in log.read_text(), "the log says that it stopped")
        self.assertNotIn("Traceback", log.read_text())

    def ensure_gone(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def test_a_daemon_that_cannot_start_says_so_to_its_caller(self) -> None:
        self.keyserver.start()
        log = self.folder / "coname.log"
        done = self.run_twistd("--pidfile=x", f"--logfile={log}", "coname", f"--config={self.keyserver.config}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not start", done.stdout + done.stderr)
        # twistd tells its caller before the reason is in the log
        wait_for(lambda: "open in another process" in log.read_text(), "the log has the reason")


class SignalTests(ProcessCase):
    def test_usr1_takes_out_of_rotation_and_usr2_back(self) -> None:
        self.keyserver.start()
        assert self.keyserver.process is not None
        for number, status in ((None, 200), (signal.SIGUSR1, 404), (signal.SIGUSR2, 200)):
            if number is not None:
                self.keyserver.process.send_signal(number)
            for path in ("/status", "/lb"):
                wait_for(lambda: self.http_status(path) == status, f"{path} answers {status}")  # noqa: B023

    def stops_without_cutting_off(self, number: int) -> None:
        """Updates that wait for their epoch when the signal comes are answered before the process ends."""
        self.keyserver.configure_intervals(minimum=3)
        self.keyserver.start()
        owners = [self.keyserver.owner(f"user{number}@example.com") for number in range(10)]
        first = self.keyserver.owner("first@example.com").update(0)
        requests = [(owner.user_id, owner.update(0)) for owner in owners]
        with self.keyserver.channel() as channel:
            stub = Stub(channel)
            stub.update(first)  # the next epoch is three seconds away now
            waiting = [(user_id, stub.begin_update(request)) for user_id, request in requests]
            stub.lookup(LookupRequest(user_id="nobody@example.com"))  # behind them on the same connection
            self.assertFalse(any(call.done() for _, call in waiting))
            status = self.keyserver.stop(number)
            for user_id, call in waiting:
                self.assertIsNotNone(self.keyserver.verified(call.result(), user_id).entry)
        self.assertEqual(status, -number)  # twistd ends itself with the signal that it was sent
        self.assertNotIn("Traceback", self.keyserver.log.read_text())

    def test_term_cuts_nothing_off(self) -> None:
        self.stops_without_cutting_off(signal.SIGTERM)

    def test_int_cuts_nothing_off(self) -> None:
        self.stops_without_cutting_off(signal.SIGINT)
