"""What the engine does when the disk fails, peers lie, messages get lost, and there is more than it takes."""

from __future__ import annotations

import random

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.threads import deferToThread

from coname.errors import Corrupt, Misconfigured, Overloaded, TooLarge, Unavailable
from coname.interfaces import CommittedEntry, Put
from coname.messages.raft_pb2 import RaftHeartbeat, RaftMessage
from coname.replication import raft_delivery, raft_proposals
from coname.replication.raft_log import RaftLog, RaftLogSettings
from coname.replication.raft_store import entry_key
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Fault, TracingStore
from tests.replication.engine_suite import committed, data_of, soon, until
from tests.replication.raft_case import RaftCase


class Started(RaftCase):
    size = 3

    async def started(self) -> None:
        await self.make_logs(self.size)
        for log in self.logs:
            await soon(log.start(0))
        await until(lambda: self.leader() is not None, "somebody leads")

    @property
    def led(self) -> RaftLog:
        leader = self.leader()
        assert leader is not None
        return leader

    def followers(self) -> list[RaftLog]:
        return [log for log in self.logs if not log.leading]

    def id_of(self, log: RaftLog) -> int:
        return self.logs.index(log) + 1


class LeadershipTests(Started):
    async def test_another_leads_when_the_leader_is_cut_off_and_the_old_one_stops(self) -> None:
        await self.started()
        old = self.led
        changes: list[bool] = []
        old.onLeaderChange(lambda: changes.append(old.leading))
        self.table.isolate(self.id_of(old))
        await until(lambda: any(log.leading for log in self.logs if log is not old), "another leads")
        await until(lambda: not old.leading, "the old one knows")
        self.assertEqual(changes[:1], [False])
        other = next(log for log in self.logs if log.leading)
        await soon(other.propose(b"new"))
        self.table.heal()
        self.assertEqual(data_of(await committed(old, 1)), [b"new"])

    async def test_followers_listeners_hear_of_another_leader(self) -> None:
        await self.started()
        old, [one, two] = self.led, self.followers()
        heard: list[int] = []
        one.onLeaderChange(lambda: heard.append(1))
        two.onLeaderChange(lambda: heard.append(2))
        self.table.isolate(self.id_of(old))
        await until(lambda: {1, 2} <= set(heard), "both hear of it")

    async def test_a_leader_that_stops_hands_over_before(self) -> None:
        await self.started()
        old = self.led
        await soon(old.propose(b"one"))
        await soon(old.stop())
        others = [log for log in self.logs if log is not old]
        self.assertEqual([log.status()["raft role"] == "leader" for log in others].count(True), 1)

    async def test_proposals_wait_for_a_leader(self) -> None:
        await self.make_logs(3)
        await soon(self.logs[0].start(0))
        taken = self.logs[0].propose(b"early")
        self.assertFalse(taken.called)
        await soon(self.logs[1].start(0))
        await soon(self.logs[2].start(0))
        await soon(taken)
        self.assertEqual(data_of(await committed(self.logs[2], 1)), [b"early"])

    async def test_proposals_do_not_wait_for_ever(self) -> None:
        await self.make_logs(3)
        await soon(self.logs[0].start(0))
        await self.assertFailure(self.logs[0].propose(b"alone"), Unavailable)

    async def test_too_many_waiting_proposals_are_refused(self) -> None:
        self.patch(raft_proposals, "MOST_BYTES", 1000)
        await self.make_logs(3)
        await soon(self.logs[0].start(0))
        waiting = self.logs[0].propose(bytes(900))
        waiting.addErrback(lambda failure: failure.trap(Unavailable))
        await self.assertFailure(self.logs[0].propose(bytes(900)), Overloaded)

    async def test_an_entry_that_is_too_large_is_refused_at_once(self) -> None:
        await self.started()
        await self.assertFailure(self.led.propose(bytes((4 << 20) + 1)), TooLarge)
        await soon(self.led.propose(b"and others are taken"))

    async def test_status_says_who_leads_and_how_far_the_others_are(self) -> None:
        await self.started()
        await soon(self.led.propose(b"one"))
        status = self.led.status()
        self.assertEqual(status["raft role"], "leader")
        self.assertEqual(status["raft leader"], f"{self.id_of(self.led):016x}")
        rows = [value for name, value in status.items() if name.startswith("replica ")]
        self.assertEqual(len(rows), 2)
        self.assertIn("connected, voter, has entry", str(rows[0]))


class PeerTests(Started):
    async def test_a_message_in_anothers_name_is_refused_and_counted(self) -> None:
        await self.started()
        victim = self.followers()[0]
        lie = RaftMessage(sender=99, recipient=self.id_of(victim), incarnation=5, term=1000, heartbeat=RaftHeartbeat())
        place = self.table.places[self.id_of(victim)]
        before = victim.status()["raft term"]
        place.received(self.id_of(self.led), lie.SerializeToString())
        self.assertEqual((victim.status()["raft messages refused"], victim.status()["raft term"]), (1, before))

    async def test_bytes_that_do_not_decode_are_refused_and_counted(self) -> None:
        await self.started()
        victim = self.led
        for data in (b"\xff", b"", b"\x00" * 100):
            self.table.places[self.id_of(victim)].received(self.id_of(self.followers()[0]), data)
        self.assertEqual(victim.status()["raft messages refused"], 3)
        await soon(victim.propose(b"it goes on"))


