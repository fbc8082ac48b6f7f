"""Who is a replica of the realm, as the replicated state has it, and what a step of change does to that.

====================  ==============================================================================================
`ReplicaRole`         what it means
====================  ==============================================================================================
``VOTER``             signs epochs, votes in the log
``LEARNER``           receives the log and answers lookups, for good
``JOINING``           the same, until it has caught up and somebody proposes to `promote` it
``ENTERING``          a learner that is to sign: the next epoch's head announces the policy with it
``LEAVING``           signs until the epoch after the one whose head announces the policy without it
====================  ==============================================================================================

Part of the state machine, and kept by its rules: nothing here depends on more than the state and the step. Besides:

1. At most one replica is ENTERING or LEAVING at a time. So each policy differs from the one before by one replica, and
   a majority by the one and a majority by the other always have a replica in common.
2. The head of the first epoch that is closed after a change was begun announces it (`announced_epoch`); that epoch is
   ratified by the policy before. When the next is closed, the change is over, and that one is ratified by the new
   policy. So `policy_of` the records is always what ratifies the newest closed epoch.
3. The last voter stays. Ids and keys are one replica's only. Everything is bounded.
4. A step that asks for what is so already has success: it may have been proposed twice.

Until the first change the configuration says who the replicas are; it is never asked again afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from coname.core.quorums import replica_policy
from coname.core.signatures import PUBLIC_KEY_SIZE
from coname.core.types import Epoch, KeyId
from coname.errors import InvalidRequest, Misconfigured, Refused
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.messages.config_pb2 import Replica
from coname.messages.replication_pb2 import ReplicaChange
from coname.messages.stored_pb2 import (
    ENTERING,
    JOINING,
    LEARNER,
    LEAVING,
    VOTER,
    ReplicaRecord,
    ReplicaRole,
    ReplicaState,
)

MOST_REPLICAS = 64
"""Learners included. All of them are in the state, which is written with every log entry."""

MOST_KEYS = 8
"""Of one replica: one is used, another is for the time when it is lost."""

MOST_ADDRESS_BYTES = 300
"""A host's name has at most 253 characters."""


def replicas(state: ReplicaState, configured: Iterable[Replica]) -> Sequence[ReplicaRecord]:
    """Who is a replica, in the order in which they were added.

    :param configured: the configuration's `initial_replicas`.
    """
    return state.replicas or [ReplicaRecord(replica=replica, role=VOTER) for replica in configured]


def policy_of(records: Iterable[ReplicaRecord]) -> AuthorizationPolicy:
    """What ratifies the newest closed epoch: a majority of those who sign it."""
    return replica_policy([record.replica for record in records if record.role in (VOTER, LEAVING)])


def next_policy_of(records: Iterable[ReplicaRecord]) -> AuthorizationPolicy:
    """What ratifies once the change that is under way is over."""
    return replica_policy([record.replica for record in records if record.role in (VOTER, ENTERING)])


def changing(records: Iterable[ReplicaRecord]) -> ReplicaRecord | None:
    """The replica that is ENTERING or LEAVING, if one is."""
    return next((record for record in records if record.role in (ENTERING, LEAVING)), None)


def signer_of(policy: AuthorizationPolicy, public: bytes) -> KeyId | None:
    """What signatures by the key `public` are filed under in `policy`; None if it is not asked for them."""
    found = (signer for signer, key in policy.public_keys.items() if key.ed25519 == public)
    return next(map(KeyId, found), None)


def keys_of(replica: Replica) -> dict[int, bytes]:
    """A replica's public keys, by what their signatures are filed under.

    :raises InvalidRequest: it has a key twice.
    """
    try:
        return {signer: key.ed25519 for signer, key in replica_policy([replica]).public_keys.items()}
    except Misconfigured as error:
        raise InvalidRequest(f"replica {replica.id:016x} has a key twice, or two keys of one id") from error


def find(records: Iterable[ReplicaRecord], replica: int) -> ReplicaRecord | None:
    """The record of the replica of that id, if there is one."""
    return next((record for record in records if record.replica.id == replica), None)


def change(state: ReplicaState, configured: Iterable[Replica], step: ReplicaChange) -> bool:
    """Apply `step` to `state`; whether it changed anything.

    :raises InvalidRequest: it makes no sense, whatever the state. :raises Refused: it does not, as things stand.
    """
    records = _copied(replicas(state, configured))
    kind = step.WhichOneof("change")
    if kind == "add":
        changed = _add(records, step.add, LEARNER if step.learner else JOINING)
    elif kind == "promote":
        changed = _promote(records, step.promote)
    elif kind == "remove":
        changed = _remove(records, step.remove)
    else:
        raise InvalidRequest("the change is none that this version knows")
    if changed:
        del state.replicas[:]
        state.replicas.extend(records)
    return changed


