"""What a server, or whoever holds retired keys, may try in order to have its own replicas believed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from coname.client import Client, PinnedState
from coname.client.evidence import Contradiction
from coname.client.follower import MAX_PAGE, MAX_PAGES
from coname.client.servers import Server, Servers
from coname.core import heads
from coname.core.evidence import judge
from coname.core.signatures import SigningKey
from coname.core.times import timestamp
from coname.core.types import Epoch
from coname.errors import InvalidRequest, ProofInvalid, QuorumUnmet, Unreachable
from coname.messages.client_pb2 import AuthorizationPolicy, PolicyChanges, PolicyChangesRequest, RatifiedHead
from tests.client.changing import policy_of
from tests.client.test_following import ALICE, FollowingCase
from tests.client.transports import MemoryTransport


def keys(count: int = 3) -> list[SigningKey]:
    return [SigningKey.generate() for _ in range(count)]


class Attacks(FollowingCase):
    """The replicas were replaced once, and the client has followed. Then the server begins to lie."""

    verifiers = 1

    def setUp(self) -> None:
        super().setUp()
        self.retired = list(self.realm.signers)
        self.realm.replace_all()
        self.honest = self.look()
        self.theirs = keys()

    def forged(
        self,
        signers: list[SigningKey],
        announced: AuthorizationPolicy | None = None,
        epoch: int | None = None,
        realm: str = "testing",
    ) -> RatifiedHead:
        """A head that announces the attacker's replicas, signed by `signers`."""
        number = len(self.realm.epochs) + 1 if epoch is None else epoch
        policy = policy_of(self.theirs) if announced is None else announced
        head = heads.build(realm, Epoch(number), b"r" * 32, timestamp(self.realm.now), b"s" * 64, policy)
        return RatifiedHead(ratifications=self.realm.sign(head, signers) if signers else self.unsigned(head))

    def unsigned(self, head: bytes):
        found = self.realm.sign(head)
        for each in found:
            each.signatures.clear()
        return found

    def tells(self, *changes: RatifiedHead, more: bool = False) -> None:
        """The server knows these changes from now on."""

        def answer(request: PolicyChangesRequest) -> PolicyChanges:
            self.realm.asked.append(request)
            return PolicyChanges(changes=changes, more=more)

        self.realm.policy_changes = answer

    def stays(self, *words: str) -> None:
        """The client asks for changes, and follows none: a lookup still verifies, and says what was wrong. Unless what
        it was told convicts somebody: that is told first, once."""
        self.realm.now += 24 * 3600
        self.realm.close_epoch()
        outcomes: list[object] = []
        self.client().lookup(ALICE).addBoth(outcomes.append)
        (outcome,) = outcomes
        if isinstance(outcome, Failure):
            outcome.trap(Contradiction)
            assert outcome.value.evidence is not None
            self.assertTrue(judge(self.config.realms[0], outcome.value.evidence, self.realm.now).proven)
            said, outcome = str(outcome.value), self.look()
        else:
            said = " ".join(outcome.notes)
        self.assertEqual(outcome.realm.keyserver_auth, self.honest.realm.keyserver_auth)
        self.assertEqual(len(outcome.changes), len(self.honest.changes))
        for each in words:
            self.assertIn(each, said)

    def test_a_head_that_nobody_has_signed(self) -> None:
        self.tells(self.forged([]))
        self.stays("expected the signatures of", "good ones are by: none")

    def test_no_head_at_all(self) -> None:
        self.tells(RatifiedHead())
        self.stays("nobody vouches for its epoch")

    def test_a_head_of_another_realm_by_the_right_keys(self) -> None:
        self.tells(self.forged([*self.realm.signers, *self.realm.verifiers], realm="other"))
        self.stays("is of the realm 'other'")

    def test_retired_keys(self) -> None:
        self.tells(self.forged([*self.retired, *self.realm.verifiers]))
        self.stays("expected the signatures of")

    def test_the_replicas_without_the_verifiers(self) -> None:
        self.tells(self.forged(self.realm.signers))
        self.stays("expected the signatures of")

    def test_too_few_replicas(self) -> None:
        self.tells(self.forged([self.realm.signers[0], *self.realm.verifiers]))
        self.stays("expected the signatures of")

    def test_older_changes_shown_again(self) -> None:
        self.tells(*(self.realm.ratified(each) for each in self.realm.announcing))
        self.stays()

    def test_an_epoch_before_the_newest_change_by_retired_keys(self) -> None:
        self.tells(self.forged([*self.retired, *self.realm.verifiers], epoch=self.realm.announcing[-1] - 1))
        self.stays()

    def test_another_head_for_the_epoch_of_a_change(self) -> None:
        signers = self.realm.epochs[self.realm.announcing[-1] - 1].signers
        self.tells(self.forged([*signers, *self.realm.verifiers], epoch=self.realm.announcing[-1]))
        self.stays("has two heads")

    def test_two_heads_for_one_epoch_are_evidence(self) -> None:
        signers = self.realm.epochs[self.realm.announcing[-1] - 1].signers
        self.tells(self.forged([*signers, *self.realm.verifiers], epoch=self.realm.announcing[-1]))
        self.realm.now += 24 * 3600
        self.realm.close_epoch()
        found = self.failureResultOf(self.client().lookup(ALICE), Contradiction).value
        self.assertEqual(found.step, "memory")
        self.assertIn(found.evidence.rule, ("two_heads", "broken_chain"))
        self.assertIn(found.path, str(found))

    def test_a_head_that_announces_nothing(self) -> None:
        self.tells(self.forged([*self.realm.signers, *self.realm.verifiers], AuthorizationPolicy()))
        self.stays("announces no other policy")

    def test_a_policy_that_anybody_satisfies(self) -> None:
        policy = policy_of(self.theirs)
        policy.quorum.threshold = 0
        self.tells(self.forged([*self.realm.signers, *self.realm.verifiers], policy))
        self.stays("satisfied without any signature")

    def test_a_policy_in_which_a_verifiers_id_names_another_key(self) -> None:
        policy = policy_of(self.theirs)
        (verifier,) = self.realm.verifiers
        policy.public_keys[verifier.key_id].CopyFrom(policy.public_keys[self.theirs[0].key_id])
        policy.quorum.subexpressions[0].candidates.append(verifier.key_id)
        self.tells(self.forged([*self.realm.signers, *self.realm.verifiers], policy))
        self.stays("would name two different keys")

    def test_two_different_heads_mixed(self) -> None:
        mixed = self.forged(self.realm.signers)
        mixed.ratifications.extend(self.forged([*self.realm.verifiers], policy_of(keys())).ratifications)
        self.tells(mixed)
        self.stays("is of another epoch head")

    def test_more_changes_at_once_than_are_looked_at(self) -> None:
        self.tells(*[self.forged([])] * (MAX_PAGE + 1))
        self.stays(f"{MAX_PAGE + 1} changes at once")

    def test_empty_pages_without_end(self) -> None:
        self.realm.asked.clear()
        self.tells(more=True)
        self.stays()
        self.assertEqual(len(self.realm.asked), 1)

    def test_a_server_that_breaks_down_over_the_question(self) -> None:
        def fail(_: PolicyChangesRequest) -> PolicyChanges:
            raise InvalidRequest("what?")

        self.realm.policy_changes = fail
        self.stays("could not be found out: what?")

    def test_answers_by_retired_keys(self) -> None:
        """As the newest epoch, as one before the newest change, as that of the change: refused each time."""
        for epoch in (len(self.realm.epochs) + 1, self.realm.announcing[-1], self.realm.announcing[0], 1):
            self.realm.tamper = self.signed_by(self.retired, epoch)
            self.fails(ProofInvalid)

    def signed_by(self, signers: list[SigningKey], epoch: int) -> Callable[..., None]:
        head = heads.build(
            "testing", Epoch(epoch), b"r" * 32, timestamp(self.realm.now), b"s" * 64 if epoch > 1 else b""
        )

        def tamper(proof) -> None:
            del proof.ratifications[:]
            proof.ratifications.extend(self.realm.sign(head, [*signers, *self.realm.verifiers]))

        return tamper


