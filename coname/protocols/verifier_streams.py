"""The streams of verifiers that are open: how many there may be, how far each is, and which of them is stuck.

- A verifier has `MOST_STREAMS` at most. One more takes the place of its oldest, which mostly is one whose peer vanished
  without a word, and would be noticed only after a while.
- A stream that is being written to and does not get any further for `STUCK_SECONDS` is ended, and its steps are
  dropped. gRPC has no way to take back what it has begun to send: what is left of the call, a step and a status, stays
  until the peer takes it, goes away or vanishes. So a verifier that leaves `MOST_LEFT` such calls behind gets no other.
- A stream that waits for the next step may do so for ever: gRPC's pings tell whether its peer is there. Time is counted
  in sweeps, as in `coname.protocols.grpc_arrivals`, so that it does not pass while the process is too busy to write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from coname.core.types import KeyId
from coname.errors import ConameError, Overloaded, TimedOut, Unavailable

MOST_STREAMS = 4
"""Of one verifier at once: a process of it, one that is about to take its place, and some that are only dying."""

MOST_LEFT = 8
"""Calls of one verifier at once whose stream has ended from this side, and which the peer has not let go."""

STUCK_SECONDS = 60
"""For one step to be taken, by a peer whose window is full."""

SWEEP_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class Stream:
    """One open stream.

    :ivar position: the index of the next step that it is sent.
    :ivar writing: steps for it are there; it is waiting for its peer, not for steps.
    :ivar ended: why it is ended from this side, if it is.
    """

    verifier: KeyId
    peer: str
    position: int
    task: asyncio.Task[object] | None
    writing: bool = False
    ended: ConameError | None = None
    seen: int = -1  # the position at the last sweep
    still: float = 0.0  # seconds for which it did not change

    def end(self, error: ConameError) -> None:
        """End it from this side."""
        if self.ended is None:
            self.ended = error
            if self.task is not None:
                self.task.cancel()


class VerifierStreams:
    """All streams of a front.

    :param most: how many there may be in all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[Stream, None] = {}  # in order of their begin
        self._sweeping: asyncio.TimerHandle | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[Stream]:
        """Those that are open, oldest first."""
        return iter(list(self._open))

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch."""
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._next_sweep, loop)

    def stop(self) -> None:
        """End all."""
        self._stopped = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for stream in self:
            stream.end(Unavailable("this replica is stopping"))

    @contextmanager
    def opened(self, verifier: KeyId, peer: str, position: int) -> Iterator[Stream]:
        """The stream that the current task serves, until it is left.

        :raises Overloaded: there are too many.
        """
        if self._stopped:
            raise Unavailable("this replica is stopping")
        own = [stream for stream in self._open if stream.verifier == verifier]
        live = [stream for stream in own if stream.ended is None]
        if len(self._open) >= self._most:
            raise Overloaded(f"{len(self._open)} streams are open already")
        if len(own) - len(live) >= MOST_LEFT:
            raise Overloaded(f"verifier {verifier:x} has {MOST_LEFT} streams that it takes nothing of")
        if len(live) >= MOST_STREAMS:
            live[0].end(Unavailable(f"verifier {verifier:x} has opened {MOST_STREAMS} newer streams"))
        stream = Stream(verifier, peer, position, asyncio.current_task())
        self._open[stream] = None
        try:
            yield stream
        finally:
            del self._open[stream]

    def sweep(self, seconds: float) -> None:
        """After so many `seconds`, cut off the streams that are stuck."""
        for stream in self:
            if not stream.writing or stream.position != stream.seen or stream.ended is not None:
                stream.seen, stream.still = stream.position, 0.0
                continue
            stream.still += seconds
            if stream.still >= STUCK_SECONDS:
                stream.end(TimedOut(f"step {stream.position} was not taken within {STUCK_SECONDS} seconds"))

    def _next_sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self.sweep(SWEEP_SECONDS)
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._next_sweep, loop)
