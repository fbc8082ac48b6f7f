"""The checker of histories: what it lets pass, and what it does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.replication.raft.invariants import Violation
from tests.simulation.history import Content, History, Read, Write

ONE, OTHER, TWO = (1, b"a"), (1, b"b"), (2, b"c")


def write(content: Content, begun: float, ended: float | None = None, epoch: int = 0, refused: bool = False) -> Write:
    return Write("alice", content, begun, ended, epoch, refused)


def read(epoch: int, content: Content | None, begun: float, client: int = 0, source: int = 0) -> Read:
    return Read(client, source, "alice", epoch, content, begun, begun + 1)


class HistoryTests(SynchronousTestCase):
    def check(self, *events: Write | Read) -> None:
        writes = [event for event in events if isinstance(event, Write)]
        History(writes, [event for event in events if isinstance(event, Read)]).check()

    def refuse(self, words: str, *events: Write | Read) -> None:
        error = self.assertRaises(Violation, self.check, *events)
        self.assertIn(words, str(error))

    def test_writes_and_answers_in_order(self) -> None:
        self.check(write(ONE, 1, 3, 5), read(5, ONE, 4), write(TWO, 6, 8, 7), read(7, TWO, 9))

    def test_a_lagging_replica_answers_from_an_earlier_epoch(self) -> None:
        self.check(write(ONE, 1, 3, 5), read(4, None, 9, source=1))

    def test_an_unanswered_write_may_show_or_not(self) -> None:
        self.check(write(ONE, 1), read(4, None, 5), read(6, ONE, 7))

    def test_an_acknowledged_write_that_is_gone(self) -> None:
        self.refuse("nothing in epoch 6", write(ONE, 1, 3, 5), read(6, None, 9))

    def test_an_older_version_in_a_later_epoch(self) -> None:
        self.refuse("version 1", write(ONE, 1), write(TWO, 1), read(5, TWO, 2), read(6, ONE, 4, source=1))

    def test_two_contents_in_one_epoch(self) -> None:
        self.refuse("in epoch 5, and", write(ONE, 1), read(5, None, 2), read(5, ONE, 4))

    def test_two_contents_of_one_version(self) -> None:
        self.refuse("two entries", write(ONE, 1), write(OTHER, 1), read(5, ONE, 2), read(6, OTHER, 4))

    def test_two_acknowledged_writes_of_one_version(self) -> None:
        self.refuse("were acknowledged", write(ONE, 1, 3, 5), write(OTHER, 1, 3, 6))

    def test_acknowledgements_against_the_order_of_time(self) -> None:
        self.refuse("acknowledged after", write(TWO, 1, 3, 5), write(ONE, 4, 6, 4))

    def test_what_nobody_wrote(self) -> None:
        self.refuse("nobody asked for", read(5, ONE, 2))

    def test_what_was_written_only_later(self) -> None:
        self.refuse("nobody asked for", read(5, ONE, 2), write(ONE, 9))

    def test_a_refusal_without_a_reason(self) -> None:
        self.refuse("was refused", write(ONE, 1, 3, refused=True))

    def test_a_refusal_for_another_of_the_same_version(self) -> None:
        self.check(write(ONE, 1, 3, refused=True), write(OTHER, 2))

    def test_a_replica_that_goes_back_in_time(self) -> None:
        self.refuse("then from 4", read(5, None, 1), read(4, None, 3))
