"""A replica that lacks what the log no longer has gets a copy of the database from the leader, and begins anew."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from coname.errors import Corrupt, Unavailable
from coname.interfaces import CommittedEntry, ITransferReader
from coname.messages.raft_pb2 import RaftSnapshot
from coname.replication import raft_log
from coname.replication.raft_folders import Folders
from coname.replication.raft_log import KEPT_FOR_COPY, RaftLog, RaftLogSettings
from coname.replication.raft_snapshots import STALLED_SECONDS, DatabaseSnapshots
from tests.replication.engine_suite import soon, until
from tests.replication.raft_case import HEARTBEAT, RaftCase, TableNetwork


class Machine:
    """A state machine that keeps all entries in a file, one a line; and makes copies of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.path = folder / "entries"
        self.lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        self.fails = False

    @property
    def applied(self) -> int:
        return len(self.lines)

    def apply(self, entries: Sequence[CommittedEntry]) -> None:
        for entry in entries:
            if entry.index != self.applied + 1:
                raise AssertionError(f"entry {entry.index} after {self.applied}")
            self.lines.append(entry.data)
        self.path.write_bytes(b"\n".join(self.lines) + b"\n")

    def write(self, path: Path) -> int:
        if self.fails:
            raise Unavailable("as the test wants")
        path.write_bytes(self.path.read_bytes())
        return self.applied

    def build(self, path: Path, folder: Path) -> int:
        lines = path.read_bytes().splitlines()
        if not lines:
            raise Corrupt("empty")
        folder.mkdir()
        (folder / "entries").write_bytes(path.read_bytes())
        return len(lines)


class CopyCase(RaftCase):
    """Three replicas with a state machine each, which keep two entries for the others."""

    def setUp(self) -> None:
        super().setUp()
        self.root = Path(self.mktemp())
        self.root.mkdir()
        self.machines: dict[int, Machine] = {}
        self.begun_anew: list[int] = []
        self.stores = [None, None, None]  # type: ignore[list-item]
        self.logs = [self.make_log(place) for place in range(3)]

    def folders(self, place: int) -> Folders:
        return Folders(self.root / f"database{place + 1}")

    def make_log(self, place: int) -> RaftLog:
        folders = self.folders(place)
        folders.finish()
        machine = self.machines[place] = Machine(folders.database)
        log = RaftLog(
            RaftLogSettings(place + 1, (1, 2, 3), HEARTBEAT, kept_entries=2),
            folders.open_log,
            self.table.place(place + 1),
            self.reactor,
            deferToThread,
            random.Random(place),
            DatabaseSnapshots(
                folders, machine, self.reactor, deferToThread, lambda: self.begun_anew.append(place), HEARTBEAT
            ),
        )
        self.addCleanup(log.stop)
        return log

    async def start(self, *places: int) -> None:
        for place in places:
            await soon(self.logs[place].start(self.machines[place].applied))
            self.follow(place)

    def follow(self, place: int) -> None:
        log, machine = self.logs[place], self.machines[place]

        def apply(entries: Sequence[CommittedEntry]) -> None:
            machine.apply(entries)
            log.applied(machine.applied)
            self.follow(place)

        log.waitCommitted().addCallbacks(apply, lambda _: None)

    async def propose(self, place: int, count: int) -> None:
        for number in range(count):
            await soon(self.logs[place].propose(b"entry %d" % number))
        await until(lambda: self.machines[place].lines[-1:] == [b"entry %d" % (count - 1)], "they are applied")

    async def behind(self) -> None:
        """The third replica lacks what the others no longer have, and starts."""
        await self.start(0, 1)
        await self.propose(0, 30)
        await until(lambda: all(int(str(self.begin(place))) > 20 for place in (0, 1)), "the log is compacted")
        await self.start(2)

    def begin(self, place: int) -> int:
        return self.logs[place]._store.snapshot().index

    async def again(self) -> None:
        """What the owner does when it is asked to begin anew."""
        await soon(self.logs[2].stop())
        self.logs[2] = self.make_log(2)
        await self.start(2)


