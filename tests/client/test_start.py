"""What a command imports: each needs only what it needs, so that none keeps people waiting."""

from __future__ import annotations

import subprocess
import sys

from google.protobuf import json_format
from twisted.trial.unittest import SynchronousTestCase

import coname.client
from tests.client.folders import new_folder
from tests.client.simulator import Realm

HEAVY = ("twisted", "grpc", "asyncio", "cryptography", "OpenSSL", "google.protobuf", "rich", "pysequoia", "treq")

PROGRAM = """
import sys
import coname.client.cli
try:
    coname.client.cli.main()
finally:
    print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""


class Start(SynchronousTestCase):
    def imported(self, *arguments: str) -> set[str]:
        """Which of the heavy packages were imported by ``coname`` with `arguments`."""
        words = [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), *arguments]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        return set(done.stderr.splitlines()[-1].split())

    def config(self) -> str:
        """Of a realm at a port where nobody listens."""
        config = Realm().config()
        config.realms[0].addr = "127.0.0.1:1"
        path = new_folder(self) / "config.json"
        path.write_text(json_format.MessageToJson(config, preserving_proto_field_name=True))
        return str(path)

    def test_the_overview_imports_nothing_heavy(self) -> None:
        self.assertEqual(self.imported("--help"), set())

    def test_a_lookup_over_grpc_imports_neither_twisted_nor_openpgp(self) -> None:
        imported = self.imported("lookup", "alice@example.com", "--config", self.config(), "--timeout", "5")
        self.assertIn("grpc", imported)
        self.assertFalse(imported & {"twisted", "OpenSSL", "treq", "pysequoia"})


class Names(SynchronousTestCase):
    def test_every_public_name_is_there(self) -> None:
        for name in coname.client.__all__:
            self.assertEqual(getattr(coname.client, name).__name__, name)
            self.assertIn(name, dir(coname.client))

    def test_any_other_name_is_not(self) -> None:
        self.assertRaises(AttributeError, getattr, coname.client, "Nonsense")