class DiskTests(Started):
    size = 1

    def make_log(self, place: int) -> RaftLog:
        self.tracing = TracingStore(self.stores[place], [])
        log = RaftLog(
            RaftLogSettings(1, (1,), 0.03, kept_entries=5),
            lambda: self.tracing,
            self.table.place(1),
            self.reactor,
            deferToThread,
            random.Random(1),
        )
        self.addCleanup(log.stop)
        return log

    async def test_a_write_that_fails_ends_the_log_with_the_reason(self) -> None:
        await self.started()
        log = self.logs[0]
        for nth in range(1, 100):
            self.tracing.fail_at(nth, Fault.FAIL)
        taken = log.propose(b"lost")
        while True:
            try:
                await soon(log.waitCommitted())
            except Corrupt:
                break
        await self.assertFailure(taken, Unavailable)
        await self.assertFailure(log.propose(b"late"), Unavailable)
        self.assertFalse(log.leading)

    async def test_the_log_forgets_what_was_applied_but_keeps_some(self) -> None:
        await self.started()
        log = self.logs[0]
        for number in range(20):
            await soon(log.propose(b"%d" % number))
        last = (await committed(log, 20))[-1].index
        log.applied(last)
        await until(lambda: self.stores[0].get(entry_key(last - 5)) is None, "it is forgotten")
        self.assertIsNotNone(self.stores[0].get(entry_key(last - 4)))
        await soon(log.propose(b"more"))
        self.assertEqual(data_of(await committed(log, 1)), [b"more"])

    async def test_a_log_without_its_database_does_not_start(self) -> None:
        await self.make_logs(1)
        await self.assertFailure(self.logs[0].start(7), Misconfigured)

    async def test_a_damaged_log_does_not_start(self) -> None:
        await self.started()
        await soon(self.logs[0].stop())
        store = self.stores[0] = self.stores[0].crash()
        store.write([Put(entry_key(1), b"\xff")], True)
        self.logs[0] = self.make_log(0)
        await self.assertFailure(self.logs[0].start(0), Corrupt)


class BackPressureTests(Started):
    size = 1

    async def test_no_more_is_held_than_the_bound_allows(self) -> None:
        self.patch(raft_delivery, "MOST_BYTES", 100_000)
        await self.started()
        log = self.logs[0]
        taken = [log.propose(bytes([number]) * 60_000) for number in range(1, 40)]
        for one in taken:
            await soon(one)
        self.assertLess(log._delivery._bytes, 100_000 + (2 << 20))
        self.assertEqual([data[0] for data in data_of(await committed(log, 39))], list(range(1, 40)))


class RestoredTests(Started):
    """An old copy of a replica's disk is put back in its place."""

    async def test_it_is_recognised_and_ends_with_what_to_do(self) -> None:
        await self.started()
        follower = self.followers()[0]
        place = self.logs.index(follower)
        before = self.copy(self.stores[place])
        for number in range(5):
            await soon(self.led.propose(b"%d" % number))
        await committed(follower, 5)
        await soon(follower.stop())
        self.stores[place] = before
        self.logs[place] = self.make_log(place)
        await soon(self.logs[place].start(0))
        error = await self.assertFailure(self.ended(self.logs[place]), Corrupt)
        self.assertIn("join anew", str(error))
        await soon(self.led.propose(b"the others go on"))
        await self.check_verdict(place)

    async def check_verdict(self, place: int) -> None:
        """It knows by itself from now on, whether anybody who remembers is there or not."""
        for log in self.logs:
            await soon(log.stop())
        self.stores[place] = self.stores[place].crash()
        self.logs[place] = self.make_log(place)
        error = await self.assertFailure(self.logs[place].start(0), Corrupt)
        self.assertIn("join anew", str(error))

    def ended(self, log: RaftLog) -> Deferred[list[CommittedEntry]]:
        return Deferred.fromCoroutine(committed(log, 1 << 30))

    def copy(self, store: MemoryStore) -> MemoryStore:
        found = MemoryStore()
        found.write([Put(key, value) for key, value in store.iterate(b"\x00", b"\xff")], True)
        return found


class StopTests(Started):
    async def test_a_log_that_is_stopped_while_it_starts_says_so(self) -> None:
        await self.make_logs(1)
        starting = self.logs[0].start(0)
        stopped = self.logs[0].stop()
        await self.assertFailure(starting, Unavailable)
        await soon(stopped)
        await self.assertFailure(self.logs[0].waitCommitted(), CancelledError)
