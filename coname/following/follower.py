"""Following a keyserver: its steps to the replay, the signatures back, for as long as the process runs.

Rules:

1. The replay works in a thread, one call at a time; everything else here is in the reactor. While a batch is verified,
   the next are received, and their signatures checked by a helper process if there is much to verify.
2. Nothing is pushed before the replay has returned, that is before it is in the database.
3. A broken connection, whatever the reason, is made again: soon the first time, later and later while nothing comes of
   it, for ever. The stream begins at the last verified head, so that a keyserver that was rolled back shows itself.
4. A violation stops nothing here. The replay signs no more, and goes on comparing.
5. Only a failing database ends `run`: this object and its replay are of no use then, and new ones must be made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from coname.errors import ConameError, Unreachable
from coname.following.ahead import Ahead, Batch
from coname.following.backoff import new_backoff
from coname.following.evidence_files import NotWritten
from coname.following.pusher import MOST_QUEUED, Pusher
from coname.following.reporter import Reporter
from coname.following.waiting import Awaited, repeat

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from twisted.python.failure import Failure

    from coname.core.types import Epoch
    from coname.following.helper import Helper
    from coname.following.links import Link
    from coname.following.tally import Tally
    from coname.messages.client_pb2 import SignedEpochHead
    from coname.verifier.replay import Replay, Taken

DRY_SECONDS = 1.0
"""When nothing came for so long, the newest epoch there is has been seen."""

SILENT_SECONDS = 60.0
"""When a stream that must begin with a known head stays silent for so long, the keyserver does not have that head."""

LASTING_SECONDS = 60.0
"""A connection that lasted so long, or brought something new, was a good one: the next attempt is made soon."""

TAKING_SECONDS = 1.0
"""When one call of the replay has lasted so long, the rest of the batch is for the next: a stranger's updates may make
a batch last for minutes, and what comes between would wait, the end of the process too."""

CHORES_SECONDS = 60.0
"""How often evidence is looked after that could not be written, and signatures that the keyserver has not taken."""


@dataclass(frozen=True)
class World:
    """What a follower is given of the world.

    :ivar connect: opens a connection, and its stream from a verifier log index.
    :ivar work: runs a function in the thread of the replay, after those before it.
    :ivar helper: checks signatures ahead.
    :ivar clock: for timers. :ivar now_ns: the time, in nanoseconds since 1970.
    :ivar random: numbers from 0 up to 1, for jitter.
    """

    connect: Callable[[int], Link]
    work: Callable[..., Deferred[Any]]
    helper: Helper
    clock: IReactorTime
    now_ns: Callable[[], int]
    random: Callable[[], float]


class ReplayFailed(Exception):
    """The verifier's own database failed; the replay must be opened again."""


