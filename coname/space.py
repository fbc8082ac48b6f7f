"""Says in the log that a disk is getting full, while there is time to do something about it.

A replica whose disk is full takes no part any more, and the disks of a realm's replicas are often equally large.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from coname.storage.files import free_bytes

LEAST_BYTES = 1 << 30
"""With less than this free, it is time: a thousand updates a second fill it within ten minutes."""

LOOK_SECONDS = 60
REPEAT_LOOKS = 60
"""Of the same warning: once an hour."""


class SpaceWatch:
    """Looks at the disk that `folder` is on, from `start` to `stop`.

    :param free: how much room there is; for tests.
    """

    _log = Logger()

    def __init__(self, folder: Path, clock: IReactorTime, free: Callable[[Path], int] = free_bytes) -> None:
        self._folder = folder
        self._free = free
        self._looks = 0  # since the last warning; 0: there is nothing to warn about
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        """Look now, and once a minute."""
        self._looking.start(LOOK_SECONDS)

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        try:
            free = self._free(self._folder)
        except OSError as error:
            self._log.warn("How full the disk of {folder} is: {error}", folder=self._folder, error=error)
            return
        if free < LEAST_BYTES:
            if self._looks % REPEAT_LOOKS == 0:
                words = "Only {free} MiB are free on the disk of {folder}: a replica whose disk is full stops"
                self._log.warn(words, free=free >> 20, folder=self._folder)
            self._looks += 1
        elif self._looks:
            self._looks = 0
            self._log.info("There is room again on the disk of {folder}", folder=self._folder)
