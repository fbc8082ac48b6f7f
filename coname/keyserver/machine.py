"""The replicated state machine: committed log entries in, writes and effects out.

Rules that this file keeps:

1. It depends on nothing but the database and the entry: no clock, no randomness, no I/O but reads. All replicas
   compute the same writes, so that all sign the same heads.
2. All that an entry changes is one list of writes, and the index of the entry is among them: a replica that is killed
   anywhere carries on from its database and the log.
3. Effects are only returned. Their owner performs them after the writes are durable.
4. Nothing in an entry stops it. A step that breaks a rule changes nothing; an update's proposer is told why.
5. An update is in the tree of the epoch whose delimiter comes next (protocol section 7). A delimiter has no effect
   before the previous epoch is ratified, or with a number other than the next, or with a time before the last.

The verifier log's numbers are given when a step is applied. An epoch head's slot is reserved when the epoch is closed
and filled when it is ratified, since the updates that follow it are applied meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from coname.core import heads
from coname.core.hashes import entry_hash, summary_hash
from coname.core.policies import check_update, policy_satisfied
from coname.core.signatures import Verify
from coname.core.times import to_nanoseconds
from coname.core.types import EntryHash, Epoch, Index, KeyId
from coname.errors import ConameError, Corrupt, ProofInvalid
from coname.interfaces import CommittedEntry, IKeyValueStore, Write
from coname.keyserver import tables
from coname.keyserver.effects import Effect, EpochClosed, HeadSigned, UpdateApplied, UpdateRejected
from coname.keyserver.ratifications import SignerFrontier
from coname.messages.client_pb2 import AuthorizationPolicy, Entry, SignedEpochHead
from coname.messages.replication_pb2 import AdmittedUpdate, EpochDelimiter, KeyserverStep, LogEntry
from coname.messages.stored_pb2 import EpochRecord, ReplicaState
from coname.messages.verification_pb2 import VerifierStep
from coname.storage.transaction import Transaction
from coname.storage.tree import EMPTY, MerkleTree, NodeRef, Updated

_REMEMBERED_EPOCHS = 16  # whose signatures are kept at hand; late ones are read from the database


@dataclass(slots=True)
class Applied:
    """What one log entry comes to.

    :ivar state: where the machine stands once `writes` are in the database.
    :ivar pending: how many indices the next epoch will change.
    :ivar trees: what the tree cache may remember then.
    """

    index: int
    state: ReplicaState
    pending: int = 0
    writes: list[Write] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    trees: list[Updated] = field(default_factory=list)


class StateMachine:
    """The state machine of one realm on one database.

    Its fields are what `apply` last computed, which the database may not hold yet: nobody else reads them.

    :param policy: whose signatures ratify an epoch.
    :param verify: the signature check; the caller may pass one that remembers what it has verified.
    """

    def __init__(
        self, store: IKeyValueStore, realm: str, tree: MerkleTree, policy: AuthorizationPolicy, verify: Verify
    ) -> None:
        self._store = store
        self._realm = realm
        self._tree = tree
        self._policy = policy
        self._verify = verify
        self._state = tables.read_state(store)
        self._frontier = SignerFrontier(self._state.frontier)
        self._pending = dict(self._read_pending())
        self._heads: dict[Epoch, dict[KeyId, SignedEpochHead]] = {}

    def resumed(self) -> Applied:
        """Where the machine stands before anything is applied: what the database holds."""
        return Applied(self._state.applied_index, self._state, len(self._pending))

    def apply(self, entry: CommittedEntry) -> Generator[None, None, Applied]:
        """Compute what `entry` comes to. Yields wherever the work may be interrupted.

        :raises Corrupt: the database contradicts itself, or `entry` is not the next one.
        """
        if entry.index != self._state.applied_index + 1:
            raise Corrupt(f"log entry {entry.index} was delivered after entry {self._state.applied_index}")
        state = ReplicaState()
        state.CopyFrom(self._state)
        state.applied_index = entry.index
        self._state = state
        applied = Applied(entry.index, state)
        transaction = Transaction(self._store)
        for step in _steps(entry.data):
            yield from self._apply_step(transaction, step, applied)
            yield
        state.ClearField("frontier")
        state.frontier.extend(self._frontier.stored())
        tables.write_state(transaction, state)
        applied.writes.extend(transaction.writes)
        applied.pending = len(self._pending)
        self._forget_old_heads()
        return applied

    def _apply_step(
        self, transaction: Transaction, step: KeyserverStep, applied: Applied
    ) -> Generator[None, None, None]:
        kind = step.WhichOneof("type")
        if kind == "update":
            applied.effects.append(self._apply_update(transaction, step.UID, step.update))
        elif kind == "epoch_delimiter":
            yield from self._close_epoch(transaction, step.epoch_delimiter, applied)
        elif kind == "replica_signed":
            self._apply_replica_signature(transaction, step.replica_signed, applied)

    # updates

    def _apply_update(self, transaction: Transaction, uid: int, admitted: AdmittedUpdate) -> Effect:
        new_entry = admitted.update.new_entry
        try:
            entry = Entry.FromString(new_entry)
            index = Index(entry.index)
            place = tables.newest_place(transaction, index)
            current = None if place is None else tables.read_update(transaction, place.position).new_entry
            if place is not None and current == new_entry:
                return UpdateApplied(uid, place.epoch)  # sent again, by somebody who missed the answer
            check_update(current, admitted.update, self._verify)
        except DecodeError:
            return UpdateRejected(uid, ProofInvalid("update", "the entry does not decode"))
        except Corrupt:
            raise
        except ConameError as error:
            return UpdateRejected(uid, error)
        epoch = Epoch(self._state.closed_epoch + 1)
        self._write_update(transaction, admitted, index, epoch)
        self._pending[index] = entry_hash(new_entry)
        if place is None:
            self._state.users += 1
        return UpdateApplied(uid, epoch)

    def _write_update(self, transaction: Transaction, admitted: AdmittedUpdate, index: Index, epoch: Epoch) -> None:
        position = self._state.verifier_log_length
        self._state.verifier_log_length = position + 1
        step = VerifierStep(Update=admitted.update).SerializeToString(deterministic=True)
        transaction.put(tables.step_key(position), step)
        transaction.put(tables.profile_key(position), admitted.profile)
        tables.write_place(transaction, index, tables.EntryPlace(epoch, position))
        user_key = tables.user_key(admitted.user_id)
        if transaction.get(user_key) is None:
            transaction.put(user_key, index + admitted.index_proof)

    # epochs

    def _close_epoch(
        self, transaction: Transaction, delimiter: EpochDelimiter, applied: Applied
    ) -> Generator[None, None, None]:
        state = self._state
        previous = self._previous_epoch(transaction)
        if not self._may_close(delimiter, previous):
            return
        root = NodeRef(previous.tree_root) if previous else EMPTY
        updated = yield from self._tree.update(root, self._pending, state.next_node)
        transaction.add(updated.writes)
        head = heads.build(
            self._realm,
            Epoch(delimiter.epoch_number),
            self._tree.root_hash(updated.root),
            delimiter.timestamp,
            summary_hash(previous.head) if previous else b"",
        )
        record = EpochRecord(
            tree_root=updated.root,
            head=head,
            timestamped_head=heads.timestamped(head, delimiter.timestamp),
            head_slot=state.verifier_log_length,
        )
        transaction.put(tables.epoch_key(Epoch(delimiter.epoch_number)), record.SerializeToString())
        state.closed_epoch = delimiter.epoch_number
        state.verifier_log_length += 1
        state.next_node = updated.next_node
        self._pending = {}
        applied.trees.append(updated)
        applied.effects.append(EpochClosed(Epoch(state.closed_epoch)))

    def _previous_epoch(self, transaction: Transaction) -> EpochRecord | None:
        closed = self._state.closed_epoch
        return tables.read_epoch(transaction, Epoch(closed)) if closed else None

    def _may_close(self, delimiter: EpochDelimiter, previous: EpochRecord | None) -> bool:
        state = self._state
        if delimiter.epoch_number != state.closed_epoch + 1 or state.ratified_epoch != state.closed_epoch:
            return False
        try:
            proposed = to_nanoseconds(delimiter.timestamp)
        except ValueError:
            return False
        return previous is None or proposed >= heads.parse(previous.timestamped_head).issue_time_ns

    # ratification

    def _apply_replica_signature(self, transaction: Transaction, signed: SignedEpochHead, applied: Applied) -> None:
        try:
            epoch = Epoch(heads.parse(signed.head).epoch)
        except ProofInvalid:
            return
        if not 1 <= epoch <= self._state.closed_epoch:
            return
        record = tables.read_epoch(transaction, epoch)
        if signed.head != record.timestamped_head:
            return
        known = self._known_heads(epoch)
        added = [KeyId(signer) for signer in sorted(signed.signatures) if self._is_new(KeyId(signer), signed, known)]
        for signer in added:
            known[signer] = SignedEpochHead(head=signed.head, signatures={signer: signed.signatures[signer]})
            transaction.put(tables.ratification_key(epoch, signer), known[signer].SerializeToString())
        if epoch > self._state.ratified_epoch:
            self._ratify_if_signed(transaction, epoch, record, known)
        if added and epoch <= self._state.ratified_epoch:
            self._frontier.add(epoch, known.keys())
            applied.effects.append(HeadSigned(epoch))

    def _is_new(self, signer: KeyId, signed: SignedEpochHead, known: dict[KeyId, SignedEpochHead]) -> bool:
        if signer in known or signer not in self._policy.public_keys:
            return False
        key = self._policy.public_keys[signer].ed25519
        return self._verify(key, signed.head, signed.signatures[signer])

    def _ratify_if_signed(
        self, transaction: Transaction, epoch: Epoch, record: EpochRecord, known: dict[KeyId, SignedEpochHead]
    ) -> None:
        signatures: dict[int, bytes] = {signer: head.signatures[signer] for signer, head in known.items()}
        if not policy_satisfied(self._policy, record.timestamped_head, signatures, self._verify):
            return
        self._state.ratified_epoch = epoch
        combined = SignedEpochHead(head=record.timestamped_head, signatures=signatures)
        step = VerifierStep(Epoch=combined).SerializeToString(deterministic=True)
        transaction.put(tables.step_key(record.head_slot), step)

    # what is derived from the database

    def _known_heads(self, epoch: Epoch) -> dict[KeyId, SignedEpochHead]:
        if epoch not in self._heads:
            self._heads[epoch] = tables.read_ratifications(self._store, epoch)
        return self._heads[epoch]

    def _forget_old_heads(self) -> None:
        for epoch in sorted(self._heads)[:-_REMEMBERED_EPOCHS]:
            del self._heads[epoch]

    def _read_pending(self) -> Generator[tuple[Index, EntryHash], None, None]:
        first = 0
        if self._state.closed_epoch:
            first = tables.read_epoch(self._store, Epoch(self._state.closed_epoch)).head_slot + 1
        for position in range(first, self._state.verifier_log_length):
            new_entry = tables.read_update(self._store, position).new_entry
            yield Index(tables.decode(Entry, new_entry, "entry").index), entry_hash(new_entry)


def _steps(data: bytes) -> list[KeyserverStep]:
    """The steps of an entry; none where it does not decode, which is the same for every replica."""
    try:
        return list(LogEntry.FromString(data).steps)
    except DecodeError:
        return []
