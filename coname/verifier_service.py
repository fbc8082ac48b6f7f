"""The verifier as one service of ``twistd``: the only place that knows all of its parts.

The configuration is read and checked in `Options`; everything else is opened in ``startService``, after the fork. What
fails then ends the process, with the reason as its last line. Afterwards nothing does: a keyserver that is away is
waited for, a violation is told and watched, and a database that fails is closed and opened again.
"""

from __future__ import annotations

import os
import random
import sys
import time
from datetime import UTC, datetime
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.threadpool import ThreadPool

from coname import garbage
from coname.backoff import Backoff
from coname.config import VerifierSettings, load_verifier
from coname.errors import ConameError, Misconfigured
from coname.following import first_start
from coname.following.backoff import new_backoff
from coname.following.evidence_files import EvidenceFolder
from coname.following.follower import Follower, ReplayFailed, World
from coname.following.helper import Helper
from coname.following.links import Link
from coname.following.opening import open_replay
from coname.following.reporter import Reporter
from coname.following.tally import Tally
from coname.following.terminal import TerminalLine
from coname.process import ProcessService, install_reactor, load_or_exit
from coname.protocols.metrics import MetricsService
from coname.protocols.verifier_client import VerifierLink
from coname.storage.leveldb import LevelDBStore
from coname.verifier.replay import Replay

COMMAND = "coname-verifier"


class Options(usage.Options):
    """``twistd coname-verifier``'s own options."""

    synopsis = "[--config FILE]"
    longdesc = "Runs the verifier that FILE configures. `coname verifier enroll` and `accept` make such a file."
    optParameters = [["config", "c", "config.json", "the verifier's configuration, JSON or TOML"]]  # noqa: RUF012

    settings: VerifierSettings

    def postOptions(self) -> None:
        """Read and check the configuration, while nothing is opened yet."""
        install_reactor(COMMAND)
        self.settings = load_or_exit(load_verifier, self["config"])


def makeService(options: Options) -> IService:
    """What ``twistd coname-verifier`` runs."""
    from twisted.internet import reactor

    return VerifierService(options.settings, reactor)


class VerifierService(ProcessService):
    """A verifier, from opening the database to closing it.

    :ivar tally: its numbers.
    :ivar metrics: where they are shown, while the service runs and if it is configured.
    """

    what = "the verifier"
    _log = Logger()

    def __init__(self, settings: VerifierSettings, reactor: Any) -> None:
        super().__init__(reactor)
        self._settings = settings
        self._store: LevelDBStore | None = None
        self._thread = ThreadPool(0, 1, "verifier")  # one thread, so that its jobs come one after the other
        self._folder = EvidenceFolder(settings.evidence_folder, reactor.seconds)
        self._helper = Helper(reactor)
        self._life: Deferred[None] | None = None
        self.tally = Tally()
        self.metrics: MetricsService | None = None

    async def start(self) -> None:
        """The database, then the metrics, and the connection as soon as the reactor runs."""
        settings = self._settings
        for warning in settings.warnings:
            self._log.warn("{path}: {warning}", path=settings.path, warning=warning)
        make_evidence_folder(settings)
        replay = self._open()
        self._folder.clean()  # now that no other process has the database
        if settings.metrics is not None:
            self.metrics = MetricsService(self.tally, settings.metrics.host, settings.metrics.port, self._reactor)
            self.metrics.startService()
        self._thread.start()
        garbage.calm()
        self._log.info(
            "The verifier {id} of {realm} is up: it follows {keyserver}, and has verified epoch {epoch}{metrics}",
            id=f"{settings.verifier_id:x}",
            realm=settings.realm,
            keyserver=settings.keyserver,
            epoch=replay.verified,
            metrics="" if self.metrics is None else f"; metrics on port {self.metrics.port}",
        )
        if replay.verified == 0 and replay.violation is None:
            self._warn_of_loss()
        self._reactor.callWhenRunning(self._begin, replay)

    def _warn_of_loss(self) -> None:
        warning = first_start.warning(self._settings, datetime.now(UTC))
        if warning:
            self._log.critical("{warning}", warning=warning)

    async def stop(self) -> None:
        """The connection first, then what the thread is at, then the database."""
        if self._life is not None:
            self._life.cancel()
            await self._life
        if self.metrics is not None:
            await self.metrics.stopService()
        if self._thread.started:
            await self._work(lambda: None)
            self._thread.stop()
        self._close()
        self._log.info("The verifier of {realm} has stopped", realm=self._settings.realm)

    def _begin(self, replay: Replay) -> None:
        if self.running:
            self._life = Deferred.fromCoroutine(self._live(replay))
            self._life.addErrback(lambda failure: failure.trap(CancelledError) and None)

    async def _live(self, replay: Replay) -> None:
        """Follow the keyserver for ever, with a database that is opened again when it fails."""
        backoff = new_backoff(random.random)
        while True:
            began = self._reactor.seconds()
            try:
                await self._follower(replay).run()
            except CancelledError:
                raise
            except ReplayFailed as error:
                self._log.critical("The verifier's database failed: {error}", error=error)
            except Exception:  # whatever it is: a verifier that ends watches nobody
                self._log.failure("The verifier failed unexpectedly; it begins anew from its database")
            if self._reactor.seconds() > began + 600:
                backoff.reset()
            replay = await self._open_again(backoff)

    async def _open_again(self, backoff: Backoff) -> Replay:
        while True:
            seconds = backoff.next()
            self._log.info("Opening the database again in {seconds:.0f} s", seconds=seconds)
            await deferLater(self._reactor, seconds)
            await self._work(self._close)
            try:
                replay: Replay = await self._work(self._open)
            except (ConameError, OSError) as error:
                self._log.critical("The verifier's database cannot be opened: {error}", error=error)
            else:
                return replay

    def _open(self) -> Replay:
        """:raises ConameError: the database cannot be opened, or is another verifier's."""
        self._store = LevelDBStore(self._settings.data_folder, create=True)
        try:
            return open_replay(self._store, self._settings, self._folder.keep)
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _follower(self, replay: Replay) -> Follower:
        settings = self._settings
        line = TerminalLine(sys.__stderr__ or sys.stderr)  # twistd has put the log in the place of sys.stderr
        place = (str(settings.keyserver), settings.path)
        reporter = Reporter(replay, self._folder, self.tally, line, self._reactor, time.time_ns, *place)
        world = World(
            connect=self._connect,
            work=self._work,
            helper=self._helper,
            clock=self._reactor,
            now_ns=time.time_ns,
            random=random.random,
        )
        return Follower(replay, self.tally, reporter, world)

    def _connect(self, start: int) -> Link:
        return VerifierLink(str(self._settings.keyserver), start, self._settings.tls)

    def _work(self, function: Any, *arguments: object) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._thread, function, *arguments)


def make_evidence_folder(settings: VerifierSettings) -> None:
    """Make sure now that evidence will have a place.

    :raises OSError, Misconfigured: it will not.
    """
    settings.evidence_folder.mkdir(parents=True, exist_ok=True)
    if not os.access(settings.evidence_folder, os.W_OK | os.X_OK):
        raise Misconfigured([f"evidence_folder: {settings.evidence_folder} is not writable for this process"])
