"""The documentation's pages: their blocks of code, links and tables.

Rules of the pages, which the tests keep:

- a block of language ``console`` is a session: lines that begin with ``$ `` are commands, with ``> `` their
  continuation, everything else is what they print. Each of them is run (`tests.docs.sessions`);
- a block of language ``sh`` is for the reader's eyes: installing, building, becoming root. No ``coname``, ``twistd``
  or ``curl`` stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(?:\{code-block\} )?(?P<language>[\w{}-]*).*\n(?P<content>(?:.*\n)*?)```$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A block of code.

    :ivar line: of the page, on which its content begins, from 1.
    """

    language: str
    content: str
    line: int


def pages() -> list[Path]:
    """All pages: the README, the changelog and what is below docs/."""
    found = sorted(path for path in DOCS.rglob("*.md") if not {"_build", "changelog.d"} & set(path.parts))
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *found]


def blocks(page: Path) -> list[Block]:
    """The blocks of code in `page`, in order."""
    text = page.read_text()
    return [
        Block(found["language"], found["content"], text.count("\n", 0, found.start()) + 2)
        for found in _FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    """The text of `page` without its blocks of code."""
    return _FENCE.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """The targets of the links in `page`."""
    return [found["target"] for found in _LINK.finditer(prose(page))]


def section(page: Path, heading: str) -> str:
    """The text below `heading` (without its ``#``), up to the next heading of the same or a higher level."""
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines):
        level = len(line) - len(line.lstrip("#"))
        if level and line.lstrip("# ") == heading:
            return "\n".join(_until(lines[number + 1 :], level))
    raise AssertionError(f"{page.relative_to(ROOT)} has no heading {heading!r}")


def rows(text: str) -> list[list[str]]:
    """The rows of the Markdown tables in `text`, as their cells, without headings."""
    table = [line for line in text.splitlines() if line.startswith("|")]
    ruled = [number for number, line in enumerate(table) if set(line) <= set("|-: ")]
    heads = {number - 1 for number in ruled} | set(ruled)
    return [_cells(line) for number, line in enumerate(table) if number not in heads]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _until(lines: list[str], level: int) -> Iterator[str]:
    """`lines` up to the next heading of `level` or higher. Comments in blocks of code are no headings."""
    code = False
    for line in lines:
        code ^= line.startswith("```")
        if not code and re.match(rf"#{{1,{level}}} ", line):
            return
        yield line
