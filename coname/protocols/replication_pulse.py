"""Signs of life on one connection: what is sent when nothing else is, and when silence means death.

TCP itself notices a peer that lost its power after minutes only.

- Each end beats on its own, whatever it hears; neither waits for the other's.
- Whatever arrives is a sign of life, so a long queue on the way does not look like death.
- Whoever was itself stopped for a while (a busy machine, a stopped process) has not listened either, and gives the
  other end its full time again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

SILENT_BEATS = 2.5
"""Beats that may be missing. It is looked at twice a beat, so a dead peer is noticed within three."""


class Pulse:
    """
    :param interval: seconds from beat to beat.
    :param beat: sends one.
    :param dead: called once, when nothing was heard for `SILENT_BEATS` intervals.
    """

    def __init__(
        self, clock: IReactorTime, interval: float, beat: Callable[[], None], dead: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._step = interval / 2
        self._beat = beat
        self._dead = dead
        self._heard = 0.0
        self._steps = 0
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Beat from now on, and take now as a sign of life."""
        self._heard = self._clock.seconds()
        self._wait()

    def heard(self) -> None:
        """Something arrived."""
        self._heard = self._clock.seconds()

    def stop(self) -> None:
        """No more beats, and no verdict."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _wait(self) -> None:
        self._due = self._clock.seconds() + self._step
        self._call = self._clock.callLater(self._step, self._look)

    def _look(self) -> None:
        self._call = None
        now = self._clock.seconds()
        if now - self._due > self._step:
            self._heard = now
        if now - self._heard >= SILENT_BEATS * 2 * self._step:
            self._dead()
            return
        self._wait()
        self._steps += 1
        if self._steps % 2:
            self._beat()
