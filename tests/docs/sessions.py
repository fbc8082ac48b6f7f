"""Runs the sessions of a page: one shell for the page, in a home of its own, against real processes.

The reader's home is ``/home/you`` in the pages. Ports are moved to free ones, since somebody else may use the usual
ones. A command that fails must be followed by ``echo $?``: the reader is told that it does.

A page may begin in the middle of things: ``<!-- session: NAME -->``, one of `BEGINNINGS`, says where. A page's program,
a block of language ``python``, is in ``example.py``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.comparing import matches
from tests.docs.pages import ROOT, blocks
from tests.ports import free_ports

HOME, PROGRAMS = "/home/you", "/opt/coname/bin"
"""The reader's home, and where their programs are, in the pages."""

PORTS = (4625, 4626, 9807, 25519, 11371, 25522, 4627)
"""The usual ports, in the order in which ``coname init --base-port`` gives them out; then that of the metrics."""

_REALM = "coname init realm --realm example --domain example.com"
_START = [
    "twistd coname --config realm/replica1/config.json",
    "curl -sS --retry 9 --retry-connrefused --cacert realm/client/ca.pem https://localhost:25519/status",
    "export CONAME_CONFIG=$PWD/realm/client/config.json",
]

BEGINNINGS = {
    "nothing": [],
    "realm": [f"{_REALM} --insecure-skip-email-proof"],
    "2017": [f"{_REALM} --insecure-skip-email-proof --vrf-suite 2017"],
    "running": [
        f"{_REALM} --insecure-skip-email-proof",
        *_START,
        "echo key > key",
        "coname register alice@example.com --key note=key",
    ],
}
"""What has been done already when a page begins, by name."""

SECONDS = 120
"""That a whole page may take; the longest takes twenty."""


@dataclass
class Step:
    """A command, and what the page says that it prints."""

    line: int
    command: str
    shown: list[str] = field(default_factory=list)


def beginning(page: Path) -> list[Step]:
    """The commands before those that `page` shows; what they print is of no interest."""
    found = re.search(r"^<!-- session: (.+) -->$", page.read_text(), re.MULTILINE)
    programs = [block.content for block in blocks(page) if block.language == "python"]
    written = [f"cat > example.py <<'END OF PROGRAM'\n{program}END OF PROGRAM" for program in programs]
    return [Step(1, command, ["…"]) for command in [*written, *BEGINNINGS[found[1] if found else "nothing"]]]


def steps(page: Path) -> list[Step]:
    """All commands of the sessions in `page`, in order."""
    found: list[Step] = []
    for block in blocks(page):
        if block.language == "console":
            for number, line in enumerate(block.content.splitlines(), block.line):
                _take(found, line, number)
    return found


def _take(found: list[Step], line: str, number: int) -> None:
    if line.startswith("$ "):
        found.append(Step(number, line[2:]))
    elif line.startswith("> ") and found and not found[-1].shown:
        found[-1].command += "\n" + line[2:]
    elif found:
        found[-1].shown.append(line)


def check(page: Path) -> None:
    """Run the sessions of `page`.

    :raises AssertionError: a command failed, or printed something else than the page shows.
    """
    wanted = beginning(page) + steps(page)
    for step, (status, printed) in zip(wanted, run(wanted), strict=True):
        _compare(page, step, wanted, status, printed)


def run(wanted: list[Step]) -> list[tuple[int | None, str]]:
    """Run `wanted` in a new home. Each step's exit status, None if it was not done in time, and what it printed."""
    with _home() as home:
        base = free_ports()
        done = _run(home, [_moved(step.command, base) for step in wanted])
    return [(status, _as_shown(printed, home, base)) for status, printed in done]


def _compare(page: Path, step: Step, wanted: list[Step], status: int | None, printed: str) -> None:
    where = f"{page.relative_to(ROOT)}, line {step.line}: {step.command}"
    following = wanted[wanted.index(step) + 1 :][:1]
    if status is None:
        raise AssertionError(f"{where}\nwas not done within {SECONDS} s")
    if status and not (following and following[0].command == "echo $?"):
        raise AssertionError(f"{where}\nfailed with exit status {status}:\n{printed}")
    shown = "\n".join(step.shown)
    if not matches(shown, printed):
        raise AssertionError(f"{where}\n--- the page says\n{shown}\n--- it printed\n{printed}")


def _moved(command: str, base: int) -> str:
    """`command` with other ports than the usual ones."""
    command = re.sub(r"\bconame init (?!-)(\S+)", rf"coname init \1 --base-port {base}", command)
    return re.sub(
        r"\b(" + "|".join(map(str, PORTS)) + r")\b", lambda found: str(base + PORTS.index(int(found[0]))), command
    )


def _as_shown(printed: str, home: Path, base: int) -> str:
    """`printed` with the reader's folders and the usual ports."""
    printed = printed.replace(str(home), HOME).replace(str(_programs()), PROGRAMS)
    for number, port in enumerate(PORTS):
        printed = re.sub(rf"\b{base + number}\b", str(port), printed)
    return printed


def _run(home: Path, commands: list[str]) -> list[tuple[int | None, str]]:
    """Each command's exit status and output; no status for those that were not reached in time."""
    records = home.with_name(f"{home.name}.records")
    records.mkdir()
    try:
        script = records / "script"
        script.write_text("".join(_recorded(command, records / str(n)) for n, command in enumerate(commands)))
        shell = subprocess.Popen(
            ["bash", "--norc", str(script)],
            cwd=home,
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            shell.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        return [_record(records / str(number)) for number in range(len(commands))]
    finally:
        shutil.rmtree(records)


def _recorded(command: str, record: Path) -> str:
    """A piece of the script: `command` with its output and exit status in files."""
    return f"{{ {command}\n}} >{record}.out 2>&1\nstatus=$?; echo $status >{record}.status; (exit $status)\n"


def _record(record: Path) -> tuple[int | None, str]:
    status, output = record.with_suffix(".status"), record.with_suffix(".out")
    return (
        int(status.read_text()) if status.exists() else None,
        output.read_text(errors="replace") if output.exists() else "",
    )


def _environment(home: Path) -> dict[str, str]:
    """A new user's, in which the tested ``coname`` and ``twistd`` come first."""
    path = f"{_programs()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TERM": "dumb", "USER": "you", "LOGNAME": "you"}


def _programs() -> Path:
    """Where the tested programs are."""
    return Path(sys.executable).parent


@contextmanager
def _home() -> Iterator[Path]:
    """A new home, whose path is short enough for GnuPG's sockets; what was started in it is ended."""
    home = Path(tempfile.mkdtemp(prefix="coname-docs-"))
    try:
        yield home
    finally:
        if shutil.which("gpgconf"):
            subprocess.run(["gpgconf", "--kill", "all"], env=_environment(home), check=False, capture_output=True)
        for pid_file in home.rglob("*.pid"):
            _end(pid_file)
        shutil.rmtree(home, ignore_errors=True)


def _end(pid_file: Path) -> None:
    """End what a page forgot to stop, or did not come to stop."""
    try:
        pid = int(pid_file.read_text())
        if b"twistd" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        return
