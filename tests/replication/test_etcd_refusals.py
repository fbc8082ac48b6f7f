"""A log that is not the continuation of what a replica has applied is refused, at its start and while it runs."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults

from coname.errors import Corrupt, Unavailable
from coname.interfaces import ILogReplicator, Put
from coname.messages.etcd_pb2 import RememberedLog
from coname.replication import etcd_follower, etcd_requests
from coname.replication.etcd_keys import Keys, Tail, decode_tail
from coname.replication.etcd_opening import Allowed
from coname.storage.memory import MemoryStore
from tests.replication.engine_suite import committed, data_of, soon
from tests.replication.etcd_case import EtcdCase


class RefusalCase(EtcdCase):
    def setUp(self) -> None:
        super().setUp()
        self.keys = Keys(self.prefix)

    async def written(self, entries: int = 10) -> ILogReplicator:
        """A running replica's log, and that many entries in it, delivered."""
        [log] = await self.make_logs(1)
        await soon(log.start(0))
        await soon(gatherResults([log.propose(b"%d" % number) for number in range(1, entries + 1)]))
        await committed(log, entries)
        return log

    async def change(self, *operations: Any) -> Any:
        """Change etcd behind everybody's back."""
        etcd = self.client()
        answer = await soon(etcd.txn(etcd_requests.do(*operations)))
        await soon(etcd.close())
        return answer

    async def cut(self, index: int) -> None:
        """As a snapshot from when the log had `index` entries would have it."""
        store = self.stores[0]
        chain = store.get(b"x" + index.to_bytes(8, "big"))
        assert chain is not None
        await self.change(
            etcd_requests.delete_range(self.keys.entry(index + 1), self.keys.logs_end),
            etcd_requests.put(self.keys.tail, Tail(index, chain).encode()),
        )

    async def refused(self, applied: int, words: str, allowed: Allowed = Allowed(), place: int = 0) -> None:  # noqa: B008
        """The replica's next start fails, and its log says so to whoever asks."""
        log = self.make_log(place, allowed)
        error = await self.assertFailure(log.start(applied), Corrupt)
        self.assertIn(words, str(error))
        await self.assertFailure(log.waitCommitted(), Corrupt)
        await self.assertFailure(log.propose(b"x"), Unavailable)


class StartTests(RefusalCase):
    async def test_a_log_that_is_gone(self) -> None:
        log = await self.written()
        await soon(log.stop())
        await self.change(etcd_requests.delete_range(self.prefix.encode(), self.prefix.encode() + b"0"))
        await self.refused(10, "etcd holds no log under")
        await self.refused(0, "etcd holds no log under")  # nor does it make a new one: it remembers the old one

    async def test_a_log_that_was_made_anew(self) -> None:
        log = await self.written()
        await soon(log.stop())
        await self.change(etcd_requests.delete_range(self.prefix.encode(), self.prefix.encode() + b"0"))
        self.stores.append(MemoryStore())
        other = self.make_log(1)
        await soon(other.start(0))
        await soon(gatherResults([other.propose(b"%d" % number) for number in range(1, 11)]))
        await self.refused(10, "another one than this replica's database has followed")

    async def test_a_log_that_was_put_back(self) -> None:
        log = await self.written()
        await soon(log.stop())
        await self.cut(7)
        await self.refused(10, "ends at entry 7, but it had 10 once")

    async def test_a_log_that_was_longer_when_last_seen_than_what_was_applied(self) -> None:
        log = await self.written()
        await soon(log.stop())
        await self.cut(7)
        await self.refused(3, "ends at entry 7, but it had 10 once")

    async def test_a_log_that_was_put_back_and_written_on(self) -> None:
        log = await self.written()
        await soon(log.stop())
        await self.cut(7)
        self.stores.append(MemoryStore())
        other = self.make_log(1)
        await soon(other.start(0))
        await soon(gatherResults([other.propose(b"other %d" % number) for number in range(10)]))
        await self.refused(10, "entry 10 of the log in etcd is not the one that this replica has applied")

    async def test_a_fork_after_what_was_applied(self) -> None:
        log = await self.written()
        await soon(log.stop())
        await self.change(etcd_requests.put(self.keys.entry(9), bytes(32) + b"forged"))
        again = self.make_log(0)
        await soon(again.start(6))
        error = await self.assertFailure(self.drained(again), Corrupt)
        self.assertIn("entry 9 of the log in etcd does not follow", str(error))

    def drained(self, log: ILogReplicator) -> Any:
        waiting = log.waitCommitted()
        waiting.addCallback(lambda _: self.drained(log))
        return waiting

    async def test_another_cluster_unless_the_operator_says_so(self) -> None:
        log = await self.written()
        await soon(log.stop())
        store = self.stores[0]
        remembered = RememberedLog.FromString(store.get(b"x") or b"")
        cluster = remembered.cluster_id
        remembered.cluster_id = 4711
        store.write([Put(b"x", remembered.SerializeToString())], True)
        await self.refused(10, f"has the id {cluster}, the one that this replica followed had 4711")
        again = self.make_log(0, Allowed(cluster=cluster))
        await soon(again.start(10))
        await soon(again.stop())
        later = self.make_log(0)
        await soon(later.start(10))

    async def test_a_database_of_another_engine(self) -> None:
        await self.written()
        self.stores.append(MemoryStore())
        await self.refused(10, "it was written with another replication engine", place=1)

    async def test_a_replica_that_is_too_far_behind(self) -> None:
        await self.written()
        await self.change(etcd_requests.delete_range(self.keys.logs, self.keys.entry(5)))
        self.stores.append(MemoryStore())
        await self.refused(0, "etcd keeps nothing before entry 5", place=1)

    async def test_a_replica_that_is_behind_by_nothing_that_is_missing(self) -> None:
        log = await self.written()
        await soon(log.stop())
        await self.change(etcd_requests.delete_range(self.keys.logs, self.keys.entry(5)))
        again = self.make_log(0)
        await soon(again.start(4))
        self.assertEqual(data_of(await committed(again, 6))[0], b"5")

    async def test_a_log_all_of_which_is_trimmed(self) -> None:
        log = await self.written()
        await soon(log.stop())
        await self.change(etcd_requests.delete_range(self.keys.logs, self.keys.logs_end))
        await self.refused(9, "etcd keeps no entry at all")
        again = self.make_log(0)
        await soon(again.start(10))
        await soon(again.propose(b"11"))
        self.assertEqual((await committed(again, 1))[0].index, 11)

    async def test_keys_that_somebody_else_has_written(self) -> None:
        log = await self.written()
        await soon(log.stop())
        await self.change(etcd_requests.put(self.keys.tail, b"mine"))
        await self.refused(10, "which this program does not write")

    async def test_damaged_memory(self) -> None:
        log = await self.written()
        await soon(log.stop())
        self.stores[0].write([Put(b"x", b"\xff\xff\xff")], True)
        await self.refused(10, "is damaged")


