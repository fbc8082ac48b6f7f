"""Requests, built from what is known. Pure but for the nonces and keys that are drawn."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

from coname.client.identity import Identity, Pending
from coname.core.hashes import profile_commitment
from coname.core.signatures import SigningKey, public_key_message
from coname.core.types import Epoch
from coname.messages.client_pb2 import (
    AuthorizationPolicy,
    EmailProof,
    Entry,
    LookupRequest,
    Profile,
    SignedEntryUpdate,
    UpdateRequest,
)
from coname.messages.config_pb2 import RealmConfig

LATEST = Epoch(0)
"""What a question asks for that names no epoch."""

NONCE_SIZE = 32
"""Bytes of a profile's nonce, which keeps its commitment from being guessed. The protocol asks for 16 or more."""


def lookup_request(realm: RealmConfig, user_id: str, epoch: Epoch = LATEST) -> LookupRequest:
    """The question for `user_id`, asking for the signatures that the client will insist on.

    :param epoch: 0 for the latest.
    """
    request = LookupRequest(user_id=user_id, epoch=epoch)
    if realm.verification_policy.HasField("quorum"):
        request.quorum_requirement.CopyFrom(realm.verification_policy.quorum)
    return request


def update_request(
    realm: RealmConfig, user_id: str, pending: Pending, email_proof: EmailProof | None = None
) -> UpdateRequest:
    """`pending` as it is sent: the same signed bytes each time."""
    request = UpdateRequest()
    request.CopyFrom(pending.request)
    request.lookup_parameters.CopyFrom(lookup_request(realm, user_id))
    if email_proof is not None:
        request.email_proof.CopyFrom(email_proof)
    return request


def sole_key_policy(key: SigningKey) -> AuthorizationPolicy:
    """The policy that `key` alone satisfies."""
    policy = AuthorizationPolicy()
    policy.public_keys[key.key_id].CopyFrom(public_key_message(key.public))
    policy.quorum.threshold = 1
    policy.quorum.candidates.append(key.key_id)
    return policy


def signed_update(
    identity: Identity,
    entry: Entry,
    keys: Mapping[str, bytes],
    current: Iterable[AuthorizationPolicy] = (),
    rotates: bool = False,
) -> Pending:
    """An update that puts `entry` in force, publishing `keys`.

    :param entry: with index, version and policy; the profile commitment is filled in.
    :param current: the policies that may be in force when the update arrives; those of `identity`'s keys that they
        name sign, as do those that the new policy names.
    """
    profile = Profile(nonce=secrets.token_bytes(NONCE_SIZE), keys=keys).SerializeToString(deterministic=True)
    entry.profile_commitment = profile_commitment(profile)
    encoded = entry.SerializeToString(deterministic=True)
    signatures = identity.sign([*current, entry.update_policy], encoded)
    update = SignedEntryUpdate(new_entry=encoded, signatures=signatures)
    return Pending(UpdateRequest(update=update, profile=profile), rotates)
