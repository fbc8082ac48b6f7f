"""Where things are kept if nobody says where."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from coname.client import places

HOME = {"HOME": "/home/alice"}


class Places(SynchronousTestCase):
    def test_below_home(self) -> None:
        self.assertEqual(places.config_file(HOME), Path("/home/alice/.config/coname/config.json"))
        self.assertEqual(places.state_folder(HOME), Path("/home/alice/.local/state/coname"))
        self.assertEqual(
            places.identity_file("testing-1", "alice@example.com", HOME),
            Path("/home/alice/.local/share/coname/identities/testing-1/alice@example.com.json"),
        )

    def test_where_the_environment_says(self) -> None:
        environ = {**HOME, "XDG_STATE_HOME": "/state", "XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"}
        self.assertEqual(places.config_file(environ), Path("/config/coname/config.json"))
        self.assertEqual(places.state_folder(environ), Path("/state/coname"))
        self.assertEqual(places.identity_file("r", "a@b.c", environ), Path("/data/coname/identities/r/a@b.c.json"))

    def test_a_relative_path_in_the_environment_is_ignored(self) -> None:
        self.assertEqual(places.state_folder({**HOME, "XDG_STATE_HOME": "state"}), places.state_folder(HOME))

    def test_an_address_is_one_file_name_whatever_is_in_it(self) -> None:
        path = places.identity_file("r", "../../etc/passwd@example.com", HOME)
        self.assertEqual(path.parent, Path("/home/alice/.local/share/coname/identities/r"))

    def test_a_long_address_is_a_file_name_that_fits(self) -> None:
        names = {places.identity_file("r", f"{'x' * 300}{each}@example.com", HOME).name for each in "ab"}
        self.assertEqual(len(names), 2)
        self.assertLess(max(map(len, names)), 255)
