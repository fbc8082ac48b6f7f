"""What to send, given what the directory proves now and what the identity file holds. Pure: no files, no network.

A plan is made from a verified lookup, stored, and only then carried out (`coname.client.client`). Made again after a
crash, a lost answer or a refusal, it comes to the same end: the update on its way is recognised when it is in force,
sent again byte for byte when it is what the owner still wants, and otherwise overtaken by one with a higher version,
signed so that it is valid whether or not the earlier one arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from coname.client.composing import signed_update, sole_key_policy
from coname.client.identity import Identity, Pending
from coname.client.results import Result
from coname.core import quorums
from coname.core.policies import check_update
from coname.core.signatures import SigningKey
from coname.errors import Refused, UpdateInvalid
from coname.messages.client_pb2 import AuthorizationPolicy, Entry

HIGHEST_VERSION = 2**64 - 1
"""Version numbers are 64 bits wide: an entry of this version cannot be replaced any more."""


class AlreadyRegistered(Refused):
    """The address has an entry already."""

    code = "already_registered"


class NotOwner(Refused):
    """The identity's keys are not the ones that the entry in force asks for."""

    code = "not_owner"


@dataclass(frozen=True)
class Change:
    """What an owner wants changed.

    :ivar publish: keys to publish or replace, by name.
    :ivar remove: names of keys to withdraw; one that is not there is no mistake.
    :ivar rotate: replace the signing key by a new one.
    """

    publish: Mapping[str, bytes] = field(default_factory=dict)
    remove: Collection[str] = ()
    rotate: bool = False

    @property
    def empty(self) -> bool:
        """Nothing is wanted but that the update on its way be brought to its end."""
        return not (self.publish or self.remove or self.rotate)

    def applied(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        """`keys` after the change."""
        return {name: key for name, key in {**keys, **self.publish}.items() if name not in self.remove}


@dataclass(frozen=True)
class Plan:
    """What to do.

    :ivar identity: to be stored first, durably.
    :ivar send: the update to send then; None if nothing is left to do.
    """

    identity: Identity
    send: Pending | None


def plan_registration(
    identity: Identity | None,
    before: Result,
    realm: str,
    keys: Mapping[str, bytes],
    generate: Callable[[], SigningKey] = SigningKey.generate,
) -> Plan:
    """How to register the address of `before` with `keys`.

    :param before: the verified lookup.
    :param realm: the realm's name for the identity file.
    :raises AlreadyRegistered: it has an entry that is not the one wanted.
    :raises Refused: it has none, though the identity has changed one: a registration would forget that.
    """
    if before.entry is not None:
        return _registered(identity, before, before.entry, keys)
    if identity is None:
        identity = Identity(before.address, realm, (generate(),))
    pending = identity.pending
    if pending is not None and pending.entry.version > 0:
        raise Refused(
            f"{before.address} has no entry in epoch {before.epoch}, though this identity has changed one already; "
            "if the realm was set up anew, register with a new identity"
        )
    if pending is None or pending.entry.index != before.verified.index or pending.profile_keys != dict(keys):
        policy = sole_key_policy(identity.keys[-1])
        pending = signed_update(identity, Entry(index=before.verified.index, update_policy=policy), keys)
    return Plan(identity.with_pending(pending), pending)


def _registered(identity: Identity | None, before: Result, entry: Entry, keys: Mapping[str, bytes]) -> Plan:
    """The plan where there is an entry: nothing to do if it is the one wanted, as after a lost answer."""
    if identity is None or not identity.owns(entry.update_policy):
        raise AlreadyRegistered(
            f"{before.address} is registered already, with a signing key that is not in this identity"
        )
    if before.keys != dict(keys):
        raise AlreadyRegistered(f"{before.address} is registered already, with other keys: use update to change them")
    return Plan(identity.settled(entry), None)


def plan_update(
    identity: Identity, before: Result, change: Change, generate: Callable[[], SigningKey] = SigningKey.generate
) -> Plan:
    """How to bring `change` about.

    :param before: the verified lookup; it must have found an entry.
    :raises NotOwner: the entry in force asks for other keys than the identity's.
    :raises UpdateInvalid: the entry cannot be replaced any more, or its policy is not for this identity to rotate.
    """
    entry = before.entry
    if entry is None:
        raise ValueError("plan_update needs an entry in force; plan_registration makes the first one")
    wanted = change.applied(before.keys)
    if _may_resend(identity, before, entry, change, wanted):
        return Plan(identity, identity.pending)
    settled = identity.settled(entry)
    if not settled.owns(entry.update_policy):
        raise NotOwner(f"the entry of {before.address} asks for other signing keys than this identity's")
    arrived = identity.pending is not None and settled.pending is None
    rotated = arrived and identity.pending is not None and identity.pending.rotates
    if settled.pending is None and wanted == before.keys and (rotated or not change.rotate):
        return Plan(settled, None)
    return _new_update(settled, entry, wanted, change.rotate, generate)


def _may_resend(identity: Identity, before: Result, entry: Entry, change: Change, wanted: Mapping[str, bytes]) -> bool:
    """Whether the update on its way is not in force, still valid, and still what is wanted."""
    pending = identity.pending
    if pending is None:
        return False
    same = change.empty or (pending.profile_keys == wanted and pending.rotates == change.rotate)
    if not same or pending.entry.index != entry.index:
        return False
    try:
        check_update(before.proof.entry, pending.request.update)
    except UpdateInvalid:
        return False
    return True


def _new_update(
    identity: Identity, entry: Entry, wanted: Mapping[str, bytes], rotate: bool, generate: Callable[[], SigningKey]
) -> Plan:
    """An update that is valid on top of the entry in force and of the one on its way."""
    overtaken = [] if identity.pending is None else [identity.pending.entry]
    version = max(each.version for each in (entry, *overtaken)) + 1
    if version > HIGHEST_VERSION:
        raise UpdateInvalid(f"the entry has the highest version there is, {HIGHEST_VERSION}: it cannot be replaced")
    if rotate:
        _check_rotatable(identity, entry.update_policy)
        identity = identity.with_new_key(generate)
    policy = sole_key_policy(identity.keys[-1]) if rotate else entry.update_policy
    successor = Entry(index=entry.index, version=version, update_policy=policy)
    in_force = [each.update_policy for each in (entry, *overtaken)]
    pending = signed_update(identity, successor, wanted, in_force, rotate)
    return Plan(identity.with_pending(pending), pending)


def _check_rotatable(identity: Identity, policy: AuthorizationPolicy) -> None:
    ours = {key.public for key in identity.keys}
    others = [each for each, public in policy.public_keys.items() if public.ed25519 not in ours]
    if others:
        raise UpdateInvalid(
            "the entry's policy names keys that are not in this identity, which a rotation would drop: "
            + quorums.ids(others)
        )
