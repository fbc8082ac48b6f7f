"""A helper process that checks signatures ahead, while there is much to verify.

Rules:

1. A verifier needs no helper. Where it cannot be started, dies, hangs or answers nonsense, it is given up for good, one
   line in the log says so, and nothing else changes.
2. What it says is believed as if this process had checked it. So it is a child of this process, the same Python with
   the same modules, and pipes that nobody else has are the only way to it. It is told no secret.
3. It ends when its input does: the system sees to that, even if this process is killed. Here it is killed, since it
   has nothing to lose.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger

from coname.following import checking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from twisted.internet.interfaces import IDelayedCall
    from twisted.python.failure import Failure

PATIENCE_SECONDS = 10.0
"""How long an answer may take. It takes a tenth of a second, unless the machine has no time for us."""

COMMAND = (sys.executable, "-P", "-m", checking.__name__)

_MOST_WORDS = 300  # of what it says on its standard error, for the log

NOTHING = b""
"""What is said of steps that nobody has checked."""


class Helper:
    """Starts a helper process when asked to, and ends it.

    :param reactor: spawns processes, and has the time. :param command: the program.
    """

    _log = Logger()

    def __init__(self, reactor: Any, command: Sequence[str] = COMMAND) -> None:
        self._reactor = reactor
        self._command = command
        self._child: Child | None = None
        self._given_up = False

    @property
    def pid(self) -> int | None:
        """The process's id, while there is one."""
        return self._child.transport.pid if self._child is not None and self._child.transport is not None else None

    def start(self) -> None:
        """Have a helper from now on, if it can be."""
        if self._child is not None or self._given_up:
            return
        self._child = child = Child(self._lost, self._reactor.callLater)
        # It is to find the modules that this process has, whatever the working directory is.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        try:
            self._reactor.spawnProcess(child, self._command[0], self._command, environment)
        except OSError as error:
            self._lost(str(error))

    def stop(self) -> None:
        """Have none any more. What it was asked is left unsaid."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def check(self, steps: Sequence[bytes]) -> Deferred[bytes]:
        """What the helper says of `steps`, see `coname.verifier.signatures`; `NOTHING` without one. Never fails."""
        return succeed(NOTHING) if self._child is None else self._child.ask(steps)

    def _lost(self, reason: str) -> None:
        self._given_up = True
        self._log.warn(
            "Catching up takes longer: the helper process that checks signatures is of no use: {reason}", reason=reason
        )
        self.stop()


class Child(ProcessProtocol):
    """The helper's process: what it was asked, and what it answers, in the same order.

    :param lost: is called with the reason, once, if it ends or is of no use.
    :param later: calls a function after some seconds.
    """

    transport: Any

    def __init__(self, lost: Callable[[str], None], later: Callable[..., IDelayedCall]) -> None:
        self._lost: Callable[[str], None] | None = lost
        self._later = later
        self._timer: IDelayedCall | None = None
        self._asked: deque[tuple[int, Deferred[bytes]]] = deque()
        self._came = bytearray()
        self._words = b""

    def ask(self, steps: Sequence[bytes]) -> Deferred[bytes]:
        """See `Helper.check`."""
        answered: Deferred[bytes] = Deferred()
        self._asked.append((len(steps), answered))
        self.transport.write(checking.request(steps))
        self._watch()
        return answered

    def end(self) -> None:
        """End it, and whatever waits for it."""
        self._lost = None
        self._watch()
        if self.transport is not None:
            self.transport.loseConnection()
            with suppress(ProcessExitedAlready):
                self.transport.signalProcess("KILL")
        while self._asked:
            self._asked.popleft()[1].callback(NOTHING)

    def outReceived(self, data: bytes) -> None:
        """Part of its answers."""
        self._came += data
        while self._asked and len(self._came) >= (size := checking.HEADER_SIZE + self._asked[0][0]):
            whole = bytes(self._came[:size])
            del self._came[:size]
            try:
                said = checking.read_answer(whole, self._asked[0][0])
            except ValueError as error:
                self._useless(f"it says {whole[:20].hex()}: {error}")
                return
            self._asked.popleft()[1].callback(said)
            self._watch()
        if self._came and not self._asked:
            self._useless("it speaks without being asked")

    def errReceived(self, data: bytes) -> None:
        """What it, or Python, says before it ends."""
        self._words = (self._words + data)[-_MOST_WORDS:]

    def processEnded(self, reason: Failure) -> None:
        """It has ended, which it never does by itself."""
        words = " ".join(self._words.decode(errors="replace").split())
        self._useless(f"{reason.getErrorMessage()} {words}".strip())

    def _watch(self) -> None:
        """Wait for the next answer, if one is to come, for as long as it may take."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._asked and self._lost is not None:
            self._timer = self._later(PATIENCE_SECONDS, self._useless, f"no answer in {PATIENCE_SECONDS:g} seconds")

    def _useless(self, reason: str) -> None:
        lost, self._lost = self._lost, None
        if lost is not None:
            lost(reason)
