"""Steps on their way into the log.

Steps that are waiting at the same moment share one log entry, and so one synced write: while the engine takes one
entry, the next one gathers. A proposal promises nothing, so whoever wants a step in the log asks again after a while
until the step's effect shows; for updates, `Proposer` does it. Each time, it waits twice as long: a log that is slow
today does not get slower by what is asked of it again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from coname.core.wire import length_delimited
from coname.errors import Unavailable
from coname.interfaces import ILogReplicator
from coname.keyserver.epochs import Reevaluated
from coname.messages.replication_pb2 import KeyserverStep

MAX_ENTRY_BYTES = 512 * 1024
"""How large a log entry grows before the next one is begun: applying one takes some tens of milliseconds."""

MOST_DOUBLINGS = 4
"""Of the time until a step is proposed again: from five seconds, as `coname init` has it, to a minute and a third."""

Result = TypeVar("Result")

_STEPS_TAG = b"\x0a"  # LogEntry.steps


def new_uid() -> int:
    """A number by which a replica recognises its own step."""
    return secrets.randbits(64)


@dataclass(slots=True)
class _Wanted:
    step: bytes
    proposed_at: float


class Proposer:
    """Proposes steps, in few entries, and again while they are wanted."""

    _log = Logger()

    def __init__(self, log: ILogReplicator, clock: IReactorTime, retry: float) -> None:
        self._replicator = log
        self._clock = clock
        self._retry = retry
        self._waiting: list[bytes] = []
        self._in_flight = False
        # by how often each was proposed again, each in order of time
        self._wanted: tuple[dict[int, _Wanted], ...] = tuple({} for _ in range(MOST_DOUBLINGS + 1))
        self._again = Reevaluated(clock, self._retry_due, self._propose_again, self._not_proposed)

    def propose(self, step: KeyserverStep) -> None:
        """Propose `step` once."""
        self._enqueue(step.SerializeToString(deterministic=True))

    def want(self, step: KeyserverStep) -> None:
        """Propose `step`, and again at intervals until `forget` is called with its UID."""
        encoded = step.SerializeToString(deterministic=True)
        first = self._wanted[0]
        first[step.UID] = _Wanted(encoded, self._clock.seconds())
        self._enqueue(encoded)
        if len(first) == 1:
            self._again.reevaluate()

    async def until(self, step: KeyserverStep, applied: Deferred[Result]) -> Result:
        """What `applied` comes to; until then, `step` is wanted."""
        self.want(step)
        try:
            return await applied
        finally:
            self.forget(step.UID)

    def forget(self, uid: int) -> None:
        """The step took effect, or nobody waits for it any more."""
        for wanted in self._wanted:
            wanted.pop(uid, None)

    def hurry(self) -> None:
        """What was proposed may be lost: propose everything that is wanted once more, now."""
        now = self._clock.seconds()
        for waiting in self._wanted:
            for wanted in waiting.values():
                wanted.proposed_at = now
                self._enqueue(wanted.step)

    def stop(self) -> None:
        """Propose nothing any more."""
        for wanted in self._wanted:
            wanted.clear()
        self._waiting.clear()
        self._again.stop()

    def _enqueue(self, encoded: bytes) -> None:
        self._waiting.append(encoded)
        if not self._in_flight:
            self._in_flight = True
            self._clock.callLater(0, self._send)

    def _send(self) -> None:
        if not self._waiting:
            self._in_flight = False
            return
        size = taken = 0
        for encoded in self._waiting:
            size += len(encoded)
            if taken and size > MAX_ENTRY_BYTES:
                break
            taken += 1
        entry = b"".join([length_delimited(_STEPS_TAG, encoded) for encoded in self._waiting[:taken]])
        del self._waiting[:taken]
        taken_in = self._replicator.propose(entry)
        taken_in.addErrback(self._not_taken)
        taken_in.addCallback(lambda _: self._send())

    def _not_taken(self, failure: Failure) -> None:
        if isinstance(failure.value, Unavailable):
            self._log.warn("The log did not take a proposal: {error}", error=failure.value)
        else:
            self._log.failure("The log did not take a proposal", failure=failure)

    def _not_proposed(self, error: Exception) -> None:
        self._log.error("Steps could not be proposed again: {error}", error=error)

    def _retry_due(self) -> float | None:
        now = self._clock.seconds()
        oldest = [(times, next(iter(wanted.values()))) for times, wanted in enumerate(self._wanted) if wanted]
        return min((max(self._due(times, one), now) - now for times, one in oldest), default=None)

    def _due(self, times: int, wanted: _Wanted) -> float:
        """When a step that was proposed again so often is proposed the next time."""
        return wanted.proposed_at + self._retry * (1 << times)

    def _propose_again(self) -> None:
        now = self._clock.seconds()
        due = [
            (times, uid)
            for times, waiting in enumerate(self._wanted)
            for uid, wanted in waiting.items()
            if self._due(times, wanted) <= now
        ]
        for times, uid in due:
            wanted = self._wanted[times].pop(uid)
            wanted.proposed_at = now
            self._wanted[min(times + 1, MOST_DOUBLINGS)][uid] = wanted  # at the end: each stays ordered by time
            self._enqueue(wanted.step)
