"""What both programs of twistd do alike: they choose the reactor, and end with a reason where they cannot start.

``twistd`` forks to become a daemon after ``makeService``, and neither LevelDB's lock nor gRPC's threads survive a fork.
So a configuration is read and checked in the ``Options``, and everything else is opened in ``startService``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import uvloop
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure

from coname import resets
from coname.errors import ConameError, Misconfigured

Settings = TypeVar("Settings")

# gRPC would write a line of its own to standard error for each connection that a peer ends.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

WRONG_REACTOR = (
    "coname runs on Twisted's asyncio reactor, and another one was chosen already; call it as "
    "`twistd --reactor=asyncio {command} …`, or without --reactor"
)


def install_reactor(command: str = "coname") -> None:
    """Install the asyncio reactor, which gRPC shares, unless it is installed already.

    :param command: the program, as it is called through ``twistd``.
    :raises SystemExit: another reactor was installed before.
    """
    from twisted.internet import asyncioreactor

    if "twisted.internet.reactor" not in sys.modules:
        loop = uvloop.new_event_loop()  # asyncio's own takes a tenth more of the processor for the same requests
        asyncio.set_event_loop(loop)
        asyncioreactor.install(loop)
        # Twisted asks the wall clock, and a step of that would hold back, or hurry, every timer by as much.
        sys.modules["twisted.internet.reactor"].seconds = time.monotonic  # type: ignore[attr-defined]
        resets.watch(sys.modules["twisted.internet.reactor"])
    elif not isinstance(sys.modules["twisted.internet.reactor"], asyncioreactor.AsyncioSelectorReactor):
        raise SystemExit(WRONG_REACTOR.format(command=command))
    _keep_loop_in_forks(sys.modules["twisted.internet.reactor"])


def _keep_loop_in_forks(reactor: Any) -> None:
    """Let the reactor's loop be the current one in a daemon, too.

    From Python 3.12 on, asyncio forgets the current loop in a process that was forked. gRPC would make another one,
    which nobody runs: its ports would be open, and never answer.
    """
    loop = reactor._asyncioEventloop  # it has no other name
    os.register_at_fork(after_in_child=lambda: asyncio.set_event_loop(loop))


def load_or_exit(load: Callable[[str], Settings], path: str) -> Settings:
    """What `load` makes of the configuration file `path`.

    :raises SystemExit: it has mistakes; with all of them as the only thing that is said. With usage.UsageError, twistd
        would explain all options first, on standard output.
    """
    try:
        return load(path)
    except Misconfigured as error:
        raise SystemExit(f"{path}:\n  " + "\n  ".join(error.mistakes)) from None


class StartFailed(Exception):
    """The process ends because it could not start."""


class ProcessService(Service):
    """A service that is a whole process: what fails while it starts ends the process, with the reason as its last line.

    :cvar what: what it is called in sentences, "the keyserver".
    """

    what = "the program"
    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._starting = True  # startService has not returned yet
        self._reason = ""  # why it could not start

    async def start(self) -> None:
        """Open everything, bottom up."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Finish what was begun, then close everything, top down."""
        raise NotImplementedError

    def startService(self) -> None:
        """Open everything. What fails here ends the process, with the reason as its last line."""
        super().startService()
        started = Deferred.fromCoroutine(self.start())
        started.addErrback(self._failed)
        self._starting = False
        if self._reason:
            sys.tracebacklimit = 0  # the reason says it all; twistd passes it on to the caller of a daemon, too
            raise StartFailed(self._reason)

    def stopService(self) -> Deferred[None]:
        """Finish what was begun, then close everything. Fires when nothing is left open."""
        super().stopService()
        return Deferred.fromCoroutine(self.stop())

    def _failed(self, failure: Failure) -> None:
        """End the process with status 1, and the reason as the last thing it says."""
        if isinstance(failure.value, ConameError | OSError | CannotListenError):
            self._reason = f"{self.what} could not start: {failure.value}"
        else:
            self._log.failure("{what} could not start", what=self.what, failure=failure)
            self._reason = f"{self.what} could not start, for the reason above"
        if self._starting:
            return
        self._log.critical("{reason}", reason=self._reason)
        self._reactor.addSystemEventTrigger("after", "shutdown", self._exit)
        self._reactor.stop()

    def _exit(self) -> None:
        """End the process, with the reason once more: stopping has said something, too."""
        self._log.critical("{reason}", reason=self._reason)
        os._exit(1)