class AfterTheMemoryOfHeadsIsGone(Attacks):
    """The same with nothing remembered but the policies."""

    def setUp(self) -> None:
        super().setUp()
        for name in [each for each in self.records._records if each.endswith("/head")]:
            del self.records._records[name]


class Bounds(FollowingCase):
    def test_a_thousand_real_changes_are_followed_over_several_runs(self) -> None:
        one, other = keys(1), keys(1)
        self.realm.change(one)
        self.realm.page = 20
        for number in range(1000):
            self.realm.change(other if number % 2 else one)
        self.realm.close_epoch()
        asked = []
        for _ in range(10):
            before = len(self.realm.asked)
            outcome = self.client().lookup("alice@example.com")
            outcome.addErrback(lambda failure: failure.trap(QuorumUnmet, ProofInvalid))
            asked.append(len(self.realm.asked) - before)
        self.assertEqual(self.look().epoch, len(self.realm.epochs))
        self.assertLessEqual(max(asked), 5 * MAX_PAGES)


class Liar(MemoryTransport):
    """Answers as the realm does, but for the question for changes.

    :ivar tells: what it says to that.
    """

    tells = PolicyChanges()

    def policy_changes(self, request: PolicyChangesRequest) -> Deferred[PolicyChanges]:
        return succeed(self.tells)


