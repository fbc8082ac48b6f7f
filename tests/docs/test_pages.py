"""The pages keep their own rules: short where they must be, linked soundly, and without commands that nobody runs."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.pages import DOCS, ROOT, blocks, links, pages

MOST_README_LINES = 150

_COMMAND = re.compile(r"^\s*(coname|twistd|curl) ", re.MULTILINE)
_EXPLAINED = {"docs/howto/index.md", "docs/howto/production.md"}
"""Whose blocks of ``sh`` say what an operator does as root, or what the following pages begin with."""


def anchors(page: Path) -> set[str]:
    """The names that links into `page` may use, made from its headings as GitHub and MyST do."""
    headings = re.findall(r"^#{1,3} (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """The links in `page` that lead nowhere within the project."""
    found = []
    for target in links(page):
        path, _, anchor = target.partition("#")
        goal = page if not path else (page.parent / path).resolve()
        if "://" in target or target.startswith("mailto:"):
            continue
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            found.append(f"{page.relative_to(ROOT)}: {target}")
    return found


class Pages(SynchronousTestCase):
    def test_the_readme_is_short(self) -> None:
        self.assertLess(len((ROOT / "README.md").read_text().splitlines()), MOST_README_LINES)

    def test_no_link_is_broken(self) -> None:
        self.assertEqual([link for page in pages() for link in broken(page)], [])

    def test_every_page_is_in_a_table_of_contents(self) -> None:
        listed = {DOCS / "index.md"}
        for index in DOCS.rglob("index.md"):
            for block in blocks(index):
                if block.language == "{toctree}":
                    names = [line for line in block.content.splitlines() if line and not line.startswith(":")]
                    listed |= {index.parent / f"{name}.md" for name in names}
        self.assertEqual(sorted(page for page in pages() if DOCS in page.parents and page not in listed), [])

    def test_commands_stand_in_sessions(self) -> None:
        loose = [
            f"{page.relative_to(ROOT)}, line {block.line}"
            for page in pages()
            for block in blocks(page)
            if block.language in ("sh", "bash", "shell", "") and _COMMAND.search(block.content)
        ]
        self.assertEqual([place for place in loose if place.partition(",")[0] not in _EXPLAINED], [])

    def test_no_page_has_a_placeholder_left(self) -> None:
        waiting = [page for page in pages() if re.search(r"^@$|\b(TODO|FIXME|XXX)\b", page.read_text(), re.MULTILINE)]
        self.assertEqual(waiting, [])


class Unit(SynchronousTestCase):
    """The systemd units that operators copy."""

    def command(self, unit: str) -> str:
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        parser.read(DOCS / "howto" / unit)
        return parser["Service"]["ExecStart"]

    def test_starts_the_replica_in_the_foreground_without_a_pid_file(self) -> None:
        self.assertIn("--nodaemon --pidfile= coname --config", self.command("coname.service"))

    def test_starts_the_verifier_in_the_foreground_without_a_pid_file(self) -> None:
        self.assertIn("--nodaemon --pidfile= coname-verifier --config", self.command("coname-verifier.service"))
