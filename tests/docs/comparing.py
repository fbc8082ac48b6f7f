"""Whether a command printed what a page says that it prints.

What differs from run to run is taken out of both: times, hashes, keys, process ids, ports, sizes of keys, epochs. In a
page, a line that is only ``…`` stands for any number of lines, and ``…`` within a line for anything.
"""

from __future__ import annotations

import re

_CHANGING = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+0000)?"), "TIME"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "TIME"),
    (re.compile(r"\b[0-9a-fA-F]{10,}\b"), "HEX"),
    (re.compile(r"(?<![\w/.-])[A-Za-z0-9+][A-Za-z0-9+/]{39,}={0,2}"), "BASE64"),
    (re.compile(r"\b\d{4,}\b"), "NUMBER"),
    (re.compile(r"\b\d+(\.\d+)? (s|bytes)\b"), r"NUMBER \2"),
    (re.compile(r"\bepoch \d+"), "epoch NUMBER"),
]


def normalised(text: str) -> list[str]:
    """The lines of `text` with what changes taken out, and spaces that only align made one."""
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    return [" ".join(line.split()) for line in text.strip("\n").splitlines()]


def matches(shown: str, printed: str) -> bool:
    """Whether `printed` is what a page shows as `shown`."""
    return _match(normalised(shown), normalised(printed))


def _match(shown: list[str], printed: list[str]) -> bool:
    if not shown:
        return not printed
    if shown[0] == "…":
        return any(_match(shown[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    return bool(printed) and _line(shown[0], printed[0]) and _match(shown[1:], printed[1:])


def _line(shown: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, printed) is not None
