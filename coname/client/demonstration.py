"""What ``coname demo`` does: a realm of one's own, with every step shown as the command that anybody could type.

Nothing is special about it: the realm is made by ``coname init``, the keyserver runs under ``twistd``, and the address
is registered and looked up by the same commands, each in a process of its own. Everything lies in one folder, which a
second run picks up.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pysequoia
from rich.console import Console

from coname.client.console.exits import Exit
from coname.client.demo_keyserver import START_SECONDS, DemoKeyserver, program
from coname.configuration.options import PORT_STEP
from coname.configuration.settings import ReplicaSettings
from coname.errors import Unavailable

ADDRESS = "alice@example.com"
REALM = "demo"
PORTS = 6  # that a replica listens on
MOST_REPLICAS = 9  # on one machine, to look at; their ports are in one run
FIRST_PORTS = range(25000, 32000, 100)  # where a free run of them is looked for; below those that the system gives out


class Demonstration:
    """One run, in `folder`.

    :param screen: where it is shown.
    :param replicas: how many a new realm has; 1: one that is there already keeps its own.
    """

    def __init__(self, folder: Path, screen: Console, replicas: int = 1) -> None:
        self._folder = folder
        self._screen = screen
        self._replicas = replicas
        self._client = folder / "client" / "config.json"
        self._identity = folder / "alice.identity.json"
        self._environment = dict(
            os.environ,
            CONAME_CONFIG=str(self._client),
            CONAME_STATE=str(folder / "state"),
            CONAME_IDENTITY=str(self._identity),
        )

    def run(self, once: bool) -> None:
        """Everything, up to the end or to Ctrl-C.

        :raises Unavailable: a step failed; what it said was shown. Or the realm that is there has not as many replicas.
        """
        if not (self._folder / "replica1" / "config.json").exists():
            self._make_realm()
        keyservers = self._found()
        if self._replicas > 1 and len(keyservers) != self._replicas:
            raise Unavailable(
                f"{self._folder} has a realm with another number of replicas, {len(keyservers)}: remove it, or choose "
                "another folder with --folder"
            )
        with self._running(keyservers):
            self._register()
            self._say(f"Looking {ADDRESS} up again, as anybody could")
            self._command("coname", "lookup", ADDRESS)
            self._show_ports(keyservers[0].settings)
            if not once:
                self._stay(keyservers)

    def _found(self) -> list[DemoKeyserver]:
        """The realm's replicas, not started."""
        configs = [self._folder / f"replica{number}" / "config.json" for number in range(1, MOST_REPLICAS + 1)]
        there = [config for config in configs if config.exists()]
        if len(there) == 1:
            return [DemoKeyserver(there[0], "the keyserver", self._folder / "keyserver.log")]
        return [
            DemoKeyserver(config, config.parent.name, self._folder / f"{config.parent.name}.log") for config in there
        ]

    def _make_realm(self) -> None:
        self._say(f"Making a realm in {self._folder}: keys, certificates and configurations")
        ports = str(free_ports(self._replicas))
        words = [*self._init_words(), "--insecure-skip-email-proof", "--base-port", ports]
        if self._replicas > 1:
            words += ["--replicas", str(self._replicas)]
        self._command(*words, quiet=True)

    def _init_words(self) -> list[str]:
        return ["coname", "init", str(self._folder), "--realm", REALM, "--domain", "example.com"]

    def _register(self) -> None:
        certificate = self._folder / "alice.pgp"
        if not certificate.exists():
            self._say(f"Making an OpenPGP key for {ADDRESS}, of which only the public half is published")
            secret = pysequoia.Tsk.generate(user_id=f"Alice <{ADDRESS}>")
            _write_secret(self._folder / "alice.secret.pgp", bytes(secret))
            certificate.write_bytes(bytes(secret.extract_certificate()))
        if self._identity.exists() and self._is_registered():
            self._say(f"{ADDRESS} is registered already, by an earlier run")
            return
        self._say(f"Registering {ADDRESS} with that key")
        self._command("coname", "register", ADDRESS, "--key", f"pgp={certificate}")

    def _is_registered(self) -> bool:
        words = [*program("coname"), "lookup", ADDRESS, "--json"]
        return subprocess.run(words, env=self._environment, capture_output=True, check=False).returncode == 0

    @contextmanager
    def _running(self, keyservers: Sequence[DemoKeyserver]) -> Iterator[None]:
        for keyserver in keyservers:
            keyserver.check_free()
        try:
            for keyserver in keyservers:
                self._say(f"Starting {keyserver.name}; its log is {keyserver.log}")
                self._show(keyserver.words)
                keyserver.start()
            self._wait_until_up(keyservers)
            if len(keyservers) > 1:
                self._wait_for_epoch()
            yield
        finally:
            self._stop(keyservers)

    def _wait_until_up(self, keyservers: Sequence[DemoKeyserver]) -> None:
        for keyserver in keyservers:
            try:
                keyserver.wait_until_up()
            except Unavailable:
                self._screen.print(_last_lines(keyserver.log), markup=False, highlight=False)
                raise

    def _wait_for_epoch(self) -> None:
        self._say("Waiting until the replicas have elected a leader, and signed their first epoch")
        deadline = time.monotonic() + START_SECONDS
        words = [*program("coname"), "lookup", ADDRESS, "--json"]
        while (
            subprocess.run(words, env=self._environment, capture_output=True, check=False).returncode
            == Exit.UNREACHABLE
        ):
            if time.monotonic() > deadline:
                raise Unavailable(f"the replicas did not agree on anything within {START_SECONDS:g} seconds")
            time.sleep(0.1)

    def _stop(self, keyservers: Sequence[DemoKeyserver]) -> None:
        for keyserver in keyservers:
            keyserver.ask_to_stop()
        for keyserver in keyservers:
            keyserver.wait_until_stopped()
        what = "The keyserver has" if len(keyservers) == 1 else "The replicas have"
        self._say(f"{what} stopped. A second `coname demo` goes on with the same folder.")

    def _stay(self, keyservers: Sequence[DemoKeyserver]) -> None:
        if len(keyservers) == 1:
            self._say("It stays up until Ctrl-C.")
        else:
            self._say(f"The {len(keyservers)} replicas stay up until Ctrl-C, or until fewer than a majority are left.")
        try:
            while True:
                self._check_majority(keyservers)
                time.sleep(0.2)
        except KeyboardInterrupt:
            self._screen.print()

    def _check_majority(self, keyservers: Sequence[DemoKeyserver]) -> None:
        """One replica that ends is worth watching: the others go on."""
        ended = []
        for keyserver in keyservers:
            try:
                keyserver.check_running()
            except Unavailable as error:
                ended.append(error)
        if 2 * len(ended) >= len(keyservers):
            raise ended[0]

    def _show_ports(self, settings: ReplicaSettings) -> None:
        authority = self._folder / "client" / "ca.pem"
        self._say("It listens on:")
        for listener, what in (
            (settings.public, "gRPC, which `coname` speaks"),
            (settings.httpfront, f"HTTPS: curl --cacert {authority} https://%s/status"),
            (
                settings.hkp,
                f"HKP: curl --cacert {authority} 'https://%s/pks/lookup?op=get&options=mr&search={ADDRESS}'",
            ),
        ):
            if listener is not None:
                address = str(listener.address)
                self._screen.print(f"  {address}  {what.replace('%s', address)}", markup=False, soft_wrap=True)
        if settings.hkp is not None:
            note = "    (GnuPG asks no server at localhost or 127.0.0.1; `coname init --host` takes others)"
            self._screen.print(note, markup=False, soft_wrap=True)
        if settings.manhole is not None:
            self._screen.print(
                f"  {settings.manhole.address}  the operator's console over SSH, for the keys in "
                f"{settings.manhole.authorized_keys}",
                markup=False,
                soft_wrap=True,
            )
        self._screen.print(f"  To use the realm yourself: export CONAME_CONFIG={self._client}", soft_wrap=True)

    def _command(self, *words: str, quiet: bool = False) -> None:
        self._show(words)
        whole = [*program(words[0]), *words[1:]]
        done = subprocess.run(whole, env=self._environment, capture_output=quiet, check=False)
        if done.returncode:
            if quiet:
                self._screen.print(done.stderr.decode(errors="replace"), markup=False)
            raise Unavailable(f"`{shlex.join(words)}` ended with status {done.returncode}")

    def _say(self, sentence: str) -> None:
        self._screen.print(f"\n{sentence}", style="bold", markup=False, highlight=False, soft_wrap=True)

    def _show(self, words: Sequence[str]) -> None:
        self._screen.print(f"$ {shlex.join(words)}", style="cyan", markup=False, highlight=False, soft_wrap=True)
        self._screen.file.flush()


def free_ports(replicas: int = 1) -> int:
    """The first of as many free ports in a row as so many replicas need.

    :raises Unavailable: there is no such run.
    """
    for first in FIRST_PORTS:
        if all(_is_free(port) for port in range(first, first + PORT_STEP * (replicas - 1) + PORTS)):
            return first
    raise Unavailable("no run of free ports was found on this machine")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_secret(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


def _last_lines(path: Path, count: int = 20) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
