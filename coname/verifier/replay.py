"""The way of a step through a verifier: the steps of the verifier log in, signatures and evidence out.

Rules of this file (protocol section 7):

1. A head is signed after everything that led to it was checked here: each update, the head itself, its place after the
   one before, the root of the own tree.
2. All that an epoch changes is one synced batch: entries, tree nodes, the head, the own signature. It leaves after
   that. Several epochs may share a batch. Updates since the last head are not stored; after a crash they are asked
   for again.
3. One epoch has one signature: an epoch with a stored one is never signed again.
4. After a violation nothing is signed and nothing verified, until `Replay.resume`. What the keyserver says is watched.
5. No clock, no network, no threads: the caller brings the time and the steps. What is corrupt raises `Corrupt`, and
   the object is of no use after it: make another one from the database.

A stream begins at the last verified head, which therefore comes first: a keyserver whose history was rolled back or
forked shows itself at once.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core import heads, times
from coname.core.hashes import entry_hash
from coname.core.types import Epoch, Index
from coname.errors import Corrupt, Misconfigured, ProofInvalid, Unavailable
from coname.interfaces import IKeyValueStore
from coname.messages.client_pb2 import Entry, SignedEpochHead
from coname.messages.verification_pb2 import VerifierStep
from coname.messages.verifier_pb2 import VerifiedEpoch, VerifierState, WitnessedHead
from coname.storage.tree import EMPTY, MerkleTree, NodeRef, Updated, complete
from coname.verifier import bundles, tables
from coname.verifier import violations as rules
from coname.verifier.casebook import Casebook, case
from coname.verifier.head_checks import Witnessed, check_alone, check_succession, check_transcript, witness
from coname.verifier.open_epoch import OpenEpoch
from coname.verifier.settings import ReplaySettings
from coname.verifier.signatures import RememberedSignatures
from coname.verifier.violations import Finding, Violation
from coname.verifier.waiting_store import WaitingStore
from coname.verifier.watching import Shown, Watcher, recalled

if TYPE_CHECKING:
    from coname.core.signatures import SigningKey
    from coname.messages.evidence_pb2 import EvidenceBundle

MOST_WAITING_BYTES = 16 << 20
"""How much may wait for one synced batch: as much as LevelDB takes in a fraction of a second."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An epoch that was verified, durably.

    :ivar issue_time: seconds since 1970.
    :ivar position: verifier log index of its head.
    :ivar signed: what to push; None if it was too old to be signed.
    """

    epoch: Epoch
    issue_time: float
    position: int
    signed: SignedEpochHead | None


class _Mode(enum.Enum):
    KNOWN = "steps that were verified before come again"
    FOLLOWING = "steps are verified"
    WATCHING = "heads are compared"


class Replay:
    """One verifier of one realm on one database.

    One call at a time, from any thread; `preverify`, `unacknowledged` and `acknowledged` may be called meanwhile.

    :param evidence: called with each bundle, in the calling thread, after it is durable.
    :ivar verified: the newest verified epoch; 0 before the first.
    :ivar verified_issue_time: when it was issued, in seconds since 1970; 0 before the first.
    :ivar steps: the verifier log index that the next step of the stream is taken to have.
    :ivar restart_wanted: the stream is to be ended and begun again, elsewhere: see `begin`.
    :raises Misconfigured: the database is another verifier's.
    :raises Corrupt: the database is damaged.
    """

    def __init__(
        self,
        store: IKeyValueStore,
        settings: ReplaySettings,
        signing_key: SigningKey,
        evidence: Callable[[EvidenceBundle], object],
    ) -> None:
        self._store = store
        self._settings = settings
        self._key = signing_key
        self._waiting = WaitingStore(store)
        self._tree = MerkleTree(self._waiting, settings.tree_nonce, settings.cache_bytes)
        self._verify = RememberedSignatures()
        self._casebook = Casebook(store, self._waiting, evidence)
        self._state = _open(store, settings)
        self._tip: Witnessed | None = None
        self._root: NodeRef = EMPTY
        if self._state.epoch:
            record = tables.read_epoch(store, Epoch(self._state.epoch))
            self._tip, self._root = recalled(record.head), NodeRef(record.tree_root)
        self._watcher = Watcher(self._waiting, settings)
        self._usable = True
        self._back = 0  # how many epochs before the newest verified one the stream begins
        self._start()

    # what the owner sees

    @property
    def position(self) -> int:
        """The verifier log index to ask the stream from: mostly the newest verified head's. See `begin`."""
        return self._position_of(self._begins_at())

    @property
    def verified(self) -> Epoch:
        """The newest verified epoch; 0 before the first."""
        return Epoch(self._state.epoch)

    @property
    def verified_issue_time(self) -> float:
        """When the newest verified epoch was issued, in seconds since 1970; 0 before the first."""
        return 0.0 if self._tip is None else self._tip.head.issue_time

    @property
    def violation(self) -> Violation | None:
        """Why nothing is signed any more, if so. It outlives a restart."""
        return self._casebook.violation

    def begin(self) -> int:
        """A new stream begins: the updates since the last verified head are forgotten, and evidence is handed over
        that was not.

        :returns: `position`, the verifier log index that the stream's first step must have.
        """
        self._check_usable()
        self._start()
        self._casebook.hand_over()  # last: a full disk may refuse the evidence, but must not stop the watching
        return self.steps

    def rewind(self) -> None:
        """Let the next stream begin further back. For a stream that stays silent, though its first step, the newest
        verified head, must be there: the keyserver may have lost it, and what it says instead is earlier in the log."""
        self._back = 2 * self._back or 1
        self.restart_wanted = True

    def resume(self) -> None:
        """Forget the violation, on the operator's word. The steps that led to it are asked for again."""
        self._casebook.resume()
        self.restart_wanted = True

    def unacknowledged(self) -> Iterator[tuple[Epoch, SignedEpochHead]]:
        """What was signed and not acknowledged yet, oldest first."""
        for epoch in tables.read_unacknowledged(self._store):
            yield epoch, tables.read_epoch(self._store, epoch).own

    def acknowledged(self, epoch: Epoch) -> None:
        """The keyserver has taken the signature on `epoch`. Not synced: if that is lost, it is pushed once more."""
        self._store.write([tables.acknowledge(epoch)], False)

    # steps

    def take(self, step: bytes, now_ns: int) -> Taken | None:
        """Take the next step of the stream; what comes back is an epoch that it completes.

        Raises as `take_many`.
        """
        taken = self.take_many([step], now_ns)
        return taken[0] if taken else None

    def take_many(self, steps: Sequence[bytes], now_ns: int) -> list[Taken]:
        """Take the next steps of the stream, and return the epochs that they complete, which are durable then.

        :param now_ns: nanoseconds since 1970.
        :raises Corrupt: the database is damaged.
        :raises Unavailable: the database failed earlier, or is closed.
        """
        self._check_usable()
        self._usable = False
        taken = []
        for step in steps:
            done = self._take(step, now_ns)
            if done is not None:
                taken.append(done)
            if self._waiting.size > MOST_WAITING_BYTES:
                self._waiting.flush()
        self._waiting.flush()
        self._usable = True
        self._casebook.hand_over()
        return taken

    def preverify(self, steps: Sequence[bytes]) -> None:
        """Check the signatures in steps that are to be taken later, and remember the good ones: for another thread,
        while this one takes the steps before. Nothing depends on it but speed."""
        for step in steps:
            try:
                update = VerifierStep.FromString(step).Update
                keys = Entry.FromString(update.new_entry).update_policy.public_keys
            except DecodeError:
                continue
            for signer, signature in update.signatures.items():
                if signer in keys:
                    self._verify.ahead(keys[signer].ed25519, update.new_entry, signature)

    def sign_newest(self, now_ns: int) -> SignedEpochHead | None:
        """Sign the newest verified epoch though it was issued long ago: for when the stream has run dry.

        :returns: what to push, durable; None if there is nothing to sign, or it is signed already.
        """
        self._check_usable()
        if self._tip is None or self.violation is not None:
            return None
        record = tables.read_epoch(self._waiting, self._tip.epoch)
        if record.HasField("own"):
            return None
        signed = self._sign(record, self._tip, now_ns)
        self._waiting.put(tables.epoch_key(self._tip.epoch), record.SerializeToString())
        self._waiting.flush()
        return signed

    # streams

    def _start(self) -> None:
        begins_at = self._begins_at()
        self.restart_wanted = False
        self._mode = _Mode.KNOWN if self._state.epoch else _Mode.FOLLOWING
        self._known = Epoch(max(begins_at, 1))
        self._anchored = begins_at == 0
        self._watcher.last = None
        self.steps = self._position_of(begins_at)
        self._open_next(self.steps)

    def _begins_at(self) -> Epoch:
        """The verified epoch whose head the stream begins at; 0: it begins at the first step."""
        return Epoch(max(self._state.epoch - self._back, 0))

    def _position_of(self, epoch: Epoch) -> int:
        return tables.read_epoch(self._waiting, epoch).head.position if epoch else 0

    def _open_next(self, first_step: int) -> None:
        self._opened = OpenEpoch(
            Epoch(self._state.epoch + 1), first_step, self._current, self._verify, self._settings.open_epoch_bytes
        )

    def _check_usable(self) -> None:
        if not self._usable:
            raise Unavailable("an earlier failure has left this verifier's state uncertain; it must be opened again")

    def _take(self, data: bytes, now_ns: int) -> Taken | None:
        position = self.steps
        self.steps += 1
        try:
            step = VerifierStep.FromString(data)
        except DecodeError:
            step = VerifierStep()
        kind = step.WhichOneof("type")
        if self._mode is _Mode.KNOWN:
            self._compare(step, kind, position, now_ns)
        elif kind == "Epoch":
            return self._take_head(step, position, now_ns)
        elif self._mode is _Mode.FOLLOWING:
            self._take_update(step, kind, position, len(data), now_ns)
        return None

    def _take_update(self, step: VerifierStep, kind: str | None, position: int, size: int, now_ns: int) -> None:
        if kind == "Update":
            self._opened.add(step.Update, size)
        else:
            self._opened.spoil(Finding(rules.MALFORMED_STEP, f"step {position} is neither an update nor a head"))
        if self._opened.broken is not None and self.violation is None:
            self._casebook.stop(self._opened.broken, self._opened.epoch, now_ns)

    def _take_head(self, step: VerifierStep, position: int, now_ns: int) -> Taken | None:
        try:
            new = witness(self._settings.policy, step, position)
        except ProofInvalid as error:
            finding = Finding(rules.MALFORMED_STEP, f"step {position} is a malformed head: {error}")
            self._accuse([(finding, [])], None, now_ns)
            self._mode = _Mode.WATCHING
            return None
        if self._mode is _Mode.WATCHING:
            self._accuse(list(self._watcher.see(new, self.verified, now_ns)), new, now_ns)
            return None
        return self._close(step, new, now_ns)

    # the head of the epoch that is verified

    def _close(self, step: VerifierStep, new: Witnessed, now_ns: int) -> Taken | None:
        shown: list[Witnessed] = [new] if self._tip is None else [self._tip, new]
        found: list[Shown] = list(self._watcher.contradictions(new, self.verified))
        succession = [(finding, shown) for finding in check_succession(self._tip, new)]
        if not found or new.epoch > self.verified:
            found += succession
        found += [(finding, shown) for finding in check_alone(self._settings, new, now_ns)]
        updated = None if succession else self._build()
        if updated is not None:
            found += [(finding, shown) for finding in self._check_updates(new, updated)]
        found += [(finding, shown) for finding in self._check_transcript(step, new)]
        if updated is not None and not found and self.violation is None:
            return self._advance(new, updated, now_ns)
        self._accuse(found, new, now_ns, updated)
        self._watcher.remember(new, self.verified)
        self._mode = _Mode.WATCHING
        return None

    def _build(self) -> Updated:
        return complete(self._tree.update(self._root, self._opened.changes(), self._state.next_node))

    def _check_updates(self, new: Witnessed, updated: Updated) -> Iterator[Finding]:
        root = self._tree.root_hash(updated.root)
        if self._opened.broken is not None:
            yield self._opened.broken
        elif root != new.head.root_hash:
            yield Finding(
                rules.WRONG_ROOT,
                f"the {len(self._opened.updates)} updates of epoch {new.epoch} lead to the root {root.hex()}; its head "
                f"has the root {new.head.root_hash.hex()}",
            )

    def _check_transcript(self, step: VerifierStep, new: Witnessed) -> Iterator[Finding]:
        wanted = step.HasField("transcript")
        updates_hash = self._opened.updates_hash() if wanted else None
        return check_transcript(self._settings, new, step, self._opened.first_step, updates_hash)

    def _advance(self, new: Witnessed, updated: Updated, now_ns: int) -> Taken:
        record = VerifiedEpoch(head=WitnessedHead(signed=new.signed, position=new.position), tree_root=updated.root)
        if new.transcript is not None:
            record.head.transcript.CopyFrom(new.transcript)
        signed = None
        if now_ns - new.head.issue_time_ns <= self._settings.sign_within_ns:
            signed = self._sign(record, new, now_ns)
        for index, entry in self._opened.entries.items():
            self._waiting.put(tables.entry_key(index), entry)
        self._waiting.write(updated.writes)
        self._state.epoch, self._state.next_node = new.epoch, updated.next_node
        self._waiting.put(tables.epoch_key(new.epoch), record.SerializeToString())
        self._waiting.put(tables.STATE_KEY, self._state.SerializeToString())
        self._tree.remember(updated)
        self._tip, self._root = new, updated.root
        self._open_next(new.position + 1)
        return Taken(new.epoch, new.head.issue_time, new.position, signed)

    def _sign(self, record: VerifiedEpoch, verified: Witnessed, now_ns: int) -> SignedEpochHead:
        """Sign an epoch that has no signature yet, into its record; nothing is written."""
        head = heads.timestamped(verified.head.epoch_head, times.timestamp(divmod(now_ns, times.NANOSECONDS)))
        record.own.CopyFrom(SignedEpochHead(head=head, signatures={self._settings.id: self._key.sign(head)}))
        self._waiting.put(tables.unacknowledged_key(verified.epoch), b"")
        return record.own

    # violations

    def _accuse(
        self, found: Sequence[Shown], new: Witnessed | None, now_ns: int, updated: Updated | None = None
    ) -> None:
        """Let the evidence of each finding, and the violation, become durable."""
        for finding, shown in found:
            filed = case(finding, new.epoch if new else 0, new.summary if new else b"")
            if self._casebook.wants(filed):
                place = bundles.Place(self._waiting, self._tip, self._root, self._current, self._opened, updated)
                self._casebook.file(filed, bundles.bundle(self._settings, finding, shown, now_ns, place))
        if found:
            self._casebook.stop(found[0][0], Epoch(self._state.epoch + 1), now_ns)

    # steps that were verified before

    def _compare(self, step: VerifierStep, kind: str | None, position: int, now_ns: int) -> None:
        """Check that the log still has what it had, up to the newest verified head."""
        record = tables.read_epoch(self._waiting, self._known)
        known = recalled(record.head)
        if position < known.position and kind == "Update":
            return
        if position == known.position and kind == "Epoch" and _epoch_head(step) == known.head.epoch_head:
            self._anchored = True
            if self._known == self._state.epoch:
                self._back = 0
                self._mode = _Mode.FOLLOWING
                self._open_next(self.steps)
            self._known = Epoch(self._known + 1)
            return
        self._diverge(step, kind, position, now_ns)

    def _diverge(self, step: VerifierStep, kind: str | None, position: int, now_ns: int) -> None:
        self._mode = _Mode.WATCHING
        what = f"step {position} of the log is not what it was when epoch {self._known} was verified"
        found: list[Shown] = [(Finding(rules.REWRITTEN_LOG, what), [])]
        new = None
        if kind == "Epoch":
            try:
                new = witness(self._settings.policy, step, position)
            except ProofInvalid:
                pass
            else:
                found = list(self._watcher.see(new, self.verified, now_ns)) or found
        self._accuse(found, new, now_ns)
        if not self._anchored:
            self.rewind()

    # entries

    def _current(self, index: Index) -> bytes | None:
        """The entry in the newest verified tree at an index; that tree says whether it is the right one."""
        stored = self._waiting.get(tables.entry_key(index))
        if self._tree.value(self._root, index) != (None if stored is None else entry_hash(stored)):
            raise Corrupt(f"the stored entry at index {index.hex()} is not the one that the tree holds")
        return stored


def _epoch_head(step: VerifierStep) -> bytes | None:
    try:
        return heads.parse(step.Epoch.head).epoch_head
    except ProofInvalid:
        return None


def _open(store: IKeyValueStore, settings: ReplaySettings) -> VerifierState:
    """The state in the database, which must be of this verifier."""
    state = tables.read_state(store)
    if state is None:
        return VerifierState(realm=settings.realm, id=settings.id, tree_nonce=settings.tree_nonce)
    for what, stored, wanted in (
        ("realm", state.realm, settings.realm),
        ("id", state.id, settings.id),
        ("tree_nonce", state.tree_nonce.hex(), settings.tree_nonce.hex()),
    ):
        if stored != wanted:
            raise Misconfigured([f"leveldb_path: the database is of a verifier with the {what} {stored}, not {wanted}"])
    return state
