from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Unavailable
from coname.interfaces import IKeyValueStore
from coname.keyserver.epochs import Reevaluated
from coname.keyserver.proposals import MAX_ENTRY_BYTES, Proposer
from coname.messages.replication_pb2 import AdmittedUpdate, KeyserverStep, LogEntry
from coname.replication.single import SingleLog
from tests.keyserver.harness import Owner, World, at_once


class Log:
    """As much of a log as a proposer sees.

    :ivar hold: if set, proposals are not taken until it is cleared and `release` is called.
    """

    def __init__(self) -> None:
        self.proposed: list[LogEntry] = []
        self.hold = False
        self.refuse = False
        self._held: list[Deferred[None]] = []

    def propose(self, data: bytes) -> Deferred[None]:
        if self.refuse:
            return fail(Unavailable("not now"))
        self.proposed.append(LogEntry.FromString(data))
        if not self.hold:
            return succeed(None)
        held: Deferred[None] = Deferred()
        self._held.append(held)
        return held

    def release(self) -> None:
        self.hold = False
        held, self._held = self._held, []
        for deferred in held:
            deferred.callback(None)


class ProposerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = Log()
        self.proposer = Proposer(self.log, self.clock, 5)  # type: ignore[arg-type]

    def sizes(self) -> list[int]:
        return [len(entry.steps) for entry in self.log.proposed]

    def test_steps_of_the_same_moment_share_an_entry(self) -> None:
        for uid in range(3):
            self.proposer.propose(KeyserverStep(UID=uid))
        self.clock.advance(0)
        self.assertEqual(self.sizes(), [3])

    def test_steps_gather_while_an_entry_is_taken(self) -> None:
        self.log.hold = True
        self.proposer.propose(KeyserverStep(UID=1))
        self.clock.advance(0)
        for uid in range(10):
            self.proposer.propose(KeyserverStep(UID=uid))
        self.log.release()
        self.clock.advance(0)
        self.assertEqual(self.sizes(), [1, 10])

    def test_an_entry_does_not_grow_without_bound(self) -> None:
        profile = bytes(100_000)
        for uid in range(12):
            self.proposer.propose(KeyserverStep(UID=uid, update=AdmittedUpdate(profile=profile)))
        for _ in range(10):
            self.clock.advance(0)
        self.assertEqual(sum(self.sizes()), 12)
        for entry in self.log.proposed:
            self.assertLessEqual(entry.ByteSize(), MAX_ENTRY_BYTES)

    def test_a_step_larger_than_the_bound_goes_alone(self) -> None:
        self.proposer.propose(KeyserverStep(update=AdmittedUpdate(profile=bytes(2 * MAX_ENTRY_BYTES))))
        self.clock.advance(0)
        self.assertEqual(self.sizes(), [1])

    def test_what_is_wanted_is_proposed_again_until_it_is_forgotten(self) -> None:
        self.proposer.want(KeyserverStep(UID=7))
        self.clock.advance(0)
        self.clock.pump([5, 0, 10, 0])
        self.assertEqual(self.sizes(), [1, 1, 1])
        self.proposer.forget(7)
        self.clock.pump([5, 0, 80, 0])
        self.assertEqual(self.sizes(), [1, 1, 1])

    def test_each_time_after_twice_as_long_up_to_a_bound(self) -> None:
        self.proposer.want(KeyserverStep(UID=7))
        at: list[int] = []
        for second in range(300):
            before = len(self.sizes())
            self.clock.advance(1)
            self.clock.advance(0)
            at += [second + 1] * (len(self.sizes()) - before)
        self.assertEqual(at[1:], [5, 15, 35, 75, 155, 235])

    def test_what_waits_longer_already_keeps_nobody_who_comes_later_waiting(self) -> None:
        self.proposer.want(KeyserverStep(UID=1))
        self.clock.pump([0, 5, 0, 1])
        self.proposer.want(KeyserverStep(UID=2))
        self.clock.pump([0, 5, 0])
        self.assertEqual([[step.UID for step in entry.steps] for entry in self.log.proposed], [[1], [1], [2], [2]])

    def test_each_at_its_own_time(self) -> None:
        self.proposer.want(KeyserverStep(UID=1))
        self.clock.pump([0, 2])
        self.proposer.want(KeyserverStep(UID=2))
        self.clock.pump([0, 3, 0])
        self.assertEqual([[step.UID for step in entry.steps] for entry in self.log.proposed], [[1], [2], [1]])
        self.clock.pump([2, 0])
        self.assertEqual([step.UID for step in self.log.proposed[-1].steps], [2])

    def test_a_log_that_takes_nothing_now_is_asked_again(self) -> None:
        self.log.refuse = True
        self.proposer.want(KeyserverStep(UID=7))
        self.clock.advance(0)
        self.assertEqual(self.sizes(), [])
        self.log.refuse = False
        self.clock.pump([5, 0])
        self.assertEqual(self.sizes(), [1])

    def test_stopped_it_proposes_nothing(self) -> None:
        self.proposer.want(KeyserverStep(UID=7))
        self.proposer.stop()
        self.clock.pump([0, 5, 0])
        self.assertEqual(self.sizes(), [])


class LosingLog(SingleLog):
    """Takes proposals and loses half of them, as a log may whose leaders fail."""

    def __init__(self, store: IKeyValueStore, chance: Random) -> None:
        super().__init__(store, at_once)
        self._chance = chance

    def propose(self, data: bytes) -> Deferred[None]:
        return succeed(None) if self._chance.random() < 0.5 else super().propose(data)


class LostProposalTests(SynchronousTestCase):
    def check(self, seed: int) -> None:
        world = World(make_log=lambda store: LosingLog(store, Random(seed)), client_timeout=0)
        world.begin()
        for _ in range(40):
            world.settle(5)
        self.assertGreaterEqual(world.replica.state.ratified_epoch, 1)
        answers = [world.replica.update(world.realm.request(Owner(f"user{number}@example.com"))) for number in range(3)]
        for _ in range(40):
            world.settle(5)
        for number, answered in enumerate(answers):
            user_id = f"user{number}@example.com"
            self.assertIsNotNone(world.verified(self.successResultOf(answered).message(), user_id).entry)

    def test_delimiters_signatures_and_updates_are_proposed_until_they_take_effect(self) -> None:
        for seed in range(20):
            try:
                self.check(seed)
            except BaseException:
                print(f"seed {seed}")
                raise


class TimerTests(SynchronousTestCase):
    def test_an_error_when_a_time_has_come_is_told(self) -> None:
        clock, told = Clock(), []

        def act() -> None:
            raise OSError("the disk, once")

        timer = Reevaluated(clock, lambda: 0, act, told.append)
        timer.reevaluate()
        clock.advance(0)
        self.assertIsInstance(told[0], OSError)
