"""The page's own tests, by node's test runner: among them all vectors, to be accepted and to be refused."""

from __future__ import annotations

import os
import re
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from tests import vectors
from tests.page.node import PAGE, needs_packages

FILES = sorted(PAGE.glob("test/*.test.js"))
VECTORS = {path.stem for path in vectors.FOLDER.glob("*.json")}


class NodeTests(SynchronousTestCase):
    """One test for each file of tests."""

    def check(self, name: str) -> None:
        needs_packages()
        done = subprocess.run(
            ["node", "--test", "--test-reporter=tap", f"test/{name}"],
            cwd=PAGE,
            env=os.environ | {"CONAME_VECTORS": str(vectors.FOLDER)},
            check=False,
            capture_output=True,
            text=True,
        )
        report = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, report[-5000:])
        self.assertGreater(int(re.findall(r"^# tests (\d+)$", report, re.MULTILINE)[-1]), 0)

    def test_every_vector_file_is_read(self) -> None:
        sources = "".join(path.read_text() for path in FILES)
        self.assertEqual({name for name in VECTORS if f'"{name}"' not in sources}, set())

    def passes(self, *words: str) -> None:
        needs_packages()
        done = subprocess.run(["npx", "--no-install", *words], cwd=PAGE, check=False, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_types(self) -> None:
        self.passes("tsc")

    def test_style(self) -> None:
        self.passes("prettier", "--check", "src", "test", "build.js")


def _add_tests() -> None:
    for path in FILES:
        words = path.name.removesuffix(".test.js").replace("-", "_")
        setattr(NodeTests, f"test_{words}", lambda self, name=path.name: self.check(name))


_add_tests()