class BeginTests(RefusalCase):
    async def test_a_database_of_another_engine_begins_a_log_when_told_to(self) -> None:
        self.stores = [MemoryStore(), MemoryStore()]
        await self.refused(40, "etcd holds no log under")
        await self.refused(40, "etcd holds no log under", Allowed(begin_after=39))
        log = self.make_log(0, Allowed(begin_after=40))
        await soon(log.start(40))
        await soon(log.propose(b"one"))
        self.assertEqual((await committed(log, 1))[0].index, 41)
        await soon(log.stop())
        again = self.make_log(0, Allowed(begin_after=40))  # left in the configuration, it does nothing more
        await soon(again.start(41))
        await self.refused(40, "it was written with another replication engine", Allowed(begin_after=40), place=1)

    async def test_what_is_remembered_of_the_log_before_no_longer_counts(self) -> None:
        log = await self.written(12)
        await soon(log.stop())
        self.prefix += "/new"
        begun = self.make_log(0, Allowed(begin_after=10))
        await soon(begun.start(10))
        await soon(begun.propose(b"new"))
        self.assertEqual(data_of(await committed(begun, 1)), [b"new"])
        await soon(begun.stop())
        again = self.make_log(0)
        await soon(again.start(11))

    async def test_not_while_the_former_log_holds_more(self) -> None:
        self.stores = [MemoryStore()]
        self.stores[0].write([Put(b"l" + (41).to_bytes(8, "big"), b"not applied")], True)
        await self.refused(40, "start it once with the former engine", Allowed(begin_after=40))


class RunningTests(RefusalCase):
    async def test_a_log_that_is_put_back_is_noticed_by_the_pulse(self) -> None:
        log = await self.written()
        await self.cut(7)
        error = await self.assertFailure(log.waitCommitted(), Corrupt)
        self.assertIn("ends at entry 7", str(error))
        self.assertFalse(log.leading)

    async def test_a_log_that_is_put_back_takes_no_proposal(self) -> None:
        log = await self.written()
        waiting = log.waitCommitted()
        await self.cut(7)
        await self.assertFailure(log.propose(b"x"), Unavailable)
        error = await self.assertFailure(waiting, Corrupt)
        self.assertIn("ends at entry 7", str(error))

    async def test_a_log_that_vanishes(self) -> None:
        log = await self.written()
        waiting = log.waitCommitted()
        await self.change(etcd_requests.delete_range(self.prefix.encode(), self.prefix.encode() + b"0"))
        await self.assertFailure(log.propose(b"x"), Unavailable)
        await self.assertFailure(waiting, Corrupt)

    async def test_an_entry_that_does_not_follow_is_never_delivered(self) -> None:
        log = await self.written()
        waiting = log.waitCommitted()
        await self.change(etcd_requests.put(self.keys.entry(11), bytes(32) + b"forged"))
        error = await self.assertFailure(waiting, Corrupt)
        self.assertIn("entry 11 of the log in etcd does not follow", str(error))

    async def test_an_entry_that_leaves_a_gap_is_never_delivered(self) -> None:
        log = await self.written()
        waiting = log.waitCommitted()
        await self.change(etcd_requests.put(self.keys.entry(12), bytes(32) + b"forged"))
        await self.assertFailure(waiting, Corrupt)

    async def test_a_key_among_the_entries_that_is_none(self) -> None:
        log = await self.written()
        waiting = log.waitCommitted()
        await self.change(etcd_requests.put(self.keys.logs + b"mine", b"x"))
        await self.assertFailure(waiting, Corrupt)


class TailTests(EtcdCase):
    def test_any_tail_survives_encoding(self) -> None:
        for tail in (Tail(0, bytes(32)), Tail(10**19, bytes(range(32)))):
            self.assertEqual(decode_tail(tail.encode()), tail)

    def test_nothing_else_passes_for_one(self) -> None:
        good = Tail(7, bytes(32)).encode()
        for bad in (b"", b"7 00", good[1:], good.replace(b"7", b"-7"), b" " + good, good.upper() + b"\n", b"\xff" * 85):
            self.assertRaises(Corrupt, decode_tail, bad)

    def test_pages_of_the_largest_entries_fit_into_one_response(self) -> None:
        from coname.protocols.etcd_calls import MAX_RESPONSE_BYTES
        from coname.replication.etcd_appender import BATCH_BYTES

        self.assertLess(etcd_follower.PAGE_ENTRIES * (BATCH_BYTES + 1000), MAX_RESPONSE_BYTES)
