"""The log of a keyserver that has one replica: its own disk.

An entry is committed once a synced write holds it. Entries that were proposed while a write was going on share the
next one. The log lives in the same database as the state, so that LevelDB's own order of writes holds between them: a
state that survives a crash implies the log before it, and what of the state was lost is computed again from the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.logger import Logger
from zope.interface import implementer

from coname.errors import Corrupt, Misconfigured, Unavailable
from coname.interfaces import CommittedEntry, Delete, IKeyValueStore, ILogReplicator, Put, Write

_PREFIX = b"l"

MOVED_KEY = b"l"
"""Its record says that the log is kept elsewhere now."""


class RunInThread(Protocol):
    """Calls a function where blocking harms nobody; `twisted.internet.threads.deferToThread` is one."""

    def __call__(self, function: Callable[..., None], /, *args: object) -> Awaitable[None]: ...


def _key(index: int) -> bytes:
    return _PREFIX + index.to_bytes(8, "big")


def read(store: IKeyValueStore, applied: int) -> Iterator[CommittedEntry]:
    """The stored entries after `applied`, in order.

    :raises Corrupt: one is missing.
    """
    last = applied
    for key, data in store.iterate(_key(applied + 1), b"m"):
        last += 1
        if key != _key(last):
            raise Corrupt(f"the log has no entry {last}, but an entry {int.from_bytes(key[1:], 'big')}")
        yield CommittedEntry(last, data)


def retire(store: IKeyValueStore) -> None:
    """The log is kept elsewhere now: remove it, in one synced write. Doing it again does nothing."""
    if store.get(MOVED_KEY) is None:
        gone: list[Write] = [Delete(key) for key, _ in store.iterate(_PREFIX, b"m")]
        store.write([*gone, Put(MOVED_KEY, b"moved")], True)


@implementer(ILogReplicator)
class SingleLog:
    """`ILogReplicator` for one replica.

    :param store: where the log is kept, under keys that begin with ``l``; shared with the state machine.
    """

    _log = Logger()
    leading = True

    def __init__(self, store: IKeyValueStore, run_in_thread: RunInThread) -> None:
        self._store = store
        self._run_in_thread = run_in_thread
        self._last = 0  # the newest entry that is stored
        self._oldest = 1  # the oldest entry that may still be stored
        self._applied = 0
        self._removed = 0  # up to where the write that is going on forgets
        self._queue: list[tuple[bytes, Deferred[None]]] = []
        self._busy = False
        self._writing: Deferred[None] = succeed(None)
        self._committed: list[CommittedEntry] = []
        self._waiting: Deferred[Sequence[CommittedEntry]] | None = None
        self._running = False
        self._failure: Exception | None = None

    def start(self, applied: int) -> Deferred[None]:
        """See `ILogReplicator`. Fails with `Corrupt` if entries are missing between `applied` and the newest, with
        `Misconfigured` if the log was moved elsewhere."""
        if self._store.get(MOVED_KEY) is not None:
            return fail(Misconfigured(["the log of this database was moved to Raft, and is missing: DATABASE-log"]))
        oldest = next(iter(self._store.iterate(_PREFIX, b"m")), None)
        self._oldest = int.from_bytes(oldest[0][1:], "big") if oldest else applied + 1
        self._applied = applied
        try:
            self._committed += read(self._store, applied)
        except Corrupt as error:
            return fail(error)
        self._last = self._committed[-1].index if self._committed else applied
        self._running = True
        return succeed(None)

    def propose(self, data: bytes) -> Deferred[None]:
        """See `ILogReplicator`. Fires when the entry is synced to disk."""
        if not self._running:
            return fail(Unavailable("the log is not running"))
        taken: Deferred[None] = Deferred()
        self._queue.append((data, taken))
        if not self._busy:
            self._busy = True
            self._writing = Deferred.fromCoroutine(self._write_queue())
            self._writing.addErrback(lambda failure: self._log.failure("The log's writer failed", failure=failure))
        return taken

    def waitCommitted(self) -> Deferred[Sequence[CommittedEntry]]:
        """See `ILogReplicator`."""
        if self._waiting is not None and not self._waiting.called:
            raise RuntimeError("waitCommitted was called while an earlier call waits")
        self._waiting = Deferred()
        waiting = self._waiting
        if not self._running:
            waiting.errback(self._failure or CancelledError())
        else:
            self._deliver()
        return waiting

    def applied(self, index: int) -> None:
        """See `ILogReplicator`. What may be forgotten is removed along with the next write."""
        self._applied = max(self._applied, index)

    def onLeaderChange(self, listener: Callable[[], None]) -> None:
        """See `ILogReplicator`: a lone replica leads for ever."""

    def stop(self) -> Deferred[None]:
        """See `ILogReplicator`."""
        self._running = False
        if self._waiting is not None and not self._waiting.called:
            self._waiting.errback(CancelledError())
        return self._writing

    async def _write_queue(self) -> None:
        while self._queue:
            taken, self._queue = self._queue, []
            try:
                await self._run_in_thread(self._store.write, self._writes(taken), True)
            except Exception as error:  # whatever it is, the entries are not known to be written
                self._log.error("Entries could not be written to the log: {error}", error=error)
                self._fail(error, taken)
                return
            self._oldest = max(self._oldest, self._removed + 1)
            for data, _ in taken:
                self._last += 1
                self._committed.append(CommittedEntry(self._last, data))
            self._deliver()
            for _, deferred in taken:
                deferred.callback(None)
        self._busy = False

    def _fail(self, error: Exception, taken: Sequence[tuple[bytes, Deferred[None]]]) -> None:
        """Whether the last write will be there after a restart is not known, so nothing may follow it."""
        self._running = self._busy = False
        self._failure = error
        queue, self._queue = self._queue, []
        for _, deferred in [*taken, *queue]:
            deferred.errback(Unavailable(f"the log could not be written: {error}"))
        if self._waiting is not None and not self._waiting.called:
            self._waiting.errback(error)

    def _writes(self, taken: Sequence[tuple[bytes, Deferred[None]]]) -> list[Write]:
        self._removed = self._applied
        removed: list[Write] = [Delete(_key(index)) for index in range(self._oldest, self._applied + 1)]
        return removed + [Put(_key(self._last + 1 + place), data) for place, (data, _) in enumerate(taken)]

    def _deliver(self) -> None:
        waiting = self._waiting
        if self._running and self._committed and waiting is not None and not waiting.called:
            committed, self._committed = self._committed, []
            waiting.callback(committed)
