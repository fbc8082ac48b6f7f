"""A keyserver started as an operator does, through twistd, and the load generator."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.dataset import Dataset
from bench.load.jobs import Job, Report
from bench.processes import PATIENCE, Process, free_ports, twistd

_IDLE = 0.2  # of a processor
FRONTS = ("public", "httpfront", "verifier", "raft", "hkp", "manhole")


def addresses(ports: Mapping[str, int]) -> dict[str, Any]:
    """The part of a replica's configuration that says where it listens; `ports` has one for each of `FRONTS`."""
    fronts: dict[str, Any] = {f"{front}_addr": f"127.0.0.1:{ports[front]}" for front in FRONTS[:-1]}
    return fronts | {"manhole": {"addr": f"127.0.0.1:{ports['manhole']}"}}


class Server(Process):
    """A running keyserver.

    :param ports: of each of `FRONTS`, where the configuration says so already; None: any, which it will say then.
    :ivar grpc_port: where it answers gRPC. :ivar https_port: where it answers HTTPS.
    :ivar verifier_port: where verifiers connect to.
    :ivar start_seconds: from the start of the process to the first answer over HTTPS.
    """

    def __init__(self, data: Dataset, ports: Mapping[str, int] | None = None) -> None:
        if ports is None:
            ports = dict(zip(FRONTS, free_ports(len(FRONTS)), strict=True))
            data.configure(addresses(ports))
        self.grpc_port, self.https_port, self.verifier_port = (ports[name] for name in FRONTS[:3])
        self.data = data
        begun = time.monotonic()
        super().__init__(twistd("coname", data.config), data.folder / f"twistd{data.number}.log")
        self._wait()
        self.start_seconds = time.monotonic() - begun

    def _wait(self) -> None:
        context = ssl.create_default_context()
        for authority in self.data.realm.client_tls.root_cas:
            context.load_verify_locations(cadata=authority)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.runs():
            if _answers(self.https_port, context):
                return
            time.sleep(0.01)
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self.said()}")

    def settle(self) -> None:
        """Wait until it has nothing to do any more: after a start, it reads the tree into memory."""
        while True:
            before = self.cpu_seconds()
            time.sleep(1.0)
            if self.cpu_seconds() - before < _IDLE:
                return


def _answers(port: int, context: ssl.SSLContext) -> bool:
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
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
