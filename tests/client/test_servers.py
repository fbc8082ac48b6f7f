"""Several servers of one realm: who is asked, when, and what is said of it."""

from __future__ import annotations

import txaio
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from coname.client import Change, Client, MemoryIdentity, MemoryRecords, Outcome, PinnedState
from coname.client.interfaces import ITransport
from coname.client.servers import PATIENCE, UPDATE_PATIENCE, Server, Servers
from coname.client.transports.refusals import ServerFailed
from coname.core.quorums import signers as quorum_signers
from coname.core.signatures import SigningKey
from coname.errors import (
    ConameError,
    EpochUnknown,
    NotFound,
    Overloaded,
    ProofInvalid,
    QuorumUnmet,
    Refused,
    TimedOut,
    Unavailable,
    Unreachable,
)
from coname.messages.client_pb2 import (
    LookupProof,
    LookupRequest,
    PolicyChanges,
    PolicyChangesRequest,
    UpdateRequest,
)
from tests.client.changing import ChangingRealm
from tests.client.simulator import Realm
from tests.client.transports import MemoryTransport

ALICE = "alice@example.com"


@implementer(ITransport)
class Replica(MemoryTransport):
    """One of several ways to a realm.

    :ivar down: what it fails with, if anything.
    :ivar silent: it never answers.
    :ivar behind: how many of the newest epochs it does not know.
    """

    def __init__(self, realm: Realm) -> None:
        super().__init__(realm)
        self.down: ConameError | None = None
        self.silent = False
        self.behind = 0
        self.waiting: list[Deferred[LookupProof]] = []
        self.asked = 0
        self.broken_off = 0

    def lookup(self, request: LookupRequest) -> Deferred[LookupProof]:
        return self._instead() or self._late(request)

    def update(self, request: UpdateRequest) -> Deferred[LookupProof]:
        return self._instead() or super().update(request)

    def policy_changes(self, request: PolicyChangesRequest) -> Deferred[PolicyChanges]:
        return self._instead() or super().policy_changes(request)

    def _late(self, request: LookupRequest) -> Deferred[LookupProof]:
        newest = len(self.realm.epochs) - self.behind
        if request.epoch > newest:
            return fail(EpochUnknown(f"epoch {request.epoch} has not been ratified; the newest is {newest}"))
        self.realm.serves = newest
        return super().lookup(request)

    def _instead(self) -> Deferred | None:
        self.asked += 1
        if self.silent:
            self.waiting.append(Deferred(lambda _: self._cancelled()))
            return self.waiting[-1]
        return None if self.down is None else fail(self.down)

    def _cancelled(self) -> None:
        self.broken_off += 1


