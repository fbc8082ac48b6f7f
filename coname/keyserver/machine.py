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

from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from coname.core import heads, transcripts
from coname.core.hashes import summary_hash
from coname.core.signatures import Verify
from coname.core.times import NANOSECONDS, to_nanoseconds
from coname.core.types import Epoch
from coname.errors import Corrupt
from coname.interfaces import CommittedEntry, IKeyValueStore, Write
from coname.keyserver import open_epoch, proof_records, tables
from coname.keyserver.effects import Effect, EpochClosed, Reached
from coname.keyserver.frontier import Frontier
from coname.keyserver.members import Members
from coname.keyserver.open_epoch import OpenEpoch
from coname.keyserver.ratification import Ratification
from coname.keyserver.updates import apply_update
from coname.keyserver.verifiers import Verifiers
from coname.messages.config_pb2 import Replica
from coname.messages.replication_pb2 import EpochDelimiter, KeyserverStep, LogEntry
from coname.messages.stored_pb2 import EpochRecord, ReplicaState
from coname.storage.transaction import Transaction
from coname.storage.tree import EMPTY, MerkleTree, NodeRef, Updated


@dataclass(slots=True)
class Applied:
    """What one log entry comes to.

    :ivar state: where the machine stands once `writes` are in the database.
    :ivar frontier: the newest epochs by who signed them, then.
    :ivar pending: how many indices the next epoch will change.
    :ivar replicas: the ids that are the replicas', of now and of all time: see `Members`.
    :ivar trees: what the tree cache may remember then.
    """

    index: int
    state: ReplicaState
    frontier: Frontier
    pending: int = 0
    replicas: Collection[int] = frozenset()
    writes: list[Write] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    trees: list[Updated] = field(default_factory=list)

    def note(self, effect: Effect | None) -> None:
        """Owe `effect`, if there is one."""
        if effect is not None:
            self.effects.append(effect)


class StateMachine:
    """The state machine of one realm on one database.

    Its fields are what `apply` last computed, which the database may not hold yet: nobody else reads them, but for
    `members`, and who does must bear that it is an entry ahead.

    :param replicas: the configuration's `initial_replicas`.
    :param verifiers: who may sign it besides.
    :param verify: the signature check; the caller may pass one that remembers what it has verified.
    """

    def __init__(
        self,
        store: IKeyValueStore,
        realm: str,
        tree: MerkleTree,
        replicas: Sequence[Replica],
        verifiers: Verifiers,
        verify: Verify,
    ) -> None:
        self._store = store
        self._realm = realm
        self._tree = tree
        self._verify = verify
        self._state = tables.read_state(store)
        self.members = Members(store, replicas, self._state)
        self._ratification = Ratification(store, self.members, verifiers, verify, self._state)
        self._open = open_epoch.read(store, self._state)

    def resumed(self) -> Applied:
        """Where the machine stands before anything is applied: what the database holds."""
        return Applied(
            self._state.applied_index,
            self._state,
            self._ratification.frontier,
            len(self._open.changes),
            self.members.ever,
        )

    def apply(self, entry: CommittedEntry) -> Generator[None, None, Applied]:
        """Compute what `entry` comes to. Yields wherever the work may be interrupted.

        :raises Corrupt: the database contradicts itself, or `entry` is not the next one.
        """
        if entry.index != self._state.applied_index + 1:
            raise Corrupt(f"log entry {entry.index} was delivered after entry {self._state.applied_index}")
        state = ReplicaState()
        state.CopyFrom(self._state)
        state.applied_index = entry.index
        state.ClearField("frontier")
        self._state = state
        applied = Applied(entry.index, state, self._ratification.frontier)
        transaction = Transaction(self._store)
        for step in _steps(entry.data):
            yield from self._apply_step(transaction, step, applied)
            yield
        self._ratification.write(transaction)
        tables.write_state(transaction, state)
        applied.writes.extend(transaction.writes)
        applied.frontier = self._ratification.frontier
        applied.pending = len(self._open.changes)
        applied.replicas = self.members.ever
        return applied

    def _apply_step(
        self, transaction: Transaction, step: KeyserverStep, applied: Applied
    ) -> Generator[None, None, None]:
        kind = step.WhichOneof("type")
        if kind == "update":
            applied.effects.append(
                apply_update(transaction, self._state, self._open, step.UID, step.update, self._verify)
            )
        elif kind == "epoch_delimiter":
            yield from self._close_epoch(transaction, step.epoch_delimiter, applied)
        elif kind == "replica_signed":
            applied.note(self._ratification.replica_signed(transaction, self._state, step))
        elif kind == "verifier_signed":
            applied.note(self._ratification.verifier_signed(transaction, self._state, step.verifier_signed))
        elif kind == "replica_change":
            applied.effects.append(self.members.apply(self._state, step))
        elif kind is None and step.UID:
            applied.effects.append(Reached(step.UID))

    # epochs

    def _close_epoch(
        self, transaction: Transaction, delimiter: EpochDelimiter, applied: Applied
    ) -> Generator[None, None, None]:
        state = self._state
        previous = self._previous_epoch(transaction)
        if not self._may_close(delimiter, previous):
            return
        yield from proof_records.forget(self._store, transaction, to_nanoseconds(delimiter.timestamp) // NANOSECONDS)
        root = NodeRef(previous.tree_root) if previous else EMPTY
        updated = yield from self._tree.update(root, self._open.changes, state.next_node)
        transaction.add(updated.writes)
        epoch = Epoch(delimiter.epoch_number)
        head = heads.build(
            self._realm,
            epoch,
            self._tree.root_hash(updated.root),
            delimiter.timestamp,
            summary_hash(previous.head) if previous else b"",
            self.members.close(transaction, state, epoch),
        )
        record = EpochRecord(
            tree_root=updated.root,
            head=head,
            timestamped_head=heads.timestamped(head, delimiter.timestamp),
            head_slot=state.verifier_log_length,
            transcript=transcripts.build(self._realm, epoch, head, self._open.first_step, self._open.digests),
        )
        transaction.put(tables.epoch_key(epoch), record.SerializeToString())
        state.closed_epoch = epoch
        state.verifier_log_length += 1
        state.next_node = updated.next_node
        self._open = OpenEpoch(state.verifier_log_length)
        applied.trees.append(updated)
        applied.effects.append(EpochClosed(epoch))

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


def _steps(data: bytes) -> list[KeyserverStep]:
    """The steps of an entry; none where it does not decode, which is the same for every replica."""
    try:
        return list(LogEntry.FromString(data).steps)
    except DecodeError:
        return []
