"""How long to wait before connecting to a keyserver again, or pushing again, or opening the database again."""

from __future__ import annotations

from collections.abc import Callable

from coname.backoff import Backoff

FIRST_SECONDS = 1.0
"""After the first failure: a keyserver that is started again is missed for a few seconds only."""

MOST_SECONDS = 120.0
"""However long it lasts: a keyserver that was away for a week has its verifiers back two minutes later."""


def new_backoff(random: Callable[[], float]) -> Backoff:
    """The delays after one thing's failures.

    :param random: gives numbers from 0 up to 1.
    """
    return Backoff(FIRST_SECONDS, MOST_SECONDS, random)
