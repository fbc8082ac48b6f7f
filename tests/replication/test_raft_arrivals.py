"""The files of a copy that arrives: what the next process goes on with, and that two copies never share them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from coname.messages.raft_pb2 import RaftSnapshot
from coname.replication.raft_arrivals import Arrivals
from coname.replication.raft_folders import Folders
from tests.replication.test_raft_copies import Machine


class RestartTests(SynchronousTestCase):
    """What a process has received of a copy, the next one need not receive again."""

    METADATA = RaftSnapshot(index=1000, term=1).SerializeToString()
    HASH = bytes(range(32))

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def start(self) -> Arrivals:
        """As a process does: what was left is looked at before anything else."""
        self.folders = Folders(self.folder / "database")
        self.folders.finish()

        def run(function: Callable[..., Any], *arguments: object) -> Deferred[Any]:
            return maybeDeferred(function, *arguments)

        return Arrivals(self.folders, Machine(self.folder / "machine"), run, lambda peer, index: True)

    def half(self) -> None:
        """The first process gets half of it."""
        sink: Any = self.start().begin(2, 7, 8, self.HASH, self.METADATA)
        self.successResultOf(sink.write(0, b"half"))

    def test_the_same_copy_goes_on(self) -> None:
        self.half()
        sink: Any = self.start().begin(2, 7, 8, self.HASH, self.METADATA)
        self.assertEqual((sink.offset, self.successResultOf(sink.read(0, 4))), (4, b"half"))
        self.successResultOf(sink.write(4, b"line"))
        self.assertEqual(self.folders.arriving.read_bytes(), b"halfline")

    def check_from_the_beginning(self, peer: int, transfer: int, sha256: bytes) -> None:
        self.half()
        sink: Any = self.start().begin(peer, transfer, 8, sha256, self.METADATA)
        self.assertEqual(sink.offset, 0)
        self.assertFalse(self.folders.arriving.exists())

    def test_not_another_one(self) -> None:
        self.check_from_the_beginning(2, 8, self.HASH)

    def test_not_one_of_another_replica(self) -> None:
        self.check_from_the_beginning(3, 7, self.HASH)

    def test_not_one_with_another_hash(self) -> None:
        self.check_from_the_beginning(2, 7, bytes(32))

    def test_what_nobody_goes_on_with_is_removed_after_a_while(self) -> None:
        self.half()
        self.start().forget_left()
        self.assertFalse(self.folders.incoming.exists())

    def test_what_was_gone_on_with_is_not(self) -> None:
        self.half()
        arrivals = self.start()
        arrivals.begin(2, 7, 8, self.HASH, self.METADATA)
        arrivals.forget_left()
        self.assertTrue(self.folders.arriving.exists())

    def test_a_database_that_was_being_made_of_it_is_made_again(self) -> None:
        self.half()
        self.folders.built.mkdir()
        self.start()
        self.assertFalse(self.folders.built.exists())
        self.assertTrue(self.folders.arriving.exists())


class TurnsTests(SynchronousTestCase):
    """What is at work on the files of one copy has ended before those of another are made."""

    METADATA = RaftSnapshot(index=1000, term=1).SerializeToString()

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.folders = Folders(folder / "database")
        self.folders.finish()
        self.threads: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = []
        self.arrivals = Arrivals(self.folders, Machine(folder / "machine"), self.run_later, lambda peer, index: True)
        self.first: Any = self.arrivals.begin(2, 1, 8, bytes(32), self.METADATA)

    def run_later(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        self.threads.append((Deferred(), function, arguments))
        return self.threads[-1][0]

    def run_threads(self) -> None:
        while self.threads:
            done, function, arguments = self.threads.pop(0)
            done.callback(function(*arguments))

    def test_a_write(self) -> None:
        written = self.first.write(0, b"deposed")
        beginning: Any = self.arrivals.begin(3, 2, 8, bytes(32), self.METADATA)
        self.assertNoResult(beginning)
        self.run_threads()
        self.successResultOf(written)
        self.assertEqual(self.successResultOf(beginning).offset, 0)
        self.assertFalse(self.folders.arriving.exists())

    def test_the_making_of_a_database(self) -> None:
        written = self.first.write(0, b"an entry")
        self.run_threads()
        self.successResultOf(written)
        made = self.first.finish()
        beginning: Any = self.arrivals.begin(3, 2, 8, bytes(32), self.METADATA)
        self.run_threads()
        self.successResultOf(made)
        self.assertEqual(self.successResultOf(beginning).offset, 0)
        self.assertEqual(self.arrivals.built, 0)
        self.assertFalse(self.folders.built.exists())
