"""What a check of a configuration found, each with its path in the file.

Rules:

- everything is collected, nothing is raised half way: an operator mends a file once, not once for each mistake;
- a mistake stops the program before it opens anything, a warning is logged at start;
- what could not even be read (a number where a text belongs) is complained about once: later checks of that place, of
  what holds it and of what it holds are silent, since they look at a value that was never there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from coname.errors import Misconfigured


@dataclass(frozen=True)
class Findings:
    """A place in the file, and the lists that all places of one file share.

    :ivar mistakes: "path: what is wrong, and what would be right", in the order of discovery.
    :ivar warnings: the same for what is allowed but should be looked at.
    """

    path: str = ""
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _unreadable: set[str] = field(default_factory=set)

    def at(self, step: str | int) -> Findings:
        """The place below this one: a field by its name, an element of a list by its number."""
        below = f"[{step}]" if isinstance(step, int) else f".{step}"
        return Findings((self.path + below).removeprefix("."), self.mistakes, self.warnings, self._unreadable)

    def at_key(self, key: str) -> Findings:
        """The place below this one under `key` of a map."""
        return Findings(f"{self.path}[{json.dumps(key)}]", self.mistakes, self.warnings, self._unreadable)

    def unreadable(self, text: str) -> None:
        """Note a mistake in form: the value is not even of the right type."""
        self._unreadable.add(self.path)
        self.mistakes.append(self._line(text))

    def mistake(self, text: str) -> None:
        """Note a mistake in a value that could be read."""
        if not self.spoilt:
            self.mistakes.append(self._line(text))

    @property
    def spoilt(self) -> bool:
        """Whether this place, something that holds it, or something that it holds could not be read."""
        return any(_within(self.path, bad) or _within(bad, self.path) for bad in self._unreadable)

    def warn(self, text: str) -> None:
        """Note what is allowed, but probably not meant."""
        self.warnings.append(self._line(text))

    def raise_mistakes(self) -> None:
        """:raises coname.errors.Misconfigured: with all mistakes, if there is any."""
        if self.mistakes:
            raise Misconfigured(list(self.mistakes))

    def _line(self, text: str) -> str:
        return f"{self.path}: {text}" if self.path else text


def _within(path: str, outer: str) -> bool:
    """Whether `path` is `outer` or lies below it."""
    return path == outer or outer == "" or (path.startswith(outer) and path[len(outer)] in ".[")