def _copied(records: Iterable[ReplicaRecord]) -> list[ReplicaRecord]:
    found = []
    for record in records:
        copy = ReplicaRecord()
        copy.CopyFrom(record)
        found.append(copy)
    return found


def _add(records: list[ReplicaRecord], replica: Replica, role: ReplicaRole) -> bool:
    replica.DiscardUnknownFields()  # nothing bounds them
    known = find(records, replica.id)
    if known is None:
        check_replica(replica)
        if len(records) >= MOST_REPLICAS:
            raise Refused(f"{MOST_REPLICAS} replicas are all that a realm can have")
        _check_distinct(replica, [record.replica for record in records])
        records.append(ReplicaRecord(replica=replica, role=role))
        return True
    if known.replica != replica:
        raise Refused(
            f"replica {replica.id:016x} is there already, with other keys or another address; remove it first"
        )
    if known.role == LEAVING:
        raise Refused(f"replica {replica.id:016x} is on its way out; add it again when it has gone")
    if known.role in (VOTER, ENTERING):
        if role == LEARNER:
            raise Refused(f"replica {replica.id:016x} signs already; remove it first, and add it as a learner then")
        return False
    changed = known.role != role
    known.role = role
    return changed


def check_replica(replica: Replica) -> None:
    """:raises InvalidRequest: its form is none of a replica that can be added."""
    if not replica.id:
        raise InvalidRequest("a replica's id is not 0")
    if not 1 <= len(replica.public_keys) <= MOST_KEYS:
        raise InvalidRequest(f"a replica has from 1 to {MOST_KEYS} keys; this has {len(replica.public_keys)}")
    if any(len(key.ed25519) != PUBLIC_KEY_SIZE for key in replica.public_keys):
        raise InvalidRequest(f"a replica's keys are Ed25519 keys, of {PUBLIC_KEY_SIZE} bytes")
    if len(replica.raft_addr.encode()) > MOST_ADDRESS_BYTES:
        raise InvalidRequest(f"a replica's address has at most {MOST_ADDRESS_BYTES} bytes")


def _check_distinct(replica: Replica, others: Sequence[Replica]) -> None:
    taken = {signer: key for other in others for signer, key in keys_of(other).items()}
    known = set(taken.values())
    for signer, key in keys_of(replica).items():
        if signer in taken or key in known:
            raise Refused(f"the key of replica {replica.id:016x}, or the id {signer:016x} of it, is another replica's")


def _promote(records: list[ReplicaRecord], replica: int) -> bool:
    known = find(records, replica)
    if known is None:
        raise Refused(f"there is no replica {replica:016x}")
    if known.role in (VOTER, ENTERING):
        return False
    _check_alone(records)
    known.role = ENTERING
    return True


def _remove(records: list[ReplicaRecord], replica: int) -> bool:
    known = find(records, replica)
    if known is None or known.role == LEAVING:
        return False
    if known.role in (LEARNER, JOINING):
        records.remove(known)
        return True
    _check_alone(records)
    if sum(record.role == VOTER for record in records) == 1:
        raise Refused(f"replica {replica:016x} is the only one that signs: nobody would ratify anything any more")
    known.role = LEAVING
    return True


def _check_alone(records: Iterable[ReplicaRecord]) -> None:
    other = changing(records)
    if other is not None:
        how = "entering" if other.role == ENTERING else "leaving"
        raise Refused(f"replica {other.replica.id:016x} is {how} still; one change at a time")


def announce(state: ReplicaState, epoch: Epoch) -> AuthorizationPolicy | None:
    """`epoch` is being closed: end the change that the one before has announced, or announce one that was begun.

    :returns: who ratifies the epochs after `epoch`, if that changes; `state.announced_epoch` says so then.
    """
    under_way = changing(state.replicas)
    if under_way is None:
        return None
    if epoch > 1 and state.announced_epoch == epoch - 1:
        _end(state, under_way)
        return None
    state.announced_epoch = epoch
    return next_policy_of(state.replicas)


def _end(state: ReplicaState, record: ReplicaRecord) -> None:
    if record.role == ENTERING:
        record.role = VOTER
    else:
        state.replicas.remove(record)


def describe(records: Sequence[ReplicaRecord], state: ReplicaState) -> str:
    """Who the replicas are, in words: how many, and what changes."""
    signing = sum(record.role in (VOTER, LEAVING) for record in records)
    learning = sum(record.role in (LEARNER, JOINING, ENTERING) for record in records)
    words = f"{signing} sign" + (f", {learning} learn" if learning else "")
    record = changing(records)
    if record is not None:
        told = state.announced_epoch and state.announced_epoch == state.closed_epoch
        when = f"announced by epoch {state.announced_epoch}" if told else "not announced yet"
        words += f"; {record.replica.id:016x} is {'entering' if record.role == ENTERING else 'leaving'}, {when}"
    elif state.announced_epoch:
        words += f", since epoch {state.announced_epoch + 1}"
    return words
