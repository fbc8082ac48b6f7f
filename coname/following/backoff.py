"""How long to wait before the next attempt: longer each time, and never together with all others.

When a keyserver comes back, hundreds of verifiers want to connect. The jitter spreads them over half of the delay.
"""

from __future__ import annotations

from collections.abc import Callable

FIRST_SECONDS = 1.0
"""After the first failure: a keyserver that is started again is missed for a few seconds only."""

MOST_SECONDS = 120.0
"""However long it lasts: a keyserver that was away for a week has its verifiers back two minutes later."""


class Backoff:
    """Delays that double, from `FIRST_SECONDS` to `MOST_SECONDS`.

    :param random: gives numbers from 0 up to 1.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._delay = FIRST_SECONDS

    def next(self) -> float:
        """Seconds to wait now: between half of the delay and all of it."""
        delay, self._delay = self._delay, min(2 * self._delay, MOST_SECONDS)
        return delay * (0.5 + self._random() / 2)

    def reset(self) -> None:
        """It worked: begin anew."""
        self._delay = FIRST_SECONDS
