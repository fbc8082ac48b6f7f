"""Answering lookups (protocol section 9) from what is ratified.

- A lookup sees ratified epochs only: what a single replica has computed is nobody's business yet.
- "Latest" is the newest epoch, at most `lagging_verifier_scan` back (0: any), whose signers satisfy the quorum.
- A request without a quorum asks for nothing, and gets the newest epoch with all signatures it has.
- Every answer is checked against the tree: an entry that does not match its leaf is reported as corrupt.
- The same question has the same answer until somebody whom it asks for signs, so answers are kept until then
  (`coname.keyserver.kept_answers`). Refusals are kept until the next signature of anybody.
"""

from __future__ import annotations

from collections.abc import Callable

from coname.core.hashes import entry_hash
from coname.core.quorums import satisfied, signers
from coname.core.types import Epoch, Index, KeyId
from coname.errors import Corrupt, EpochUnknown, QuorumUnmet, Unavailable
from coname.interfaces import IKeyValueStore
from coname.keyserver import tables
from coname.keyserver.answers import Answer, Ratifications
from coname.keyserver.effects import HeadSigned
from coname.keyserver.frontier import Frontier, Numbers
from coname.keyserver.kept_answers import Asked, Group, KeptAnswers
from coname.messages.client_pb2 import LookupRequest, QuorumExpr
from coname.messages.stored_pb2 import EpochRecord, ReplicaState
from coname.storage.tree import MerkleTree, NodeRef

_KEPT_REFUSALS = 1024
_KEPT_EPOCHS = 256
_NAMED = 16  # signers that a refusal names

FindIndex = Callable[[str], tuple[Index, bytes]]


