"""When to close an epoch, and when to sign one: each one function of its inputs, asked again whenever one changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class EpochIntervals(NamedTuple):
    """In seconds (protocol section 10: KeyserverConfig)."""

    minimum: float
    maximum: float
    retry: float


@dataclass(frozen=True, slots=True)
class EpochInputs:
    """All that decides whether to propose an epoch delimiter now. Times are of one monotonic clock.

    :ivar closed_at: when the last epoch was closed; minus infinity before the first.
    :ivar proposed_at: when a delimiter was last proposed; minus infinity if it was not, or if it took effect.
    """

    now: float
    leading: bool
    ratified: bool
    changed: bool
    closed_at: float
    proposed_at: float


def delimiter_due(inputs: EpochInputs, intervals: EpochIntervals) -> float | None:
    """In how many seconds to propose a delimiter if nothing changes until then: 0 for now, None for not at all."""
    if not inputs.leading or not inputs.ratified:
        return None
    interval = intervals.minimum if inputs.changed else intervals.maximum
    return max(inputs.closed_at + interval, inputs.proposed_at + intervals.retry, inputs.now) - inputs.now


def signature_due(now: float, owed: bool, proposed_at: float, retry: float) -> float | None:
    """In how many seconds to propose this replica's signature on the last head: 0 for now, None if it is not owed."""
    if not owed:
        return None
    return max(proposed_at + retry, now) - now


class Reevaluated:
    """Calls an action as soon as a decision says so, and asks the decision again when told to, or when its time comes.

    :param decide: seconds until the action is due, or None.
    :param failed: told of an error in either when their time came: nobody would ask again. None: it is only logged.
    """

    def __init__(
        self,
        clock: IReactorTime,
        decide: Callable[[], float | None],
        act: Callable[[], None],
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        self._clock = clock
        self._decide = decide
        self._act = act
        self._failed = failed
        self._call: IDelayedCall | None = None
        self._stopped = False

    def reevaluate(self) -> None:
        """Ask the decision now."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._stopped:
            return
        due = self._decide()
        if due is not None:
            self._call = self._clock.callLater(due, self._due)

    def stop(self) -> None:
        """Never act again."""
        self._stopped = True
        self.reevaluate()

    def _due(self) -> None:
        self._call = None
        try:
            if self._decide() == 0:
                self._act()
            self.reevaluate()
        except Exception as error:  # a timer has no caller: its owner must hear of it
            if self._failed is None:
                raise
            self._failed(error)
