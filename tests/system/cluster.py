"""Several real replicas of one realm, on this machine or in a network inside it, and clients that keep at them."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import grpc

from coname.config import load_client, load_replica
from coname.configuration.init import InitOptions, initialise
from coname.core import heads
from coname.core.lookup import verify_lookup
from coname.messages.client_pb2 import LookupRequest
from coname.storage.leveldb import LevelDBStore
from tests.ports import free_ports
from tests.system.network import Network
from tests.system.processes import PATIENCE, Owner, Stub, program, wait_for

ROLE = re.compile(r"Raft: (\S+) in term (\d+)")


class ReplicaProcess:
    """One replica, and its process.

    :param host: where it is reached; None: at the address that it listens on.
    :param before: words of the command line before the program's: how to run it on another machine.
    """

    def __init__(self, realm: Path, number: int, host: str | None = None, before: Sequence[str] = ()) -> None:
        self.number = number
        self.folder = realm / f"replica{number}"
        self.config = self.folder / "config.json"
        self.log = realm.parent / f"replica{number}.log"
        self.authority = realm / "client" / "ca.pem"
        self.settings = load_replica(self.config)
        assert self.settings.public is not None
        public = self.settings.public.address
        self.address = f"{host or public.host}:{public.port}"
        self._before = before
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start, and do not wait."""
        words = [*self._before, program("twistd"), "--nodaemon", "--pidfile=", "coname", f"--config={self.config}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder)

    def channel(self) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(self.authority.read_bytes())
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]
        return grpc.secure_channel(self.address, credentials, options)

    def newest_epoch(self) -> int:
        """The newest epoch that it answers from; 0: it does not answer."""
        with self.channel() as channel:
            try:
                proof = Stub(channel).lookup(LookupRequest(user_id="nobody@example.com"), timeout=2)
            except grpc.RpcError:
                return 0
        return max(heads.parse(one.head).epoch for one in proof.ratifications)

    def is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"a replica ended:\n{self.log.read_text()[-3000:]}")
        return self.newest_epoch() > 0

    def role(self) -> tuple[int, str]:
        """Its newest term and what it is in it, as far as its log says."""
        found = ROLE.findall(self.log.read_text()) if self.log.exists() else []
        return (int(found[-1][1]), found[-1][0]) if found else (0, "")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def clean_up(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Cluster:
    """A realm of `size` replicas, in `folder`.

    :param network: where they are, each a machine of its own; None: all on this one.
    :param more: options of `coname init`.
    :ivar acknowledged: the addresses whose registration a replica has acknowledged, with a proof.
    """

    def __init__(
        self,
        folder: Path,
        size: int = 3,
        configure: Callable[[dict[str, object]], None] | None = None,
        network: Network | None = None,
        **more: object,
    ) -> None:
        machines = range(1, size + 1)
        defaults: dict[str, object] = {
            "realm": "testing",
            "domains": ("example.com",),
            "replicas": size,
            "base_port": free_ports(),
            "hosts": tuple(map(network.address, machines)) if network else (),
            "insecure_skip_email_proof": True,
        }
        layout = initialise(folder / "realm", InitOptions(**(defaults | more)))
        for path in layout.replicas:
            if configure is not None:
                content = json.loads(path.read_text())
                configure(content)
                path.write_text(json.dumps(content))
        self.realm = load_client(layout.client).realms[0]
        self.folder = folder / "realm"
        self.replicas = [self._replica(number, network) for number in machines]
        self.acknowledged: list[str] = []
        self._numbers = itertools.count(1)

    def _replica(self, number: int, network: Network | None) -> ReplicaProcess:
        if network is None:
            return ReplicaProcess(self.folder, number)
        return ReplicaProcess(self.folder, number, network.address(number), network.command(number))

    def start(self) -> None:
        for replica in self.replicas:
            replica.begin()
        self.wait_until_up()

    def wait_until_up(self) -> None:
        for replica in self.replicas:
            wait_for(replica.is_up, f"{replica.folder.name} answers")

    def leader(self) -> ReplicaProcess:
        """Who leads, once somebody does."""
        wait_for(lambda: any(replica.role()[1] == "leader" for replica in self.replicas), "somebody leads")
        return max(self.replicas, key=lambda replica: (replica.role()[0], replica.role()[1] == "leader"))

    def followers(self) -> list[ReplicaProcess]:
        leader = self.leader()
        return [replica for replica in self.replicas if replica is not leader]

    def register(self, replica: ReplicaProcess, timeout: float = 20, keys: dict[str, bytes] | None = None) -> str:
        """A new address, through `replica`; it is returned once that has acknowledged it with a proof."""
        owner = Owner(f"user{next(self._numbers)}@example.com", replica.settings, self.realm)
        with replica.channel() as channel:
            proof = Stub(channel).update(owner.update(0, keys), timeout)
        assert verify_lookup(self.realm, owner.user_id, proof, time.time()).entry is not None
        self.acknowledged.append(owner.user_id)
        return owner.user_id

    def missing(self, replica: ReplicaProcess) -> list[str]:
        """The acknowledged addresses that `replica` proves absent."""
        found = []
        with replica.channel() as channel:
            for user_id in self.acknowledged:
                proof = Stub(channel).lookup(LookupRequest(user_id=user_id))
                if verify_lookup(self.realm, user_id, proof, time.time()).entry is None:
                    found.append(user_id)
        return found

    def wait_until_agreed(self) -> None:
        """Until nothing changes any more, and all have it."""
        self.wait_until_up()
        wait_for(lambda: len({replica.newest_epoch() for replica in self.replicas}) == 1, "all answer from one epoch")

    def stop(self) -> None:
        for replica in self.replicas:
            replica.signal(signal.SIGTERM)
        for replica in self.replicas:
            assert replica.process is not None
            replica.process.wait(PATIENCE)

    def epochs(self) -> list[dict[bytes, bytes]]:
        """Of each replica, stopped: the records of all its epochs."""
        found = []
        for replica in self.replicas:
            store = LevelDBStore(replica.settings.data_folder, create=False)
            found.append(dict(store.iterate(b"e", b"f")))
            store.close()
        return found

    def clean_up(self) -> None:
        for replica in self.replicas:
            replica.clean_up()
