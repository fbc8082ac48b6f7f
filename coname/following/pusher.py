"""Getting signatures to the keyserver: several at once, and again until it has taken them.

Rules:

1. What is offered here is in the verifier's database already; losing the queue loses nothing, since all that was not
   acknowledged is offered again on every new connection.
2. The newest first: that is what lookups wait for.
3. A push that failed for want of a keyserver is tried again after a pause, which grows; one that the keyserver refused
   for good is told in the log, and tried again an hour later only: a keyserver may be mended.
4. The queue is bounded. The oldest are dropped from it, and come back with the next connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from coname.errors import Refused

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from coname.backoff import Backoff
    from coname.following.links import Link
    from coname.following.tally import Tally
    from coname.messages.client_pb2 import SignedEpochHead

IN_FLIGHT = 8
"""Pushes at once: each takes the keyserver one synced write, or a round among its replicas, which many share."""

MOST_QUEUED = 1000
"""A quarter of an hour at one epoch a second; clients look no further back."""

REFUSED_SECONDS = 3600.0
"""When to try again what was refused."""

SAME_REASON_SECONDS = 600.0
"""How often the log tells the same reason for a refusal again."""


class Pusher:
    """The queue of signatures, and the pushes under way. Lives in the reactor.

    :param backoff: how long to pause after a failure.
    :param acknowledged: called with each epoch whose signature the keyserver has taken.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, backoff: Backoff, tally: Tally, acknowledged: Callable[[int], object]
    ) -> None:
        self._clock = clock
        self._backoff = backoff
        self._tally = tally
        self._acknowledged = acknowledged
        self._link: Link | None = None
        self._queue: dict[int, SignedEpochHead] = {}
        self._pushing: dict[int, Deferred[None]] = {}
        self._refused: dict[int, float] = {}  # when each may be tried again; at most MOST_QUEUED
        self._pause: IDelayedCall | None = None
        self._told: tuple[str, float] = ("", 0.0)  # the last refusal in the log, and when

    def connected(self, link: Link) -> None:
        """From now on, push over `link`."""
        self._link = link
        self._end_pause()
        self._push_more()

    def disconnected(self) -> None:
        """There is nobody to push to. What is under way will fail, and stays in the queue."""
        self._link = None

    def offer(self, epoch: int, signed: SignedEpochHead) -> None:
        """Push `signed`, this verifier's signature on the head of `epoch`."""
        if epoch in self._pushing or self._refused.get(epoch, 0.0) > self._clock.seconds():
            return
        self._queue[epoch] = signed
        if len(self._queue) > MOST_QUEUED:
            del self._queue[min(self._queue)]
        self._push_more()

    def stop(self) -> None:
        """Push nothing more."""
        self.disconnected()
        self._end_pause()
        for pushing in list(self._pushing.values()):
            pushing.cancel()

    def _push_more(self) -> None:
        while self._link is not None and self._pause is None and self._queue and len(self._pushing) < IN_FLIGHT:
            epoch = max(self._queue)
            signed = self._queue.pop(epoch)
            self._pushing[epoch] = pushing = Deferred.fromCoroutine(self._push(self._link, epoch, signed))
            if pushing.called:  # before it could be noted
                self._pushing.pop(epoch, None)

    async def _push(self, link: Link, epoch: int, signed: SignedEpochHead) -> None:
        try:
            await link.push(signed)
        except Refused as error:
            self._refuse(epoch, str(error))
        except Exception as error:  # `Unavailable`, or cancelled; whatever it is, the signature is still to be pushed
            self._fail(link, epoch, signed, error)
        else:
            self._backoff.reset()
            self._tally.signed += 1
            self._acknowledged(epoch)
        self._pushing.pop(epoch, None)
        self._push_more()

    def _refuse(self, epoch: int, reason: str) -> None:
        self._tally.push_failures += 1
        now = self._clock.seconds()
        self._refused[epoch] = now + REFUSED_SECONDS
        if len(self._refused) > MOST_QUEUED:
            del self._refused[min(self._refused)]
        told, at = self._told
        if told == reason and now < at + SAME_REASON_SECONDS:
            return
        self._told = reason, now
        self._log.error(
            "The keyserver refuses this verifier's signature on epoch {epoch}: {reason}. Clients will miss it. Is this "
            "verifier's public key in the keyserver's list of verifiers? Ask its operator.",
            epoch=epoch,
            reason=reason,
        )

    def _fail(self, link: Link, epoch: int, signed: SignedEpochHead, error: Exception) -> None:
        """Keep it for later."""
        self._queue.setdefault(epoch, signed)
        if link is not self._link:
            return  # the connection is gone: nobody's failure
        self._tally.push_failures += 1
        if self._pause is None:
            seconds = self._backoff.next()
            self._log.warn(
                "The signature on epoch {epoch} could not be pushed: {error}. Trying again in {seconds:.0f} s",
                epoch=epoch,
                error=error,
                seconds=seconds,
            )
            self._pause = self._clock.callLater(seconds, self._resume)

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _resume(self) -> None:
        self._pause = None
        self._push_more()
