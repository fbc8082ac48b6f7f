"""Members of a log that come and go: engines, and what they tell each other of who there is."""

from __future__ import annotations

import random
from collections.abc import Collection
from types import MappingProxyType

from twisted.internet.defer import Deferred, fail
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.errors import Refused, Unavailable
from coname.interfaces import ILogMembership, LogMember, LogStanding, Refusal
from coname.messages.raft_pb2 import RaftIntroduction, RaftMessage, RaftPlace
from coname.replication.raft import ChangeRefused, Membership, Role
from coname.replication.raft_log import RaftLog, RaftLogSettings
from coname.replication.raft_members import INTRODUCE_TICKS, Members
from coname.storage.memory import MemoryStore
from tests.replication.engine_suite import EngineSuite, committed, data_of, soon, until
from tests.replication.raft_case import HEARTBEAT, RaftCase

NEW = 3


class JoiningTests(RaftCase):
    """Two replicas, and a third that joins them."""

    settings = MappingProxyType({"kept_entries": 10_000})

    async def begin(self) -> None:
        """The first two run, and one of them leads."""
        logs = await self.make_logs(2)
        for log in logs:
            await soon(log.start(0))
        await until(lambda: self.leader() is not None, "somebody leads")
        await soon(self.lead().propose(b"first"))
        for log in logs:
            self.assertEqual(data_of(await committed(log, 1)), [b"first"])

    def lead(self) -> RaftLog:
        leader = self.leader()
        assert leader is not None
        return leader

    async def join(self, seed: int = NEW) -> RaftLog:
        """The third replica, on an empty disk, with an identity of its own for each seed."""
        settings = RaftLogSettings(NEW, (), heartbeat=HEARTBEAT)
        disk = MemoryStore()
        joiner = RaftLog(
            settings, lambda: disk, self.table.place(NEW), self.reactor, deferToThread, random.Random(seed)
        )
        self.addCleanup(EngineSuite.stop_log, self, joiner)
        await soon(joiner.start(0))
        return joiner

    def members(self, log: RaftLog) -> dict[int, LogMember]:
        return {one.replica: one for one in ILogMembership(log).members()}

    async def let_in(self, joiner: RaftLog) -> None:
        membership = ILogMembership(self.lead())
        membership.setPeers(1, {1: "a:1", 2: "b:1", NEW: "c:1"})
        await until(lambda: self.members(self.lead())[NEW].present, "it was heard of")
        membership.admit(NEW)
        await until(lambda: self.members(self.lead())[NEW].behind == 0, "it has the log")

    async def test_the_engine_can_be_asked_for_it(self) -> None:
        await self.begin()
        verifyObject(ILogMembership, ILogMembership(self.lead()))

    async def test_a_replica_joins_gets_the_log_votes_and_goes(self) -> None:
        await self.begin()
        joiner = await self.join()
        self.assertEqual(ILogMembership(joiner).standing()[0], LogStanding.WAITS)
        await self.let_in(joiner)
        self.assertEqual(data_of(await committed(joiner, 1)), [b"first"])
        self.assertEqual(self.members(self.lead())[NEW].votes, False)
        membership = ILogMembership(self.lead())
        await until(lambda: self.settled(), "the change before is over")
        membership.promote(NEW, b"a delimiter")
        for log in (*self.logs, joiner):
            self.assertEqual(data_of(await committed(log, 1)), [b"a delimiter"])
        self.assertEqual(self.members(self.lead())[NEW].votes, True)
        self.assertEqual(ILogMembership(joiner).standing(), (LogStanding.MEMBER, ""))
        await until(lambda: self.settled(), "the change before is over")
        membership.expel(NEW, b"another")
        self.assertEqual(data_of(await committed(self.lead(), 1)), [b"another"])
        self.assertNotIn(NEW, self.lead().driver.core.membership)  # type: ignore[union-attr]

    def settled(self) -> bool:
        driver = self.lead().driver
        return driver is not None and driver.core.membership_committed

    async def test_one_with_another_storage_than_was_let_in_is_strange(self) -> None:
        await self.begin()
        joiner = await self.join()
        await self.let_in(joiner)
        await soon(joiner.stop())
        await self.join(seed=100)
        await until(lambda: self.members(self.lead())[NEW].strange, "it is seen")
        self.assertFalse(self.members(self.lead())[NEW].present)

    async def test_only_the_leader_changes_anything(self) -> None:
        await self.begin()
        follower = next(log for log in self.logs if log is not self.lead())
        joiner = await self.join()
        await until(lambda: ILogMembership(follower).members()[-1].replica == 2, "it runs")
        self.assertFalse(joiner.leading)
        with self.assertRaises(Unavailable):
            ILogMembership(follower).promote(NEW, b"")

    async def test_who_was_not_heard_of_is_not_let_in(self) -> None:
        await self.begin()
        with self.assertRaises(Unavailable):
            ILogMembership(self.lead()).admit(9)

    async def test_who_leads_does_not_remove_itself(self) -> None:
        await self.begin()
        own = 1 + self.logs.index(self.lead())
        with self.assertRaises(Refused):
            ILogMembership(self.lead()).expel(own, b"")

    async def test_nobody_is_promoted_who_is_no_learner(self) -> None:
        await self.begin()
        with self.assertRaises(ChangeRefused):
            ILogMembership(self.lead()).promote(NEW, b"")

    async def test_handing_over(self) -> None:
        await self.begin()
        before = self.lead()
        ILogMembership(before).handOver()
        await until(lambda: self.leader() not in (None, before), "the other leads")


