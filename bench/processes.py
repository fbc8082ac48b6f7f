"""Programs started as an operator does, through twistd, and what the system knows of their processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 60.0
"""Seconds that a program may take to start, or to end."""


def twistd(command: str, config: Path) -> list[str]:
    """The command line that runs one of our plugins in the foreground."""
    run = "from twisted.scripts.twistd import run; run()"
    return [sys.executable, "-c", run, "-n", "--pidfile=", command, "--config", str(config)]


class Process:
    """A running program, with the helpers that it has started.

    :ivar log: takes what it says.
    """

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        self._log = log.open("w")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, cwd=log.parent)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-2000:]

    def cpu_seconds(self) -> float:
        """Processor time that it has taken, its helpers included."""
        ticks = sum(sum(map(int, _status(pid)[11:15])) for pid in self._family())
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, int]:
        """Bytes of memory: "all" that is resident, of which "own" is not the page cache of mapped files; "peak"."""
        names = {"all": "VmRSS", "own": "RssAnon", "peak": "VmHWM"}
        found = [_sizes(pid) for pid in self._family()]
        return {name: sum(each.get(field, 0) for each in found) for name, field in names.items()}

    def stop(self) -> None:
        """End the process as an operator does."""
        if self.runs():
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()

    def kill(self) -> None:
        """End the process as a loss of power does."""
        self._process.kill()
        self._process.wait()

    def _family(self) -> Iterator[int]:
        yield self.pid
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if int(_status(int(folder.name))[1]) == self.pid:
                    yield int(folder.name)
            except OSError:  # it has ended meanwhile
                continue


def _status(pid: int) -> list[str]:
    """The fields of /proc/…/stat behind the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _sizes(pid: int) -> dict[str, int]:
    """The fields of /proc/…/status that are sizes, in bytes."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: int(value.split()[0]) * 1024 for name, value in lines.items() if value.endswith(" kB")}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
