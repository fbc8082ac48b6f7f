"""A keyserver started as an operator does, through twistd, and what the system knows of its process."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.dataset import Dataset
from bench.load.jobs import Job, Report

_PATIENCE = 60.0
_IDLE = 0.2  # of a processor
_FRONTS = ("public", "httpfront", "verifier", "raft", "hkp", "manhole")


class Server:
    """A running keyserver.

    :ivar grpc_port: where it answers gRPC. :ivar https_port: where it answers HTTPS.
    :ivar start_seconds: from the start of the process to the first answer over HTTPS.
    """

    def __init__(self, data: Dataset) -> None:
        ports = free_ports(len(_FRONTS))
        self.grpc_port, self.https_port = ports[:2]
        data.configure(
            {
                **{f"{front}_addr": f"127.0.0.1:{port}" for front, port in zip(_FRONTS[:5], ports, strict=False)},
                "manhole": {"addr": f"127.0.0.1:{ports[5]}"},
            }
        )
        self.data = data
        self._log = (data.folder / "twistd.log").open("w")
        begun = time.monotonic()
        command = [sys.executable, "-m", "twisted", "-n", "--pidfile=", "coname", "--config", str(data.config)]
        command[1:3] = ["-c", "from twisted.scripts.twistd import run; run()"]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, cwd=data.folder)
        self._wait()
        self.start_seconds = time.monotonic() - begun

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def _wait(self) -> None:
        context = ssl.create_default_context()
        for authority in self.data.realm.client_tls.root_cas:
            context.load_verify_locations(cadata=authority)
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            if _answers(self.https_port, context):
                return
            time.sleep(0.01)
        self.stop()
        raise RuntimeError(f"the server did not start:\n{Path(self._log.name).read_text()[-2000:]}")

    def cpu_seconds(self) -> float:
        """Processor time that the process has taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settle(self) -> None:
        """Wait until it has nothing to do any more: after a start, it reads the tree into memory."""
        while True:
            before = self.cpu_seconds()
            time.sleep(1.0)
            if self.cpu_seconds() - before < _IDLE:
                return

    def memory(self) -> dict[str, int]:
        """Bytes of memory: "all" that is resident, of which "own" is not the page cache of mapped files; "peak"."""
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        names = {"all": "VmRSS", "own": "RssAnon", "peak": "VmHWM"}
        return {name: int(lines[field].split()[0]) * 1024 for name, field in names.items()}

    def stop(self) -> None:
        """End the process as an operator does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _answers(port: int, context: ssl.SSLContext) -> bool:
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
    except (OSError, ssl.SSLError):
        return False


@contextmanager
def serving(data: Dataset) -> Iterator[Server]:
    """A keyserver on `data`, which it will change."""
    server = Server(data)
    try:
        yield server
    finally:
        server.stop()


def load(job: Job) -> Report:
    """Have the load generator do `job`, in its own process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=job.json() + "\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    return Report(**json.loads(done.stdout))
