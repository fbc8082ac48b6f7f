"""Real etcd members on loopback, with TLS, that can be killed, held up, and started again."""

from __future__ import annotations

import atexit
import contextlib
import signal
import socket
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from coname.configuration.authority import Authority
from coname.protocols.etcd_calls import EtcdAccess
from tests.ports import free_ports
from tests.system.processes import wait_for

HEARTBEAT_MS, ELECTION_MS = 50, 500
"""Faster than etcd's own 100 and 1000, so that tests wait less for a leader."""


class EtcdMember:
    """One process."""

    def __init__(self, words: list[str], endpoint: str, folder: Path) -> None:
        self.endpoint = endpoint
        self.folder = folder
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._words, stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9. A member that is not running stays so."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()

    def hold(self) -> None:
        """Stop it in its tracks: its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def takes_connections(self) -> bool:
        """Whether it listens already: it does once it has found the others."""
        host, port = self.endpoint.split(":")
        try:
            socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            return False
        return True


class EtcdCluster:
    """Some members, and what a client needs to speak to them.

    :ivar endpoints: ``host:port`` of each. :ivar access: the client's TLS.
    """

    def __init__(self, size: int, folder: Path, *words: str, token: str = "testing") -> None:
        """:param words: further arguments for etcd."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        ports = free_ports()
        names = [f"m{number}" for number in range(size)]
        self.access = self._make_tls()
        peers = [f"https://127.0.0.1:{ports + 10 + number}" for number in range(size)]
        cluster = ",".join(f"{name}={peer}" for name, peer in zip(names, peers, strict=True))
        common = [*words, "--initial-cluster", cluster, "--initial-cluster-token", token, *self._tls_words()]
        self.members = [
            EtcdMember(self._words(name, ports + number, peers[number]) + common, f"127.0.0.1:{ports + number}", folder)
            for number, name in enumerate(names)
        ]
        self.endpoints = [member.endpoint for member in self.members]

    def start(self) -> None:
        for member in self.members:
            member.start()

    def stop(self) -> None:
        for member in self.members:
            member.kill()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _words(self, name: str, port: int, peer: str) -> list[str]:
        client = f"https://127.0.0.1:{port}"
        return [
            "etcd",
            *("--name", name, "--data-dir", str(self.folder / name)),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--heartbeat-interval", str(HEARTBEAT_MS), "--election-timeout", str(ELECTION_MS)),
            *("--log-level", "error"),
        ]

    def _make_tls(self) -> EtcdAccess:
        now = datetime.now(UTC)
        authority = Authority.create("etcd of the tests", now)
        certificate = authority.certificate.public_bytes(Encoding.PEM)
        (self.folder / "ca.pem").write_bytes(certificate)
        for name, hosts in (("server", ("127.0.0.1",)), ("client", ())):
            issued = authority.issue(f"coname {name}", hosts, now)
            (self.folder / f"{name}.pem").write_bytes(issued.chain_pem())
            (self.folder / f"{name}.key").write_bytes(issued.key_pem())
            (self.folder / f"{name}.key").chmod(0o600)
        read = [(self.folder / name).read_bytes() for name in ("client.pem", "client.key")]
        return EtcdAccess(certificate, *read)

    def _tls_words(self) -> list[str]:
        server, key, authority = (str(self.folder / name) for name in ("server.pem", "server.key", "ca.pem"))
        return [
            *("--cert-file", server, "--key-file", key, "--client-cert-auth", "--trusted-ca-file", authority),
            *("--peer-cert-file", server, "--peer-key-file", key),
            *("--peer-client-cert-auth", "--peer-trusted-ca-file", authority),
        ]


_shared: list[EtcdCluster] = []


def shared_cluster() -> EtcdCluster:
    """A cluster of one member for tests that leave it alone; each takes another prefix. Ends with the test run."""
    if not _shared:
        folder = tempfile.TemporaryDirectory()
        cluster = EtcdCluster(1, Path(folder.name))
        cluster.start()
        atexit.register(folder.cleanup)
        atexit.register(cluster.stop)
        wait_for(cluster.members[0].takes_connections, "etcd takes connections")
        _shared.append(cluster)
    return _shared[0]