class OneOfThree(FollowingCase):
    """One of three servers lies about changes, and is asked first: the client follows what the others tell."""

    verifiers = 1

    def setUp(self) -> None:
        super().setUp()
        self.liar = Liar(self.realm)
        self.look()
        self.retired = list(self.realm.signers)
        self.newest = self.realm.replace_all()[-1]
        self.realm.now += 24 * 3600
        self.realm.close_epoch()

    def client(self, records: object | None = None) -> Client:
        honest = [MemoryTransport(self.realm), MemoryTransport(self.realm)]
        servers = [Server(str(place), one) for place, one in enumerate([self.liar, *honest])]
        return Client(
            self.config,
            lambda _: Servers(servers, draw=lambda _: 0),
            PinnedState(records or self.records),
            clock=lambda: self.realm.now,
        )

    def follows(self, *lies: RatifiedHead) -> None:
        self.liar.tells = PolicyChanges(changes=lies)
        outcome = self.look()
        self.assertEqual((outcome.epoch, outcome.changes[-1].epoch), (len(self.realm.epochs), self.newest))

    def forged(self, *signers: SigningKey) -> RatifiedHead:
        policy = policy_of(keys())
        head = heads.build("testing", Epoch(1000), b"r" * 32, timestamp(self.realm.now), b"s" * 64, policy)
        return RatifiedHead(ratifications=self.realm.sign(head, list(signers)))

    def test_no_head_at_all(self) -> None:
        self.follows(RatifiedHead())

    def test_a_head_that_too_few_have_signed(self) -> None:
        self.follows(self.forged(self.retired[0]))

    def test_a_lie_after_what_is_true(self) -> None:
        first, second, *_ = self.realm.announcing
        self.follows(self.realm.ratified(first), self.realm.ratified(second), RatifiedHead())

    def test_a_change_left_out(self) -> None:
        self.follows(self.realm.ratified(self.realm.announcing[-1]))

    def test_more_than_is_looked_at(self) -> None:
        self.follows(*[RatifiedHead()] * (MAX_PAGE + 1))

    def test_nothing(self) -> None:
        self.follows()

    def test_what_convicts_somebody_is_told_once_the_rest_is_followed(self) -> None:
        head = heads.build("testing", Epoch(1), b"r" * 32, timestamp(self.realm.now), b"", policy_of(keys()))
        self.liar.tells = PolicyChanges(
            changes=[RatifiedHead(ratifications=self.realm.sign(head, [*self.retired, *self.realm.verifiers]))]
        )
        self.failureResultOf(self.client().lookup(ALICE), Contradiction)
        outcome = self.look()
        self.assertEqual((outcome.epoch, outcome.changes[-1].epoch), (len(self.realm.epochs), self.newest))


class PinnedLater(FollowingCase):
    """A configuration with a newer policy than the realm's first."""

    def setUp(self) -> None:
        super().setUp()
        *_, self.newest = self.realm.replace_all()
        self.config = self.realm.config()

    def show_only(self, epoch: int) -> None:
        self.realm.policy_changes = lambda _: PolicyChanges(changes=[self.realm.ratified(epoch)])

    def test_an_older_change_that_the_newer_keys_have_signed_does_not_lead_back(self) -> None:
        self.config.realms[0].keyserver_auth_since = self.newest
        for epoch in self.realm.announcing:
            self.show_only(epoch)
            self.assertEqual(self.look().realm.keyserver_auth, policy_of(self.realm.signers))

    def test_changes_after_it_are_followed(self) -> None:
        self.config.realms[0].keyserver_auth_since = self.newest
        self.look()
        self.realm.replace_all()
        self.assertEqual(self.look().epoch, len(self.realm.epochs))


class Gaps(FollowingCase):
    def test_a_change_left_out_is_no_way_to_others_keys(self) -> None:
        first, second, third = self.realm.signers, keys(), keys()
        self.look()
        self.realm.hidden.add(self.realm.change(second))
        self.realm.close_epoch()
        self.realm.change(third)
        self.realm.close_epoch()
        self.realm.epochs[1].signers = [first[0]]
        self.realm.now += 4000
        self.realm.close_epoch()
        self.assertIn("could not be followed", self.fails(ProofInvalid))

    def test_a_server_that_cannot_be_asked_leaves_the_first_error(self) -> None:
        def gone(_: PolicyChangesRequest) -> PolicyChanges:
            raise Unreachable("gone")

        self.look()
        self.realm.change(keys())
        self.realm.close_epoch()
        self.realm.policy_changes = gone
        self.realm.epochs[1].signers = []
        self.realm.epochs[0].signers = []
        self.assertIn("could not be followed (gone)", self.fails(QuorumUnmet))
