"""The commands, run in this process against a simulated realm."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from click.testing import CliRunner, Result
from google.protobuf import json_format
from twisted.internet.defer import ensureDeferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from coname.client.cli import cli
from coname.client.console.running import Environment, Job, Way
from tests.client.folders import new_folder
from tests.client.simulator import Realm
from tests.client.transports import MemoryTransport

T = TypeVar("T")
ALICE = "alice@example.com"


class SimulatedEnvironment(Environment):
    """The realm's own time, and the way to it. Remembers how the commands wanted to go."""

    def __init__(self, realm: Realm) -> None:
        self.realm = realm
        self.transport = MemoryTransport(realm)
        self.ways: list[Way] = []

    def now(self) -> float:
        return self.realm.now

    def run(self, way: Way, job: Job[T]) -> T:
        self.ways.append(way)
        return finished(job(lambda _: self.transport))


def finished(job: Coroutine[Any, Any, T]) -> T:
    """What `job` returns, which must not wait for anything."""
    outcomes: list[Any] = []
    ensureDeferred(job).addBoth(outcomes.append)
    if isinstance(outcomes[0], Failure):
        outcomes[0].raiseException()
    result: T = outcomes[0]
    return result


class CommandCase(SynchronousTestCase):
    """A realm, a folder with its client's configuration, state and identities, and the commands."""

    def setUp(self) -> None:
        self.folder = new_folder(self)
        self.use(Realm())

    def use(self, realm: Realm) -> None:
        """Ask `realm` from now on."""
        self.realm = realm
        self.environment = SimulatedEnvironment(realm)
        self.write_config(realm.config())

    def write_config(self, config: Any) -> None:
        text = json_format.MessageToJson(config, preserving_proto_field_name=True)
        (self.folder / "config.json").write_text(text)

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def invoke(self, *arguments: str) -> Result:
        """Run ``coname`` with `arguments`, everything it keeps being in the folder."""
        environ = {
            "CONAME_CONFIG": str(self.folder / "config.json"),
            "CONAME_STATE": str(self.folder / "state"),
            "CONAME_IDENTITY": str(self.folder / "identity.json"),
            "COLUMNS": "200",
        }
        result = CliRunner(env=environ).invoke(cli, list(arguments), obj=self.environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *arguments: str) -> Any:
        """What the command prints with ``--json``, its exit status being the one it names."""
        result = self.invoke(*arguments, "--json")
        document = json.loads(result.stdout)
        self.assertEqual(document["exit_status"], result.exit_code)
        return document

    def register(self, **keys: bytes) -> Result:
        """Register Alice with `keys`."""
        options = [f"--key={name}={self.file(name, value)}" for name, value in (keys or {"ssh": b"key"}).items()]
        return self.invoke("register", ALICE, *options)
