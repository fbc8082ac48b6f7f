"""What a simulated world is like, drawn from its seed: some are calm, some are slow, most are troubled.

None is so slow that it cannot work off what is proposed again and again: that would be a queue which only grows.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from coname.keyserver.epochs import EpochIntervals
from tests.simulation.network import Weather


@dataclass(frozen=True)
class Story:
    """One world.

    :ivar seconds: how long there are faults.
    :ivar users: how many addresses there are. :ivar clients: how many people use them.
    :ivar fault_every: seconds between two faults, on average; likewise :ivar think.
    :ivar slowest_disk: seconds.
    :ivar change_every: seconds between two things that the operator wants to change; 0: the replicas stay the same.
    :ivar restores: whether a machine is put back to an old backup.
    :ivar verifiers: how many replay the verifier log, and sign.
    :ivar checkpoint_bytes: after how much log a database is synced.
    """

    replicas: int
    seconds: float
    users: int
    clients: int
    think: float
    fault_every: float
    slowest_disk: float
    checkpoint_bytes: int
    kept_entries: int
    weather: Weather
    intervals: EpochIntervals
    core: Mapping[str, int]
    change_every: float
    restores: bool
    verifiers: int
    heartbeat: float = 0.1
    client_timeout: float = 10.0

    @classmethod
    def drawn(cls, chance: random.Random, seconds: float) -> Story:
        """Another one each time."""
        change_every = chance.choice([0, 0, 0.3, 1.0])
        restores = chance.random() < 0.15
        changes = bool(change_every) or restores
        return cls(
            replicas=chance.choice([3, 3, 3, 3, 3, 4, 4, 5, 5, 7] if changes else [3, 3, 3, 3, 4, 5, 5, 7]),
            seconds=seconds,
            users=chance.choice([1, 2, 4]),
            clients=chance.choice([1, 2, 3]),
            think=chance.choice([0.05, 0.2, 0.5]),
            fault_every=chance.choice([0.4, 0.8, 2.0]),
            slowest_disk=chance.choice([0.002, 0.02, 0.08]),
            checkpoint_bytes=chance.choice([1, 2000, 20_000, 4 << 20]),
            kept_entries=chance.choice([1, 5, 30]),
            weather=Weather.drawn(chance),
            intervals=EpochIntervals(chance.choice([0.05, 0.3]), chance.choice([0.6, 3.0]), chance.choice([1.0, 2.0])),
            core={
                "election_ticks": chance.choice([3, 5]),
                "append_bytes": chance.choice([1, 1000, 256 << 10]),
                "inflight_appends": chance.choice([1, 3, 64]),
                "tail_bytes": chance.choice([1, 2000, 16 << 20]),
                "committed_bytes": chance.choice([1, 2000, 1 << 20]),
            },
            change_every=change_every,
            restores=restores,
            verifiers=chance.choice([0, 0, 1]),
        )
