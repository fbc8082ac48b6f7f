"""How a policy follows what heads announce, and what it refuses to follow."""

from __future__ import annotations

import contextlib
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_sign_seed_keypair
from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads, rollover
from coname.core.policies import policy_satisfied
from coname.core.quorums import replica_policy, satisfied, signers
from coname.core.rollover import follow, followed, next_policy
from coname.core.signatures import SigningKey, public_key_message
from coname.core.times import timestamp
from coname.core.types import Epoch
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import AuthorizationPolicy, PublicKey, QuorumExpr, SignedEpochHead
from coname.messages.config_pb2 import RealmConfig, Replica

KEYS = [SigningKey.from_secret(crypto_sign_seed_keypair(bytes([9, number] * 16))[1]) for number in range(12)]
VERIFIERS = KEYS[8:]
REALM = "testing"


def replicas(*numbers: int) -> AuthorizationPolicy:
    return replica_policy(
        [Replica(id=KEYS[each].key_id, public_keys=[public_key_message(KEYS[each].public)]) for each in numbers]
    )


def clients(replicas: AuthorizationPolicy) -> AuthorizationPolicy:
    """What clients ask for: the replicas' policy, and a majority of verifiers."""
    policy = AuthorizationPolicy(public_keys=replicas.public_keys)
    policy.quorum.threshold = 2
    policy.quorum.subexpressions.add().CopyFrom(replicas.quorum)
    verifiers = policy.quorum.subexpressions.add(threshold=3)
    for key in VERIFIERS:
        policy.public_keys[key.key_id].CopyFrom(public_key_message(key.public))
        verifiers.candidates.append(key.key_id)
    return policy


def head(policy: AuthorizationPolicy | None, epoch: int = 5, realm: str = REALM) -> bytes:
    inner = heads.build(realm, Epoch(epoch), bytes(32), timestamp(1_700_000_000), bytes(64), policy)
    return heads.timestamped(inner, timestamp(1_700_000_000))


def signed(data: bytes, *keys: SigningKey) -> SignedEpochHead:
    return SignedEpochHead(head=data, signatures={key.key_id: key.sign(data) for key in keys})


class RolloverCase(SynchronousTestCase):
    def refused(self, because: str, policy: AuthorizationPolicy) -> None:
        error = self.assertRaises(ProofInvalid, next_policy, heads.parse(head(policy)))
        self.assertEqual(error.step, rollover.STEP)
        self.assertIn(because, str(error))


class AnnouncementTests(RolloverCase):
    def test_a_head_mostly_announces_nothing(self) -> None:
        self.assertIsNone(next_policy(heads.parse(head(None))))
        self.assertEqual(heads.parse(head(None)).next_epoch_policy, b"")

    def test_an_empty_policy_is_none(self) -> None:
        self.assertEqual(head(None), head(AuthorizationPolicy()))

    def test_what_is_announced(self) -> None:
        self.assertEqual(next_policy(heads.parse(head(replicas(0, 1)))), replicas(0, 1))

    def test_the_same_policy_has_the_same_bytes(self) -> None:
        forward, backward = AuthorizationPolicy(), AuthorizationPolicy()
        for signer in range(1, 50):
            forward.public_keys[signer].ed25519 = bytes(32)
            backward.public_keys[50 - signer].ed25519 = bytes(32)
        self.assertEqual(head(forward), head(backward))

    def test_no_quorum(self) -> None:
        self.refused("no quorum", AuthorizationPolicy(public_keys=replicas(0).public_keys))

    def test_satisfied_by_nobody(self) -> None:
        policy = AuthorizationPolicy()
        policy.quorum.SetInParent()
        self.refused("satisfied without any signature", policy)

    def test_never_satisfied(self) -> None:
        policy = replicas(0, 1)
        policy.quorum.threshold = 3
        self.refused("not satisfied by all", policy)

    def test_a_key_of_another_length(self) -> None:
        policy = replicas(0, 1)
        policy.public_keys[KEYS[0].key_id].ed25519 = bytes(31)
        self.refused("no Ed25519 key for", policy)

    def test_an_id_without_a_key(self) -> None:
        policy = replicas(0, 1, 2)
        del policy.public_keys[KEYS[0].key_id]
        self.refused("other keys than those", policy)

    def test_a_key_that_nobody_asks_for(self) -> None:
        policy = replicas(0, 1)
        policy.public_keys[7].ed25519 = bytes(32)
        self.refused("other keys than those", policy)

    def test_more_keys_than_are_looked_at(self) -> None:
        policy = AuthorizationPolicy()
        policy.quorum.threshold = 1
        for signer in range(rollover.MOST_KEYS + 1):
            policy.public_keys[signer].ed25519 = bytes(32)
            policy.quorum.candidates.append(signer)
        self.refused("more than 1024 keys", policy)

    def test_a_quorum_larger_than_is_looked_at(self) -> None:
        policy = replicas(0)
        policy.quorum.candidates.extend([KEYS[0].key_id] * 3 * rollover.MOST_KEYS)
        self.refused("a quorum of more than", policy)

    @settings(derandomize=True, max_examples=200)
    @given(st.binary(max_size=100))
    def test_any_bytes_in_its_place(self, data: bytes) -> None:
        encoded = b"\x32" + bytes([len(data)]) + data
        inner = heads.build(REALM, Epoch(1), bytes(32), timestamp(5), b"")[:-2] + encoded
        with contextlib.suppress(ProofInvalid):
            next_policy(heads.parse(heads.timestamped(inner, timestamp(5))))


