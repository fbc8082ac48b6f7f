"""How long to wait before asking etcd again: longer each time, and never all replicas at once."""

from __future__ import annotations

from collections.abc import Callable

FIRST_SECONDS = 0.05
"""After the first failure: mostly another member answers at once."""

MOST_SECONDS = 2.0
"""However long it lasts: when etcd is back, a replica is, soon after."""


class Backoff:
    """Delays that double, each cut by up to half.

    :param random: gives numbers from 0 up to 1.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._delay = FIRST_SECONDS

    def next(self) -> float:
        """Seconds to wait now."""
        delay, self._delay = self._delay, min(2 * self._delay, MOST_SECONDS)
        return delay * (0.5 + self._random() / 2)

    def reset(self) -> None:
        """It worked."""
        self._delay = FIRST_SECONDS
