"""Authorization policies and the validity of an update (protocol section 6).

Rules of this file:

* Signatures are checked over the bytes as received, and only those that could matter: by an id of the policy's
  `public_keys` that its quorum mentions. Others are ignored, not refused.
* A policy without a quorum is never satisfied; one with threshold 0 always is.
* `check_update` is what admission, the state machine and verifiers call. It depends on nothing but its arguments, so
  all of them come to the same result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core import quorums, signatures
from coname.errors import Corrupt, UpdateInvalid
from coname.messages.client_pb2 import AuthorizationPolicy, Entry, SignedEntryUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def signed_by(
    policy: AuthorizationPolicy,
    message: bytes,
    signed: Mapping[int, bytes],
    verify: signatures.Verify = signatures.verify,
) -> Iterator[int]:
    """The ids that `policy` mentions and whose signature in `signed` over `message` verifies, one after the other.

    :param signed: signatures by id.
    """
    for signer in quorums.signers(policy.quorum):
        # Reading a message map adds what it lacks, so ask first.
        if signer not in signed or signer not in policy.public_keys:
            continue
        key = policy.public_keys[signer]
        if key.HasField("ed25519") and verify(key.ed25519, message, signed[signer]):
            yield signer


def policy_satisfied(
    policy: AuthorizationPolicy | None,
    message: bytes,
    signed: Mapping[int, bytes],
    verify: signatures.Verify = signatures.verify,
) -> bool:
    """Whether `signed` (signatures by id) over `message` are enough for `policy`. No policy is never satisfied."""
    if policy is None or not policy.HasField("quorum"):
        return False
    if not quorums.satisfied(policy.quorum, signed):
        return False  # not even if every signature were good
    return quorums.satisfied(policy.quorum, frozenset(signed_by(policy, message, signed, verify)))


def check_update(
    current_entry: bytes | None, update: SignedEntryUpdate, verify: signatures.Verify = signatures.verify
) -> None:
    """Check that `update` may take the place of `current_entry`.

    :param current_entry: the entry that its index holds now, as stored; None if there is none.
    :raises UpdateInvalid: it may not, or its new entry cannot be read.
    :raises Corrupt: the current entry cannot be read.
    """
    new = _parse(update.new_entry)
    # Mostly, the same keys sign for the old and the new policy: each signature is checked once.
    once = _once(verify)
    if current_entry is None:
        _check_registration(new)
    else:
        _check_replacement(current_entry, new, update, once)
    if not new.HasField("update_policy"):
        raise UpdateInvalid("the new entry has no update policy: nobody could ever replace it")
    if not policy_satisfied(new.update_policy, update.new_entry, update.signatures, once):
        raise UpdateInvalid(_unmet("the new entry's own policy", new.update_policy, update, once))


def _once(verify: signatures.Verify) -> signatures.Verify:
    """`verify`, asked only once for the same key and signature: for one message, and one call of `check_update`."""
    known: dict[tuple[bytes, bytes], bool] = {}

    def remembering(public_key: bytes, message: bytes, signature: bytes) -> bool:
        asked = (public_key, signature)
        if asked not in known:
            known[asked] = verify(public_key, message, signature)
        return known[asked]

    return remembering


def _parse(entry: bytes) -> Entry:
    try:
        return Entry.FromString(entry)
    except DecodeError as error:
        raise UpdateInvalid(f"the new entry ({len(entry)} bytes) is not an Entry message") from error


def _check_registration(new: Entry) -> None:
    if new.version != 0:
        raise UpdateInvalid(f"nothing is registered at this index: expected version 0, got {new.version}")


def _check_replacement(current_entry: bytes, new: Entry, update: SignedEntryUpdate, verify: signatures.Verify) -> None:
    try:
        current = Entry.FromString(current_entry)
    except DecodeError as error:
        raise Corrupt(f"the stored entry ({len(current_entry)} bytes) is not an Entry message") from error
    if new.version <= current.version:
        raise UpdateInvalid(f"the version must grow: expected more than {current.version}, got {new.version}")
    policy = current.update_policy if current.HasField("update_policy") else None
    if not policy_satisfied(policy, update.new_entry, update.signatures, verify):
        raise UpdateInvalid(_unmet("the current entry's policy", current.update_policy, update, verify))


def describe(policy: AuthorizationPolicy) -> str:
    """Whose signatures `policy` wants, in words."""
    if not policy.HasField("quorum"):
        return "nobody that could be named (the policy has no quorum)"
    return quorums.describe(policy.quorum)


def _unmet(whose: str, policy: AuthorizationPolicy, update: SignedEntryUpdate, verify: signatures.Verify) -> str:
    """Say what the policy wants and what it got."""
    good = frozenset(signed_by(policy, update.new_entry, update.signatures, verify))
    return f"{whose} is not satisfied: expected {describe(policy)}; good signatures are by: {quorums.ids(good)}"
