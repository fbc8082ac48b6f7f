"""The command as people run it: a process of its own, with a real network between it and the server."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
from typing import Any

from google.protobuf import json_format
from twisted.trial.unittest import SynchronousTestCase

from tests.client.folders import new_folder
from tests.client.simulator import Realm

ALICE = "alice@example.com"


class ProcessCase(SynchronousTestCase):
    """A folder that is everybody's home."""

    def setUp(self) -> None:
        self.folder = new_folder(self)

    def environ(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "CONAME_"))}
        return kept | {"HOME": str(self.folder), "CONAME_CONFIG": str(self.folder / "config.json")} | more

    def run_coname(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "coname.client.cli", *arguments]
        return subprocess.run(command, env=self.environ(**environ), capture_output=True, timeout=60, check=False)

    def write_config(self, **changes: Any) -> None:
        path = self.folder / "config.json"
        config = json.loads(path.read_text())
        config["realms"][0].update(changes)
        path.write_text(json.dumps(config))

    def serve(self) -> None:
        command = [sys.executable, "-m", "tests.client.serving", str(self.folder)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, server)
        assert server.stdout is not None
        self.assertEqual(server.stdout.readline(), "ready\n")

    def stop(self, server: subprocess.Popen[str]) -> None:
        server.communicate("", timeout=30)


