"""What a verifier tells: its numbers, its progress in the log and on a terminal, and, in plain words, what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from twisted.logger import Logger

from coname.core.policies import describe
from coname.core.times import NANOSECONDS
from coname.following import notices
from coname.following.evidence_files import RETRY_SECONDS
from coname.following.progress import Progress
from coname.following.waiting import repeat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twisted.internet.interfaces import IReactorTime
    from twisted.internet.task import LoopingCall

    from coname.following.evidence_files import EvidenceFolder, News
    from coname.following.links import Link
    from coname.following.tally import Tally
    from coname.following.terminal import TerminalLine
    from coname.verifier.replay import Replay

LOG_SECONDS, LINE_SECONDS = 10.0, 0.5
"""How often progress is told, in the log and on a terminal."""


class Reporter:
    """The one voice of a verifier. Lives in the reactor.

    :param keyserver: its address; `config`: this verifier's configuration file; both for sentences.
    :ivar progress: how far it is, since the last connection.
    """

    _log = Logger()

    def __init__(
        self,
        replay: Replay,
        folder: EvidenceFolder,
        tally: Tally,
        line: TerminalLine,
        clock: IReactorTime,
        now_ns: Callable[[], int],
        keyserver: str,
        config: Path,
    ) -> None:
        self._replay = replay
        self._folder = folder
        self._tally = tally
        self._line = line
        self._clock = clock
        self._now_ns = now_ns
        self._keyserver = keyserver
        self._config = config
        self._told_violation = False
        self._counted: set[bytes] = set()  # hashes of the bundles in the tally: some are tried more than once
        self._catching_up = False
        self.progress = Progress(0)
        self._loops = [self._every(LOG_SECONDS, self._log_progress), self._every(LINE_SECONDS, self._show_progress)]

    def _every(self, seconds: float, function: Callable[[], None]) -> LoopingCall:
        return repeat(
            seconds, function, self._clock, lambda failure: self._log.failure("Telling failed", failure=failure)
        )

    def stop(self) -> None:
        """Tell nothing more."""
        self._tally.connected = False
        for loop in self._loops:
            if loop.running:
                loop.stop()
        self._line.remove()

    # the connection

    def connecting(self, start: int) -> None:
        """A connection is tried, whose stream begins at that step."""
        self.progress = Progress(start)
        self._catching_up = False

    def heard(self, link: Link) -> None:
        """Look at what the keyserver has said of itself on `link`."""
        if link.up and not self._tally.connected:
            self._log.info(
                "Connected to the keyserver at {keyserver}{published}; verified so far: epoch {epoch}",
                keyserver=self._keyserver,
                published="" if link.published is None else f", which has {link.published:,} steps",
                epoch=self._replay.verified,
            )
        self._tally.connected = link.up
        self.progress.total = link.published
        self._tally.behind = max((link.published or 0) - self._replay.steps, 0)

    def disconnected(self, reason: str, seconds: float) -> None:
        """A connection has ended, or never was one; the next is tried after `seconds`."""
        self._tally.connected = False
        self._line.remove()
        self._log.warn(
            "Not connected to the keyserver at {keyserver}. {reason}. Trying again in {seconds:.0f} s",
            keyserver=self._keyserver,
            reason=reason,
            seconds=seconds,
        )

    # progress

    def verified(self, steps: int) -> None:
        """So many more steps were taken."""
        self._tally.steps += steps
        self.progress.advance(self._replay.steps, self._replay.verified_issue_time, self._clock.seconds())
        self._catching_up = self._catching_up or self.far()

    def far(self) -> bool:
        """Whether there is much left to verify."""
        return self.progress.far(self._now())

    def caught_up(self) -> None:
        """There is nothing more to verify, for now."""
        if self._catching_up:
            self._catching_up = False
            self._line.remove()
            self._log.info(
                "Caught up: {steps:,} steps are verified, up to epoch {epoch} of {issued}",
                steps=self._replay.steps,
                epoch=self._replay.verified,
                issued=f"{datetime.fromtimestamp(self._replay.verified_issue_time, UTC):%Y-%m-%d %H:%M:%S} UTC",
            )

    def _log_progress(self) -> None:
        if self._catching_up:
            self._log.info("Catching up: {line}", line=self.progress.line(self._now()))

    def _show_progress(self) -> None:
        if self._catching_up:
            self._line.show(f"catching up: {self.progress.line(self._now())}")

    def _now(self) -> float:
        return self._now_ns() / NANOSECONDS

    # what is wrong

    def look(self) -> None:
        """Look at the replay and the evidence after a call, and tell what is new."""
        tally, replay = self._tally, self._replay
        tally.verified_epoch, tally.issued = replay.verified, replay.verified_issue_time
        self._look_at_policy()
        while self._folder.news:
            self._tell(self._folder.news.popleft())
        tally.signing = replay.violation is None
        if replay.violation is not None and not self._told_violation:
            self._told_violation = True
            notices.violation(replay.violation, self._config)

    def _look_at_policy(self) -> None:
        since, policy = self._replay.policy
        if since != self._tally.policy_since:
            self._tally.policy_since = since
            self._log.info(
                "The keyserver's replicas have changed: by the head of epoch {epoch}, the epochs after it are ratified "
                "by {policy}",
                epoch=since,
                policy=describe(policy),
            )

    def _tell(self, news: News) -> None:
        if news.digest not in self._counted:
            self._counted.add(news.digest)
            self._tally.violations[news.rule] += 1
        self._tally.evidence_waiting = int(news.path is None)
        if news.path is None:
            notices.evidence_not_written(news, RETRY_SECONDS)
        else:
            notices.evidence(news)
