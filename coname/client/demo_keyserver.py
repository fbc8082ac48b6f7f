"""One of the keyserver processes that ``coname demo`` runs: started by twistd, waited for, stopped in order."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from coname.config import load_replica
from coname.errors import Unavailable

START_SECONDS = 30.0  # a keyserver starts in a second; a busy machine may take longer
STOP_SECONDS = 30.0


class DemoKeyserver:
    """The replica of a configuration.

    :ivar name: what it is called in sentences. :ivar log: the file that its log goes to.
    """

    def __init__(self, config: Path, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.settings = load_replica(config)
        self.process: subprocess.Popen[bytes] | None = None
        pid_file = log.with_name("twistd.pid" if log.stem == "keyserver" else f"{log.stem}.pid")
        self.words = ["twistd", "--nodaemon", f"--pidfile={pid_file}", "coname", f"--config={config}"]

    @property
    def _address(self) -> tuple[str, int]:
        public = self.settings.public
        return (public.address.host, public.address.port) if public else ("", 0)

    def check_free(self) -> None:
        """Make sure that nobody is there yet.

        :raises Unavailable: somebody is, another demo perhaps.
        """
        if answers(*self._address):
            port = self._address[1]
            folder = self.log.parent
            raise Unavailable(f"somebody listens at port {port} already: is another demo running in {folder}?")

    def start(self) -> None:
        """Start, and do not wait."""
        with self.log.open("ab") as log:
            # in a group of its own: Ctrl-C is for the demo, which then stops it in order
            words = [*program(self.words[0]), *self.words[1:]]
            self.process = subprocess.Popen(words, stdout=log, stderr=log, process_group=0)

    def wait_until_up(self) -> None:
        """Until it answers.

        :raises Unavailable: it ended, or takes too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.check_running()
            if answers(*self._address):
                return
            time.sleep(0.05)
        raise Unavailable(f"{self.name} did not start within {START_SECONDS:g} seconds; see {self.log}")

    def check_running(self) -> None:
        """
        :raises Unavailable: it has ended.
        """
        status = self.process.poll() if self.process is not None else None
        if status is not None:
            raise Unavailable(f"{self.name} ended by itself with status {status}; see {self.log}")

    def ask_to_stop(self) -> None:
        """Let it finish what it has begun."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)

    def wait_until_stopped(self) -> None:
        """Wait for that, or kill it."""
        if self.process is None:
            return
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def answers(host: str, port: int) -> bool:
    """Whether anybody listens there."""
    try:
        socket.create_connection((host or "127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def program(name: str) -> list[str]:
    """How to run a program of this installation, whatever PATH says."""
    beside = Path(sys.executable).with_name(name)
    if beside.exists():
        return [str(beside)]
    modules = {"coname": "coname.client.cli:main", "twistd": "twisted.scripts.twistd:run"}
    module, _, function = modules[name].partition(":")
    return [sys.executable, "-c", f"import sys; sys.argv[0] = {name!r}; from {module} import {function} as f; f()"]
