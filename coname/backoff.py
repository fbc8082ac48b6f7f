"""How long to wait before the next attempt: longer each time, and never together with all others.

When a server comes back, everybody who waited for it wants to connect. The jitter spreads them over half of the delay.
"""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Delays in seconds that double, from `first` to `most`.

    :param random: gives numbers from 0 up to 1.
    """

    def __init__(self, first: float, most: float, random: Callable[[], float]) -> None:
        self._first = self._delay = first
        self._most = most
        self._random = random

    def next(self) -> float:
        """Seconds to wait now: between half of the delay and all of it."""
        delay, self._delay = self._delay, min(2 * self._delay, self._most)
        return delay * (0.5 + self._random() / 2)

    def reset(self) -> None:
        """It worked: begin anew."""
        self._delay = self._first
