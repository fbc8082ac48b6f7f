"""Replicas change, and the verifier follows by what the heads say; a liar among old or new ones convinces nobody."""

from __future__ import annotations

from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from coname.core.evidence import judge
from coname.core.policies import describe
from coname.core.signatures import SigningKey
from coname.core.types import Epoch
from coname.errors import ConameError
from coname.messages.client_pb2 import AuthorizationPolicy, SignedEpochHead
from coname.messages.config_pb2 import RealmConfig
from coname.messages.verification_pb2 import VerifierStep
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Event, Fault, TracingStore
from coname.verifier import policies, tables
from tests.core.cases import each
from tests.core.honest import key
from tests.keyserver.changing import add, promote, realm_of, remove
from tests.keyserver.changing_world import ChangingWorld
from tests.keyserver.harness import REALM as WORLD_REALM
from tests.keyserver.harness import Owner
from tests.verifier import test_crashes
from tests.verifier.harness import KEY, NOW, Verifier, nanoseconds
from tests.verifier.lying import LIES, REALM, Lie, LyingKeyserver, honest, majority_of

FIRST = [key("replica 0"), key("replica 1"), key("replica 2")]
SECOND = [key("replica 2"), key("replica 3"), key("replica 4")]
THIRD = [key("replica 5"), key("replica 6"), key("replica 7")]


def changed(keyserver: LyingKeyserver) -> LyingKeyserver:
    """Some epochs, of which the first two announce others; by the third, all replicas are others."""
    for keys in (SECOND, THIRD):
        keyserver.set(f"somebody {keyserver.epoch}")
        keyserver.set("alice", 2 * keyserver.epoch)
        keyserver.hand_over(*keys)
    keyserver.set("alice", 4)
    keyserver.close()
    return keyserver


def configured(replicas: list[SigningKey] = FIRST) -> RealmConfig:
    """What a judge has pinned, from before any change."""
    policy = majority_of(replicas)
    return RealmConfig(RealmName=REALM, verification_policy=policy, keyserver_auth=policy)


class PolicyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.keyserver = LyingKeyserver(replicas=3)
        self.verifier = Verifier(self.keyserver, require_transcripts=True)

    def refused(self, *rules: str) -> None:
        verified = self.verifier.replay.verified
        self.verifier.read()
        self.assertEqual(self.verifier.replay.verified, verified)
        violation = self.verifier.replay.violation
        assert violation is not None
        self.assertIn(violation.rule, rules)


class FollowingTests(PolicyCase):
    def test_every_change(self) -> None:
        changed(self.keyserver)
        self.verifier.read()
        self.assertIsNone(self.verifier.replay.violation)
        self.assertEqual([taken.epoch for taken in self.verifier.taken], [1, 2, 3])
        self.assertEqual([taken.changed for taken in self.verifier.taken], [True, True, False])
        self.assertEqual(self.verifier.replay.policy, (2, majority_of(THIRD)))

    def test_without_a_change(self) -> None:
        honest(self.keyserver)
        self.verifier.read()
        self.assertEqual(self.verifier.replay.policy, (0, majority_of(FIRST)))

    def test_across_restarts(self) -> None:
        for keys in (SECOND, THIRD):
            self.keyserver.hand_over(*keys)
            self.verifier.read()
            self.verifier.open()
        self.keyserver.close()
        self.verifier.read()
        self.assertEqual((self.verifier.replay.verified, self.verifier.replay.violation), (3, None))
        self.verifier.open()
        self.assertEqual(self.verifier.replay.policy, (2, majority_of(THIRD)))

    def test_a_stream_that_begins_further_back(self) -> None:
        changed(self.keyserver)
        self.verifier.read()
        self.verifier.replay.rewind()
        self.verifier.replay.rewind()
        self.verifier.replay.begin()
        self.keyserver.close()
        self.verifier.read()
        self.assertEqual((self.verifier.replay.verified, self.verifier.replay.violation), (4, None))

    def test_a_head_that_announces_a_change_is_signed_however_old(self) -> None:
        changed(self.keyserver)
        self.verifier = Verifier(self.keyserver, policy=majority_of(FIRST), sign_within_ns=0)
        self.verifier.now += 1_000_000
        self.verifier.read()
        self.assertEqual([taken.signed is not None for taken in self.verifier.taken], [True, True, False])

    def test_those_before_sign_nothing_any_more(self) -> None:
        self.keyserver.hand_over(*THIRD)
        self.verifier.read()
        self.keyserver.close(signers=FIRST)
        self.refused("unratified_head")

    def test_nor_do_the_new_ones_before_their_time(self) -> None:
        self.keyserver.close(signers=THIRD, announced=majority_of(THIRD))
        self.refused("unratified_head")

    def test_nor_too_few_of_the_new_ones(self) -> None:
        self.keyserver.hand_over(*THIRD)
        self.verifier.read()
        self.keyserver.close(signers=THIRD[:1])
        self.refused("unratified_head")

    def test_transcripts_are_the_new_ones_too(self) -> None:
        self.keyserver.hand_over(*THIRD)
        self.verifier.read()
        self.keyserver.close()
        step = VerifierStep.FromString(self.keyserver.steps[-1])
        for signer in [one.key_id for one in THIRD[1:]]:
            del step.transcript.signatures[signer]
        self.keyserver.steps[-1] = step.SerializeToString()
        self.refused("missing_transcript")

    def test_a_database_from_before(self) -> None:
        """One of a version that knew of no changes holds no policy."""
        honest(self.keyserver)
        self.verifier.read()
        self.assertEqual(list(tables.read_policies(self.verifier.store, tables.NEWEST)), [])
        self.verifier.open()
        self.keyserver.hand_over(*SECOND)
        self.keyserver.close()
        self.verifier.read()
        self.assertEqual((self.verifier.replay.verified, self.verifier.replay.violation), (5, None))


