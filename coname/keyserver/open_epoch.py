"""What the next epoch will change: the updates that were applied since the last one was closed."""

from __future__ import annotations

from collections.abc import Iterator

from coname.core.hashes import entry_hash
from coname.core.transcripts import update_digest
from coname.core.types import EntryHash, Epoch, Index
from coname.keyserver import tables
from coname.messages.client_pb2 import Entry, SignedEntryUpdate
from coname.messages.stored_pb2 import ReplicaState
from coname.storage.records import decode


class OpenEpoch:
    """The updates of the epoch that closes next, in order of the verifier log.

    :ivar first_step: the verifier log index of the first of them, or of the head if there is none.
    :ivar changes: what the tree is to hold at each index that they change.
    :ivar digests: what the transcript holds of each of them.
    """

    def __init__(self, first_step: int) -> None:
        self.first_step = first_step
        self.changes: dict[Index, EntryHash] = {}
        self.digests: list[bytes] = []

    def add(self, index: Index, update: SignedEntryUpdate) -> None:
        """`update` has been applied."""
        self.changes[index] = entry_hash(update.new_entry)
        self.digests.append(update_digest(update))


def read(scanner: tables.Scanner, state: ReplicaState) -> OpenEpoch:
    """What a database in `state` holds of the epoch that closes next."""
    closed = Epoch(state.closed_epoch)
    epoch = OpenEpoch(tables.read_epoch(scanner, closed).head_slot + 1 if closed else 0)
    for update in _updates(scanner, epoch.first_step, state.verifier_log_length):
        epoch.add(Index(decode(Entry, update.new_entry, "entry").index), update)
    return epoch


def _updates(scanner: tables.Scanner, first: int, end: int) -> Iterator[SignedEntryUpdate]:
    return (tables.read_update(scanner, position) for position in range(first, end))
