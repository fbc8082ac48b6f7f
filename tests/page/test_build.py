"""What the package serves is what the sources give: a rebuild has the same bytes."""

from __future__ import annotations

import gzip
import json
import re
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from coname.protocols.page_files import FOLDER
from tests.page.node import PAGE, needs_packages

MOST_BYTES = 100_000
"""That the page may have in all, compressed."""


class Build(SynchronousTestCase):
    def test_a_rebuild_has_the_same_bytes(self) -> None:
        needs_packages()
        done = subprocess.run(["node", "build.js", "--check"], cwd=PAGE, check=False, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_is_small(self) -> None:
        self.assertLess(sum(len(gzip.compress(path.read_bytes())) for path in FOLDER.iterdir()), MOST_BYTES)

    def test_names_no_other_server(self) -> None:
        for path in FOLDER.iterdir():
            found = set(re.findall(rb"https?://[\w.-]+", path.read_bytes()))
            # A name space, the base of the URL parser for domains, and the licence's author.
            self.assertLessEqual(found, {b"http://www.w3.org", b"https://paulmillr.com"}, path.name)

    def test_the_document_names_each_file_with_its_hash(self) -> None:
        document = (FOLDER / "index.html").read_text()
        others = {path.name for path in FOLDER.iterdir()} - {"index.html"}
        self.assertEqual(set(re.findall(r'"/([a-z]+-[0-9a-f]{12}\.\w+)"', document)), others)
        self.assertEqual(len(re.findall(r'integrity="sha384-', document)), 2)

    def test_every_package_is_of_one_exact_version(self) -> None:
        package = json.loads((PAGE / "package.json").read_text())
        for wanted in (package["dependencies"], package["devDependencies"]):
            for name, version in wanted.items():
                self.assertRegex(version, r"^\d+\.\d+\.\d+$", name)
