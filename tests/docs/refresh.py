"""``python -m tests.docs.refresh PAGE…``: put what the commands print now into the pages.

A line that is ``…`` stays, and so does a line with ``…`` in it. A command that shows only ``@`` gets all of its output.
What does not match any more is replaced as a whole: look at the difference before you commit it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.docs.comparing import matches
from tests.docs.sessions import Step, beginning, run, steps


def refresh(page: Path) -> None:
    """Write `page` anew, with the output of today."""
    before, wanted = beginning(page), steps(page)
    done = run(before + wanted)[len(before) :]
    lines = page.read_text().splitlines()
    for step, (status, printed) in reversed(list(zip(wanted, done, strict=True))):
        first = step.line + step.command.count("\n")
        lines[first : first + len(step.shown)] = renewed(step, printed.rstrip("\n").splitlines())
        print(f"{page.name}:{step.line} [{status}] {step.command.splitlines()[0]}")
    page.write_text("\n".join(lines) + "\n")


def renewed(step: Step, printed: list[str]) -> list[str]:
    """What the page shows for `step`, in the words of `printed`."""
    shown = step.shown
    if not matches("\n".join(shown), "\n".join(printed)):
        return printed
    result: list[str] = []
    for number, line in enumerate(shown):
        if line.strip() == "…":
            rest = "\n".join(shown[number + 1 :])
            skipped = next(n for n in range(len(printed) + 1) if matches(rest, "\n".join(printed[n:])))
            result, printed = [*result, line], printed[skipped:]
        else:
            result, printed = [*result, line if "…" in line else printed[0]], printed[1:]
    return result


if __name__ == "__main__":
    for name in sys.argv[1:]:
        refresh(Path(name).absolute())
