"""A shell in the manhole: Python line by line, with the helpers of `coname.protocols.console` in its namespace.

What the operator types runs in the reactor's thread: while it runs, the replica does nothing else. The helpers are
made for that, and return at once.
"""

from __future__ import annotations

from typing import Any

from twisted.conch.error import ConchError
from twisted.conch.insults.insults import ServerProtocol, modes
from twisted.conch.interfaces import ISession
from twisted.conch.manhole import Manhole
from twisted.conch.manhole_ssh import TerminalSessionTransport
from twisted.conch.ssh.session import SSHSession
from zope.interface import implementer

from coname.protocols.console import Console

WELCOME = "This is Python inside a running replica. help() lists what is at hand, exit() leaves.\n"


class ManholeShell(Manhole):
    """One operator's interpreter."""

    def __init__(self, administration: Any) -> None:
        self._running = False
        console = Console(administration, self.show, lambda: self.width)
        leave = {"exit": self.leave, "quit": self.leave}
        super().__init__({**console.helpers, **leave, "administration": administration})

    def initializeScreen(self) -> None:
        """Begin with what can be done here. What the terminal showed before stays."""
        self.terminal.write(WELCOME)
        self.terminal.write(self.ps[self.pn])
        self.setInsertMode()

    def terminalSize(self, width: int, height: int) -> None:
        """The terminal has this size from now on; what it shows stays."""
        self.width, self.height = width, height

    def lineReceived(self, line: bytes) -> None:
        """Run a line. Nothing that it raises leaves the session; SystemExit, which would stop the replica, ends it."""
        self._running = True
        try:
            super().lineReceived(line)
        except SystemExit:
            self.leave()
        finally:
            self._running = False

    def show(self, text: str) -> None:
        """Write for a helper: within the line that called it, or above the one that is being typed."""
        self.addOutput(text, isAsync=not self._running)

    def leave(self) -> None:
        """End this session. The replica goes on."""
        self.terminal.resetModes([modes.IRM])
        self.terminal.transport.loseConnection()  # the terminal's own would wipe the operator's screen

    def handle_QUIT(self) -> None:
        """Control-D on an empty line."""
        self.leave()


@implementer(ISession)
class ManholeSession:
    """What a client may do with a session: a shell on a terminal."""

    def __init__(self, avatar: Any) -> None:
        self._avatar = avatar
        self._size = (80, 24)
        self._shell: ManholeShell | None = None

    def getPty(self, term: bytes, windowSize: tuple[int, int, int, int], modes: object) -> None:
        """The client has a terminal of this size (rows, columns, and pixels)."""
        self._resize(windowSize)

    def windowChanged(self, newWindowSize: tuple[int, int, int, int]) -> None:
        """The terminal's size has changed."""
        self._resize(newWindowSize)
        if self._shell is not None:
            self._shell.terminalSize(*self._size)

    def openShell(self, proto: Any) -> None:
        """Start an interpreter."""
        self._shell = ManholeShell(self._avatar.administration)
        terminal = ServerProtocol(lambda: self._shell)
        TerminalSessionTransport(proto, terminal, self._avatar, *self._size)

    def execCommand(self, proto: object, command: bytes) -> None:
        """Never called: the channel refuses commands."""
        raise ConchError("the manhole runs no commands")

    def eofReceived(self) -> None:
        """The client sends nothing more: what it sent has been run."""
        if self._shell is not None:
            self._shell.leave()

    def closed(self) -> None:
        """The session is over."""
        self._shell = None

    def _resize(self, size: tuple[int, int, int, int]) -> None:
        rows, columns, *_ = size
        self._size = (columns or 80, rows or 24)


class ManholeChannel(SSHSession):
    """An SSH channel for a shell: there are neither commands nor subsystems."""

    def request_exec(self, data: bytes) -> int:
        """Refused."""
        return 0

    def request_subsystem(self, data: bytes) -> int:
        """Refused."""
        return 0
