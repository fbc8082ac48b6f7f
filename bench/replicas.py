"""A realm of several replicas, each started as an operator does, on this machine, with nobody registered."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from bench.dataset import DATA, Dataset
from bench.people import DOMAIN
from bench.processes import PATIENCE, free_ports
from bench.server import FRONTS, Server, addresses
from coname.configuration.init import InitOptions, initialise
from coname.core import heads
from coname.messages.client_pb2 import LookupProof, LookupRequest

_ROLE = re.compile(r"Raft: (\S+) in term (\d+)")
_LOOK_SECONDS = 0.02
_NOBODY = f"nobody@{DOMAIN}"


class Replicas:
    """All replicas of the realm in `folder`. Their ports stay the same from start to start.

    :ivar servers: those that were started, by number from 1.
    """

    def __init__(self, folder: Path, size: int) -> None:
        options = InitOptions(realm="bench", domains=(DOMAIN,), replicas=size, insecure_skip_email_proof=True)
        initialise(folder, options)
        self.data = [Dataset(folder, 0, number) for number in range(1, size + 1)]
        ports = [dict(zip(FRONTS, free_ports(len(FRONTS)), strict=True)) for _ in self.data]
        replicas = self.data[0].document()["keyserver_config"]["initial_replicas"]
        for replica, mine in zip(replicas, ports, strict=True):
            replica["raft_addr"] = f"127.0.0.1:{mine['raft']}"
        for data, mine in zip(self.data, ports, strict=True):
            data.configure({**addresses(mine), "keyserver_config": {"initial_replicas": replicas}})
        self._ports = ports
        self.servers: dict[int, Server] = {}

    def start(self, number: int) -> Server:
        """Start one, and wait until it answers."""
        self.servers[number] = Server(self.data[number - 1], self._ports[number - 1])
        return self.servers[number]

    def leader(self) -> int:
        """Who leads, once somebody does."""
        found = {number: _role(server) for number, server in self.servers.items() if server.runs()}
        until = time.monotonic() + PATIENCE
        while not any(role == "leader" for _, role in found.values()):
            if time.monotonic() > until:
                raise RuntimeError("nobody leads")
            time.sleep(_LOOK_SECONDS)
            found = {number: _role(server) for number, server in self.servers.items() if server.runs()}
        return max(found, key=lambda number: (found[number][0], found[number][1] == "leader"))

    def others(self, number: int) -> list[int]:
        """All that run, but this one."""
        return [other for other, server in self.servers.items() if other != number and server.runs()]

    def wait_until_agreed(self, target: int = 0) -> None:
        """Until all answer from one epoch, `target` or later."""
        wait_for(
            lambda: len(epochs := {newest_epoch(one) for one in self.servers.values()}) == 1 and min(epochs) >= target
        )

    def stop(self) -> None:
        """End them all."""
        for server in self.servers.values():
            server.stop()


@contextmanager
def replicas(size: int) -> Iterator[Replicas]:
    """A realm of `size` replicas that run; it is gone afterwards."""
    DATA.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=DATA))
    found = Replicas(folder, size)
    try:
        for number in range(1, size + 1):
            found.start(number)
        wait_for(lambda: all(map(newest_epoch, found.servers.values())))
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(condition: Callable[[], bool]) -> None:
    """:raises RuntimeError: it did not become true."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError("a replica came no further")
        time.sleep(_LOOK_SECONDS)


def channel(server: Server, more: Sequence[tuple[str, Any]] = ()) -> grpc.Channel:
    """To the public front of a replica, with `more` options."""
    authority = (server.data.folder / "client" / "ca.pem").read_bytes()
    options = [("grpc.use_local_subchannel_pool", 1), *more]
    return grpc.secure_channel(f"localhost:{server.grpc_port}", grpc.ssl_channel_credentials(authority), options)


def newest_epoch(server: Server) -> int:
    """The newest epoch that it answers from; 0 while there is none."""
    with channel(server) as connection:
        lookup = connection.unary_unary(
            "/proto.E2EKSPublic/Lookup", LookupRequest.SerializeToString, LookupProof.FromString
        )
        try:
            proof = lookup(LookupRequest(user_id=_NOBODY), timeout=PATIENCE, wait_for_ready=True)
        except grpc.RpcError:
            return 0
    return max(heads.parse(one.head).epoch for one in proof.ratifications)


def _role(server: Server) -> tuple[int, str]:
    """Its newest term, and what it is in it."""
    found = _ROLE.findall(server.log.read_text())
    return (int(found[-1][1]), found[-1][0]) if found else (0, "")
