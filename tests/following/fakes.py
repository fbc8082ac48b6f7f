"""A follower in a world where time is turned by hand, and the keyserver is a list that breaks when told."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.task import Clock

from coname.core.times import NANOSECONDS
from coname.errors import ConameError, Unavailable, Unreachable
from coname.following.evidence_files import EvidenceFolder
from coname.following.follower import Follower, World
from coname.following.helper import NOTHING, Helper
from coname.following.reporter import Reporter
from coname.following.tally import Tally
from coname.following.terminal import TerminalLine
from coname.interfaces import IKeyValueStore
from coname.messages.client_pb2 import SignedEpochHead
from coname.storage.memory import MemoryStore
from coname.verifier.replay import Replay
from coname.verifier.settings import ReplaySettings
from coname.verifier.signatures import check_ahead
from tests.core.honest import key
from tests.verifier.lying import START, LyingKeyserver

VERIFIER = key("verifier")


class FakeLink:
    """One connection to a `FakeNetwork`."""

    def __init__(self, network: FakeNetwork, start: int) -> None:
        self.up = True
        self.published: int | None = len(network.keyserver.steps) if network.says_published else None
        self.closed = False
        self._network = network
        self._next = start
        self._reader: Deferred[Sequence[bytes]] | None = None
        self._broken: str | None = None

    def read(self) -> Deferred[Sequence[bytes]]:
        steps = [] if self._network.silent else self._network.keyserver.steps[self._next : self._next + 1000]
        if steps:
            self._next += len(steps)
            return succeed(steps)
        if self._broken is not None:
            return fail(Unreachable(self._broken))
        self._reader = Deferred(self._forget)
        return self._reader

    def _forget(self, reader: Deferred[Sequence[bytes]]) -> None:
        self._reader = None

    def wake(self) -> None:
        """There may be more to read."""
        reader, self._reader = self._reader, None
        if reader is not None:
            self.read().addBoth(reader.callback)

    def break_off(self, reason: str = "UNAVAILABLE: gone") -> None:
        self.up, self._broken = False, reason
        self.wake()

    def push(self, signed: SignedEpochHead) -> Deferred[None]:
        return self._network.push(signed)

    def close(self) -> Deferred[None]:
        self.closed = True
        return succeed(None)


class FakeNetwork:
    """A keyserver that can be reached, or not.

    :ivar links: all connections, the newest last. :ivar starts: where each began.
    :ivar reachable: whether connections are answered. :ivar silent: no stream says anything.
    :ivar pushed: signatures that were taken. :ivar refusal: what pushes fail with instead.
    """

    def __init__(self, keyserver: LyingKeyserver) -> None:
        self.keyserver = keyserver
        self.links: list[FakeLink] = []
        self.starts: list[int] = []
        self.reachable = True
        self.silent = False
        self.says_published = True
        self.pushed: list[SignedEpochHead] = []
        self.attempts = 0
        self.refusal: ConameError | None = None
        self.pending: list[Deferred[None]] | None = None

    def connect(self, start: int) -> FakeLink:
        self.starts.append(start)
        link = FakeLink(self, start)
        self.links.append(link)
        if not self.reachable:
            link.published = None
            link._next = 10**9
            link.break_off("UNAVAILABLE: failed to connect")
        return link

    def push(self, signed: SignedEpochHead) -> Deferred[None]:
        self.attempts += 1
        if self.refusal is not None:
            return fail(self.refusal)
        self.pushed.append(signed)
        if self.pending is None:
            return succeed(None)
        self.pending.append(Deferred(lambda waiting: waiting.errback(Unavailable("closed"))))
        return self.pending[-1]

    def publish(self) -> None:
        """The keyserver has more steps."""
        self.links[-1].wake()


class FakeHelper(Helper):
    """A helper without a process, which answers at once, or when told.

    :ivar running: it was started and not ended. :ivar asked: of how many steps, while it ran.
    :ivar late: it answers by and by, see `waiting`.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.running = False
        self.late = False
        self.asked = 0
        self.waiting: list[tuple[Deferred[bytes], bytes]] = []

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False
        self.answer(NOTHING)

    def check(self, steps: Sequence[bytes]) -> Deferred[bytes]:
        if not self.running:
            return succeed(NOTHING)
        self.asked += len(steps)
        if not self.late:
            return succeed(check_ahead(steps))
        self.waiting.append((Deferred(), check_ahead(steps)))
        return self.waiting[-1][0]

    def answer(self, instead: bytes | None = None) -> None:
        """Answer all that was asked."""
        waiting, self.waiting = self.waiting, []
        for answered, said in waiting:
            answered.callback(said if instead is None else instead)


class FakeWorld:
    """Everything that a follower needs, on one store.

    :ivar clock: seconds; the wall clock goes with it, from a day after the keyserver's first epoch if `late`.
    """

    def __init__(self, folder: Path, keyserver: LyingKeyserver | None = None, late: bool = False) -> None:
        self.keyserver = keyserver or LyingKeyserver()
        self.network = FakeNetwork(self.keyserver)
        self.clock = Clock()
        self.base = START + (86400 if late else 0)
        self.store: IKeyValueStore = MemoryStore()
        self.folder = EvidenceFolder(folder, self.clock.seconds)
        self.tally = Tally()
        self.helper = FakeHelper()
        self.terminal = io.StringIO()
        self.jitter = 1.0
        self.work: Callable[..., Deferred[Any]] = maybeDeferred
        self.settings = ReplaySettings(
            id=VERIFIER.key_id, realm=self.keyserver.realm, policy=self.keyserver.policy, require_transcripts=True
        )
        self.running: Deferred[None] | None = None
        self.failure: Any = None

    def now_ns(self) -> int:
        return round((self.base + self.clock.seconds()) * NANOSECONDS)

    def start(self) -> None:
        """Make a replay of what is stored, and follow."""
        self.replay = Replay(self.store, self.settings, VERIFIER, self.folder.keep)
        line = TerminalLine(self.terminal)
        self.reporter = Reporter(
            self.replay, self.folder, self.tally, line, self.clock, self.now_ns, "keys:4626", Path("config.json")
        )
        world = World(
            connect=self.network.connect,
            work=lambda *words: self.work(*words),
            helper=self.helper,
            clock=self.clock,
            now_ns=self.now_ns,
            random=lambda: self.jitter,
        )
        self.follower = Follower(self.replay, self.tally, self.reporter, world)
        self.running = Deferred.fromCoroutine(self.follower.run())
        self.running.addErrback(self._ended)

    def _ended(self, failure: Any) -> None:
        self.failure = failure

    def stop(self) -> None:
        """As the service does."""
        if self.running is not None:
            self.running.cancel()

    def turn(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        for _ in range(round(seconds * 4)):
            self.clock.advance(0.25)
