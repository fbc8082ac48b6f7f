"""Long work in the reactor, cut into pieces that each take a few milliseconds at most."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

SLICE = 0.003
"""Seconds that one piece may take before everything else in the reactor has its turn."""

Result = TypeVar("Result")


async def run_in_slices(work: Generator[None, None, Result], clock: IReactorTime) -> Result:
    """Run `work` to its end, leaving the reactor to others after each slice. `work` yields wherever it may wait."""
    until = clock.seconds() + SLICE
    try:
        while True:
            next(work)
            if clock.seconds() >= until:
                await deferLater(clock, 0)
                until = clock.seconds() + SLICE
    except StopIteration as stop:
        result: Result = stop.value
        return result
