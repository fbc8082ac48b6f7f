"""What ``coname demo`` does: a realm of one's own, with every step shown as the command that anybody could type.

Nothing is special about it: the realm is made by ``coname init``, the keyserver runs under ``twistd``, and the address
is registered and looked up by the same commands, each in a process of its own. Everything lies in one folder, which a
second run picks up.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pysequoia
from rich.console import Console

from coname.config import load_replica
from coname.configuration.settings import ReplicaSettings
from coname.errors import Unavailable

ADDRESS = "alice@example.com"
REALM = "demo"
PORTS = 6  # that a replica listens on
FIRST_PORTS = range(25000, 32000, 100)  # where a free run of them is looked for; below those that the system gives out
START_SECONDS = 30.0  # a keyserver starts in a second; a busy machine may take longer
STOP_SECONDS = 30.0


class Demonstration:
    """One run, in `folder`.

    :param screen: where it is shown.
    """

    def __init__(self, folder: Path, screen: Console) -> None:
        self._folder = folder
        self._screen = screen
        self._replica = folder / "replica1" / "config.json"
        self._client = folder / "client" / "config.json"
        self._log = folder / "keyserver.log"
        self._identity = folder / "alice.identity.json"
        self._environment = dict(
            os.environ,
            CONAME_CONFIG=str(self._client),
            CONAME_STATE=str(folder / "state"),
            CONAME_IDENTITY=str(self._identity),
        )

    def run(self, once: bool) -> None:
        """Everything, up to the end or to Ctrl-C.

        :raises Unavailable: a step failed; what it said was shown.
        """
        if not self._replica.exists():
            self._make_realm()
        settings = load_replica(self._replica)
        with self._keyserver(settings) as keyserver:
            self._register()
            self._say(f"Looking {ADDRESS} up again, as anybody could")
            self._command("coname", "lookup", ADDRESS)
            self._show_ports(settings)
            if not once:
                self._stay(keyserver)

    def _make_realm(self) -> None:
        self._say(f"Making a realm in {self._folder}: keys, certificates and configurations")
        words = [*self._init_words(), "--insecure-skip-email-proof", "--base-port", str(free_ports())]
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
        words = [*_program("coname"), "lookup", ADDRESS, "--json"]
        return subprocess.run(words, env=self._environment, capture_output=True, check=False).returncode == 0

    @contextmanager
    def _keyserver(self, settings: ReplicaSettings) -> Iterator[subprocess.Popen[bytes]]:
        host, port = settings.public.address if settings.public else ("", 0)
        if _answers(host, port):
            raise Unavailable(f"somebody listens at port {port} already: is another demo running in {self._folder}?")
        pid_file = self._folder / "twistd.pid"
        words = ["twistd", "--nodaemon", f"--pidfile={pid_file}", "coname", f"--config={self._replica}"]
        self._say(f"Starting the keyserver; its log is {self._log}")
        self._show(words)
        with self._log.open("ab") as log:
            # in a group of its own: Ctrl-C is for the demo, which then stops it in order
            process = subprocess.Popen([*_program(words[0]), *words[1:]], stdout=log, stderr=log, process_group=0)
        try:
            self._wait_until_up(process, settings)
            yield process
        finally:
            self._stop(process)

    def _wait_until_up(self, process: subprocess.Popen[bytes], settings: ReplicaSettings) -> None:
        host, port = settings.public.address if settings.public else ("", 0)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self._screen.print(_last_lines(self._log), markup=False, highlight=False)
                raise Unavailable(f"the keyserver ended with status {process.returncode}; its last words are above")
            if _answers(host, port):
                return
            time.sleep(0.05)
        raise Unavailable(f"the keyserver did not start within {START_SECONDS:g} seconds; see {self._log}")

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._say("The keyserver has stopped. A second `coname demo` goes on with the same folder.")

    def _stay(self, keyserver: subprocess.Popen[bytes]) -> None:
        self._say("It stays up until Ctrl-C.")
        try:
            keyserver.wait()
        except KeyboardInterrupt:
            self._screen.print()
            return
        raise Unavailable(f"the keyserver ended by itself with status {keyserver.returncode}; see {self._log}")

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
        whole = [*_program(words[0]), *words[1:]]
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


def free_ports() -> int:
    """The first of as many free ports in a row as a replica needs.

    :raises Unavailable: there is no such run.
    """
    for first in FIRST_PORTS:
        if all(_is_free(port) for port in range(first, first + PORTS)):
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


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host or "127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _program(name: str) -> list[str]:
    """How to run a program of this installation, whatever PATH says."""
    beside = Path(sys.executable).with_name(name)
    if beside.exists():
        return [str(beside)]
    modules = {"coname": "coname.client.cli:main", "twistd": "twisted.scripts.twistd:run"}
    module, _, function = modules[name].partition(":")
    return [sys.executable, "-c", f"import sys; sys.argv[0] = {name!r}; from {module} import {function} as f; f()"]


def _write_secret(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


def _last_lines(path: Path, count: int = 20) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