class Follower:
    """Follows one keyserver, until it is stopped."""

    _log = Logger()

    def __init__(self, replay: Replay, tally: Tally, reporter: Reporter, world: World) -> None:
        self._replay = replay
        self._tally = tally
        self._reporter = reporter
        self._world = world
        self._backoff = new_backoff(world.random)
        self._pusher = Pusher(world.clock, new_backoff(world.random), tally, self._acknowledged)

    async def run(self) -> None:
        """Follow until cancelled.

        :raises ReplayFailed: the database failed.
        """
        chores = repeat(CHORES_SECONDS, self._in_time, self._world.clock, self._chores_failed)
        self._reporter.look()
        try:
            while True:
                reason = await self._connection()
                seconds = self._backoff.next()
                self._reporter.disconnected(reason, seconds)
                await deferLater(self._world.clock, seconds)
        finally:
            if chores.running:
                chores.stop()
            self._pusher.stop()
            self._reporter.stop()

    def _chores_failed(self, failure: Failure) -> None:
        """If it is the database, whatever else asks it says so, too."""
        self._log.failure("What is done from time to time failed; it is tried again", failure=failure)

    async def _connection(self) -> str:
        """One connection, from its begin to its end. Returns why it ended."""
        before, began = self._replay.verified, self._world.clock.seconds()
        try:
            start: int = await self._ask(self._replay.begin)
        except NotWritten:
            start = self._replay.steps
        self._reporter.connecting(start)
        link = self._world.connect(start)
        self._pusher.connected(link)
        try:
            return await self._follow(link, start)
        finally:
            self._pusher.disconnected()
            self._world.helper.stop()
            if self._replay.verified > before or self._world.clock.seconds() >= began + LASTING_SECONDS:
                self._backoff.reset()
            await link.close()

    async def _follow(self, link: Link, start: int) -> str:
        """Take what comes until nothing more does. Returns why."""
        ahead = Ahead(link, self._world.helper.check)
        steps = Awaited(ahead.read())
        came = dry = False
        deadline = self._world.clock.seconds() + SILENT_SECONDS
        try:
            await self._offer_again()
            while not self._replay.restart_wanted:
                if await steps.within(LASTING_SECONDS if dry else DRY_SECONDS, self._world.clock):
                    batch = await steps.outcome
                    self._hear(link)
                    steps = Awaited(ahead.read())
                    await self._take(batch)
                    came, dry = True, False
                elif ahead.waits:
                    continue  # there is something, and its signatures are being checked
                elif came and not dry:
                    dry = True
                    await self._dry(link)
                elif not came and start and (_lacks(link, start) or self._world.clock.seconds() >= deadline):
                    return await self._look_back(start)
                self._reporter.heard(link)
            return "Its log is not what it was; looking further back in it"
        except Unreachable as error:
            self._reporter.heard(link)
            return await self._look_back(start) if not came and _lacks(link, start) else str(error)
        finally:
            steps.outcome.addErrback(lambda _: None)  # nobody waits for it any more
            steps.outcome.cancel()
            ahead.stop()

    def _hear(self, link: Link) -> None:
        """Something came: see whether there is so much more that help is worth it."""
        self._reporter.heard(link)
        if self._reporter.far() and self._replay.violation is None:
            self._world.helper.start()

    async def _look_back(self, start: int) -> str:
        """The stream does not begin with the newest verified head."""
        await self._ask(self._replay.rewind)
        self._backoff.reset()
        return (
            f"It does not have step {start}, which it had: it lags, or was rolled back. Looking further back in its log"
        )

    async def _take(self, batch: Batch) -> None:
        """Have a batch verified, piece by piece, and push what was signed."""
        place = 0
        while place < len(batch.steps) and not self._replay.restart_wanted:
            before = self._replay.steps
            await self._take_some(batch.steps[place:], batch.said[place:])
            place += self._replay.steps - before
        self._reporter.verified(place)

    async def _take_some(self, steps: Sequence[bytes], said: bytes) -> None:
        """Have as many of these steps verified as `TAKING_SECONDS` suffice for."""
        clock = self._world.clock
        until = clock.seconds() + TAKING_SECONDS
        try:
            taken: list[Taken] = await self._ask(
                self._replay.take_many, steps, self._world.now_ns(), said, lambda: clock.seconds() >= until
            )
        except NotWritten:  # after all else was done
            await self._offer_again()
        else:
            for each in taken:
                if each.signed is not None:
                    self._pusher.offer(each.epoch, each.signed)

    async def _dry(self, link: Link) -> None:
        """Nothing more comes: the newest epoch there is may be signed, however old it is."""
        self._world.helper.stop()
        signed: SignedEpochHead | None = await self._ask(
            self._replay.sign_newest, self._world.now_ns(), link.published or 0
        )
        if signed is not None:
            self._pusher.offer(self._replay.verified, signed)
        self._reporter.caught_up()

    async def _offer_again(self) -> None:
        """Push whatever the keyserver has not acknowledged."""
        for epoch, signed in await self._ask(self._unacknowledged):
            self._pusher.offer(epoch, signed)

    def _unacknowledged(self) -> Sequence[tuple[Epoch, SignedEpochHead]]:
        return deque(self._replay.unacknowledged(), MOST_QUEUED)

    async def _in_time(self) -> None:
        """What is done from time to time, whatever comes: refused signatures, and evidence that has no file yet."""
        with suppress(NotWritten):
            await self._ask(self._replay.take_many, (), self._world.now_ns())
        await self._offer_again()

    def _acknowledged(self, epoch: int) -> None:
        """The keyserver has the signature on `epoch`. If the mark is lost, it is pushed once more."""
        marking = Deferred.fromCoroutine(self._ask(self._replay.acknowledged, epoch))
        marking.addErrback(lambda failure: self._log.warn("{reason}", reason=failure.value))

    async def _ask(self, function: Callable[..., Any], *arguments: object) -> Any:
        """What the replay answers, from its thread."""
        try:
            return await self._world.work(function, *arguments)
        except ConameError as error:
            raise ReplayFailed(str(error)) from error
        finally:
            self._reporter.look()


def _lacks(link: Link, start: int) -> bool:
    """Whether the keyserver says that it does not have step `start`."""
    return link.published is not None and link.published <= start and start > 0