class Lookups:
    """Answers lookups from a replica's database.

    :param find_index: the index of a user id and the proof of it.
    :param scan: how many epochs back "latest" may fall; 0: no limit.
    :param cache_bytes: how much memory kept answers may take.
    """

    def __init__(
        self, store: IKeyValueStore, tree: MerkleTree, find_index: FindIndex, scan: int, cache_bytes: int
    ) -> None:
        self._store = store
        self._tree = tree
        self._find_index = find_index
        self._scan = scan
        self._ratified = Epoch(0)
        self._frontier = Frontier(Numbers())
        # caches, which signatures outdate
        self._answers = KeptAnswers(cache_bytes)
        self._refusals: dict[Asked, str] = {}
        self._signers: dict[Epoch, set[KeyId]] = {}
        # a cache that outlives epochs
        self._records: dict[Epoch, EpochRecord] = {}

    @property
    def newest(self) -> Epoch:
        """The newest epoch that may be looked at; 0 if there is none."""
        return self._ratified

    def start(self, state: ReplicaState, frontier: Frontier) -> None:
        """`state` and `frontier` are what the database holds: answer from them."""
        self._ratified = Epoch(state.ratified_epoch)
        self._frontier = frontier

    def advance(self, state: ReplicaState, frontier: Frontier, signed: HeadSigned) -> None:
        """`state` and `frontier`, and what `signed` tells, are durable now: answer from them."""
        self._answers.signed(signed.epoch, signed.signers, newest=state.ratified_epoch > self._ratified)
        self._refusals.clear()
        if signed.epoch in self._signers:
            self._signers[signed.epoch].update(signed.signers)
        self.start(state, frontier)

    def lookup(self, request: LookupRequest) -> Answer:
        """Answer `request`.

        :raises Unavailable: before the first epoch.
        :raises EpochUnknown: the epoch has not been ratified.
        :raises QuorumUnmet: nobody has signed enough.
        :raises Corrupt: stored data is damaged.
        """
        quorum = request.quorum_requirement.SerializeToString() if request.HasField("quorum_requirement") else None
        asked = (request.epoch, quorum)
        group = self._answers.get(asked)
        if group is None:
            group = self._open(asked, request)
        answer = group.answers.get(request.user_id)
        if answer is None:
            answer = self._answer(request.user_id, group.ratifications)
            self._answers.keep(asked, group, answer)
        return answer

    def satisfied(self, epoch: Epoch, quorum: QuorumExpr | None) -> bool:
        """Whether `epoch` is ratified and its signatures satisfy `quorum`."""
        if epoch > self._ratified:
            return False
        return quorum is None or satisfied(quorum, self._signers_of(epoch))

    def _signers_of(self, epoch: Epoch) -> set[KeyId]:
        """Who has signed a ratified epoch."""
        found = self._signers.get(epoch)
        if found is None:
            if len(self._signers) >= _KEPT_EPOCHS:
                self._signers.clear()
            found = self._signers[epoch] = tables.read_signers(self._store, epoch)
        return found

    def record(self, epoch: Epoch) -> EpochRecord:
        """A ratified epoch's record."""
        record = self._records.get(epoch)
        if record is None:
            if len(self._records) >= _KEPT_EPOCHS:
                self._records.clear()
            record = self._records[epoch] = tables.read_epoch(self._store, epoch)
        return record

    def _open(self, asked: Asked, request: LookupRequest) -> Group:
        """The signatures that answer `request`, and room for answers with them."""
        if asked in self._refusals:
            raise QuorumUnmet(self._refusals[asked])
        if asked[1] is None:
            epoch = self._find_epoch(asked, None)
            heads, wanted = tables.read_ratifications(self._store, epoch), None
        else:
            epoch = self._find_epoch(asked, request.quorum_requirement)
            wanted = signers(request.quorum_requirement)
            found = ((signer, tables.read_ratification(self._store, epoch, signer)) for signer in map(KeyId, wanted))
            heads = {signer: head for signer, head in found if head is not None}
        return self._answers.open(asked, Ratifications.of(epoch, heads), wanted)

    def _find_epoch(self, asked: Asked, quorum: QuorumExpr | None) -> Epoch:
        if not self._ratified:
            raise Unavailable("no epoch has been ratified yet; try again in a moment")
        given = Epoch(asked[0])
        if given > self._ratified:
            raise EpochUnknown(f"epoch {given} has not been ratified; the newest is {self._ratified}")
        if quorum is None:
            return given or self._ratified
        if given:
            if not self.satisfied(given, quorum):
                raise self._unmet(asked, f"epoch {given} is not", quorum)
            return given
        oldest = Epoch(max(1, self._ratified - self._scan) if self._scan else 1)
        found = self._frontier.newest(signers(quorum), lambda have: satisfied(quorum, have), oldest)
        if found is None:
            raise self._unmet(asked, f"no epoch from {oldest} to {self._ratified} is", quorum)
        return found

    def _unmet(self, asked: Asked, what: str, quorum: QuorumExpr) -> QuorumUnmet:
        """The refusal, with each signer that the quorum mentions, the one furthest behind first."""
        newest = self._frontier.progress(signers(quorum))
        wanted = sorted(map(KeyId, signers(quorum)), key=lambda signer: (newest.get(signer, 0), signer))
        progress = [self._progress(signer, newest.get(signer), Epoch(asked[0])) for signer in wanted[:_NAMED]]
        if len(wanted) > _NAMED:
            progress.append(f"and {len(wanted) - _NAMED} more")
        refusal = f"{what} signed by the requested quorum; its signers: {', '.join(progress) or 'none'}"
        if len(self._refusals) >= _KEPT_REFUSALS:
            self._refusals.clear()
        self._refusals[asked] = refusal
        return QuorumUnmet(refusal)

    def _progress(self, signer: KeyId, newest: Epoch | None, given: Epoch) -> str:
        if newest is None:
            return f"{signer} has signed nothing"
        if given and signer in self._signers_of(given):
            return f"{signer} signed it"
        behind = f" ({self._ratified - newest} behind)" if newest < self._ratified else ""
        return f"{signer} signed epoch {newest}{behind}" + (f" but not {given}" if given else "")

    def _answer(self, user_id: str, ratifications: Ratifications) -> Answer:
        epoch = ratifications.epoch
        index, index_proof = self._find_index(user_id)
        parts = self._tree.lookup(NodeRef(self.record(epoch).tree_root), index)
        place = tables.place_at(self._store, index, epoch)
        proved = parts.existing_entry_hash if parts.existing_index == index else None
        if place is None:
            if proved is not None:
                raise Corrupt(f"the tree of epoch {epoch} has an entry for {user_id!r} that is not stored")
            return Answer(user_id, index, index_proof, ratifications, parts, None, None)
        entry = tables.read_update(self._store, place.position).new_entry
        if proved is None or entry_hash(entry) != proved:
            raise Corrupt(f"the stored entry of {user_id!r} is not the one in the tree of epoch {epoch}")
        profile = tables.read_profile(self._store, place.position)
        return Answer(user_id, index, index_proof, ratifications, parts, entry, profile)