class FollowedTests(RolloverCase):
    def test_the_replicas_policy_itself(self) -> None:
        self.assertEqual(followed(replicas(0, 1), replicas(0, 1), replicas(0, 1, 2)), replicas(0, 1, 2))

    def test_a_part_of_what_clients_ask_for(self) -> None:
        found = followed(clients(replicas(0, 1)), replicas(0, 1), replicas(1, 2))
        self.assertEqual(found, clients(replicas(1, 2)))

    def test_nothing_is_changed_in_place(self) -> None:
        policy, before, after = clients(replicas(0)), replicas(0), replicas(0, 1)
        followed(policy, before, after)
        self.assertEqual((policy, before, after), (clients(replicas(0)), replicas(0), replicas(0, 1)))

    def test_there_and_back(self) -> None:
        there = followed(clients(replicas(0, 1)), replicas(0, 1), replicas(1, 2))
        self.assertEqual(followed(there, replicas(1, 2), replicas(0, 1)), clients(replicas(0, 1)))

    def test_every_place_where_it_stands(self) -> None:
        policy = AuthorizationPolicy(public_keys=replicas(0).public_keys)
        policy.quorum.threshold = 1
        for _ in range(2):
            policy.quorum.subexpressions.add(threshold=1).subexpressions.add().CopyFrom(replicas(0).quorum)
        found = followed(policy, replicas(0), replicas(1))
        self.assertEqual(signers(found.quorum), {KEYS[1].key_id})
        self.assertEqual(set(found.public_keys), {KEYS[1].key_id})

    def test_where_it_is_no_part(self) -> None:
        error = self.assertRaises(ProofInvalid, followed, clients(replicas(0)), replicas(1), replicas(2))
        self.assertIn("is not in the policy", str(error))

    def test_where_nothing_is_known_of_the_part(self) -> None:
        self.assertRaises(ProofInvalid, followed, clients(replicas(0)), AuthorizationPolicy(), replicas(2))
        self.assertRaises(ProofInvalid, followed, AuthorizationPolicy(), AuthorizationPolicy(), replicas(2))

    def test_a_key_that_something_else_asks_for_stays(self) -> None:
        policy = clients(replicas(0))
        policy.quorum.candidates.append(KEYS[0].key_id)
        found = followed(policy, replicas(0), replicas(1))
        self.assertIn(KEYS[0].key_id, found.public_keys)

    def test_an_id_that_would_name_two_keys(self) -> None:
        after = replicas(0)
        other = VERIFIERS[0].key_id
        after.public_keys[other].CopyFrom(public_key_message(KEYS[1].public))
        after.quorum.candidates.append(other)
        error = self.assertRaises(ProofInvalid, followed, clients(replicas(0)), replicas(0), after)
        self.assertIn("two different keys", str(error))

    def test_a_verifier_that_becomes_a_replica_with_its_key(self) -> None:
        after = replicas(0, 8)
        found = followed(clients(replicas(0)), replicas(0), after)
        self.assertEqual(found.public_keys[VERIFIERS[0].key_id].ed25519, VERIFIERS[0].public)

    def test_an_id_that_gets_another_key(self) -> None:
        after = replicas(0, 1)
        after.public_keys[KEYS[0].key_id].CopyFrom(public_key_message(KEYS[2].public))
        found = followed(clients(replicas(0, 1)), replicas(0, 1), after)
        self.assertEqual(found.public_keys[KEYS[0].key_id].ed25519, KEYS[2].public)

    def test_deep_nesting(self) -> None:
        policy = AuthorizationPolicy(public_keys=replicas(0).public_keys)
        quorum = policy.quorum
        for _ in range(90):
            quorum.threshold = 1
            quorum = quorum.subexpressions.add()
        quorum.CopyFrom(replicas(0).quorum)
        found = followed(policy, replicas(0), replicas(1))
        self.assertEqual(signers(found.quorum), {KEYS[1].key_id})

    @settings(derandomize=True, max_examples=100, deadline=None)
    @given(st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=2, max_size=8), st.sets(st.integers(0, 11)))
    def test_any_way_leads_to_what_the_last_policy_alone_gives(self, way: list[set[int]], have: set[int]) -> None:
        policy = clients(replicas(*sorted(way[0])))
        for before, after in pairwise(way):
            policy = followed(policy, replicas(*sorted(before)), replicas(*sorted(after)))
        last = sorted(way[-1])
        self.assertEqual(policy, clients(replicas(*last)))
        ids = {KEYS[each].key_id for each in have}
        enough = 2 * len(have & set(last)) > len(last) and len(have & {8, 9, 10, 11}) >= 3
        self.assertEqual(satisfied(policy.quorum, ids), enough)
        message = b"head"
        signatures = {key.key_id: key.sign(message) for key in (KEYS[each] for each in have)}
        self.assertEqual(policy_satisfied(policy, message, signatures), enough)


