"""How fast a verifier catches up with a keyserver on the same machine, from nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench import figures
from bench.dataset import copy_of, size_of
from bench.figures import Figure
from bench.fill import EPOCH_SIZE
from bench.server import Server, serving
from bench.verifying import Verifier, verifying

if TYPE_CHECKING:
    from bench.measures import Plan

BEFORE, MEASURED = 100_000, 50_000
"""The speed is measured over so many steps: in a large realm, once the verifier's tree has so many entries, else from
the start, which includes connecting."""

LEAST = 5000
"""With fewer entries it is over before there is a speed."""


def verifier(plan: Plan) -> Iterator[Figure]:
    """Speed, disk and memory, at all sizes."""
    for entries in plan.sizes:
        if entries < LEAST:
            continue
        with copy_of(plan.data(entries)) as data, serving(data) as server:
            server.settle()
            with verifying(server) as following:
                yield _speed(server, following)
                yield figures.memory("Verifier: memory", entries, following.memory(), ", helper process included")
                last = following.steps()
                following.stop()
                size, conditions = size_of(following.database) / last, f"after {last:,}, not compacted"
                yield Figure("Verifier: disk for a step", entries, size, "B", False, conditions=conditions)


def _speed(server: Server, following: Verifier) -> Figure:
    entries = server.data.entries
    begun, first = following.reach(BEFORE if entries >= BEFORE + MEASURED else 0)
    before = following.cpu_seconds(), server.cpu_seconds()
    ended, last = following.reach(min(entries, first + MEASURED))
    after = following.cpu_seconds(), server.cpu_seconds()
    steps = last - first
    verifier_cpu, server_cpu = ((later - earlier) / steps * 1e6 for earlier, later in zip(before, after, strict=True))
    return Figure(
        "Verifier catching up: steps",
        entries,
        steps / (ended - begun),
        "/s",
        True,
        figures.VERIFIED_STEPS,
        conditions=f"steps {first:,} to {last:,}, epochs of {EPOCH_SIZE:,}, the keyserver on the same machine",
        details={"steps": steps, "verifier_cpu_us_each": verifier_cpu, "server_cpu_us_each": server_cpu},
    )
