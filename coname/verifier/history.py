"""The history that was verified: the tree, the entries, the heads, and what was signed of them.

Rules of this file:

1. All that an epoch changes waits in one place (`WaitingStore`) and becomes durable together: entries, tree nodes, the
   head with its signatures and transcript, the own signature, the state.
2. One epoch has one signature: an epoch with a stored one is never signed again.
3. What is read is checked: an entry against the tree, the tree against its root, a head that must be there is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coname.core import heads, times
from coname.core.hashes import entry_hash
from coname.core.types import Epoch, Index
from coname.errors import Corrupt, Misconfigured
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.verifier_pb2 import VerifiedEpoch, VerifierState, WitnessedHead
from coname.storage.tree import EMPTY, MerkleTree, NodeRef, Updated, complete
from coname.verifier import tables
from coname.verifier.policies import Policies
from coname.verifier.waiting_store import WaitingStore
from coname.verifier.watching import recalled

if TYPE_CHECKING:
    from coname.core.proofs import TreeProofParts
    from coname.core.signatures import SigningKey
    from coname.verifier.head_checks import Witnessed
    from coname.verifier.open_epoch import OpenEpoch
    from coname.verifier.settings import ReplaySettings

_SCRATCH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Taken:
    """An epoch that was verified.

    :ivar issue_time: seconds since 1970.
    :ivar position: verifier log index of its head.
    :ivar signed: what to push; None if it was too old to be signed.
    :ivar changed: whether others ratify the epochs after it.
    """

    epoch: Epoch
    issue_time: float
    position: int
    signed: SignedEpochHead | None
    changed: bool = False


class History:
    """What one verifier has verified.

    :param store: where it is read from and written to; nothing is durable before its `flush`.
    :ivar tip: the newest head; None before the first.
    :ivar root: the tree of that epoch.
    :ivar policies: who ratifies which epoch.
    :raises Misconfigured: the database is another verifier's.
    :raises Corrupt: it is damaged.
    """

    def __init__(self, store: WaitingStore, settings: ReplaySettings, signing_key: SigningKey) -> None:
        self._store = store
        self._settings = settings
        self._key = signing_key
        self._tree = MerkleTree(store, settings.tree_nonce, settings.cache_bytes)
        self._state = _open(store, settings)
        self.policies = Policies(store, settings.policy)
        self.tip: Witnessed | None = None
        self.root: NodeRef = EMPTY
        if self._state.epoch:
            record = tables.read_epoch(store, self.epoch)
            self.tip, self.root = recalled(record.head), NodeRef(record.tree_root)

    @property
    def epoch(self) -> Epoch:
        """The newest epoch; 0 before the first."""
        return Epoch(self._state.epoch)

    def head(self, epoch: Epoch) -> Witnessed:
        """The head of a verified epoch."""
        return recalled(tables.read_epoch(self._store, epoch).head)

    def position(self, epoch: Epoch) -> int:
        """The verifier log index of a verified epoch's head; that of the first step for epoch 0."""
        return self.head(epoch).position if epoch else 0

    def current(self, index: Index) -> bytes | None:
        """The entry in the newest tree at an index.

        :raises Corrupt: it is not the one that the tree holds.
        """
        stored = self._store.get(tables.entry_key(index))
        if self._tree.value(self.root, index) != (None if stored is None else entry_hash(stored)):
            raise Corrupt(f"the stored entry at index {index.hex()} is not the one that the tree holds")
        return stored

    def prove(self, index: Index) -> TreeProofParts:
        """What the newest tree holds at an index, with the proof."""
        return self._tree.lookup(self.root, index)

    def prove_in(self, updated: Updated, index: Index) -> TreeProofParts:
        """The same of a tree that is not stored, and will not be."""
        scratch = WaitingStore(self._store)
        scratch.write(updated.writes)
        return MerkleTree(scratch, self._settings.tree_nonce, _SCRATCH_BYTES).lookup(updated.root, index)

    def build(self, opened: OpenEpoch) -> Updated:
        """The tree that the updates of an epoch lead to; nothing is written."""
        return complete(self._tree.update(self.root, opened.changes(), self._state.next_node))

    def root_hash(self, updated: Updated) -> bytes:
        """The root hash (32 bytes) of a tree."""
        return self._tree.root_hash(updated.root)

    def advance(self, new: Witnessed, opened: OpenEpoch, updated: Updated, now_ns: int) -> Taken:
        """Let the next epoch be verified, and sign it if it is not too old, or announces who ratifies from then on:
        that is asked for, with this verifier's signature, for as long as anybody has to follow from before it.
        """
        record = VerifiedEpoch(head=WitnessedHead(signed=new.signed, position=new.position), tree_root=updated.root)
        if new.transcript is not None:
            record.head.transcript.CopyFrom(new.transcript)
        signed = None
        if now_ns - new.head.issue_time_ns <= self._settings.sign_within_ns or new.head.next_epoch_policy:
            signed = self._sign(record, new, now_ns)
        for index, entry in opened.entries.items():
            self._store.put(tables.entry_key(index), entry)
        self._store.write(updated.writes)
        self._state.epoch, self._state.next_node = new.epoch, updated.next_node
        self._store.put(tables.epoch_key(new.epoch), record.SerializeToString())
        self._store.put(tables.STATE_KEY, self._state.SerializeToString())
        changed = self.policies.advance(new)
        self._tree.remember(updated)
        self.tip, self.root = new, updated.root
        return Taken(new.epoch, new.head.issue_time, new.position, signed, changed)

    def sign_newest(self, now_ns: int) -> SignedEpochHead | None:
        """Sign the newest epoch, however old; None if there is none, or it is signed already."""
        if self.tip is None:
            return None
        record = tables.read_epoch(self._store, self.tip.epoch)
        if record.HasField("own"):
            return None
        signed = self._sign(record, self.tip, now_ns)
        self._store.put(tables.epoch_key(self.tip.epoch), record.SerializeToString())
        return signed

    def _sign(self, record: VerifiedEpoch, verified: Witnessed, now_ns: int) -> SignedEpochHead:
        """Sign an epoch that has no signature yet, into its record."""
        head = heads.timestamped(verified.head.epoch_head, times.timestamp(divmod(now_ns, times.NANOSECONDS)))
        record.own.CopyFrom(SignedEpochHead(head=head, signatures={self._settings.id: self._key.sign(head)}))
        self._store.put(tables.unacknowledged_key(verified.epoch), b"")
        return record.own


def _open(store: WaitingStore, settings: ReplaySettings) -> VerifierState:
    """The state in the database, which must be of this verifier.

    A new one is written together with whatever comes first, which may be a violation. Until something was verified,
    the tree nonce may change: a wrong one in the configuration shows in the first epoch, and can be put right.
    """
    state = tables.read_state(store)
    if state is None or not state.epoch:
        state = state or VerifierState(realm=settings.realm, id=settings.id)
        state.tree_nonce = settings.tree_nonce
        store.put(tables.STATE_KEY, state.SerializeToString())
    for what, stored, wanted in (
        ("realm", state.realm, settings.realm),
        ("id", state.id, settings.id),
        ("tree_nonce", state.tree_nonce.hex(), settings.tree_nonce.hex()),
    ):
        if stored != wanted:
            raise Misconfigured([f"leveldb_path: the database is of a verifier with the {what} {stored}, not {wanted}"])
    return state