class RefusedAnnouncementTests(PolicyCase):
    """A head that is not right changes nothing, whatever it announces."""

    def unchanged(self) -> None:
        self.assertEqual(self.verifier.replay.policy, (0, majority_of(FIRST)))
        self.assertEqual(list(tables.read_policies(self.verifier.store, tables.NEWEST)), [])

    def test_one_that_too_few_have_signed(self) -> None:
        self.keyserver.close(signers=FIRST[:1], announced=majority_of(THIRD))
        self.refused("unratified_head")
        self.unchanged()

    def test_one_with_a_wrong_root(self) -> None:
        self.keyserver.close(root_hash=bytes(32), announced=majority_of(THIRD))
        self.refused("wrong_root")
        self.unchanged()

    def test_one_that_nobody_can_satisfy(self) -> None:
        policy = majority_of(THIRD)
        policy.quorum.threshold = 4
        self.keyserver.close(announced=policy)
        self.refused("unusable_policy")
        self.unchanged()
        self.proven("unusable_policy")

    def test_one_that_anybody_satisfies(self) -> None:
        policy = majority_of(THIRD)
        policy.quorum.threshold = 0
        self.keyserver.close(announced=policy)
        self.refused("unusable_policy")
        self.unchanged()
        self.proven("unusable_policy")

    def test_one_that_names_keys_for_nothing(self) -> None:
        policy = majority_of(THIRD)
        policy.public_keys[7].ed25519 = bytes(32)
        self.keyserver.close(announced=policy)
        self.refused("unusable_policy")
        self.unchanged()

    def test_after_it_is_resumed_the_policy_before_holds(self) -> None:
        self.keyserver.close(signers=THIRD, announced=majority_of(THIRD))
        self.refused("unratified_head")
        self.keyserver.roll_back(0)
        self.keyserver.close()
        self.verifier.replay.resume()
        self.verifier.reconnect()
        self.assertEqual((self.verifier.replay.verified, self.verifier.replay.violation), (1, None))
        self.unchanged()

    def proven(self, rule: str) -> None:
        (bundle,) = [bundle for bundle in self.verifier.evidence if bundle.rule == rule]
        verdict = judge(configured(), bundle, NOW)
        self.assertEqual([finding.rule for finding in verdict.findings], [rule], verdict.why)


