"""What every `ILogReplicator` does, written once against the interface."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from coname.errors import Unavailable
from coname.interfaces import CommittedEntry, ILogReplicator


class LogReplicatorContract:
    """Mix into a SynchronousTestCase that defines `make_log`, `restart_log` and `settle`."""

    def make_log(self) -> ILogReplicator:
        """A new log on an empty disk."""
        raise NotImplementedError

    def restart_log(self) -> ILogReplicator:
        """Another process's log on the same disk."""
        raise NotImplementedError

    def settle(self) -> None:
        """Let everything happen that is due."""

    def started(self, log: ILogReplicator, applied: int = 0) -> ILogReplicator:
        started = log.start(applied)
        self.settle()
        self.successResultOf(started)
        return log

    def proposed(self, log: ILogReplicator, *data: bytes) -> None:
        for one in data:
            taken = log.propose(one)
            self.settle()
            self.successResultOf(taken)

    def committed(self, log: ILogReplicator, count: int) -> list[CommittedEntry]:
        found: list[CommittedEntry] = []
        while len(found) < count:
            waiting = log.waitCommitted()
            self.settle()
            batch: Sequence[CommittedEntry] = self.successResultOf(waiting)
            self.assertTrue(batch)
            found.extend(batch)
        return [entry for entry in found if entry.data]

    def test_provides_the_interface(self) -> None:
        verifyObject(ILogReplicator, self.make_log())

    def test_delivers_what_was_proposed_in_order_without_gaps(self) -> None:
        log = self.started(self.make_log())
        self.proposed(log, b"one", b"two", b"three")
        found = self.committed(log, 3)
        self.assertEqual([entry.data for entry in found], [b"one", b"two", b"three"])
        first = found[0].index
        self.assertEqual([entry.index for entry in found], [first, first + 1, first + 2])

    def test_waits_until_something_is_committed(self) -> None:
        log = self.started(self.make_log())
        waiting = log.waitCommitted()
        self.settle()
        self.assertNoResult(waiting)
        self.proposed(log, b"late")
        self.assertEqual([entry.data for entry in self.successResultOf(waiting)], [b"late"])

    def test_delivers_each_entry_once(self) -> None:
        log = self.started(self.make_log())
        self.proposed(log, b"one")
        self.committed(log, 1)
        waiting = log.waitCommitted()
        self.settle()
        self.assertNoResult(waiting)
        log.stop()
        self.failureResultOf(waiting, CancelledError)

    def test_refuses_proposals_before_start_and_after_stop(self) -> None:
        log = self.make_log()
        self.failureResultOf(log.propose(b"early"), Unavailable)
        self.started(log)
        log.stop()
        self.settle()
        self.failureResultOf(log.propose(b"late"), Unavailable)

    def test_stop_ends_the_wait(self) -> None:
        log = self.started(self.make_log())
        waiting = log.waitCommitted()
        log.stop()
        self.failureResultOf(waiting, CancelledError)
        self.failureResultOf(log.waitCommitted(), CancelledError)

    def test_delivers_again_what_was_not_applied(self) -> None:
        log = self.started(self.make_log())
        self.proposed(log, b"one", b"two", b"three")
        first = self.committed(log, 3)[0].index
        log.stop()
        self.settle()
        again = self.started(self.restart_log(), applied=first)
        self.assertEqual([entry.data for entry in self.committed(again, 2)], [b"two", b"three"])

    def test_numbers_go_on_after_a_restart(self) -> None:
        log = self.started(self.make_log())
        self.proposed(log, b"one")
        last = self.committed(log, 1)[-1].index
        log.stop()
        self.settle()
        again = self.started(self.restart_log(), applied=last)
        self.proposed(again, b"two")
        self.assertGreater(self.committed(again, 1)[-1].index, last)

    def test_forgets_only_what_was_applied(self) -> None:
        log = self.started(self.make_log())
        self.proposed(log, b"one", b"two")
        first = self.committed(log, 2)[0].index
        log.applied(first)
        self.proposed(log, b"three")
        self.committed(log, 1)
        log.stop()
        self.settle()
        again = self.started(self.restart_log(), applied=first)
        self.assertEqual([entry.data for entry in self.committed(again, 2)], [b"two", b"three"])
