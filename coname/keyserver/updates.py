"""What an update comes to when its turn in the log has come.

Part of the state machine, and kept by its rules: nothing here depends on more than the database and the log. Admission
(`coname.keyserver.admission`) has checked it at the edge; what another update may have changed meanwhile is checked
again.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from coname.core import heads
from coname.core.policies import check_update
from coname.core.signatures import Verify
from coname.core.times import NANOSECONDS
from coname.core.types import Epoch, Index
from coname.errors import ConameError, Corrupt, ProofInvalid
from coname.keyserver import proof_records, tables
from coname.keyserver.effects import Effect, UpdateApplied, UpdateRejected
from coname.keyserver.open_epoch import OpenEpoch
from coname.messages.client_pb2 import Entry
from coname.messages.replication_pb2 import AdmittedUpdate
from coname.messages.stored_pb2 import ReplicaState
from coname.messages.verification_pb2 import VerifierStep
from coname.storage.transaction import Transaction


def apply_update(
    transaction: Transaction,
    state: ReplicaState,
    opened: OpenEpoch,
    uid: int,
    admitted: AdmittedUpdate,
    verify: Verify,
) -> Effect:
    """Apply an update that was proposed under `uid`; `state` and `opened`, the next epoch, change with it.

    :raises Corrupt: the database contradicts itself.
    """
    new_entry = admitted.update.new_entry
    try:
        index = Index(Entry.FromString(new_entry).index)
        place = tables.newest_place(transaction, index)
        current = None if place is None else tables.read_update(transaction, place.position).new_entry
        if place is not None and current == new_entry:
            return UpdateApplied(uid, place.epoch)  # sent again, by somebody who missed the answer
        check_update(current, admitted.update, verify)
        if place is None and admitted.HasField("proof"):
            proof_records.use(transaction, admitted.proof, admitted.user_id, _closed_at(transaction, state))
    except DecodeError:
        return UpdateRejected(uid, ProofInvalid("update", "the entry does not decode"))
    except Corrupt:
        raise
    except ConameError as error:
        return UpdateRejected(uid, error)
    epoch = Epoch(state.closed_epoch + 1)
    _write_update(transaction, state, admitted, index, epoch)
    opened.add(index, admitted.update)
    if place is None:
        state.users += 1
    return UpdateApplied(uid, epoch)


def _write_update(
    transaction: Transaction, state: ReplicaState, admitted: AdmittedUpdate, index: Index, epoch: Epoch
) -> None:
    position = state.verifier_log_length
    state.verifier_log_length = position + 1
    step = VerifierStep(Update=admitted.update).SerializeToString(deterministic=True)
    transaction.put(tables.step_key(position), step)
    transaction.put(tables.profile_key(position), admitted.profile)
    tables.write_place(transaction, index, tables.EntryPlace(epoch, position))
    user_key = tables.user_key(admitted.user_id)
    if transaction.get(user_key) is None:
        transaction.put(user_key, index + admitted.index_proof)


def _closed_at(transaction: Transaction, state: ReplicaState) -> int:
    """When the newest epoch was issued, in seconds since 1970; 0 before the first."""
    if not state.closed_epoch:
        return 0
    record = tables.read_epoch(transaction, Epoch(state.closed_epoch))
    return heads.parse(record.timestamped_head).issue_time_ns // NANOSECONDS