class CopyTests(CopyCase):
    async def test_it_begins_anew_with_the_copy_and_follows(self) -> None:
        await self.behind()
        await until(lambda: self.begun_anew == [2], "it is to begin anew")
        await self.again()
        await self.propose(2, 5)
        await until(lambda: self.machines[0].applied >= self.machines[2].applied, "the first has them, too")
        self.assertEqual(self.machines[2].lines, self.machines[0].lines[: self.machines[2].applied])
        self.assertGreater(self.begin(2), 20)

    async def test_a_process_that_ends_right_after_finds_the_copy_installed(self) -> None:
        await self.behind()
        await until(lambda: self.begun_anew == [2], "it is to begin anew")
        await soon(self.logs[2].stop())
        self.logs[2] = self.make_log(2)
        self.assertGreater(self.machines[2].applied, 20)

    async def test_until_then_its_own_database_is_as_it_was(self) -> None:
        await self.behind()
        await until(lambda: self.begun_anew == [2], "it is to begin anew")
        self.assertEqual(self.machines[2].applied, 1)
        self.assertEqual(Machine(self.folders(2).database).applied, 1)

    async def test_the_leader_keeps_no_copy_and_no_entries_for_it_afterwards(self) -> None:
        await self.behind()
        await until(lambda: self.begun_anew == [2], "it is to begin anew")
        await self.again()
        await self.propose(2, 30)
        leader = self.leader()
        assert leader is not None
        place = self.logs.index(leader)
        await until(lambda: not (self.folders(place).outgoing / "copy").exists(), "the copy is gone")
        await until(lambda: self.begin(place) > 45, "the log is compacted again")

    async def test_who_begins_anew_with_a_copy_finds_what_came_meanwhile(self) -> None:
        offers: list[int] = []
        carry = TableNetwork.carry

        async def counting(own: TableNetwork, other: TableNetwork, transfer: int, reader: ITransferReader) -> None:
            offers.append(transfer)
            await carry(own, other, transfer, reader)

        self.patch(TableNetwork, "carry", counting)
        await self.behind()
        await until(lambda: self.begun_anew == [2], "it is to begin anew")
        lead = next(place for place in (0, 1) if self.logs[place].leading)
        await self.propose(lead, 40)
        await self.again()
        await until(lambda: self.machines[2].applied >= self.machines[lead].applied, "it has caught up")
        self.assertEqual(len(offers), 1)

    async def test_a_copy_that_cannot_be_made_is_tried_again(self) -> None:
        for machine in self.machines.values():
            machine.fails = True
        await self.behind()
        self.assertEqual(self.begun_anew, [])
        for machine in self.machines.values():
            machine.fails = False
        await until(lambda: self.begun_anew == [2], "it is to begin anew")

    async def test_a_transfer_that_breaks_off_is_tried_again(self) -> None:
        offers: list[int] = []
        carry = TableNetwork.carry

        async def breaking(own: TableNetwork, other: TableNetwork, transfer: int, reader: ITransferReader) -> None:
            offers.append(transfer)
            if len(offers) < 3:
                raise Unavailable("the connection broke")
            await carry(own, other, transfer, reader)

        self.patch(TableNetwork, "carry", breaking)
        await self.behind()
        await until(lambda: self.begun_anew == [2], "it is to begin anew")

    async def test_a_copy_that_is_refused_again_and_again_is_made_ever_more_seldom(self) -> None:
        offers: list[float] = []

        async def refusing(own: TableNetwork, other: TableNetwork, transfer: int, reader: ITransferReader) -> None:
            offers.append(self.reactor.seconds())
            raise Unavailable("no room")

        self.patch(TableNetwork, "carry", refusing)
        await self.behind()
        await until(lambda: len(offers) == 5, "it was tried five times")
        pauses = [later - earlier for earlier, later in pairwise(offers)]
        self.assertGreater(pauses[3], 8 * HEARTBEAT)
        self.assertGreater(pauses[3], 2 * pauses[1])

    async def test_a_transfer_without_a_connection_is_given_up_after_a_while(self) -> None:
        snapshots: Any = self.logs[0].snapshots
        offered: Deferred[None] = Deferred()
        offered.addErrback(lambda _: None)
        await self.start(0)

        class Reader:
            whole = False
            read_at = self.reactor.seconds() - STALLED_SECONDS - 1

        snapshots._watch(2, Reader(), offered)
        self.assertTrue(offered.called)

    async def test_one_that_takes_it_too_slowly_does_not_fill_the_leaders_disk(self) -> None:
        self.patch(raft_log, "LEAST_FOR_COPY", 0)
        await self.start(0, 1)
        offered: list[Deferred[None]] = []

        def take_for_ever(*transfer: object) -> Deferred[None]:
            offered.append(Deferred())
            return offered[-1]

        for place in (1, 2):
            self.table.places[place].offer = take_for_ever  # type: ignore[method-assign]
        await self.propose(0, 30)
        await until(lambda: all(self.begin(place) > 20 for place in (0, 1)), "the log is compacted")
        await self.start(2)
        await until(lambda: bool(offered), "a copy is offered")
        lead = next(place for place in (0, 1) if self.logs[place].leading)
        for _ in range(5):
            await self.propose(lead, 10 * KEPT_FOR_COPY)
        self.assertLess(len(self.logs[lead]._store), 20 * KEPT_FOR_COPY)
        await until(lambda: len(offered) > 1, "another copy is offered")


