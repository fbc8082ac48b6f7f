"""How far a verifier is that catches up: in percent, how fast, and for how long still.

The keyserver says how many steps it has. One of 2017 does not: then the time at which the newest epoch was issued
tells how far it is, on the way from the first epoch seen to now.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW_SECONDS = 30.0
"""How far back the rate looks: long enough to be steady, short enough to be about now."""

FAR_STEPS = 2000
"""Who lacks fewer steps has them before anybody could read about it."""

FAR_SECONDS = 600.0
"""The same where only times are known: an idle keyserver may close an epoch every some minutes."""


@dataclass
class Progress:
    """One catching up, from the connection to the newest epoch.

    :ivar position: how many steps of the log are verified. :ivar total: how many there are; None: not known.
    :ivar issued: when the newest verified epoch was issued, in seconds since 1970; 0 before the first.
    """

    position: int
    total: int | None = None
    issued: float = 0.0
    _first_issued: float = 0.0
    _marks: deque[tuple[float, int, float]] = field(default_factory=deque)

    def advance(self, position: int, issued: float, clock: float) -> None:
        """The steps before `position` are verified, and the newest epoch among them was issued at `issued`.

        :param clock: seconds that only ever grow.
        """
        self.position, self.issued = position, issued
        self._first_issued = self._first_issued or issued
        self._marks.append((clock, position, issued))
        while len(self._marks) > 2 and self._marks[1][0] <= clock - WINDOW_SECONDS:
            self._marks.popleft()

    def far(self, now: float) -> bool:
        """Whether there is enough left to be told about.

        :param now: the time, in seconds since 1970.
        """
        if self.total is not None:
            return self.total - self.position > FAR_STEPS
        return 0 < self.issued < now - FAR_SECONDS

    def rate(self) -> float:
        """Steps a second, lately."""
        (start, first, _), (end, last, _) = self._ends()
        return (last - first) / (end - start) if end > start else 0.0

    def percent(self, now: float) -> float:
        """How much is verified."""
        if self.total is not None:
            return 100.0 * min(self.position, self.total) / self.total if self.total else 100.0
        way = now - self._first_issued
        return 100.0 * min(max(self.issued - self._first_issued, 0.0) / way, 1.0) if way > 0 else 100.0

    def left(self, now: float) -> float | None:
        """Seconds until it has caught up, as things go; None: nobody knows."""
        (start, first, first_issued), (end, last, issued) = self._ends()
        if self.total is not None:
            speed, way = float(last - first), float(self.total - last)
        else:
            speed, way = issued - first_issued, now - issued
        return max(way, 0.0) * (end - start) / speed if speed > 0 and end > start else None

    def line(self, now: float) -> str:
        """All of it in a few words."""
        left = self.left(now)
        words = f"{self.percent(now):.1f} %, {self.rate():,.0f} steps/s"
        return words if left is None else f"{words}, {duration(left)} left"

    def _ends(self) -> tuple[tuple[float, int, float], tuple[float, int, float]]:
        nothing = (0.0, self.position, self.issued)
        return (self._marks[0], self._marks[-1]) if self._marks else (nothing, nothing)


def duration(seconds: float) -> str:
    """A time for people: "40 s", "12 min", "3 h 20 min", "2 days 5 h"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} days {hours % 24} h"
