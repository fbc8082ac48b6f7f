"""How long to wait before asking etcd again."""

from __future__ import annotations

from collections.abc import Callable

from coname.backoff import Backoff

FIRST_SECONDS = 0.05
"""After the first failure: mostly another member answers at once."""

MOST_SECONDS = 2.0
"""However long it lasts: when etcd is back, a replica is, soon after."""


def new_backoff(random: Callable[[], float]) -> Backoff:
    """The delays after one thing's failures.

    :param random: gives numbers from 0 up to 1.
    """
    return Backoff(FIRST_SECONDS, MOST_SECONDS, random)
