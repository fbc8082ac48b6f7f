"""Ports for the processes that tests start.

Nobody can hold a port for a process that is still to start, or was killed and will start again. So the runs are given
out in turn, from an order drawn at random; those of two test workers never overlap, and all lie below the demo's and
the system's own choice.
"""

from __future__ import annotations

import os
import random
import socket
from collections import deque
from functools import cache

RUN = 60
"""How many in a row: six replicas' worth."""

RANGE = range(12_000, 24_000, RUN)
WORKERS = 8
"""Test workers on one machine that are kept apart."""


def free_ports() -> int:
    """The first of `RUN` free ports in a row: not those that were given out last, whose owners may still have to start.

    :raises AssertionError: there is no such run.
    """
    runs = _runs()
    for _ in range(len(runs)):
        first = runs[0]
        runs.rotate(-1)
        if all(map(_is_free, range(first, first + RUN))):
            return first
    raise AssertionError(f"no {RUN} free ports in a row from {RANGE.start} to {RANGE.stop}")


@cache
def _runs() -> deque[int]:
    """This worker's, the next one first."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    runs = list(RANGE[worker % WORKERS :: WORKERS])
    random.SystemRandom().shuffle(runs)
    return deque(runs)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
