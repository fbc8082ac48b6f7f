"""Batches of steps, read a little ahead of whoever verifies them, so that a helper can check their signatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue, DeferredSemaphore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from coname.following.links import Link

MOST_BATCHES = 3
"""Read and not taken yet: one that is checked, one that is being checked, one to go on with. Some megabytes at most."""


@dataclass(frozen=True)
class Batch:
    """Steps, in the order of the log.

    :ivar said: what another process has said of their signatures: see `coname.verifier.signatures`.
    """

    steps: Sequence[bytes]
    said: bytes


class Ahead:
    """Reads a link.

    :param check: says something of steps, sooner or later, and never fails.
    :ivar waits: there is a batch, and something is still to be said of it.
    """

    def __init__(self, link: Link, check: Callable[[Sequence[bytes]], Deferred[bytes]]) -> None:
        self._link = link
        self._check = check
        self._room = DeferredSemaphore(MOST_BATCHES)
        self._batches: DeferredQueue[tuple[Sequence[bytes], Deferred[bytes]] | Exception] = DeferredQueue()
        self.waits = False
        self._pumping = Deferred.fromCoroutine(self._pump())

    def read(self) -> Deferred[Batch]:
        """The next batch. One call at a time.

        Fails as `Link.read` does, once all batches before were handed out.
        """
        return Deferred.fromCoroutine(self._next())

    def stop(self) -> None:
        """Read no more."""
        self._pumping.addErrback(lambda failure: failure.trap(CancelledError) and None)
        self._pumping.cancel()

    async def _next(self) -> Batch:
        batch = await self._batches.get()
        if isinstance(batch, Exception):
            self._batches.put(batch)
            raise batch
        steps, said = batch
        self._room.release()
        self.waits = True
        try:
            return Batch(steps, await said)
        finally:
            self.waits = False

    async def _pump(self) -> None:
        while True:
            await self._room.acquire()
            try:
                steps = await self._link.read()
                self._batches.put((steps, self._check(steps)))
            except CancelledError:
                raise
            except Exception as error:  # handed on to whoever reads
                self._batches.put(error)
                return
