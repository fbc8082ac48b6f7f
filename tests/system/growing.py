"""A realm whose replicas come and go, each at a loopback address of its own, by the commands that people use."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc

from coname.config import load_client
from coname.configuration.init import InitOptions, initialise
from coname.core.lookup import verify_lookup
from coname.core.rollover import follow
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import LookupRequest, PolicyChanges, PolicyChangesRequest, UpdateRequest
from coname.messages.config_pb2 import RealmConfig
from tests.ports import free_ports
from tests.system.cluster import ReplicaProcess
from tests.system.processes import Owner, Stub, VerifierProcess, program, wait_for

MIN_EPOCH_SECONDS = 0.3


class GrowingRealm:
    """A realm of `size` replicas at first, in `folder`.

    :ivar replicas: by number, from 1; those that were removed as well.
    :ivar acknowledged: the addresses whose registration was acknowledged.
    """

    def __init__(self, folder: Path, size: int, **more: object) -> None:
        self.folder = folder / "realm"
        options = InitOptions(
            realm="testing",
            domains=("example.com",),
            replicas=size,
            hosts=tuple(map(self.host, range(1, size + 1))),
            base_port=free_ports(),
            insecure_skip_email_proof=True,
            **more,  # type: ignore[arg-type]
        )
        layout = initialise(self.folder, options)
        for path in layout.replicas:
            content = json.loads(path.read_text())
            content["keyserver_config"]["min_epoch_interval"] = {"nanos": round(MIN_EPOCH_SECONDS * 1e9)}
            content["limits"] = {"raft_log_entries": 20}  # so few that, after four megabytes, who joins needs a copy
            del content["manhole"]  # all are on 127.0.0.1
            path.write_text(json.dumps(content))
        self.realm = load_client(layout.client).realms[0]
        self.replicas = {number: self.process(number) for number in range(1, size + 1)}
        self.acknowledged: list[str] = []
        self._numbers = itertools.count(1)
        self._verifiers: dict[int, VerifierProcess] = {}

    def host(self, number: int) -> str:
        """Where a replica is."""
        return f"127.0.77.{number}"

    def process(self, number: int) -> ReplicaProcess:
        """A replica, not started."""
        return ReplicaProcess(self.folder, number)

    def start(self, *numbers: int) -> None:
        for number in numbers or self.replicas:
            self.replicas[number].begin()
        for number in numbers or self.replicas:
            wait_for(self.replicas[number].is_up, f"replica {number} answers")

    def id(self, number: int) -> str:
        """As the commands show it."""
        return f"{self.replicas[number].settings.replica_id:016x}"

    # what operators do

    def command(self, *words: str, fails: int = 0) -> str:
        """What ``coname cluster …`` prints."""
        done = subprocess.run([program("coname"), "cluster", *words], capture_output=True, text=True, timeout=60)
        if done.returncode != fails:
            said = f"{done.stdout}\n{done.stderr}{self.logs()}"
            raise AssertionError(f"coname cluster {words}: {done.returncode}\n{said}")
        return done.stdout + done.stderr

    def logs(self) -> str:
        """The ends of all of them."""
        paths = (*self.folder.parent.glob("*.log"), *self.folder.glob("*.log"))
        return "".join(f"\n--- {path.name}\n{path.read_text()[-1500:]}" for path in paths)

    def prepare(self, number: int, model: int, *words: str) -> ReplicaProcess:
        """The folder of a new replica, which is not started."""
        config, host = str(self.replicas[model].config), self.host(number)
        self.command("prepare", str(self.folder / f"replica{number}"), "--from", config, "--host", host, *words)
        self.replicas[number] = self.process(number)
        return self.replicas[number]

    def add(self, number: int, at: int, *words: str) -> str:
        folder = self.replicas[number].folder
        described = folder / "replica.json"
        description = str(described if described.exists() else folder / "config.json")
        return self.command("add", description, "--config", str(self.replicas[at].config), *words)

    def empty(self, number: int) -> None:
        """Of a replica that was removed: let it join anew, with the keys that it has."""
        replica = self.replicas[number]
        for folder in replica.folder.glob("database*"):
            shutil.rmtree(folder)
        content = json.loads(replica.config.read_text())
        replica.config.write_text(json.dumps(content | {"joining": True}))

    def remove(self, number: int, at: int, *words: str) -> str:
        return self.command("remove", self.id(number), "--config", str(self.replicas[at].config), *words)

    def status(self, at: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.command("status", "--json", "--config", str(self.replicas[at].config)))
        return found

    def role(self, number: int, at: int) -> str:
        """Of a replica, as another sees it; empty: it is none."""
        wanted = str(self.replicas[number].settings.replica_id)
        return next((one["role"] for one in self.status(at)["replicas"] if one["id"] == wanted), "")

    def leader(self, at: int) -> int:
        """The number of who leads."""
        ids = {str(replica.settings.replica_id): number for number, replica in self.replicas.items()}
        wait_for(lambda: self.status(at)["leader"] is not None, "somebody leads")
        return ids[self.status(at)["leader"]]

    # what clients do

    def register(self, number: int, timeout: float = 20, keys: dict[str, bytes] | None = None) -> str:
        """A new address, through one replica; it is returned once that has acknowledged it."""
        replica = self.replicas[number]
        owner = Owner(f"user{next(self._numbers)}@example.com", replica.settings, self.realm)
        request: UpdateRequest = owner.update(0, keys)
        request.lookup_parameters.ClearField("quorum_requirement")  # whoever ratifies is enough
        with replica.channel() as channel:
            Stub(channel).update(request, timeout)
        self.acknowledged.append(owner.user_id)
        return owner.user_id

    def followed(self, number: int) -> RealmConfig:
        """The realm as a client knows it that began with the first configuration, and asked that replica."""
        with self.replicas[number].channel() as channel:
            ask = channel.unary_unary(
                "/proto.E2EKSPublic/PolicyChanges", PolicyChangesRequest.SerializeToString, PolicyChanges.FromString
            )
            changes: PolicyChanges = ask(PolicyChangesRequest(), timeout=5)
        known = self.realm
        for change in changes.changes:
            _, known = follow(known, change.ratifications)
        return known

    def check(self, number: int) -> None:
        """Nothing acknowledged is missing there, as soon as it has caught up, by proofs that a client accepts who
        followed by signatures alone."""
        wait_for(lambda: not self.missing(number), f"replica {number} has all{self.logs()}")

    def missing(self, number: int) -> list[str]:
        """The acknowledged addresses that a replica cannot prove to be present."""
        missing = []
        try:
            realm = self.followed(number)
            with self.replicas[number].channel() as channel:
                stub, quorum = Stub(channel), realm.verification_policy.quorum
                for user_id in self.acknowledged:
                    proof = stub.lookup(LookupRequest(user_id=user_id, quorum_requirement=quorum))
                    if verify_lookup(realm, user_id, proof, time.time()).entry is None:
                        missing.append(user_id)
        except (grpc.RpcError, ProofInvalid):  # it has not caught up, or a verifier has not yet signed
            return list(self.acknowledged)
        return missing

    # verifiers

    def start_verifier(self, number: int) -> None:
        self._verifiers[number] = VerifierProcess(self, number)
        self._verifiers[number].start()

    def move_verifier(self, number: int, to: int) -> None:
        """Let it follow another replica."""
        verifier = self._verifiers[number]
        verifier.stop()
        content = json.loads(verifier.config.read_text())
        listener = self.replicas[to].settings.verifier
        assert listener is not None
        content["keyserver_addr"] = str(listener.address)
        verifier.config.write_text(json.dumps(content))
        verifier.start()

    def clean_up(self) -> None:
        for replica in self.replicas.values():
            replica.clean_up()
        for verifier in self._verifiers.values():
            verifier.clean_up()


class Registering:
    """Clients that register without a break, each through one of `numbers()` after the other."""

    def __init__(self, realm: GrowingRealm, numbers: Callable[[], Sequence[int]], clients: int = 3) -> None:
        self._realm = realm
        self._numbers = numbers
        self._over = threading.Event()
        self.failed = 0
        self._threads = [threading.Thread(target=self._register, args=(turn,)) for turn in range(clients)]

    def __enter__(self) -> Registering:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _register(self, turn: int) -> None:
        for place in itertools.count(turn):
            if self._over.is_set():
                return
            numbers = self._numbers()
            try:
                self._realm.register(numbers[place % len(numbers)], timeout=8)
            except grpc.RpcError:
                self.failed += 1
                self._over.wait(0.1)