class ServersCase(SynchronousTestCase):
    """Three servers of a realm: a, b and c, of which a is the first to be asked."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.addCleanup(setattr, txaio.config, "loop", txaio.config.loop)
        txaio.config.loop = self.clock
        self.use(Realm())

    def use(self, realm: Realm) -> None:
        self.realm = realm
        self.a, self.b, self.c = self.all = [Replica(realm) for _ in range(3)]
        self.servers = self.make()
        self.records = MemoryRecords()
        self.client = self.new_client()
        self.store = MemoryIdentity()

    def make(self, first: int = 0) -> Servers:
        named = [Server(name, replica) for name, replica in zip("abc", self.all, strict=True)]
        return Servers(named, draw=lambda _: first, clock=self.clock.seconds)

    def new_client(self) -> Client:
        state = PinnedState(self.records)
        return Client(self.realm.config(), lambda _: self.servers, state, clock=lambda: self.realm.now)

    def asked(self) -> list[int]:
        return [each.asked for each in self.all]

    def look(self):
        return self.successResultOf(self.client.lookup(ALICE))

    def fails(self, kind: type[ConameError]) -> str:
        return str(self.failureResultOf(self.client.lookup(ALICE), kind).value)


class Lookups(ServersCase):
    def test_they_are_one_transport(self) -> None:
        verifyObject(ITransport, self.servers)

    def test_one_that_answers_is_enough(self) -> None:
        self.assertEqual((self.look().notes, self.asked()), ((), [1, 0, 0]))

    def test_the_first_is_drawn_by_lot(self) -> None:
        self.servers = self.make(first=2)
        self.client = self.new_client()
        self.look()
        self.assertEqual(self.asked(), [0, 0, 1])

    def test_the_lot_is_drawn_among_all(self) -> None:
        drawn = {Servers([Server(name, self.a) for name in "abc"])._first for _ in range(100)}
        self.assertEqual(drawn, {0, 1, 2})

    def test_one_that_cannot_be_reached_is_passed_over_and_named(self) -> None:
        self.a.down = Unreachable("a cannot be reached: no route")
        self.assertEqual(self.look().notes, ("a: a cannot be reached: no route",))

    def test_the_one_that_works_is_remembered(self) -> None:
        self.a.down = Unreachable("gone")
        self.look()
        self.look()
        self.assertEqual(self.asked(), [1, 2, 0])

    def test_whatever_another_may_know_better_is_asked_there(self) -> None:
        for error in (Unavailable, Overloaded, TimedOut, ServerFailed, NotFound, QuorumUnmet, EpochUnknown):
            self.use(Realm())
            self.a.down = error("not here")
            self.look()
            self.assertEqual(self.asked(), [1, 1, 0], error)

    def test_a_refusal_is_final(self) -> None:
        self.a.down = Refused("never")
        self.assertEqual(self.fails(Refused), "never")
        self.assertEqual(self.asked(), [1, 0, 0])

    def test_all_that_failed_are_named_the_most_telling_last(self) -> None:
        self.a.down = QuorumUnmet("no epoch is signed; its signers: 7 has signed nothing")
        self.b.down, self.c.down = Unreachable("no route"), Unavailable("stopping")
        self.assertEqual(
            self.fails(QuorumUnmet),
            "3 servers were asked; c: stopping; b: no route; "
            "a: no epoch is signed; its signers: signer 7 has signed nothing",
        )

    def test_a_lie_is_told_and_not_outvoted(self) -> None:
        self.realm.tamper = lambda proof: proof.ClearField("tree_proof")
        self.assertEqual(self.failureResultOf(self.client.lookup(ALICE), ProofInvalid).value.step, "tree")
        self.assertEqual(self.asked(), [1, 0, 0])

    def test_an_answer_too_few_have_signed_is_not_the_only_one(self) -> None:
        lookup = self.a.lookup

        def unsigned(request: LookupRequest) -> Deferred[LookupProof]:
            def tamper(proof: LookupProof) -> LookupProof:
                del proof.ratifications[1:]
                return proof

            return lookup(request).addCallback(tamper)

        self.a.lookup = unsigned
        (note,) = self.look().notes
        self.assertIn("a: expected the signatures of", note)


class Slow(ServersCase):
    def test_after_a_while_the_next_is_asked_too(self) -> None:
        self.a.silent = True
        found = self.client.lookup(ALICE)
        self.assertNoResult(found)
        self.clock.advance(PATIENCE)
        self.assertEqual(self.successResultOf(found).epoch, 1)
        self.assertEqual((self.asked(), self.a.broken_off), ([1, 1, 0], 1))

    def test_the_slow_one_counts_if_it_is_first(self) -> None:
        self.a.silent = self.b.silent = self.c.silent = True
        found = self.client.lookup(ALICE)
        self.clock.pump([PATIENCE, PATIENCE, PATIENCE])
        self.assertEqual(self.asked(), [1, 1, 1])
        self.b.waiting[0].callback(self.realm.prove(ALICE, 1))
        self.assertEqual(self.successResultOf(found).epoch, 1)
        self.assertEqual([each.broken_off for each in self.all], [1, 0, 1])

    def test_the_next_is_asked_at_once_when_one_fails_meanwhile(self) -> None:
        self.a.silent, self.b.down = True, Unreachable("gone")
        found = self.client.lookup(ALICE)
        self.clock.advance(PATIENCE)
        self.assertEqual(self.successResultOf(found).notes, ("b: gone",))
        self.assertEqual(self.asked(), [1, 1, 1])

    def test_nothing_is_left_running(self) -> None:
        self.a.silent = True
        found = self.client.lookup(ALICE)
        self.clock.advance(PATIENCE)
        self.successResultOf(found)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_gives_up_leaves_nothing_running(self) -> None:
        self.a.silent = True
        found = self.client.lookup(ALICE)
        found.cancel()
        self.failureResultOf(found)
        self.assertEqual((self.clock.getDelayedCalls(), self.a.broken_off), ([], 1))


class Lagging(ServersCase):
    def setUp(self) -> None:
        super().setUp()
        for _ in range(4):
            self.realm.close_epoch()
        self.look()

    def test_one_that_is_behind_is_passed_over_and_named(self) -> None:
        self.a.behind = 2
        result = self.look()
        self.assertEqual((result.epoch, result.notes), (5, ("a is 2 epochs behind",)))

    def test_it_is_asked_last_from_then_on(self) -> None:
        self.a.behind = 2
        self.look()
        before = self.a.asked
        self.look()
        self.assertEqual(self.a.asked, before)

    def test_if_all_are_behind_the_newest_is_judged_and_contradicts_the_memory(self) -> None:
        self.a.behind, self.b.behind, self.c.behind = 3, 1, 2
        error = self.failureResultOf(self.client.lookup(ALICE), ProofInvalid).value
        self.assertEqual(error.step, "memory")
        self.assertIn("epoch 5 was known before, and this is 4", str(error))

    def test_an_epoch_that_it_does_not_know_is_asked_for_elsewhere(self) -> None:
        self.a.behind = 2
        self.assertEqual(self.successResultOf(self.client.lookup(ALICE, epoch=5)).epoch, 5)

    def test_an_old_epoch_may_come_from_anybody(self) -> None:
        self.a.behind = 2
        result = self.successResultOf(self.client.lookup(ALICE, epoch=2))
        self.assertEqual((result.epoch, result.notes), (2, ()))


class Updates(ServersCase):
    def setUp(self) -> None:
        super().setUp()
        self.successResultOf(self.client.register(ALICE, {"pgp": b"1"}, self.store))

    def update(self):
        return self.client.update(ALICE, Change({"pgp": b"2"}), self.store)

    def fail_updates(self, replica: Replica, error: ConameError | None = None, after: float = 0) -> None:
        def update(_: UpdateRequest) -> Deferred[LookupProof]:
            self.clock.advance(after)
            self.sent.append(replica)
            return Deferred() if error is None else fail(error)

        self.sent = getattr(self, "sent", [])
        replica.update = update

    def test_it_goes_to_the_next_once_one_has_failed(self) -> None:
        self.fail_updates(self.a, Unreachable("broken off"))
        result = self.successResultOf(self.update())
        self.assertEqual((result.outcome, result.notes), (Outcome.UPDATED, ("a: broken off",)))

    def test_it_is_the_same_update_and_valid_once(self) -> None:
        honest = self.a.update

        def loses_the_answer(request: UpdateRequest) -> Deferred[LookupProof]:
            honest(request)
            return fail(Unreachable("broken off"))

        self.a.update = loses_the_answer
        result = self.successResultOf(self.update())
        self.assertEqual((result.outcome, result.entry.version), (Outcome.UPDATED, 1))

    def test_it_is_never_with_two_at_the_same_time(self) -> None:
        self.fail_updates(self.a)
        waiting = self.update()
        self.clock.pump([PATIENCE] * 10)
        self.assertNoResult(waiting)
        self.assertEqual(self.sent, [self.a])
        self.assertEqual(len(self.realm.updates), 1)

    def test_who_has_waited_for_signatures_in_vain_is_believed_and_asked_last(self) -> None:
        self.fail_updates(self.a, TimedOut("30 s"))
        self.failureResultOf(self.update(), TimedOut)
        self.assertEqual(self.sent, [self.a])
        self.assertEqual(self.successResultOf(self.update()).outcome, Outcome.UPDATED)

    def test_after_a_long_time_no_other_is_tried(self) -> None:
        self.fail_updates(self.a, Unreachable("no answer within 45 s"), after=UPDATE_PATIENCE + 1)
        self.failureResultOf(self.update(), Unreachable)
        self.assertEqual(len(self.realm.updates), 1)

    def test_all_that_failed_are_named(self) -> None:
        for replica, name in zip(self.all, "abc", strict=True):
            self.fail_updates(replica, Unreachable(f"{name} is gone"))
        message = str(self.failureResultOf(self.update(), Unreachable).value)
        self.assertEqual(message, "3 servers were asked; b: b is gone; c: c is gone; a: a is gone")


class TimeOuts(ServersCase):
    """An update that waits in vain: whose signatures are missing."""

    def setUp(self) -> None:
        super().setUp()
        self.verifier = SigningKey.generate()
        self.use(ChangingRealm(verifiers=[self.verifier]))
        self.successResultOf(self.client.register(ALICE, {"pgp": b"1"}, self.store))

    def message(self) -> str:
        self.realm.fail_update = TimedOut("the update was not signed within 30 seconds")
        update = self.client.update(ALICE, Change({"pgp": b"2"}), self.store)
        return str(self.failureResultOf(update, TimedOut).value)

    def test_those_who_have_not_signed_the_newest_epoch_are_named(self) -> None:
        ratified = self.realm.ratified

        def without_the_verifier(number: int):
            found = ratified(number)
            if number > 2:
                del found.ratifications[-1]
            return found

        self.realm.ratified = without_the_verifier
        message = self.message()
        self.assertIn("within 30 seconds. The newest epoch, 3, has no signature of ", message)
        self.assertIn(f"of signer {self.verifier.key_id}; wanted: 2 of (", message)

    def test_a_signature_that_does_not_verify_is_missing_too(self) -> None:
        ratified = self.realm.ratified

        def badly_signed(number: int):
            found = ratified(number)
            if number > 2:
                found.ratifications[-1].signatures[self.verifier.key_id] = bytes(64)
            return found

        self.realm.ratified = badly_signed
        self.assertIn(f"no signature of signer {self.verifier.key_id}", self.message())

    def test_if_all_have_signed_that_is_said(self) -> None:
        self.assertIn("Epoch 3, the newest, has all signatures", self.message())

    def test_if_it_cannot_be_found_out_the_error_stays(self) -> None:
        def then_gone(request: UpdateRequest) -> Deferred[LookupProof]:
            for replica in self.all:
                replica.down = Unreachable("gone")
            return MemoryTransport.update(self.a, request)

        self.a.update = then_gone
        self.assertEqual(self.message(), "the update was not signed within 30 seconds")


class Changes(ServersCase):
    """Several servers, and replicas that change."""

    def test_a_server_that_knows_of_no_change_is_not_the_last_word(self) -> None:
        self.use(ChangingRealm())
        self.look()
        signers = self.realm.signers
        self.realm.change([SigningKey.generate() for _ in range(3)])
        newest = self.realm.close_epoch()
        self.a.policy_changes = lambda _: succeed(PolicyChanges())
        lookup = self.realm.lookup

        def no_old_epochs(request: LookupRequest) -> LookupProof:
            if {key.key_id for key in signers} & satisfying(request):
                raise QuorumUnmet("no epoch is signed by the requested quorum")
            return lookup(request)

        self.realm.lookup = no_old_epochs
        self.assertEqual(self.look().epoch, newest)


def satisfying(request: LookupRequest) -> frozenset[int]:
    return quorum_signers(request.quorum_requirement)
