"""A replica that is behind decides nothing by what it has not yet heard of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from coname.core.signatures import SigningKey
from coname.errors import Unavailable, UpdateInvalid
from coname.interfaces import CommittedEntry, IKeyValueStore
from coname.keyserver.proposals import new_uid
from coname.keyserver.replica import Replica
from coname.messages.client_pb2 import UpdateRequest
from coname.messages.replication_pb2 import AdmittedUpdate, KeyserverStep, LogEntry
from coname.replication.single import SingleLog
from tests.keyserver.harness import Owner, World, at_once


class SlowLog(SingleLog):
    """Delivers only while it is not held up.

    :ivar proposed: all entries. :ivar loses: whether they get nowhere.
    """

    def __init__(self, store: IKeyValueStore) -> None:
        super().__init__(store, at_once)
        self.held: list[tuple[Deferred[Sequence[CommittedEntry]], Sequence[CommittedEntry]]] | None = None
        self.proposed: list[LogEntry] = []
        self.loses = False

    def propose(self, data: bytes) -> Deferred[None]:
        self.proposed.append(LogEntry.FromString(data))
        return succeed(None) if self.loses else super().propose(data)

    def waitCommitted(self) -> Deferred[Sequence[CommittedEntry]]:
        later: Deferred[Sequence[CommittedEntry]] = Deferred()

        def arrived(entries: Sequence[CommittedEntry]) -> None:
            if self.held is None:
                later.callback(entries)
            else:
                self.held.append((later, entries))

        super().waitCommitted().addCallbacks(arrived, later.errback)
        return later

    def release(self) -> None:
        held, self.held = self.held, None
        for later, entries in held or ():
            later.callback(entries)


class BehindTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.log: SlowLog

        def make_log(store: IKeyValueStore) -> SlowLog:
            self.log = SlowLog(store)
            return self.log

        self.world = World(make_log=make_log)
        self.world.parts = replace(self.world.parts, shared=True)
        self.world.replica = Replica(self.world.parts)
        self.world.begin()
        self.owner = Owner("alice@example.com")
        self.successResultOf(self.update(self.request(0), 2))

    def request(self, version: int, *signers: SigningKey) -> UpdateRequest:
        return self.world.realm.request(self.owner, version, signers=list(signers) or None)

    def update(self, request: UpdateRequest, seconds: float = 0) -> Deferred[object]:
        answer = self.world.replica.update(request)
        self.world.settle(seconds)
        return answer

    def elsewhere(self, request: UpdateRequest) -> None:
        """Another replica's update is committed."""
        _, proof = self.world.realm.suite.prove(self.world.realm.vrf_secret, self.owner.user_id.encode())
        update = AdmittedUpdate(
            update=request.update, profile=request.profile, user_id=self.owner.user_id, index_proof=proof
        )
        entry = LogEntry(steps=[KeyserverStep(UID=new_uid(), update=update)])
        self.log.propose(entry.SerializeToString())
        self.world.settle()

    def barriers(self) -> int:
        steps = [step for entry in self.log.proposed for step in entry.steps]
        return sum(step.WhichOneof("type") is None for step in steps)

    def test_what_is_in_order_by_the_newest_state_is_taken(self) -> None:
        self.log.held = []
        before, self.owner.key = self.owner.key, SigningKey.generate()
        self.elsewhere(self.request(1, before, self.owner.key))
        answer = self.update(self.request(2), 0.2)  # by a key that is not known here yet
        self.assertNoResult(answer)
        self.log.release()
        self.world.settle(2)
        self.successResultOf(answer)
        self.assertEqual(self.barriers(), 1)

    def test_what_is_not_is_refused_after_the_same_question(self) -> None:
        answer = self.update(self.request(5, SigningKey.generate()))
        self.failureResultOf(answer, UpdateInvalid)
        self.assertEqual(self.barriers(), 1)

    def test_many_bad_updates_ask_together(self) -> None:
        self.log.held = []
        answers = [self.update(self.request(5, SigningKey.generate())) for _ in range(50)]
        self.log.release()
        self.world.settle(0.2)
        for answer in answers:
            self.failureResultOf(answer, UpdateInvalid)
        self.assertLessEqual(self.barriers(), 2)

    def test_a_replica_that_stops_meanwhile_says_so(self) -> None:
        self.log.loses = True
        answer = self.update(self.request(5, SigningKey.generate()))
        Deferred.fromCoroutine(self.world.replica.stop())
        self.world.settle()
        self.failureResultOf(answer, Unavailable)


class AloneTests(SynchronousTestCase):
    def test_a_replica_whose_log_is_its_own_is_never_behind(self) -> None:
        world = World()
        world.begin()
        bad = world.realm.request(Owner("alice@example.com"), 0, signers=[SigningKey.generate()])
        answer = world.replica.update(bad)
        self.failureResultOf(answer, UpdateInvalid)
