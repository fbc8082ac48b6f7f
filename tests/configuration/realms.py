"""Realms to test with, made by the real `initialise`, and spoilt in one place or another."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.config import ReplicaSettings, load_replica
from coname.configuration.init import InitOptions, Layout, initialise
from coname.errors import Misconfigured

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
"""When the realms here are made and looked at, unless a test says otherwise."""

_TEMPORARY = tempfile.TemporaryDirectory(prefix="coname-realms-")


@cache
def original(options: InitOptions) -> Layout:
    """A realm that all tests share; copy it before touching it."""
    return initialise(Path(tempfile.mkdtemp(dir=_TEMPORARY.name)) / "realm", options, NOW)


class RealmCase(SynchronousTestCase):
    """Tests that begin with a realm of their own.

    :ivar options: what realm; :ivar folder: where it is.
    """

    options = InitOptions(realm="example.com", insecure_skip_email_proof=True)

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="coname-test-")) / "realm"
        self.addCleanup(shutil.rmtree, self.folder.parent)
        shutil.copytree(original(self.options).folder, self.folder)
        self.replica = self.folder / "replica1"
        self.config = self.replica / "config.json"

    def load(self) -> ReplicaSettings:
        """The first replica's settings."""
        return load_replica(self.config, NOW)

    def edit(self, change: Callable[[dict[str, Any]], object], path: Path | None = None) -> None:
        """Apply `change` to the parsed configuration (the first replica's)."""
        path = path or self.config
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    def mistakes(self) -> list[str]:
        """What is wrong with the first replica's configuration, which must be something."""
        return self.assertRaises(Misconfigured, self.load).mistakes

    def mistakes_of(self, change: Callable[[dict[str, Any]], object]) -> list[str]:
        """What is wrong after `change`."""
        self.edit(change)
        return self.mistakes()

    def warnings_of(self, change: Callable[[dict[str, Any]], object]) -> list[str]:
        """What is warned about after `change`, beyond what the untouched realm is warned about."""
        before = self.load().warnings
        self.edit(change)
        return [warning for warning in self.load().warnings if warning not in before]


def put(**fields: Any) -> Callable[[dict[str, Any]], None]:
    """A change that sets fields; None removes one. ``__`` leads into an object: ``public_tls__client_auth``."""

    def change(document: dict[str, Any]) -> None:
        for path, value in fields.items():
            *outer, last = path.split("__")
            place = document
            for step in outer:
                place = place.setdefault(step, {})
            if value is None:
                del place[last]
            else:
                place[last] = value

    return change