@each(LIES.items(), lambda case: case[0])
class LiesAfterAChange(SynchronousTestCase):
    """Told by those who became replicas later, to somebody who knows only who began."""

    def check(self, case: tuple[str, Lie]) -> None:
        keyserver = changed(LyingKeyserver(replicas=3))
        verifier = Verifier(keyserver, policy=majority_of(FIRST))
        verifier.read()
        case[1].tell(keyserver)
        if case[1].reconnect:
            verifier.reconnect()
        verifier.read()
        self.assertIsNotNone(verifier.replay.violation)
        self.assertEqual(len(verifier.taken), 3)
        bundle = next(bundle for bundle in verifier.evidence if bundle.rule == case[1].rule)
        verdict = judge(configured(), bundle, NOW)
        self.assertIn(case[1].rule, [finding.rule for finding in verdict.findings], verdict.why)


class JudgingTests(SynchronousTestCase):
    """What a judge makes of the heads that lead to the policy."""

    def setUp(self) -> None:
        keyserver = changed(LyingKeyserver(replicas=3))
        verifier = Verifier(keyserver, policy=majority_of(FIRST))
        verifier.read()
        LIES["wrong root"].tell(keyserver)
        verifier.read()
        (self.bundle,) = verifier.evidence

    def verdict(self, config: RealmConfig | None = None) -> tuple[bool, str, str]:
        verdict = judge(config or configured(), self.bundle, NOW)
        return verdict.proven, verdict.reason, verdict.why + " ".join(verdict.notes)

    def test_the_guilty_are_those_who_signed(self) -> None:
        verdict = judge(configured(), self.bundle, NOW)
        signers = tuple(sorted(each.key_id for each in THIRD))
        self.assertEqual([(each.rule, each.signers) for each in verdict.findings], [("wrong_root", signers)])

    def test_every_change_is_there(self) -> None:
        self.assertEqual(len(self.bundle.policy_changes), 2)

    def test_a_judge_who_knows_the_newest_policy(self) -> None:
        config = configured(THIRD)
        config.keyserver_auth_since = 2
        self.assertTrue(self.verdict(config)[0])

    def test_a_judge_who_knows_some_changes(self) -> None:
        config = configured(SECOND)
        config.keyserver_auth_since = 1
        self.assertTrue(self.verdict(config)[0])

    def test_a_judge_who_does_not_know_since_when_a_policy_holds(self) -> None:
        for policy in (SECOND, THIRD):
            self.assertTrue(self.verdict(configured(policy))[0])

    def test_a_judge_with_a_policy_that_nobody_announced(self) -> None:
        self.assertEqual(self.verdict(configured([*SECOND, *THIRD]))[:2], (False, "damaged"))

    def test_a_change_to_the_judges_own_policy_does_not_excuse_what_comes_later(self) -> None:
        first, second = self.bundle.policy_changes
        for signed in second.ratifications:
            signed.signatures.clear()
        self.assertEqual(self.verdict(configured(SECOND))[:2], (False, "damaged"))
        self.assertGreater(len(first.ratifications), 0)

    def test_a_judge_whose_configuration_does_not_say_where_to_begin(self) -> None:
        config = configured()
        config.ClearField("keyserver_auth")
        proven, reason, why = self.verdict(config)
        self.assertEqual((proven, reason), (False, "damaged"))
        self.assertIn("signed by nobody", why)

    def test_a_change_that_is_missing(self) -> None:
        del self.bundle.policy_changes[0]
        self.assertEqual(self.verdict()[:2], (False, "damaged"))

    def test_changes_in_another_order(self) -> None:
        first, second = self.bundle.policy_changes
        swapped = [second, first]
        del self.bundle.policy_changes[:]
        self.bundle.policy_changes.extend(swapped)
        self.assertEqual(self.verdict()[:2], (False, "damaged"))

    def test_a_change_that_is_none(self) -> None:
        self.bundle.policy_changes[1].ratifications[0].CopyFrom(self.bundle.heads[0])
        self.assertEqual(self.verdict()[:2], (False, "damaged"))

    def test_a_change_without_a_head(self) -> None:
        del self.bundle.policy_changes[1].ratifications[:]
        self.assertEqual(self.verdict()[:2], (False, "damaged"))

    def test_more_changes_than_are_looked_at(self) -> None:
        self.bundle.policy_changes.extend([self.bundle.policy_changes[0]] * 2000)
        self.assertEqual(self.verdict()[:2], (False, "too_large"))

    def test_every_bit_of_a_change_counts(self) -> None:
        signed = self.bundle.policy_changes[0].ratifications[0]
        original = SignedEpochHead()
        original.CopyFrom(signed)
        for place in range(0, len(signed.head), 5):
            damaged = bytearray(original.head)
            damaged[place] ^= 1
            signed.head = bytes(damaged)
            self.assertFalse(self.verdict()[0])
        signed.CopyFrom(original)
        self.assertTrue(self.verdict()[0])

    def test_one_key_under_the_id_of_another(self) -> None:
        """An id that had another key once is not made to answer for what that key signed."""
        keyserver = LyingKeyserver(replicas=1)
        verifier = Verifier(keyserver)
        innocent, guilty = keyserver.keys[0], key("replica 9")
        policy = AuthorizationPolicy(public_keys=majority_of([guilty]).public_keys, quorum=majority_of([guilty]).quorum)
        policy.public_keys[innocent.key_id].CopyFrom(policy.public_keys[guilty.key_id])
        del policy.public_keys[guilty.key_id]
        policy.quorum.candidates[:] = [innocent.key_id]
        keyserver.close(announced=policy)
        keyserver.close(previous=bytes(64), signers=[guilty])
        step = VerifierStep.FromString(keyserver.steps[-1])
        for signed in (step.Epoch, step.transcript):
            signed.signatures[innocent.key_id] = signed.signatures[guilty.key_id]
            del signed.signatures[guilty.key_id]
        keyserver.steps[-1] = step.SerializeToString()
        verifier.read()
        config = configured([innocent])
        (bundle,) = verifier.evidence
        verdict = judge(config, bundle, NOW)
        self.assertEqual(bundle.rule, "broken_chain")
        self.assertNotIn(innocent.key_id, [signer for finding in verdict.findings for signer in finding.signers])


