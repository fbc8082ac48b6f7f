"""A lone replica's log becomes one of Raft's: whatever was in it, and wherever it is interrupted."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.config import load_replica
from coname.configuration.init import InitOptions, initialise
from coname.core.times import timestamp
from coname.engines import keeps_raft, log_folder
from coname.errors import Misconfigured, Refused
from coname.interfaces import Put
from coname.keyserver import tables
from coname.messages.replication_pb2 import EpochDelimiter, KeyserverStep, LogEntry
from coname.operating import conversion
from coname.operating.conversion import convert
from coname.replication.raft_store import RaftStore
from coname.replication.single import SingleLog
from coname.storage.leveldb import LevelDBStore


class ConversionCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        layout = initialise(folder / "realm", InitOptions(realm="example", domains=("example.com",), **self.options()))
        self.config = layout.replicas[0]
        self.settings = load_replica(self.config)

    def options(self) -> dict[str, Any]:
        return {}

    def store(self) -> LevelDBStore:
        return LevelDBStore(self.settings.data_folder, create=True, cache_bytes=1 << 20)

    def leave_entries(self, count: int) -> None:
        """As a replica that was killed: what it has in its log, its state does not show yet."""
        delimiter = EpochDelimiter(epoch_number=1, timestamp=timestamp((1_700_000_000, 0)))
        entry = LogEntry(steps=[KeyserverStep(UID=1, epoch_delimiter=delimiter)]).SerializeToString()
        store = self.store()
        store.write(
            [Put(b"l" + (1 + one).to_bytes(8, "big"), entry if one == 0 else b"") for one in range(count)], True
        )
        store.close()

    def check_converted(self, index: int) -> None:
        """The log begins after `index`, and the state is that."""
        settings = load_replica(self.config)
        self.assertTrue(keeps_raft(settings))
        store = self.store()
        self.assertEqual(tables.read_state(store).applied_index, index)
        started = SingleLog(store, lambda *call: None).start(index)  # type: ignore[arg-type]
        self.failureResultOf(started, Misconfigured)
        store.close()
        log = LevelDBStore(log_folder(settings), create=False, cache_bytes=1 << 20)
        raft = RaftStore(log, settings.replica_id, None, index, lambda: 1)
        self.assertEqual((raft.snapshot().index, raft.last_index()), (index, index))
        (member,) = raft.snapshot().membership.members
        self.assertEqual(
            (member.id, member.incarnation, member.learner), (settings.replica_id, raft.incarnation, False)
        )
        log.close()


class ConversionTests(ConversionCase):
    def test_what_is_in_the_old_log_is_applied_first(self) -> None:
        self.leave_entries(5)
        self.assertEqual(convert(self.config).index, 5)
        self.check_converted(5)
        store = self.store()
        self.assertEqual(tables.read_state(store).closed_epoch, 1)
        store.close()

    def test_it_says_where_the_replica_is_reached_if_that_is_here_only(self) -> None:
        self.leave_entries(1)
        self.assertEqual(convert(self.config).loopback, "127.0.0.1:9807")

    def test_not_twice(self) -> None:
        self.leave_entries(1)
        convert(self.config)
        with self.assertRaises(Refused):
            convert(self.config)

    def test_a_new_realm_gets_a_log_from_the_beginning(self) -> None:
        self.store().close()
        self.assertEqual(convert(self.config).index, 0)
        log = LevelDBStore(log_folder(self.settings), create=False, cache_bytes=1 << 20)
        self.assertEqual(RaftStore(log, self.settings.replica_id, None, 0, lambda: 1).last_index(), 1)
        log.close()

    def test_interrupted_before_the_moment_it_is_as_it_was(self) -> None:
        self.leave_entries(3)

        def interrupted(folder: Path) -> None:
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            self.patch(conversion, "sync_folder", interrupted)
            convert(self.config)
        self.assertFalse(keeps_raft(load_replica(self.config)))
        store = self.store()
        log = SingleLog(store, lambda *call: None)  # type: ignore[arg-type]
        self.successResultOf(log.start(0))
        store.close()
        self.patch(conversion, "sync_folder", lambda folder: None)
        convert(self.config)
        self.check_converted(3)

    def test_interrupted_after_the_moment_the_next_start_removes_what_is_left(self) -> None:
        self.leave_entries(3)

        def interrupted(store: object) -> None:
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            self.patch(conversion, "retire", interrupted)
            convert(self.config)
        settings = load_replica(self.config)
        self.assertTrue(keeps_raft(settings))
        store = self.store()
        from coname.assembly import make_parts

        make_parts(settings, store, Clock())
        self.assertEqual([key for key, _ in store.iterate(b"l", b"m")], [b"l"])
        store.close()
        self.check_converted(3)

    def test_a_log_that_was_lost_afterwards_is_missed(self) -> None:
        self.leave_entries(1)
        convert(self.config)
        shutil.rmtree(log_folder(self.settings))
        settings = load_replica(self.config)
        self.assertFalse(keeps_raft(settings))
        store = self.store()
        log = SingleLog(store, lambda *call: None)  # type: ignore[arg-type]
        self.failureResultOf(log.start(1), Misconfigured)
        store.close()


class SeveralReplicasTests(ConversionCase):
    def options(self) -> dict[str, Any]:
        return {"replicas": 3}

    def test_there_is_nothing_to_move(self) -> None:
        with self.assertRaises(Misconfigured):
            convert(self.config)