class FollowTests(RolloverCase):
    def setUp(self) -> None:
        self.realm = RealmConfig(
            RealmName=REALM, verification_policy=clients(replicas(0, 1)), keyserver_auth=replicas(0, 1)
        )

    def follow(self, *ratified: SignedEpochHead) -> None:
        _, self.realm = follow(self.realm, ratified)

    def test_a_change_that_everybody_signed(self) -> None:
        after = head(replicas(1, 2))
        epoch, realm = follow(self.realm, [signed(after, *KEYS[:2]), signed(after, *VERIFIERS[:3])])
        self.assertEqual(epoch, 5)
        self.assertEqual(realm.verification_policy, clients(replicas(1, 2)))
        self.assertEqual((realm.keyserver_auth, realm.keyserver_auth_since), (replicas(1, 2), 5))
        self.assertEqual(self.realm.keyserver_auth, replicas(0, 1))

    def test_one_after_the_other(self) -> None:
        self.follow(signed(head(replicas(1, 2)), *KEYS[:2], *VERIFIERS))
        self.follow(signed(head(replicas(2, 3), 7), *KEYS[1:3], *VERIFIERS))
        self.assertEqual(self.realm.keyserver_auth, replicas(2, 3))

    def test_signed_by_the_new_ones_alone(self) -> None:
        error = self.assertRaises(ProofInvalid, self.follow, signed(head(replicas(2, 3)), *KEYS[2:4], *VERIFIERS))
        self.assertEqual(error.step, "signatures")

    def test_without_the_verifiers(self) -> None:
        self.assertRaises(ProofInvalid, self.follow, signed(head(replicas(2, 3)), *KEYS[:2]))

    def test_of_another_realm(self) -> None:
        self.assertRaises(ProofInvalid, self.follow, signed(head(replicas(2), realm="other"), *KEYS[:2], *VERIFIERS))

    def test_that_announces_nothing(self) -> None:
        self.assertRaises(ProofInvalid, self.follow, signed(head(None), *KEYS[:2], *VERIFIERS))

    def test_an_earlier_one_again(self) -> None:
        first = signed(head(replicas(0, 1, 2)), *KEYS[:2], *VERIFIERS)
        self.follow(first)
        self.follow(signed(head(replicas(0, 1), 9), *KEYS[:2], *VERIFIERS))
        error = self.assertRaises(ProofInvalid, self.follow, first)
        self.assertIn("is known", str(error))

    def test_a_realm_that_does_not_say_which_part_is_the_replicas(self) -> None:
        self.realm.ClearField("keyserver_auth")
        self.assertRaises(ProofInvalid, self.follow, signed(head(replicas(1, 2)), *KEYS[:2], *VERIFIERS))

    def test_a_hostile_policy(self) -> None:
        hostile = AuthorizationPolicy(quorum=QuorumExpr(threshold=0), public_keys={1: PublicKey(ed25519=bytes(32))})
        self.assertRaises(ProofInvalid, self.follow, signed(head(hostile), *KEYS[:2], *VERIFIERS))

    def test_none(self) -> None:
        self.assertRaises(ProofInvalid, follow, self.realm, [])
