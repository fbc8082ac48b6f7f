"""How the keys that ratify a realm's epochs change: by signatures alone.

The head of epoch N may carry a policy, `next_epoch_policy`. Epoch N itself is ratified by the policy before, and so the
change is authorised by those who have had the say so far; from epoch N + 1 on, the new one holds. A head without a
policy, which is what the original always writes, changes nothing.

Everybody who demands more than the replicas' signatures (clients and HKP fronts: those of verifiers, too) has a larger
policy, of which the replicas' is a part. What follows from a change is the same policy with that part exchanged.

Rules of this file:

* One meaning for all: clients, fronts, verifiers, and whoever judges evidence call these functions.
* A head that announces a policy which no honest keyserver announces, is refused as a whole: one that nobody can ever
  satisfy, that is satisfied without a signature, or that names keys that nobody asks for.
* Nothing recurses: policies come from strangers (see `coname.core.quorums`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core import policies, quorums, ratifications
from coname.core.signatures import PUBLIC_KEY_SIZE
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.messages.config_pb2 import RealmConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coname.core.heads import Head
    from coname.core.types import Epoch
    from coname.messages.client_pb2 import SignedEpochHead

STEP = "rollover"

MOST_KEYS = 1024
"""In a policy that is announced: a realm has some replicas with few keys each. It bounds what following one costs."""

MOST_PARTS = 2 * MOST_KEYS
"""Of its quorum: each key, and each replica."""


def next_policy(head: Head) -> AuthorizationPolicy | None:
    """Who ratifies the epochs after that of `head`, if it says so; None where nothing changes.

    :raises ProofInvalid: step "rollover": it announces what no honest keyserver does.
    """
    if not head.next_epoch_policy:
        return None
    try:
        policy = AuthorizationPolicy.FromString(head.next_epoch_policy)
    except DecodeError as error:
        raise ProofInvalid(STEP, f"epoch {head.epoch} announces what is not a policy: {error}") from error
    _check(policy, f"the policy that epoch {head.epoch} announces")
    return policy


def _check(policy: AuthorizationPolicy, what: str) -> None:
    if len(policy.public_keys) > MOST_KEYS or quorums.depth_and_size(policy.quorum, MOST_PARTS).size > MOST_PARTS:
        raise ProofInvalid(STEP, f"{what} has more than {MOST_KEYS} keys, or a quorum of more than {MOST_PARTS}")
    wrong = [signer for signer, key in policy.public_keys.items() if len(key.ed25519) != PUBLIC_KEY_SIZE]
    if wrong:
        raise ProofInvalid(STEP, f"{what} has no Ed25519 key for {quorums.ids(wrong)}")
    bad = unusable(policy)
    if bad:
        raise ProofInvalid(STEP, f"{what} {bad}")
    if quorums.signers(policy.quorum) != set(policy.public_keys):
        raise ProofInvalid(STEP, f"{what} has other keys than those that its quorum asks for")


def unusable(policy: AuthorizationPolicy) -> str:
    """Why nobody can have meant `policy` to ratify epochs, in words that go on from it; empty if somebody can."""
    if not policy.HasField("quorum"):
        return "has no quorum: nothing would ever satisfy it"
    if quorums.satisfied(policy.quorum, ()):
        return "is satisfied without any signature"
    if not quorums.satisfied(policy.quorum, policy.public_keys):
        return "is not satisfied by all of its keys together"
    return ""


def followed(
    policy: AuthorizationPolicy, before: AuthorizationPolicy, after: AuthorizationPolicy
) -> AuthorizationPolicy:
    """`policy` with `after` in the place of its part `before`: every quorum in it that is that of `before`.

    The keys of `before` go, unless something else in `policy` asks for them; those of `after` come.

    :param before: who ratified until now. :param after: who does from now on.
    :raises ProofInvalid: step "rollover": `before` is no part of `policy`, or an id would then name two keys.
    """
    found = AuthorizationPolicy()
    found.CopyFrom(policy)
    others = _exchange(found, before, after)
    if others is None:
        raise ProofInvalid(
            STEP,
            f"the replicas' part, {policies.describe(before)}, is not in the policy, {policies.describe(policy)}",
        )
    for signer in before.public_keys:
        if signer not in others:
            found.public_keys.pop(signer, None)
    for signer, key in after.public_keys.items():
        if signer in found.public_keys and found.public_keys[signer] != key:
            raise ProofInvalid(STEP, f"the id {signer} would name two different keys")
        found.public_keys[signer].CopyFrom(key)
    return found


def _exchange(policy: AuthorizationPolicy, before: AuthorizationPolicy, after: AuthorizationPolicy) -> set[int] | None:
    """Exchange the part in `policy` itself. Gives the ids that the rest asks for; None if it is not there."""
    if not policy.HasField("quorum") or not before.HasField("quorum"):
        return None
    others: set[int] = set()
    found = False
    waiting = [policy.quorum]
    while waiting:
        quorum = waiting.pop()
        if quorum == before.quorum:
            quorum.CopyFrom(after.quorum)
            found = True
        else:
            others.update(quorum.candidates)
            waiting.extend(quorum.subexpressions)
    return others if found else None


def follow(realm: RealmConfig, ratified: Sequence[SignedEpochHead]) -> tuple[Epoch, RealmConfig]:
    """The realm's configuration after the change that the head of `ratified` announces, and that head's epoch.

    Freshness does not matter: a change of years ago led here all the same.

    :param realm: as it was until then: `verification_policy`, `keyserver_auth`, which is a part of it, and since when.
    :param ratified: one epoch's head, as everybody has signed it.
    :raises ProofInvalid: it is not signed by whom `realm` demands, is no newer than what `realm` knows, announces
        nothing, or what cannot be followed.
    """
    head = ratifications.common_head(realm.RealmName, ratified)
    if head.epoch <= realm.keyserver_auth_since:
        raise ProofInvalid(STEP, f"a change of epoch {realm.keyserver_auth_since} is known; this is of {head.epoch}")
    ratifications.check_signatures(realm, ratified)
    after = next_policy(head)
    if after is None:
        raise ProofInvalid(STEP, f"epoch {head.epoch} announces no other policy")
    return head.epoch, exchanged(realm, after, head.epoch)


def exchanged(realm: RealmConfig, after: AuthorizationPolicy, announced: Epoch) -> RealmConfig:
    """The realm's configuration once its replicas ratify by `after`.

    :param announced: the epoch whose head says so.
    :raises ProofInvalid: the replicas' part of its verification_policy is not known, or not found.
    """
    found = RealmConfig()
    found.CopyFrom(realm)
    found.verification_policy.CopyFrom(followed(realm.verification_policy, realm.keyserver_auth, after))
    found.keyserver_auth.CopyFrom(after)
    found.keyserver_auth_since = announced
    return found
