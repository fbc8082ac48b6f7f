"""Committed entries on their way to whoever applies them: each once, in order, and never too many in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred

from coname.interfaces import CommittedEntry
from coname.messages.raft_pb2 import RAFT_MEMBERSHIP, RAFT_NORMAL, RaftEntry, RaftMembershipEntry

MOST_BYTES = 8 << 20
"""That wait to be applied, before the core is asked for no more."""


def to_committed(entry: RaftEntry) -> CommittedEntry:
    """As the state machine sees it: what somebody proposed, and nothing else."""
    if entry.kind == RAFT_NORMAL:
        return CommittedEntry(entry.index, entry.data)
    if entry.kind == RAFT_MEMBERSHIP:
        return CommittedEntry(entry.index, RaftMembershipEntry.FromString(entry.data).context)
    return CommittedEntry(entry.index, b"")


class Delivery:
    """The queue behind `ILogReplicator.waitCommitted`.

    :param taken: called when somebody has taken what was there.
    """

    def __init__(self, taken: Callable[[], None]) -> None:
        self._taken = taken
        self._entries: list[CommittedEntry] = []
        self._bytes = 0
        self._waiting: Deferred[Sequence[CommittedEntry]] | None = None
        self._ended: BaseException | None = None

    @property
    def has_room(self) -> bool:
        """Whether more may be put in."""
        return self._bytes < MOST_BYTES

    def put(self, entries: Sequence[RaftEntry]) -> None:
        """These are committed next."""
        if self._ended is not None:
            return
        self._entries += map(to_committed, entries)
        self._bytes += sum(len(entry.data) for entry in entries)
        self._deliver()

    def wait(self) -> Deferred[Sequence[CommittedEntry]]:
        """See `ILogReplicator.waitCommitted`."""
        if self._waiting is not None and not self._waiting.called:
            raise RuntimeError("waitCommitted was called while an earlier call waits")
        waiting: Deferred[Sequence[CommittedEntry]] = Deferred()
        self._waiting = waiting
        if self._ended is not None:
            waiting.errback(self._ended)
        else:
            self._deliver()
        return waiting

    def end(self, reason: BaseException | None = None) -> None:
        """Deliver nothing any more: this call of `wait` and all later ones fail. The first reason stays."""
        self._ended = self._ended or reason or CancelledError()
        self._entries.clear()
        if self._waiting is not None and not self._waiting.called:
            self._waiting.errback(self._ended)

    def _deliver(self) -> None:
        waiting = self._waiting
        if self._ended is None and self._entries and waiting is not None and not waiting.called:
            entries, self._entries = self._entries, []
            self._bytes = 0
            waiting.callback(entries)
            self._taken()
