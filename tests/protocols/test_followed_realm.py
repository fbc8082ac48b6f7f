"""A front that verifies answers itself, while the replicas of its realm change."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.quorums import replica_policy
from coname.core.signatures import SigningKey, public_key_message
from coname.core.types import Epoch
from coname.errors import Unavailable
from coname.keyserver.policy_changes import PolicyAnswer
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.protocols.followed_realm import FollowedRealm
from coname.protocols.hkp import HkpService
from tests.keyserver.changing import KEYS, add, promote, remove, replica
from tests.keyserver.changing_world import ChangingWorld
from tests.keyserver.harness import Owner
from tests.protocols.identity import identity
from tests.protocols.openpgp import certificate
from tests.protocols.realm import LIMITS
from tests.protocols.wire import Server

ADDRESS = "alice@example.com"
VERIFIER = SigningKey.generate()


def with_verifier(replicas: AuthorizationPolicy) -> AuthorizationPolicy:
    """What clients ask for: the replicas' policy and the verifier."""
    policy = AuthorizationPolicy(public_keys=replicas.public_keys)
    policy.public_keys[VERIFIER.key_id].CopyFrom(public_key_message(VERIFIER.public))
    policy.quorum.threshold = 2
    policy.quorum.candidates.append(VERIFIER.key_id)
    policy.quorum.subexpressions.add().CopyFrom(replicas.quorum)
    return policy


class FollowedCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = ChangingWorld(2)
        self.realm = self.world.realm.config
        self.realm.verification_policy.CopyFrom(with_verifier(self.world.realm.policy))
        self.world.begin()
        self.epoch()

    def epoch(self, vouched: bool = True) -> None:
        self.world.epoch()
        if vouched:
            self.world.vouch(self.world.closed, VERIFIER)

    def enter(self, number: int, vouched: bool = True) -> None:
        self.successResultOf(self.world.change(add(number)))
        self.successResultOf(self.world.change(promote(number)))
        self.epoch(vouched)
        self.epoch(vouched)

    def leave(self, number: int) -> None:
        self.successResultOf(self.world.change(remove(number)))
        self.epoch()
        self.epoch()


class FollowedRealmTests(FollowedCase):
    def setUp(self) -> None:
        super().setUp()
        self.followed = FollowedRealm(self.world.replica, self.realm)

    def policy(self) -> AuthorizationPolicy:
        return self.followed.present().verification_policy

    def wanted(self, *numbers: int) -> AuthorizationPolicy:
        return with_verifier(replica_policy([replica(number) for number in numbers]))

    def test_while_nothing_changes(self) -> None:
        self.assertIs(self.followed.present(), self.realm)

    def test_every_change(self) -> None:
        self.enter(2)
        self.assertEqual(self.policy(), self.wanted(0, 1, 2))
        self.leave(1)
        self.enter(3)
        self.assertEqual(self.policy(), self.wanted(0, 2, 3))

    def test_more_of_them_than_come_at_once(self) -> None:
        for _ in range(5):
            self.enter(2)
            self.leave(2)
        asked: list[int] = []
        answer = self.world.replica.policyChanges

        def one(request: object) -> PolicyAnswer:
            found = answer(request)  # type: ignore[arg-type]
            asked.append(len(found.changes))
            return PolicyAnswer(found.changes[:1], more=len(found.changes) > 1)

        self.world.replica.policyChanges = one  # type: ignore[method-assign]
        self.assertEqual(self.policy(), self.wanted(0, 1))
        self.assertEqual(asked, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1])

    def test_not_before_the_verifier_has_signed(self) -> None:
        self.enter(2, vouched=False)
        self.assertIs(self.followed.present(), self.realm)
        self.world.vouch(self.world.replica.state.announced_epoch, VERIFIER)
        self.assertEqual(self.policy(), self.wanted(0, 1, 2))

    def test_what_cannot_be_followed_is_looked_at_once(self) -> None:
        self.enter(2, vouched=False)
        for _ in range(3):
            self.followed.present()
        # nothing was verified again: the answer is the very same
        self.assertNotEqual(self.followed._refused, b"")

    def test_each_epoch_has_its_own(self) -> None:
        self.enter(2)
        self.followed.present()
        announced = self.world.replica.state.announced_epoch
        self.assertEqual(self.followed.of(Epoch(announced)).verification_policy, self.wanted(0, 1))
        self.assertEqual(self.followed.of(Epoch(announced + 1)).verification_policy, self.wanted(0, 1, 2))

    def test_a_realm_that_does_not_say_which_part_is_the_replicas(self) -> None:
        self.realm.ClearField("keyserver_auth")
        self.enter(2)
        self.assertIs(self.followed.present(), self.realm)

    def test_while_the_replica_begins_anew(self) -> None:
        def anew(request: object) -> PolicyAnswer:
            raise Unavailable("in a moment")

        self.world.replica.policyChanges = anew  # type: ignore[method-assign]
        self.assertRaises(Unavailable, self.followed.present)


class HkpTests(FollowedCase):
    def setUp(self) -> None:
        super().setUp()
        owner = Owner(ADDRESS)
        self.world.replica.update(self.world.realm.request(owner, keys={"pgp": certificate(ADDRESS)}))
        self.epoch()
        self.server = Server({})
        self.server.clock.advance(self.world.now - self.server.clock.seconds())
        service = HkpService(self.world.replica, self.realm, LIMITS, identity(), "127.0.0.1", 0, self.server.clock)
        self.server.factory.answer = service.answer

    def status(self) -> int:
        return self.server.connect().ask("GET", f"/pks/lookup?op=get&search={ADDRESS}").status

    def lag_and_catch_up(self) -> None:
        """Three epochs, which the verifier signs only after the last; there is an answer at each moment."""
        for _ in range(3):
            self.world.epoch()
            self.assertEqual(self.status(), 200)
        for epoch in range(self.world.closed - 2, self.world.closed + 1):
            self.world.vouch(epoch, VERIFIER)
            self.assertEqual(self.status(), 200)

    def test_before_a_change(self) -> None:
        self.assertEqual(self.status(), 200)

    def test_after_every_change(self) -> None:
        self.enter(2)
        self.assertEqual(self.status(), 200)
        self.leave(0)
        self.assertEqual(self.status(), 200)
        self.enter(3)
        self.leave(1)
        self.assertEqual(self.status(), 200)
        self.assertFalse({KEYS[0].key_id, KEYS[1].key_id} & set(self.world.parts.machine.members.signing))

    def test_at_every_moment_of_one(self) -> None:
        for step in (add(2), promote(2)):
            self.successResultOf(self.world.change(step))
            self.assertEqual(self.status(), 200)
        self.lag_and_catch_up()

    def test_one_that_leaves_while_the_verifier_lags(self) -> None:
        self.successResultOf(self.world.change(remove(0)))
        self.lag_and_catch_up()
