"""Answering lookups (protocol section 9) from what is ratified.

- A lookup sees ratified epochs only: what a single replica has computed is nobody's business yet.
- "Latest" is the newest epoch, at most `lagging_verifier_scan` back (0: any), whose signers satisfy the quorum.
- A request without a quorum asks for nothing, and gets the newest epoch with all signatures it has.
- Every answer is checked against the tree: an entry that does not match its leaf is reported as corrupt.
- Between two signatures the same question has the same answer, so answers are kept until the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from coname.core.hashes import entry_hash
from coname.core.quorums import satisfied, signers
from coname.core.types import Epoch, Index, KeyId
from coname.errors import Corrupt, EpochUnknown, QuorumUnmet, Unavailable
from coname.interfaces import IKeyValueStore
from coname.keyserver import tables
from coname.keyserver.answers import Answer, Ratifications
from coname.keyserver.frontier import Frontier, Numbers
from coname.messages.client_pb2 import LookupRequest, QuorumExpr
from coname.messages.stored_pb2 import EpochRecord, ReplicaState
from coname.storage.tree import MerkleTree, NodeRef

_ANSWER_BYTES = 4096  # what a kept answer takes besides its profile: a proof of 20 levels and an entry, twice encoded
_KEPT_QUORUMS = 1024
_KEPT_EPOCHS = 256

FindIndex = Callable[[str], tuple[Index, bytes]]


class _Question(NamedTuple):
    user_id: str
    epoch: int
    quorum: bytes | None


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
        self._cache_bytes = cache_bytes
        self._answer_bytes = 0
        self._ratified = Epoch(0)
        self._frontier = Frontier(Numbers())
        # caches, emptied by every new signature
        self._answers: dict[_Question, Answer] = {}
        self._ratifications: dict[tuple[int, bytes | None], Ratifications] = {}
        # a cache that outlives epochs
        self._records: dict[Epoch, EpochRecord] = {}

    @property
    def newest(self) -> Epoch:
        """The newest epoch that may be looked at; 0 if there is none."""
        return self._ratified

    def advance(self, state: ReplicaState, frontier: Frontier) -> None:
        """`state` and `frontier` are durable now: answer from them."""
        self._ratified = Epoch(state.ratified_epoch)
        self._frontier = frontier
        self._forget_answers()
        self._ratifications.clear()

    def lookup(self, request: LookupRequest) -> Answer:
        """Answer `request`.

        :raises Unavailable: before the first epoch.
        :raises EpochUnknown: the epoch has not been ratified.
        :raises QuorumUnmet: nobody has signed enough.
        :raises Corrupt: stored data is damaged.
        """
        quorum = request.quorum_requirement.SerializeToString() if request.HasField("quorum_requirement") else None
        question = _Question(request.user_id, request.epoch, quorum)
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answer(request.user_id, self._find_ratifications(request, quorum))
            self._keep(question, answer)
        return answer

    def _keep(self, question: _Question, answer: Answer) -> None:
        # the profile is kept as it is, in protobuf, and in base64
        size = _ANSWER_BYTES + 4 * len(answer.profile or b"") + len(question.quorum or b"")
        if self._answer_bytes + size > self._cache_bytes:
            self._forget_answers()
        self._answer_bytes += size
        self._answers[question] = answer

    def _forget_answers(self) -> None:
        self._answers.clear()
        self._answer_bytes = 0

    def satisfied(self, epoch: Epoch, quorum: QuorumExpr | None) -> bool:
        """Whether `epoch` is ratified and its signatures satisfy `quorum`."""
        if epoch > self._ratified:
            return False
        return quorum is None or satisfied(quorum, tables.read_ratifications(self._store, epoch).keys())

    def record(self, epoch: Epoch) -> EpochRecord:
        """A ratified epoch's record."""
        record = self._records.get(epoch)
        if record is None:
            if len(self._records) >= _KEPT_EPOCHS:
                self._records.clear()
            record = self._records[epoch] = tables.read_epoch(self._store, epoch)
        return record

    def _find_ratifications(self, request: LookupRequest, quorum: bytes | None) -> Ratifications:
        key = (request.epoch, quorum)
        found = self._ratifications.get(key)
        if found is None:
            expression = None if quorum is None else request.quorum_requirement
            epoch = self._find_epoch(Epoch(request.epoch), expression)
            heads = tables.read_ratifications(self._store, epoch)
            if expression is not None:
                wanted = signers(expression)
                heads = {signer: head for signer, head in heads.items() if signer in wanted}
            found = Ratifications.of(epoch, heads)
            if len(self._ratifications) >= _KEPT_QUORUMS:
                self._ratifications.clear()
            self._ratifications[key] = found
        return found

    def _find_epoch(self, asked: Epoch, quorum: QuorumExpr | None) -> Epoch:
        if not self._ratified:
            raise Unavailable("no epoch has been ratified yet; try again in a moment")
        if asked > self._ratified:
            raise EpochUnknown(f"epoch {asked} has not been ratified; the newest is {self._ratified}")
        if asked:
            if not self.satisfied(asked, quorum):
                raise QuorumUnmet(self._unmet(f"epoch {asked} is not", quorum))
            return asked
        if quorum is None:
            return self._ratified
        oldest = Epoch(max(1, self._ratified - self._scan) if self._scan else 1)
        found = self._frontier.newest(signers(quorum), lambda have: satisfied(quorum, have), oldest)
        if found is None:
            raise QuorumUnmet(self._unmet(f"no epoch from {oldest} to {self._ratified} is", quorum))
        return found

    def _unmet(self, what: str, quorum: QuorumExpr | None) -> str:
        wanted = sorted(signers(quorum)) if quorum is not None else []
        newest = self._frontier.progress(wanted)
        progress = ", ".join(self._progress(KeyId(signer), newest) for signer in wanted[:16])
        return f"{what} signed by the requested quorum; its signers: {progress or 'none'}"

    def _progress(self, signer: KeyId, newest: dict[KeyId, Epoch]) -> str:
        if signer not in newest:
            return f"{signer} has signed nothing"
        behind = self._ratified - newest[signer]
        return f"{signer} signed epoch {newest[signer]}" + (f" ({behind} behind)" if behind else "")

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
