"""Filling the tree's memory in the background after a start: some seconds of work, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Generator

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from coname.core.types import Epoch
from coname.errors import Corrupt
from coname.interfaces import IKeyValueStore
from coname.keyserver import tables
from coname.storage.tree import MerkleTree, NodeRef
from coname.storage.tree_warming import warm

SLICE, PAUSE = 0.002, 0.002
"""Seconds of work, and seconds for others: a request waits 2 ms longer at most, and a full core is never taken."""

BUSY_PAUSE = 0.05
"""Seconds for others while they have enough to do that a pause ends late by a slice or more."""


def warm_newest(store: IKeyValueStore, tree: MerkleTree) -> Generator[None, None, int]:
    """The work of reading the newest tree, as `coname.storage.tree_warming.warm` does it."""
    state = tables.read_state(store)
    if not state.closed_epoch:
        return 0
    root = NodeRef(tables.read_epoch(store, Epoch(state.closed_epoch)).tree_root)
    return (yield from warm(tree, root, state.users))


class Warming:
    """Runs `work`, a generator that returns how many nodes it read, until it is done or `stop` is called."""

    _log = Logger()

    def __init__(self, work: Generator[None, None, int], clock: IReactorTime) -> None:
        self._work = work
        self._clock = clock
        self._running: Deferred[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._running = Deferred.fromCoroutine(self._run())

    def stop(self) -> Deferred[None]:
        """Fires when nothing is read any more."""
        running, self._running = self._running, None
        if running is None:
            return succeed(None)
        running.cancel()
        return running

    async def _run(self) -> None:
        begun = self._clock.seconds()
        try:
            pause = PAUSE
            while (read := self._slice()) is None:
                until = self._clock.seconds() + pause
                await deferLater(self._clock, pause)
                pause = BUSY_PAUSE if self._clock.seconds() - until >= SLICE else PAUSE
        except CancelledError:
            return
        except Corrupt as error:
            self._log.critical("Filling the memory for tree nodes broke off: {error}", error=error)
            return
        if read:
            seconds = self._clock.seconds() - begun
            self._log.info("{read} tree nodes were read into memory in {seconds:.1f} s", read=read, seconds=seconds)

    def _slice(self) -> int | None:
        until = self._clock.seconds() + SLICE
        try:
            while self._clock.seconds() < until:
                next(self._work)
        except StopIteration as stop:
            read: int = stop.value
            return read
        return None
