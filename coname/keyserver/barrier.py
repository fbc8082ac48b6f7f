"""Waiting until this replica has applied what the others had committed before.

A replica may be behind. What it refuses because of how its state stands, it refuses only after a step of its own has
come back through the log: everything committed before is applied then.

Rules of this file:

1. Who asks waits for a step that is proposed after that; one already under way may be too old.
2. There is one step at a time, shared by all who ask, and a pause between two: those who send bad updates cannot
   multiply what is in the log.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from coname.errors import ConameError
from coname.keyserver.proposals import Proposer, new_uid
from coname.messages.replication_pb2 import KeyserverStep

PAUSE_SECONDS = 0.1
"""From the beginning of one to that of the next."""


class Barrier:
    """See the module."""

    def __init__(self, proposer: Proposer, clock: IReactorTime) -> None:
        self._proposer = proposer
        self._clock = clock
        self._uid = 0  # of the step under way; 0: there is none
        self._begun_at = float("-inf")
        self._waiting: dict[Deferred[None], None] = {}  # for the step under way
        self._next: dict[Deferred[None], None] = {}
        self._scheduled = False

    def wait(self) -> Deferred[None]:
        """Fires once everything that was committed before this call is applied here."""
        waiting: Deferred[None] = Deferred(self._forget)
        self._next[waiting] = None
        self._schedule()
        return waiting

    def reached(self, uid: int) -> None:
        """The step with that UID was applied."""
        if uid != self._uid:
            return
        self._proposer.forget(uid)
        self._uid = 0
        for waiting in self._take():
            waiting.callback(None)
        self._schedule()

    def fail_all(self, error: ConameError) -> None:
        """Nothing will be applied any more."""
        self._waiting |= self._next
        self._next = {}
        for waiting in self._take():
            waiting.errback(error)

    def _take(self) -> list[Deferred[None]]:
        taken, self._waiting = list(self._waiting), {}
        return taken

    def _schedule(self) -> None:
        if self._next and not self._uid and not self._scheduled:
            self._scheduled = True
            self._clock.callLater(max(0.0, self._begun_at + PAUSE_SECONDS - self._clock.seconds()), self._begin)

    def _begin(self) -> None:
        self._scheduled = False
        if not self._next:
            return
        self._waiting, self._next = self._next, {}
        self._begun_at = self._clock.seconds()
        self._uid = new_uid()
        self._proposer.want(KeyserverStep(UID=self._uid))

    def _forget(self, waiting: Deferred[None]) -> None:
        self._waiting.pop(waiting, None)
        self._next.pop(waiting, None)
