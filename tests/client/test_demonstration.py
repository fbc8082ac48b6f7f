"""What ``coname demo`` does before anything runs; a whole demo is run in the tests of the system."""

from __future__ import annotations

import io
import socket

from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from coname.client.demonstration import Demonstration
from coname.configuration.init import InitOptions, initialise
from coname.errors import Unavailable
from tests.client.folders import new_folder
from tests.ports import free_ports


class Demo(SynchronousTestCase):
    def test_a_second_one_in_the_same_folder_does_not_use_the_first_ones_keyserver(self) -> None:
        folder = new_folder(self) / "demo"
        port = free_ports()
        initialise(folder, InitOptions(realm="demo", base_port=port))
        with socket.create_server(("127.0.0.1", port)):
            message = str(self.assertRaises(Unavailable, Demonstration(folder, Console(file=io.StringIO())).run, True))
        self.assertIn(f"port {port} already: is another demo running", message)

    def test_a_folder_with_another_number_of_replicas_than_asked_for_is_named(self) -> None:
        folder = new_folder(self) / "demo"
        initialise(folder, InitOptions(realm="demo", base_port=free_ports()))
        demonstration = Demonstration(folder, Console(file=io.StringIO()), replicas=3)
        self.assertIn("another number of replicas, 1", str(self.assertRaises(Unavailable, demonstration.run, True)))
