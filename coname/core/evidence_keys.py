"""Whose signatures count in an evidence bundle: the keys that the realm's configuration has, and those of replicas that
came later.

What leads from the ones to the others is in the bundle: each head that announced another policy, ratified by the policy
before (`coname.core.rollover`), from the configuration's `keyserver_auth` on. So whoever has nothing but the
configuration, however old, can judge what was signed since.

Rules of this file:

* A change that is not ratified by the policy before it, or that cannot be followed, damages the bundle. One from before
  the configuration's policy is passed over, as its epoch shows, or that a later one announces that very policy: a judge
  may have a newer configuration than the witness, and has to find no less.
* Ids are not signed. A signature under an unknown id is that of the key, of those that are known, by which it verifies;
  if there is none, it is a stranger's, and passed over: a signer shall not spoil the evidence against itself by letting
  somebody else sign along.
* A key may be filed under several ids; a signature does not say under which. All are one signer here, under the
  smallest id.
* An id may have had one key once, and another later. Those are two signers; the later one goes by its key's own id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core import quorums, ratifications, rollover
from coname.core.evidence_bounds import MAX_POLICY_CHANGES, TooMuch
from coname.core.evidence_facts import damaged
from coname.core.hashes import key_id
from coname.core.signatures import PUBLIC_KEY_SIZE, public_key_message
from coname.errors import ProofInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from coname.core.evidence_bounds import Budget
    from coname.messages.client_pb2 import AuthorizationPolicy, RatifiedHead
    from coname.messages.config_pb2 import RealmConfig


def known_policies(
    realm: RealmConfig, changes: Sequence[RatifiedHead], budget: Budget
) -> Iterator[AuthorizationPolicy]:
    """The policies whose keys are the realm's: those of its configuration, and those that `changes` lead to.

    Without `keyserver_auth`, nobody knows where to begin: the changes are passed over then.

    :raises ProofInvalid: step "evidence": a change is damaged, or there are more than are looked at.
    """
    yield realm.verification_policy
    if not realm.HasField("keyserver_auth"):
        return
    yield realm.keyserver_auth
    if len(changes) > MAX_POLICY_CHANGES:
        raise TooMuch(f"it holds {len(changes)} changes of the policy; at most {MAX_POLICY_CHANGES} are looked at")
    policy, since = realm.keyserver_auth, realm.keyserver_auth_since
    announced = [_announced(realm, place, change) for place, change in enumerate(changes)]
    before = next((place for place, (_, after) in enumerate(announced) if after == realm.keyserver_auth), -1)
    for place, (epoch, after) in enumerate(announced):
        if epoch <= since:
            continue
        if after is not None and _ratified(policy, changes[place], budget):
            yield after
            policy, since, before = after, epoch, -1
        elif place > before:
            raise damaged(f"change {place} of the policy, of epoch {epoch}, is not one, or not ratified")


def _announced(realm: RealmConfig, place: int, change: RatifiedHead) -> tuple[int, AuthorizationPolicy | None]:
    """The epoch of a change, and what its head announces."""
    try:
        head = ratifications.common_head(realm.RealmName, change.ratifications)
        return head.epoch, rollover.next_policy(head)
    except ProofInvalid as error:
        raise damaged(f"change {place} of the policy cannot be followed: {error}") from error


def _ratified(policy: AuthorizationPolicy, change: RatifiedHead, budget: Budget) -> bool:
    good = set()
    for each in change.ratifications:
        for signer in quorums.signers(policy.quorum):
            if signer in each.signatures and signer not in good and signer in policy.public_keys:
                key = policy.public_keys[signer].ed25519
                if budget.verify_signer(key, each.head, each.signatures[signer]):
                    good.add(signer)
    return policy.HasField("quorum") and quorums.satisfied(policy.quorum, good)


class Keys:
    """The realm's signers: their keys by id.

    :ivar strangers: the ids under which signatures by unknown keys were found.
    """

    def __init__(self, realm: RealmConfig, changes: Sequence[RatifiedHead], budget: Budget) -> None:
        self._keys: dict[int, list[bytes]] = {}
        for policy in known_policies(realm, changes, budget):
            for signer, key in policy.public_keys.items():
                keys = self._keys.setdefault(signer, [])
                if len(key.ed25519) == PUBLIC_KEY_SIZE and key.ed25519 not in keys:
                    keys.append(key.ed25519)
        self._names: dict[bytes, int] = {}
        for signer in sorted(self._keys, reverse=True):
            for first in self._keys[signer][:1]:
                self._names[first] = signer
        for signer in sorted(self._keys):
            for later in self._keys[signer][1:]:
                self._names.setdefault(later, self._free_name(later))
        self._budget = budget
        self.strangers: set[int] = set()

    def _free_name(self, key: bytes) -> int:
        """What a key goes by whose id was another's before."""
        name: int = key_id(public_key_message(key).SerializeToString())
        while name in self._keys or name in self._names.values():
            name = (name + 1) % 2**64
        return name

    def signers(self, what: str, message: bytes, signatures: Mapping[int, bytes]) -> frozenset[int]:
        """Who has signed `message`, of those that are known.

        :raises ProofInvalid: one of their signatures does not verify.
        """
        found = (self._signer(what, message, signer, signatures[signer]) for signer in sorted(signatures))
        return frozenset(signer for signer in found if signer is not None)

    def good(self, message: bytes, signatures: Mapping[int, bytes]) -> dict[int, bytes]:
        """Those signatures that are filed under a known id, and verify: what a witness may put into a bundle."""
        return {
            signer: signature
            for signer, signature in signatures.items()
            if any(self._budget.verify_signer(key, message, signature) for key in self._keys.get(signer, ()))
        }

    def _signer(self, what: str, message: bytes, signer: int, signature: bytes) -> int | None:
        keys = self._keys.get(signer)
        if not keys:
            return self._whose(message, signer, signature)
        for key in keys:
            if self._budget.verify_signer(key, message, signature):
                return self._names[key]
        raise damaged(f"the signature by {signer} on {what} does not verify")

    def _whose(self, message: bytes, unknown: int, signature: bytes) -> int | None:
        for key, signer in self._names.items():
            if self._budget.verify_signer(key, message, signature):
                return signer
        self.strangers.add(unknown)
        return None
