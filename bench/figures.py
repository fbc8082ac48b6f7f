"""What there is to compare with: the original's figures, as given for a machine like this, and this project's aims."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reference:
    """A figure to be beaten.

    :ivar original: the original Go keyserver's, given for a 2-core machine with the load generator on it too; not
        measured here. None where none was given.
    :ivar aim: ours on such a machine.
    """

    original: float | None
    aim: float | None


NONE = Reference(None, None)
HTTPS_LOOKUPS = Reference(3560, 4000)
GRPC_LOOKUPS = Reference(3350, 4000)
UPDATES = Reference(770, 3000)
DISK_BYTES = Reference(3400, 1500)
START_SECONDS = Reference(None, 2)
VRF_PROVE = Reference(368, None)
VRF_VERIFY = Reference(592, None)
VERIFIED_STEPS = Reference(None, 5000)
CLUSTER_RATIO = Reference(None, 0.5)
FAILOVER_SECONDS = Reference(None, 3)
SIZE_RATIO = Reference(None, 0.8)


@dataclass(frozen=True)
class Figure:
    """One measured number: a line of the table.

    :ivar what: what was measured. :ivar entries: how many were registered; 0 where it does not matter.
    :ivar value: in `unit`.
    :ivar more_is_better: which way is better.
    :ivar p50, p99: seconds that half, or 99 of 100, of the answers took at most; None where it does not apply.
    :ivar conditions: what else one must know to read the number, for people.
    :ivar details: what else was measured, for programs.
    """

    what: str
    entries: int
    value: float
    unit: str
    more_is_better: bool
    reference: Reference = NONE
    p50: float | None = None
    p99: float | None = None
    conditions: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def reaches(self, wanted: float | None) -> bool | None:
        """Whether the value is at least as good as `wanted`; None if nothing is wanted."""
        if wanted is None:
            return None
        return self.value >= wanted if self.more_is_better else self.value <= wanted

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {
            "beats_original": self.reaches(self.reference.original),
            "reaches_aim": self.reaches(self.reference.aim),
        }


def memory(what: str, entries: int, sizes: dict[str, int], more: str = "") -> Figure:
    """A process's own memory.

    :param sizes: see `bench.processes.Process.memory`. :param more: conditions.
    """
    conditions = f"and {(sizes['all'] - sizes['own']) / 1e6:,.0f} MB of mapped files{more}"
    return Figure(what, entries, sizes["own"] / 1e6, "MB", False, conditions=conditions, details=sizes)