class WatchingTests(PolicyCase):
    def test_a_fork_that_names_others_is_known_by_their_keys(self) -> None:
        honest(self.keyserver, 2)
        self.verifier.read()
        LIES["wrong root"].tell(self.keyserver)  # epoch 3
        self.keyserver.hand_over(*THIRD)
        self.keyserver.close()
        self.keyserver.close(previous=bytes(64))
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["wrong_root", "broken_chain"])
        bundle = self.verifier.evidence[1]
        self.assertEqual(len(bundle.policy_changes), 1)
        verdict = judge(configured(), bundle, NOW)
        signers = tuple(sorted(each.key_id for each in THIRD))
        self.assertEqual([each.signers for each in verdict.findings], [signers], verdict.why)
        self.assertEqual(self.verifier.replay.policy, (0, majority_of(FIRST)))

    def test_another_stream_knows_nothing_of_that(self) -> None:
        honest(self.keyserver, 2)
        self.verifier.read()
        LIES["wrong root"].tell(self.keyserver)
        self.keyserver.hand_over(*THIRD)
        self.verifier.read()
        policies = self.verifier.replay._history.policies
        self.assertEqual(policies.newest, majority_of(THIRD))
        self.verifier.replay.begin()
        self.assertEqual(policies.newest, majority_of(FIRST))


class BoundTests(PolicyCase):
    def test_many_changes(self) -> None:
        for number in range(60):
            self.keyserver.hand_over(key(f"replica {number}"), key(f"replica {number + 1}"))
        self.keyserver.close()
        self.verifier.read()
        self.assertEqual((self.verifier.replay.verified, self.verifier.replay.violation), (61, None))
        found = self.verifier.replay._history.policies
        for epoch in (2, 30, 61):
            self.assertEqual(
                found.of(Epoch(epoch)), majority_of([key(f"replica {epoch - 2}"), key(f"replica {epoch - 1}")])
            )
        self.assertEqual(found.of(Epoch(1)), majority_of(FIRST))
        self.assertEqual(len(found.led_to(Epoch(31))), 30)

    def test_of_too_many_the_newest_are_shown(self) -> None:
        changed(self.keyserver)
        self.verifier = Verifier(self.keyserver, policy=majority_of(FIRST))
        self.verifier.read()
        found = self.verifier.replay._history.policies
        whole = found.led_to(Epoch(3))
        with patch.object(policies, "MAX_POLICY_CHANGES", 1):
            self.assertEqual(found.led_to(Epoch(3)), whole[1:])
        with patch.object(policies, "MOST_SHOWN_BYTES", whole[1].ByteSize()):
            self.assertEqual(found.led_to(Epoch(3)), whole[1:])

    def test_what_is_only_watched_is_followed_for_a_while(self) -> None:
        LIES["wrong root"].tell(self.keyserver)
        for number in range(8):
            self.keyserver.hand_over(key(f"replica {number}"))
        with patch.object(policies, "MOST_SUPPOSED", 3):
            self.verifier.read()
        self.assertEqual(self.verifier.replay._history.policies.newest, majority_of([key("replica 2")]))


