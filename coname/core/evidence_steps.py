"""What a transcript shows: that an update was let in which its owner did not sign, or that the root is not what the
updates lead to.

A transcript's signer stands for the updates, for the head that they led to, and by the hash in it for the head before:
the two hashes in the transcript say so, whatever numbers stand beside them.
So with the updates themselves, and proofs of what the tree held before at the places that they change, everything that
the signer should have checked can be checked again.

Each entry's updates are looked at by themselves, and first with little work for each (`SHARES`): whoever lies in one
may have put others beside it that take long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core.evidence_bounds import MAX_NOTES, SHARES, ShareUsed, TooMuch
from coname.core.evidence_updates import Update, Wrong, first_wrong
from coname.core.evidence_words import Finding, finding
from coname.core.hashes import entry_hash
from coname.core.partial_tree import root_of
from coname.core.text import hexed
from coname.core.types import EntryHash, Index
from coname.errors import Corrupt, ProofInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from coname.core.evidence_bounds import Budget
    from coname.core.evidence_facts import KnownHead, KnownTranscript, Material
    from coname.messages.config_pb2 import RealmConfig


class StepRules:
    """The rules about the steps of one epoch, for each transcript that covers the bundle's updates.

    :param realm: its tree nonce makes the tree; steps of other realms' heads are not judged.
    :param notes: takes a sentence on each thing that cannot be decided.
    """

    def __init__(self, material: Material, realm: RealmConfig, budget: Budget, notes: list[str]) -> None:
        self._material = material
        self._realm = realm.RealmName
        self._nonce = realm.tree_nonce
        self._budget = budget
        self._notes = notes
        self._updates = [Update(place, update) for place, update in enumerate(material.updates, start=1)]
        self._by_index: dict[Index, list[Update]] = {}
        for update in self._updates:
            if update.index is not None:
                self._by_index.setdefault(update.index, []).append(update)

    def findings(self) -> Iterator[Finding]:
        """Who broke which of them."""
        covering = [each for each in self._material.transcripts if self._covers(each)]
        for head in {each.head.summary: each.head for each in covering}.values():
            signers = frozenset().union(*(each.signers for each in covering if each.head is head))
            if not _begins(head) and self._material.parent(head) is None:
                self._note(f"the head before epoch {head.epoch} is not in it: what the tree held is not known")
                continue
            yield from self._wrong_root(head, signers)
            try:
                yield from self._wrong_updates(head, signers)
            except TooMuch as error:  # what was found so far stands: nobody shall escape by the size of an epoch
                self._note(f"not all updates of epoch {head.epoch} were looked at: {error}")

    def _note(self, sentence: str) -> None:
        if len(self._notes) < MAX_NOTES:
            self._notes.append(sentence)

    def _covers(self, transcript: KnownTranscript) -> bool:
        if not self._material.concerns(transcript, self._realm):
            return False
        return transcript.message.updates_hash == self._material.updates_hash

    def _wrong_root(self, head: KnownHead, signers: frozenset[int]) -> Iterator[Finding]:
        malformed = [each for each in self._updates if each.index is None]
        if malformed:
            return  # no tree can hold them; `_wrong_updates` says so
        changes = {each.index: entry_hash(each.message.new_entry) for each in self._updates if each.index is not None}
        try:
            expected = self._root_after(head, changes)
        except ProofInvalid as error:
            self._note(f"whether the root of epoch {head.epoch} is right cannot be decided: {error}")
            return
        if expected != head.root_hash:
            yield from finding(
                "wrong_root",
                signers,
                f"signed epoch {head.epoch} with the root {hexed(head.root_hash)}; the updates that it consists of "
                f"({len(self._updates)}) lead to {expected.hex()}.",
            )

    def _root_after(self, head: KnownHead, changes: Mapping[Index, EntryHash]) -> bytes:
        if _begins(head):
            return root_of(self._nonce, changes)
        return self._material.trees[head.previous].root_with(changes)

    def _wrong_updates(self, head: KnownHead, signers: frozenset[int]) -> Iterator[Finding]:
        for update in self._updates:
            if update.index is None:
                said = f"let update {update.place} into epoch {head.epoch}, which is no entry that a tree can hold."
                yield from finding("unauthorised_update", signers, said)
        before = self._entries_before(head)
        left: Sequence[Index] = [index for index in self._by_index if index in before or _begins(head)]
        for share in SHARES:
            put_off: list[Index] = []
            for index in left:
                try:
                    wrong = first_wrong(before.get(index), self._by_index[index], self._budget.share(share))
                except ShareUsed:
                    put_off.append(index)
                except Corrupt as error:
                    self._note(str(error))
                else:
                    yield from self._told(head, signers, wrong)
            left = put_off
        for index in left:
            self._note(f"the updates at {index.hex()} would take more work than is done for one entry")

    @staticmethod
    def _told(head: KnownHead, signers: frozenset[int], wrong: Wrong | None) -> Iterator[Finding]:
        if wrong is not None and wrong.update.index is not None:
            said = (
                f"let update {wrong.update.place} into epoch {head.epoch}, at {wrong.update.index.hex()}: {wrong.why}."
            )
            yield from finding(wrong.rule, signers, said)

    def _entries_before(self, head: KnownHead) -> dict[Index, bytes | None]:
        """What the tree held before `head`, as far as it is shown."""
        before = [each for each in self._material.entries if each.head.summary == head.previous]
        shown = {each.index: each.entry for each in before if each.shown}
        hidden = {each.index for each in before} - shown.keys()
        if hidden:
            self._note(
                f"of {len(hidden)} entr{'y' if len(hidden) == 1 else 'ies'} before epoch {head.epoch}, only the "
                f"hash is in it: whether their owners signed what replaced them is open"
            )
        for index in self._by_index:
            if index not in shown and index not in hidden and not _begins(head):
                self._note(f"what the tree held before at {index.hex()} is not in it")
        return shown


def _begins(head: KnownHead) -> bool:
    """Whether `head` is that of the first epoch, before which the tree was empty."""
    return head.epoch == 1 and not head.previous