class Core:
    """As much of a core as members look at."""

    def __init__(self) -> None:
        self.incarnation = 77
        self.membership = Membership({1: 0, 2: 0, 3: 0})
        self.membership_index = 5
        self.role = Role.FOLLOWER
        self.leader = 2
        self.log = type("Log", (), {"last_index": 10})()


class Network:
    """A table of who is connected and who refuses.

    :ivar told: the places that were set. :ivar kept: who was to stay where it was.
    """

    def __init__(self) -> None:
        self.up: set[int] = set()
        self.refusing: dict[int, bool] = {}
        self.told: dict[int, str] = {}
        self.sent: list[RaftMessage] = []

    def connected(self, peer: int) -> bool:
        return peer in self.up

    def places(self) -> list[int]:
        return [2, 3]

    def set_places(self, places: dict[int, str], keep: Collection[int]) -> None:
        self.told, self.kept = dict(places), set(keep)

    def refusal(self, peer: int) -> Refusal | None:
        return Refusal(self.refusing[peer], "words") if peer in self.refusing else None

    def send(self, peer: int, message: bytes) -> bool:
        self.sent.append(RaftMessage.FromString(message))
        return True

    def set_answerer(self, answer: object) -> None:
        """Nobody asks."""

    def offer(self, *transfer: object) -> Deferred[None]:
        return fail(Unavailable("no"))


class Engine:
    def __init__(self) -> None:
        self.driver = type("Driver", (), {"core": Core()})()


class MembersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network, self.engine = Network(), Engine()
        self.members = Members(1, self.network, self.engine)  # type: ignore[arg-type]

    def introduction(self, applied: int, places: dict[int, str], sender: int = 2) -> RaftMessage:
        told = [RaftPlace(id=one, address=address) for one, address in places.items()]
        introduction = RaftIntroduction(applied=applied, places=told)
        return RaftMessage(sender=sender, recipient=1, incarnation=5, introduction=introduction)

    def test_a_list_that_is_newer_is_taken(self) -> None:
        self.members.setPeers(10, {1: "a:1", 2: "b:1"})
        self.members.introduced(self.introduction(20, {1: "a:1", 2: "b:1", 4: "d:1"}))
        self.assertEqual(self.network.told, {1: "a:1", 2: "b:1", 4: "d:1"})

    def test_one_that_is_older_is_not(self) -> None:
        self.members.setPeers(10, {1: "a:1", 2: "b:1"})
        self.members.introduced(self.introduction(10, {1: "a:1", 4: "d:1"}))
        self.assertEqual(self.network.told, {1: "a:1", 2: "b:1"})

    def test_the_own_state_counts_alone_once_it_is_newer(self) -> None:
        self.members.introduced(self.introduction(20, {1: "a:1", 4: "d:1"}))
        self.members.setPeers(15, {1: "a:1", 2: "b:1"})
        self.assertEqual(self.network.told, {1: "a:1", 2: "b:1", 4: "d:1"})
        self.members.setPeers(25, {1: "a:1", 2: "b:1", 5: "e:1"})
        self.assertEqual(self.network.told, {1: "a:1", 2: "b:1", 5: "e:1"})

    def test_nobody_is_redirected_or_left_out_by_what_one_peer_tells(self) -> None:
        lie = self.introduction(1 << 61, {1: "a:1", 3: "evil:1"})
        self.members.introduced(lie)
        self.assertEqual((self.network.told, self.network.kept), ({1: "a:1"}, {1, 2, 3}))
        self.members.setPeers(10, {1: "a:1", 2: "b:1", 3: "c:1"})
        self.assertEqual(self.network.told, {1: "a:1", 2: "b:1", 3: "c:1"})
        self.members.setPeers(20, {1: "a:1", 2: "b:1", 3: "c:1", 4: "d:1"})
        self.members.introduced(lie)
        self.assertEqual(self.network.told, {1: "a:1", 2: "b:1", 3: "c:1", 4: "d:1"})

    def test_what_one_peer_tells_is_not_passed_on(self) -> None:
        self.network.up = {2}
        self.members.setPeers(10, {1: "a:1", 2: "b:1"})
        self.members.introduced(self.introduction(20, {1: "a:1", 2: "b:1", 4: "d:1"}))
        self.members.introduce(2)
        self.assertEqual({sent.introduction.applied for sent in self.network.sent}, {10})

    def test_another_address_is_tried_while_there_is_no_connection(self) -> None:
        self.network.up = {2}
        self.members.setPeers(10, {1: "a:1", 2: "b:1", 3: "c:1"})
        self.members.introduced(self.introduction(20, {1: "a:1", 2: "moved:1", 3: "moved:1"}))
        seen = []
        for _ in range(3):
            seen.append((self.network.told[2], self.network.told[3]))
            for _ in range(INTRODUCE_TICKS):
                self.members.tick()
        self.assertEqual(seen, [("b:1", "c:1"), ("b:1", "moved:1"), ("b:1", "c:1")])

    def test_who_takes_part_in_the_log_stays_until_it_does_no_more(self) -> None:
        self.members.setPeers(10, {1: "a:1", 2: "b:1"})
        self.assertEqual(self.network.kept, {1, 2, 3})
        self.engine.driver.core.membership = Membership({1: 0, 2: 0})
        self.members.tick()
        self.assertEqual((self.network.told, self.network.kept), ({1: "a:1", 2: "b:1"}, {1, 2}))

    def test_nobody_goes_before_the_log_says_who_takes_part(self) -> None:
        core, self.engine.driver = self.engine.driver, None
        self.members.setPeers(10, {1: "a:1"})
        self.assertEqual(self.network.kept, {2, 3})
        self.engine.driver = core
        self.members.tick()
        self.assertEqual(self.network.kept, {1, 2, 3})

    def check_not_taken(self, message: RaftMessage) -> None:
        self.members.introduced(message)
        self.assertEqual(self.network.told, {})

    def test_a_list_without_this_replica(self) -> None:
        self.check_not_taken(self.introduction(20, {2: "b:1"}))

    def test_a_list_of_too_many(self) -> None:
        self.check_not_taken(self.introduction(20, dict.fromkeys(range(1, 100), "a:1")))

    def test_a_list_with_an_address_that_is_none(self) -> None:
        self.check_not_taken(self.introduction(20, {1: "a:1", 2: ""}))
        self.check_not_taken(self.introduction(20, {1: "a:1", 2: "b" * 301}))

    def test_a_list_as_of_an_entry_that_cannot_be(self) -> None:
        self.check_not_taken(self.introduction(1 << 62, {1: "a:1", 2: "b:1"}))

    def test_somebody_with_two_places(self) -> None:
        message = self.introduction(20, {1: "a:1", 2: "b:1"})
        message.introduction.places.add(id=2, address="c:1")
        self.check_not_taken(message)

    def test_each_is_introduced_to_those_that_are_connected(self) -> None:
        self.network.up = {2}
        self.members.setPeers(10, {1: "a:1", 2: "b:1", 3: "c:1"})
        (sent,) = self.network.sent
        self.assertEqual((sent.recipient, sent.incarnation, sent.introduction.applied), (2, 77, 10))
        self.assertEqual([place.id for place in sent.introduction.places], [1, 2, 3])

    def test_a_majority_that_turns_it_away_removes_a_replica(self) -> None:
        self.network.refusing = {2: True}
        self.assertEqual(self.members.standing()[0], LogStanding.MEMBER)
        self.network.refusing = {2: True, 3: True}
        standing, why = self.members.standing()
        self.assertEqual(standing, LogStanding.REMOVED)
        self.assertIn("no longer a member", why)

    def test_other_refusals_do_not(self) -> None:
        self.network.refusing = {2: False, 3: False}
        self.assertEqual(self.members.standing()[0], LogStanding.MEMBER)

    def check_waits(self, why: str) -> None:
        core = self.engine.driver.core
        core.membership, core.log.last_index = Membership(), 0
        standing, words = self.members.standing()
        self.assertEqual(standing, LogStanding.WAITS)
        self.assertIn(why, words)

    def test_a_new_one_says_that_it_is_not_known(self) -> None:
        self.network.refusing = {2: True}
        self.check_waits("coname cluster add")

    def test_a_new_one_says_that_it_reaches_nobody(self) -> None:
        self.check_waits("is reached")

    def test_a_new_one_says_that_it_was_let_in(self) -> None:
        self.network.up = {2}
        self.check_waits("waits for the log")

    def test_a_log_that_says_so_removes_a_replica(self) -> None:
        self.engine.driver.core.membership = Membership({2: 0, 3: 0})
        self.assertEqual(self.members.standing()[0], LogStanding.REMOVED)
