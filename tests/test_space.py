"""A disk that is getting full is told of, once an hour."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from coname.space import LEAST_BYTES, LOOK_SECONDS, REPEAT_LOOKS, SpaceWatch


class SpaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.free = LEAST_BYTES
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.clock = Clock()
        self.watch = SpaceWatch(Path("/data"), self.clock, self.look)
        self.watch.start()
        self.addCleanup(self.watch.stop)

    def look(self, folder: Path) -> int:
        if self.free < 0:
            raise OSError(5, "Input/output error")
        return self.free

    def told(self) -> list[LogLevel]:
        return [event["log_level"] for event in self.events if event.get("log_namespace") == "coname.space.SpaceWatch"]

    def later(self, looks: int = 1) -> None:
        self.clock.pump([LOOK_SECONDS] * looks)

    def test_nothing_is_said_while_there_is_room(self) -> None:
        self.later(3)
        self.assertEqual(self.told(), [])

    def test_it_is_told_once_an_hour_and_when_there_is_room_again(self) -> None:
        self.free -= 1
        self.later(REPEAT_LOOKS)
        self.assertEqual(self.told(), [LogLevel.warn])
        self.later()
        self.assertEqual(self.told(), [LogLevel.warn] * 2)
        self.free += 1
        self.later(3)
        self.assertEqual(self.told(), [LogLevel.warn, LogLevel.warn, LogLevel.info])

    def test_a_disk_that_cannot_be_looked_at_is_told_of(self) -> None:
        self.free = -1
        self.later()
        self.assertEqual(self.told(), [LogLevel.warn])
        self.free = LEAST_BYTES
        self.later()
        self.assertEqual(self.told(), [LogLevel.warn])

    def test_it_can_be_stopped_twice(self) -> None:
        self.watch.stop()
        self.watch.stop()
        self.free = 0
        self.later()
        self.assertEqual(self.told(), [])
