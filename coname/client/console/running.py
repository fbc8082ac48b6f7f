"""Running one asynchronous job to its end, and what the commands are run in.

gRPC needs no more than asyncio; the HTTPS front is asked by treq on Twisted's asyncio reactor, where gRPC works too. A
process runs one of them, once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from coname.client.framework import framework
from coname.client.interfaces import ITransport
from coname.client.transports.timeouts import LOOKUP_SECONDS, UPDATE_SECONDS
from coname.messages.config_pb2 import RealmConfig

T = TypeVar("T")
Connect = Callable[[RealmConfig], ITransport]
Job = Callable[[Connect], Coroutine[Any, Any, T]]


@dataclass(frozen=True)
class Way:
    """How to reach a realm.

    :ivar https: by HTTPS rather than gRPC.
    :ivar folder: where the configuration's paths begin.
    :ivar timeout: seconds; None for the defaults.
    :ivar either: with `https`: by gRPC where the realm to connect to has no URL.
    """

    https: bool
    folder: Path
    timeout: float | None = None
    either: bool = False

    @property
    def timeouts(self) -> tuple[float, float]:
        """For lookups, and for updates."""
        return self.timeout or LOOKUP_SECONDS, self.timeout or UPDATE_SECONDS


class Environment:
    """The world around the commands: network and time. Tests bring another."""

    def now(self) -> float:
        """The time, in seconds since 1970."""
        return time.time()

    def run(self, way: Way, job: Job[T]) -> T:
        """What `job` returns; it is given the means to connect."""
        return _run_twisted(way, job) if way.https else _run_asyncio(way, job)


def _run_asyncio(way: Way, job: Job[T]) -> T:
    from coname.client.transports.connecting import connect_grpc

    framework.use_asyncio()
    return asyncio.run(job(lambda realm: connect_grpc(realm, way.folder, *way.timeouts)))


def _run_twisted(way: Way, job: Job[T]) -> T:
    from twisted.internet import asyncioreactor

    install: Any = asyncioreactor.install
    install()
    from twisted.internet import reactor
    from twisted.logger import globalLogBeginner

    from coname.client.transports.connecting import connect_grpc, connect_https, https_urls

    def connect(realm: RealmConfig) -> ITransport:
        if way.either and not https_urls(realm):
            return connect_grpc(realm, way.folder, *way.timeouts)
        return connect_https(realm, way.folder, loop, *way.timeouts)

    framework.use_twisted()
    # What goes wrong comes back from the job; Twisted's own log would only stand in between the words.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False)
    loop: Any = reactor
    result: T = _outcome(loop, job(connect))
    return result


def _outcome(reactor: Any, job: Coroutine[Any, Any, Any]) -> Any:
    """What `job` comes to, the reactor running as long as it takes.

    :raises KeyboardInterrupt: a signal stopped the reactor first.
    """
    from twisted.internet.defer import ensureDeferred
    from twisted.python.failure import Failure

    outcomes: list[Any] = []

    def finish(result: Any) -> None:
        outcomes.append(result)
        if len(outcomes) == 1:
            reactor.stop()

    # Stopping breaks off what the job waits for: the first outcome is the one that counts.
    reactor.addSystemEventTrigger("before", "shutdown", lambda: outcomes.append(Failure(KeyboardInterrupt())))
    reactor.callWhenRunning(lambda: ensureDeferred(job).addBoth(finish))
    reactor.run()
    if isinstance(outcomes[0], Failure):
        outcomes[0].raiseException()
    return outcomes[0]
