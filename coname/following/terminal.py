"""One line on a terminal that shows how far a verifier is, below what it logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

if TYPE_CHECKING:
    from typing import TextIO

WIDTH = 60
"""A line of the log is longer than this, so that it covers the whole of what it overwrites."""


class TerminalLine:
    """A line that is written over again and again.

    The cursor rests at its beginning, so that whatever the process logs next takes its place.

    :param stream: if it is no terminal, nothing is shown.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)
        self._shown = False

    def show(self, text: str) -> None:
        """Let the line be `text`."""
        if self._console.is_terminal:
            self._shown = True
            self._clear()
            self._console.print(Text(text[:WIDTH], style="bold cyan"), end="\r", soft_wrap=True)

    def remove(self) -> None:
        """Leave nothing of it."""
        if self._shown:
            self._shown = False
            self._clear()

    def _clear(self) -> None:
        self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