class WithServer(ProcessCase):
    """Each test does several things, for a process takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.serve()

    def whole_life(self, *way: str) -> None:
        absent = self.run_coname("lookup", ALICE, *way)
        self.assertEqual(absent.returncode, 1, absent.stderr)
        key = self.folder / "key"
        key.write_bytes(bytes(range(256)))
        registered = self.run_coname("register", ALICE, f"--key=blob={key}", *way)
        self.assertEqual(registered.returncode, 0, registered.stderr)
        self.assertIn(str(self.folder / ".local/share/coname/identities"), registered.stdout.decode())
        updated = self.run_coname("update", ALICE, "--rotate", "--json", *way)
        self.assertEqual(json.loads(updated.stdout)["version"], 1)
        found = self.run_coname("lookup", ALICE, "--key", "blob", *way)
        self.assertEqual((found.returncode, found.stdout), (0, bytes(range(256))))
        refused = self.run_coname("lookup", ALICE, "--epoch", "99", *way)
        self.assertEqual(refused.returncode, 5, refused.stderr)

    def test_servers_that_are_gone_or_silent_are_passed_over(self) -> None:
        """On asyncio over gRPC, on Twisted over HTTPS; each several times, for who is asked first is drawn by lot."""
        silent, gone = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        ports = [each.getsockname()[1] for each in (silent, gone)]
        gone.close()
        self.write_config(
            addrs=[f"127.0.0.1:{port}" for port in ports], URLs=[f"https://127.0.0.1:{port}" for port in ports]
        )
        notes: list[str] = []
        for way in ((), ("--https",)):
            for _ in range(2):
                found = self.run_coname("lookup", ALICE, "--json", *way)
                self.assertEqual(found.returncode, 1, found.stdout)
                notes += json.loads(found.stdout)["notes"]
        for note in notes:
            self.assertIn(f"127.0.0.1:{ports[1]}", note)

    def test_if_none_answers_all_are_named(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        gone = [f"127.0.0.1:{port}", f"localhost:{port}"]
        self.write_config(addr=gone[0], addrs=gone[1:], URL=f"https://{gone[0]}", URLs=[f"https://{gone[1]}"])
        for way in ((), ("--https",)):
            failed = self.run_coname("lookup", ALICE, *way)
            self.assertEqual(failed.returncode, 4, failed.stderr)
            for each in gone:
                self.assertIn(each, failed.stderr.decode())

    def test_over_grpc(self) -> None:
        self.whole_life()

    def test_over_https(self) -> None:
        self.whole_life("--https")

    def test_a_server_that_is_not_who_it_should_be_is_not_reached(self) -> None:
        self.write_config(client_tls={})
        for way in ([], ["--https"]):
            done = self.run_coname("lookup", ALICE, *way)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertNotIn(b"Traceback", done.stderr)


class WithoutServer(ProcessCase):
    def setUp(self) -> None:
        super().setUp()
        self.serve()

    def unused_port(self) -> int:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port: int = unused.getsockname()[1]
            return port

    def test_nobody_there_is_told_in_a_sentence_with_status_4(self) -> None:
        port = self.unused_port()
        self.write_config(addr=f"127.0.0.1:{port}", URL=f"https://127.0.0.1:{port}")
        for way in ([], ["--https"]):
            done = self.run_coname("lookup", ALICE, *way)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(f"127.0.0.1:{port} cannot be reached", done.stderr.decode())
            self.assertNotIn(b"Traceback", done.stderr)

    def test_silence_is_given_up_with_status_4(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            self.write_config(addr=f"127.0.0.1:{port}", URL=f"https://127.0.0.1:{port}")
            for way in ([], ["--https"]):
                done = self.run_coname("lookup", ALICE, "--timeout", "0.5", *way)
                self.assertEqual(done.returncode, 4, done.stderr)

    def test_an_interrupt_is_not_taken_for_absence(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            self.write_config(addr=f"127.0.0.1:{port}", URL=f"https://127.0.0.1:{port}")
            for way in ([], ["--https"]):
                command = [sys.executable, "-m", "coname.client.cli", "lookup", ALICE, *way]
                process = subprocess.Popen(command, env=self.environ(), stderr=subprocess.PIPE)
                connection, _ = silent.accept()
                with connection:
                    process.send_signal(signal.SIGINT)
                    _, complaint = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 130, complaint)
                self.assertNotIn(b"Traceback", complaint)


class Offline(ProcessCase):
    def test_usage_is_2(self) -> None:
        self.assertEqual(self.run_coname("lookup").returncode, 2)
        self.assertEqual(self.run_coname("nonsense").returncode, 2)

    def test_help_and_version_are_0(self) -> None:
        self.assertIn(b"verify-proof", self.run_coname("--help").stdout)
        self.assertEqual(self.run_coname("--version").returncode, 0)

    def test_a_missing_configuration_says_how_to_give_one(self) -> None:
        environ = {name: value for name, value in self.environ().items() if name != "CONAME_CONFIG"}
        command = [sys.executable, "-m", "coname.client.cli", "lookup", ALICE]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--config FILE", done.stderr)

    def test_output_that_nobody_reads_is_141_and_not_1(self) -> None:
        """Rich, click and Python itself all have the status 1 for it."""
        realm = Realm()
        config = json_format.MessageToJson(realm.config(), preserving_proto_field_name=True)
        (self.folder / "config.json").write_text(config)
        (self.folder / "proof").write_bytes(realm.prove(ALICE, 1).SerializeToString())
        for form in ([], ["--json"]):
            arguments = ["verify-proof", ALICE, str(self.folder / "proof"), "--at", str(realm.now), *form]
            read, write = os.pipe()
            os.close(read)
            command = [sys.executable, "-m", "coname.client.cli", *arguments]
            done = subprocess.run(command, env=self.environ(), stdout=write, stderr=subprocess.PIPE, check=False)
            os.close(write)
            self.assertEqual(done.returncode, 141, done.stderr)

    def test_a_crash_is_70_and_not_1(self) -> None:
        program = (
            "import sys, coname.client.cli as cli; "
            "cli.cli.main = lambda **options: 1 // 0; sys.argv = ['coname']; cli.main()"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 70)
        self.assertIn("ZeroDivisionError", done.stderr)


class OnATerminal(ProcessCase):
    def shown(self, columns: int, *arguments: str) -> tuple[int, str]:
        """The exit status, and what stands on a terminal of that width."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        command = [sys.executable, "-m", "coname.client.cli", *arguments]
        environ = self.environ(TERM="xterm-256color", LANG="C.UTF-8", NO_COLOR="")
        environ.pop("COLUMNS", None)
        process = subprocess.Popen(command, env=environ, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        output = _read_all(master)
        return process.wait(timeout=60), output

    def test_colour_ticks_and_hashes_that_fit(self) -> None:
        self.serve()
        for columns in (80, 120):
            status, output = self.shown(columns, "lookup", ALICE)
            self.assertEqual(status, 1, output)
            self.assertIn("\x1b[", output)
            self.assertIn("✓", output)
            lines = re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines()
            self.assertIn("proved absent", lines[0])
            self.assertRegex(output, r"\b[0-9a-f]{16}… ")
            self.assertEqual([line for line in lines if len(line) > columns or re.search("[0-9a-f]{21}", line)], [])


def _read_all(descriptor: int) -> str:
    pieces = []
    try:
        while piece := os.read(descriptor, 65536):
            pieces.append(piece)
    except OSError:  # Linux's way of saying that the other side has closed
        pass
    finally:
        os.close(descriptor)
    return b"".join(pieces).decode()