class ChangingStory(test_crashes.Story):
    """The life of a verifier whose keyserver's replicas change twice before it is lied to."""

    def __init__(self, trace: list[Event] | None = None) -> None:
        super().__init__(trace)
        self.keyserver = changed(LyingKeyserver(replicas=3))
        LIES["unauthorised change"].tell(self.keyserver)
        self.settings = Verifier(self.keyserver, policy=majority_of(FIRST), sign_within_ns=nanoseconds(NOW)).settings


class CrashTests(SynchronousTestCase):
    """The machine stops at any write: the policy is that of the newest verified epoch, whichever that is."""

    def crash_everywhere(self, fault: Fault, survive_all: bool) -> None:
        store = TracingStore(MemoryStore(), [])
        ChangingStory().tell(store)
        self.assertGreater(store.writes, 3)
        for nth in range(1, store.writes + 1):
            self.crash_at(nth, fault, survive_all)

    def crash_at(self, nth: int, fault: Fault, survive_all: bool) -> None:
        story, inner = ChangingStory(), MemoryStore()
        store = TracingStore(inner, [])
        store.fail_at(nth, fault, crash=True)
        self.assertRaises(ConameError, story.tell, store)
        survived = inner.crash(inner.unsynced if survive_all else 0)
        self.consistent(survived)
        replay = story.tell(survived)
        self.assertEqual((replay.verified, replay.policy), (3, (2, majority_of(THIRD))), nth)
        assert replay.violation is not None
        self.assertEqual(replay.violation.rule, "unauthorised_update", nth)
        self.assertEqual([len(signed) for signed in story.left.values()], [1, 1, 1], nth)

    def consistent(self, store: MemoryStore) -> None:
        """The policies in a database are those that its verified heads announced."""
        state = tables.read_state(store)
        verified = state.epoch if state else 0
        self.assertEqual(
            [start for start, _ in tables.read_policies(store, tables.NEWEST)], [3, 2][2 - min(verified, 2) :]
        )

    def test_dies_before_any_write(self) -> None:
        self.crash_everywhere(Fault.FAIL, survive_all=True)

    def test_dies_before_any_write_and_loses_what_was_not_synced(self) -> None:
        self.crash_everywhere(Fault.FAIL, survive_all=False)

    def test_dies_after_any_write(self) -> None:
        self.crash_everywhere(Fault.KEEP, survive_all=True)


class RealKeyserver(SynchronousTestCase):
    """A real replica's log while its realm's replicas change."""

    def test_every_epoch_is_verified(self) -> None:
        world = ChangingWorld(realm=realm_of(2))
        world.begin()
        verifier = Verifier(LyingKeyserver(), realm=WORLD_REALM, policy=world.realm.policy, require_transcripts=True)
        verifier.now = world.now
        world.epoch()
        for step in (add(2), promote(2), remove(1), add(3), promote(3), remove(0)):
            self.successResultOf(world.change(step))
            request = world.realm.request(Owner(f"user{world.closed}@example.com"))
            request.lookup_parameters.ClearField("quorum_requirement")  # the first replicas', who will be gone
            updated = world.replica.update(request)
            world.epoch()
            world.epoch()
            self.successResultOf(updated)
            published = world.replica.verification.published()
            verifier.keyserver.steps[:] = world.replica.verification.read(0, 1 << 30)
            self.assertEqual(len(verifier.keyserver.steps), published)
            verifier.now = world.now
            verifier.read()
            self.assertIsNone(verifier.replay.violation)
            verifier.open()
        self.assertEqual(verifier.replay.verified, world.ratified)
        since, policy = verifier.replay.policy
        self.assertEqual(since, world.replica.state.announced_epoch)
        self.assertEqual(describe(policy), describe(world.parts.machine.members.policy(world.ratified)))
        self.assertNotIn(KEY.key_id, policy.public_keys)
