"""A verifier as its operator starts it, through twistd, enrolled with the keyserver that it is to follow."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.processes import Process, free_ports, twistd
from bench.server import Server
from coname.configuration import acceptance, admission, enrolment

_START_SECONDS, _LOOK_SECONDS = 0.01, 0.1  # how often it is asked: each answer takes it a millisecond
_PATIENCE = 60.0
_FOLDER = "verifier1"


class Verifier(Process):
    """A running verifier with an empty database, which lives in the folder of the keyserver's data."""

    def __init__(self, server: Server) -> None:
        self._folder = _enrol(server)
        metrics_addr = json.loads(_config(self._folder).read_text())["metrics_addr"]
        self._metrics = f"http://{metrics_addr}/metrics"
        super().__init__(twistd("coname-verifier", _config(self._folder)), server.data.folder / "verifier.log")

    @property
    def database(self) -> Path:
        """The folder of its database."""
        return self._folder / "database"

    def steps(self) -> int:
        """How many steps it has verified, and written, since its start; -1 before it is up."""
        try:
            with urllib.request.urlopen(self._metrics, timeout=_PATIENCE) as answer:
                lines = answer.read().decode().splitlines()
        except urllib.error.HTTPError:
            raise
        except OSError:  # it does not listen yet
            return -1
        numbers = dict(line.split() for line in lines if line.startswith("coname_verifier_") and "{" not in line)
        if not float(numbers["coname_verifier_signing"]):
            raise RuntimeError(f"the verifier found a violation:\n{self.said()}")
        return int(float(numbers["coname_verifier_steps_total"]))

    def reach(self, steps: int) -> tuple[float, int]:
        """Wait until it is up and has verified so many steps. Returns when, and how many there were by then."""
        until = time.monotonic() + _PATIENCE
        before = -1
        while (now := self.steps()) < steps:
            if now > before:
                before, until = now, time.monotonic() + _PATIENCE
            if not self.runs() or time.monotonic() > until:
                raise RuntimeError(f"the verifier came no further than step {now}:\n{self.said()}")
            time.sleep(_LOOK_SECONDS if now >= 0 else _START_SECONDS)
        return time.monotonic(), now


def _config(folder: Path) -> Path:
    return folder / acceptance.CONFIG_FILE


def _enrol(server: Server) -> Path:
    """Make a verifier's folder. The keyserver lets it follow, and will refuse what it signs: nobody has admitted it.

    The bulk load signs no transcripts, so the verifier must do without.
    """
    realm, folder, now = server.data.folder, server.data.folder / _FOLDER, datetime.now(UTC)
    enrolment.enroll(folder, server.data.settings.realm, f"127.0.0.1:{server.verifier_port}")
    request = enrolment.read_request(folder / enrolment.REQUEST_FILE)
    reply = realm / "reply.json"
    reply.write_bytes(acceptance.write_reply(admission.admit(admission.read_realm(realm, now), request, now)))
    acceptance.accept(folder, reply, now, f"127.0.0.1:{free_ports(1)[0]}")
    config = json.loads(_config(folder).read_text())
    _config(folder).write_text(json.dumps(config | {"require_transcripts": False}))
    return folder


@contextmanager
def verifying(server: Server) -> Iterator[Verifier]:
    """A verifier that catches up with `server`."""
    verifier = Verifier(server)
    try:
        yield verifier
    finally:
        verifier.stop()
