"""Real keyserver processes: made by `coname init`, run by twistd, spoken to over TLS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import grpc

from coname.config import ReplicaSettings, load_client, load_replica
from coname.configuration.init import InitOptions, initialise
from coname.core.hashes import profile_commitment
from coname.core.lookup import Verified, verify_lookup
from coname.core.signatures import SigningKey, public_key_message
from coname.core.vrf import suite
from coname.messages.client_pb2 import Entry, LookupProof, LookupRequest, Profile, UpdateRequest
from coname.messages.config_pb2 import RealmConfig
from tests.ports import free_ports

PATIENCE = 60.0
"""Seconds that a condition may take on a busy machine before the test gives up."""


def wait_for(condition: Callable[[], bool], what: str, patience: float = PATIENCE, pause: float = 0.02) -> None:
    """Look at `condition` until it is true, with a `pause` of so many seconds in between."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {patience:g} seconds, still not: {what}")
        time.sleep(pause)


def program(name: str) -> str:
    """A program of the environment that runs the tests."""
    return str(Path(sys.executable).with_name(name))


class Owner:
    """Somebody with an address, whose updates are signed here."""

    def __init__(self, user_id: str, settings: ReplicaSettings, realm: RealmConfig) -> None:
        self.user_id = user_id
        self._key = SigningKey.generate()
        self._realm = realm
        self._index, _ = suite(settings.suite).prove(settings.vrf_secret, user_id.encode())

    def question(self) -> LookupRequest:
        """A lookup under the realm's own policy."""
        quorum = self._realm.verification_policy.quorum
        return LookupRequest(user_id=self.user_id, quorum_requirement=quorum)

    def update(self, version: int, keys: dict[str, bytes] | None = None) -> UpdateRequest:
        profile = Profile(nonce=os.urandom(16), keys=keys or {"note": b"%d" % version}).SerializeToString()
        entry = Entry(index=self._index, version=version, profile_commitment=profile_commitment(profile))
        entry.update_policy.public_keys[self._key.key_id].CopyFrom(public_key_message(self._key.public))
        entry.update_policy.quorum.threshold = 1
        entry.update_policy.quorum.candidates.append(self._key.key_id)
        request = UpdateRequest(profile=profile)
        request.update.new_entry = entry.SerializeToString()
        request.update.signatures[self._key.key_id] = self._key.sign(request.update.new_entry)
        request.lookup_parameters.user_id = self.user_id
        request.lookup_parameters.quorum_requirement.CopyFrom(self._realm.verification_policy.quorum)
        return request


class KeyserverProcess:
    """A realm with one replica in `folder`, and its process."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder / "realm"
        defaults: dict[str, object] = {
            "realm": "testing",
            "domains": ("example.com",),
            "base_port": free_ports(),
            "insecure_skip_email_proof": True,
        }
        initialise(self.folder, InitOptions(**(defaults | options)))
        self.config = self.folder / "replica1" / "config.json"
        self.client_config = self.folder / "client" / "config.json"
        self.authority = self.folder / "client" / "ca.pem"
        self.log = folder / "twistd.log"
        self.realm = load_client(self.client_config).realms[0]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> ReplicaSettings:
        return load_replica(self.config)

    def settings_free_data_folder(self) -> Path:
        """Where the database will be, read from the file as it stands, with or without mistakes."""
        return self.config.parent / json.loads(self.config.read_text())["leveldb_path"]

    def configure(self, **changes: object) -> None:
        """Change top-level fields of the replica's configuration."""
        content = json.loads(self.config.read_text())
        content.update(changes)
        self.config.write_text(json.dumps(content))

    def configure_intervals(self, minimum: float) -> None:
        """How soon an epoch follows another."""
        content = json.loads(self.config.read_text())
        nanos = round(minimum * 1e9)
        content["keyserver_config"]["min_epoch_interval"] = {"seconds": nanos // 10**9, "nanos": nanos % 10**9}
        self.config.write_text(json.dumps(content))

    def owner(self, user_id: str) -> Owner:
        return Owner(user_id, self.settings, self.realm)

    def start(self) -> None:
        words = [program("twistd"), "--nodaemon", "--pidfile=", "coname", f"--config={self.config}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder)
        wait_for(self.is_up, "the keyserver answers")

    def is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the keyserver ended:\n{self.log.read_text()[-3000:]}")
        try:
            with self.channel() as channel:
                Stub(channel).lookup(LookupRequest(user_id="nobody@example.com"), timeout=2)
        except grpc.RpcError:
            return False
        return True

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def clean_up(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def channel(self) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(self.authority.read_bytes())
        # A subchannel of gRPC's that has failed is shared by all channels with the same options for a while.
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.secure_channel(self.realm.addr, credentials, options)

    def verified(self, proof: LookupProof, user_id: str) -> Verified:
        return verify_lookup(self.realm, user_id, proof, time.time())


class HasFolder(Protocol):
    """Where a realm is."""

    folder: Path


class VerifierProcess:
    """One of the verifiers that `coname init` made, and its process."""

    def __init__(self, realm: HasFolder, number: int) -> None:
        self.folder = realm.folder / f"verifier{number}"
        self.config = self.folder / "config.json"
        self.log = realm.folder / f"verifier{number}.log"
        self.id = int(json.loads(self.config.read_text())["id"])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [program("twistd"), "--nodaemon", "--pidfile=", "coname-verifier", f"--config={self.config}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder)

    def check_alive(self) -> None:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the verifier ended:\n{self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def clean_up(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Stub:
    """The two methods of /proto.E2EKSPublic, blocking."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._lookup = channel.unary_unary(
            "/proto.E2EKSPublic/Lookup", LookupRequest.SerializeToString, LookupProof.FromString
        )
        self._update = channel.unary_unary(
            "/proto.E2EKSPublic/Update", UpdateRequest.SerializeToString, LookupProof.FromString
        )

    def lookup(self, request: LookupRequest, timeout: float = 20) -> LookupProof:
        return self._lookup(request, timeout=timeout, wait_for_ready=False)

    def update(self, request: UpdateRequest, timeout: float = 20) -> LookupProof:
        return self._update(request, timeout=timeout, wait_for_ready=False)

    def begin_update(self, request: UpdateRequest, timeout: float = 20) -> grpc.Future:
        """An update that is waited for later."""
        return self._update.future(request, timeout=timeout)