class ReceiverTests(CopyCase):
    """What is offered to a replica is taken from its leader only."""

    METADATA = RaftSnapshot(index=1000, term=1).SerializeToString()

    async def follower(self) -> tuple[Any, int]:
        await self.start(0, 1, 2)
        await until(lambda: self.leader() is not None, "somebody leads")
        place = next(place for place in range(3) if not self.logs[place].leading)
        await until(lambda: bool(self.logs[place].driver.core.leader), "it knows who")  # type: ignore[union-attr]
        return self.logs[place].snapshots, self.logs[place].driver.core.leader  # type: ignore[union-attr]

    async def test_from_its_leader(self) -> None:
        receiver, leader = await self.follower()
        self.assertIsNotNone(receiver.begin(leader, 1, 100, bytes(32), self.METADATA))

    async def test_not_from_another_follower(self) -> None:
        receiver, leader = await self.follower()
        self.assertIsNone(receiver.begin(leader % 3 + 1, 1, 100, bytes(32), self.METADATA))

    async def test_not_what_it_has_itself(self) -> None:
        receiver, leader = await self.follower()
        metadata = RaftSnapshot(index=1, term=1).SerializeToString()
        self.assertIsNone(receiver.begin(leader, 1, 100, bytes(32), metadata))

    async def test_not_what_says_nothing_of_itself(self) -> None:
        receiver, leader = await self.follower()
        self.assertIsNone(receiver.begin(leader, 1, 100, bytes(32), b"\xff"))

    async def test_not_more_than_fits(self) -> None:
        receiver, leader = await self.follower()
        self.assertIsNone(receiver.begin(leader, 1, 1 << 60, bytes(32), self.METADATA))

    async def test_a_second_attempt_goes_on_where_the_first_ended(self) -> None:
        receiver, leader = await self.follower()
        sink = receiver.begin(leader, 1, 100, bytes(32), self.METADATA)
        await sink.write(0, b"half")
        sink.interrupted()
        again = receiver.begin(leader, 1, 100, bytes(32), self.METADATA)
        self.assertEqual((again.offset, await again.read(0, 4)), (4, b"half"))

    async def test_another_one_begins_at_its_beginning(self) -> None:
        receiver, leader = await self.follower()
        sink = receiver.begin(leader, 1, 100, bytes(32), self.METADATA)
        await sink.write(0, b"half")
        again = receiver.begin(leader, 2, 100, bytes(32), self.METADATA)
        self.assertEqual(again.offset, 0)

    async def test_one_that_another_has_taken_the_place_of_writes_nothing_into_that(self) -> None:
        receiver, leader = await self.follower()
        deposed = receiver.begin(leader, 1, 100, bytes(32), self.METADATA)
        await deposed.write(0, b"half")
        sink = receiver.begin(leader, 2, 100, bytes(32), self.METADATA)
        await sink.write(0, b"another")
        await self.assertFailure(deposed.write(4, b"line"), Unavailable)
        await self.assertFailure(deposed.finish(), Unavailable)
        deposed.abandon("it could not be stored")
        self.assertEqual(await sink.read(0, 100), b"another")

    async def test_what_is_abandoned_is_removed(self) -> None:
        receiver, leader = await self.follower()
        sink = receiver.begin(leader, 1, 100, bytes(32), self.METADATA)
        await sink.write(0, b"half")
        sink.abandon("as the test wants")
        self.assertEqual(receiver.begin(leader, 1, 100, bytes(32), self.METADATA).offset, 0)

    async def test_what_is_no_copy_is_not_installed(self) -> None:
        receiver, leader = await self.follower()
        sink = receiver.begin(leader, 1, 0, bytes(32), self.METADATA)
        await sink.write(0, b"")
        await self.assertFailure(sink.finish(), Corrupt)
        self.assertFalse(receiver.has(1000))
