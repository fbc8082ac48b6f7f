"""The wrong configuration file is told from the right one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.config import load_client, load_replica, load_verifier
from coname.configuration import certificates, client_changes
from coname.configuration.init import InitOptions, initialise
from coname.configuration.preparing import NewReplica, prepare
from coname.configuration.reaching import reached
from coname.errors import Misconfigured


class KindTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "realm"
        layout = initialise(folder, InitOptions(realm="example", domains=("example.com",), verifiers=1))
        self.folder, self.client = folder, layout.client
        (self.replica,), (self.verifier,) = layout.replicas, layout.verifiers

    def check(self, load: Callable[[Path], Any], path: Path, kind: str, wanted: str) -> None:
        (mistake,) = self.assertRaises(Misconfigured, load, path).mistakes
        self.assertIn(f"{path} is the configuration of a {kind}; a {wanted}'s is wanted", mistake)

    def test_a_client_s_is_no_replica_s(self) -> None:
        self.check(load_replica, self.client, "client", "replica")

    def test_a_verifier_s_is_no_replica_s(self) -> None:
        self.check(load_replica, self.verifier, "verifier", "replica")

    def test_a_replica_s_is_no_verifier_s(self) -> None:
        self.check(load_verifier, self.replica, "replica", "verifier")

    def test_a_replica_s_is_no_client_s(self) -> None:
        self.check(load_client, self.replica, "replica", "client")

    def test_clients_servers_are_not_found_in_a_client_s(self) -> None:
        self.check(reached, self.client, "client", "replica")

    def test_a_replica_s_is_not_brought_up_to_date_as_a_client_s(self) -> None:
        self.check(client_changes.read, self.replica, "replica", "client")

    def test_no_replica_is_made_like_a_client(self) -> None:
        def like(path: Path) -> object:
            wanted = NewReplica(path, self.folder, "localhost")
            return prepare(self.folder / "new", wanted, certificates.utc_now())

        self.check(like, self.client, "client", "replica")

    def test_what_is_none_of_them_is_read_as_what_is_wanted(self) -> None:
        path = self.folder / "config.json"
        path.write_text('{"replica_id": "1"}')
        mistakes = self.assertRaises(Misconfigured, load_replica, path).mistakes
        self.assertGreater(len(mistakes), 1)
