"""The rooms depend on each other one way only, and those that do no I/O import nothing that does."""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

PACKAGE = Path(__file__).parents[1] / "coname"

MAY_IMPORT = {
    "messages": {"messages"},
    "core": {"core", "messages", "errors"},
    "storage": {"storage", "core", "durable", "errors", "interfaces"},
    "replication": {"replication", "backoff", "core", "durable", "errors", "interfaces", "messages", "storage"},
    "oidc": {"oidc", "core", "errors"},
    "registration": {"registration", "oidc", "core", "errors", "messages"},
    "keyserver": {"keyserver", "core", "errors", "interfaces", "messages", "registration", "storage"},
    "configuration": {"configuration", "core", "durable", "errors", "messages", "oidc", "registration"},
    "verifier": {"verifier", "core", "errors", "interfaces", "messages", "storage"},
    "following": {"following", "verifier", "backoff", "core", "durable", "errors", "messages"},
    "protocols": {
        "protocols",
        "following",
        "backoff",
        "keyserver",
        "configuration",
        "core",
        "errors",
        "interfaces",
        "messages",
        "oidc",
        "registration",
    },
    "operating": {
        "operating",
        "assembly",
        "client",
        "config",
        "configuration",
        "durable",
        "engines",
        "errors",
        "keyserver",
        "messages",
        "protocols",
        "replication",
        "storage",
    },
    "client": {
        "client",
        "config",
        "configuration",
        "core",
        "durable",
        "errors",
        "following",
        "messages",
        "oidc",
        "registration",
        "storage",
    },
}
"""What each room may import of the others, besides what everybody may: the version."""

DOES_IO = {"os", "io", "socket", "ssl", "subprocess", "threading", "asyncio", "tempfile", "shutil", "time", "random"}
NO_IO = ("core", "keyserver", "replication", "verifier")


def imports(path: Path) -> set[str]:
    """The modules that a file imports, anywhere in it, but for the sake of types only."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "coname":
                found.update(f"coname.{alias.name}" for alias in node.names)
    return found


class ArchitectureTests(SynchronousTestCase):
    def files(self, room: str) -> list[Path]:
        found = [path for path in (PACKAGE / room).rglob("*.py") if not path.name.endswith("_pb2.py")]
        self.assertTrue(found)
        return found

    def check_room(self, room: str) -> None:
        wrong = []
        for path in self.files(room):
            for name in imports(path):
                parts = name.split(".")
                if parts[0] == "coname" and len(parts) > 1 and parts[1] not in MAY_IMPORT[room] | {"__version__"}:
                    wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
        self.assertEqual(wrong, [])

    def check_no_io(self, room: str) -> None:
        wrong = []
        for path in self.files(room):
            for name in imports(path):
                if name.split(".")[0] in DOES_IO or name.startswith("twisted.internet.reactor"):
                    wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
        self.assertEqual(wrong, [])

    def test_core_knows_nothing_of_twisted(self) -> None:
        wrong = [path for path in self.files("core") for name in imports(path) if name.startswith(("twisted", "zope"))]
        self.assertEqual(wrong, [])

    def test_nobody_picks_the_reactor_when_imported(self) -> None:
        wrong = []
        for path in PACKAGE.rglob("*.py"):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ImportFrom) and node.module == "twisted.internet":
                    wrong += [path for alias in node.names if alias.name == "reactor"]
        self.assertEqual(wrong, [])


def _add_tests() -> None:
    for room in MAY_IMPORT:
        setattr(ArchitectureTests, f"test_{room}_imports", lambda self, room=room: self.check_room(room))
    for room in NO_IO:
        setattr(ArchitectureTests, f"test_{room}_does_no_io", lambda self, room=room: self.check_no_io(room))


_add_tests()
