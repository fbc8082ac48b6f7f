"""The room's first rule, held by a machine: no file of `coname.core` imports what could reach outside."""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import coname.core
from tests.core.cases import each

ROOM = Path(coname.core.__file__).parent

ALLOWED = {
    "__future__",
    "binascii",
    "collections",
    "dataclasses",
    "functools",
    "hashlib",
    "itertools",
    "math",
    "re",
    "secrets",
    "struct",
    "typing",
    "unicodedata",
    "google.protobuf",
    "idna",
    "nacl",
    "coname.core",
    "coname.errors",
    "coname.messages",
}
"""Everything that the room may import: pure parts of the standard library, and what computes. Whatever else (twisted,
os, time, socket, pathlib, threading, subprocess, logging, …) is forbidden by not being here."""

RANDOM = {"vrf/legacy2017.py", "vrf/rfc9381.py"}
"""The files that make keys, and may ask for randomness."""

BUILTINS = {"open", "input", "print", "exec", "eval", "compile", "__import__", "breakpoint"}


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
            if node.module == "coname":
                names.update(f"coname.{alias.name}" for alias in node.names)
                names.discard("coname")
    return names


def _allowed(name: str) -> bool:
    return any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED)


FILES = sorted(ROOM.rglob("*.py"))


@each(FILES, lambda path: str(path.relative_to(ROOM)))
class Pure(SynchronousTestCase):
    def check(self, path: Path) -> None:
        self.assertEqual({name for name in _imported(path) if not _allowed(name)}, set())
        if str(path.relative_to(ROOM)) not in RANDOM:
            self.assertNotIn("secrets", _imported(path))
        called = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        self.assertEqual(called & BUILTINS, set())


class TheTestItself(SynchronousTestCase):
    def test_it_sees_the_files(self) -> None:
        self.assertIn(ROOM / "vrf" / "rfc9381.py", FILES)

    def test_it_forbids_what_it_should(self) -> None:
        for name in ("twisted.internet", "os", "time", "socket", "pathlib", "threading", "coname.storage", "remote"):
            self.assertFalse(_allowed(name), name)
