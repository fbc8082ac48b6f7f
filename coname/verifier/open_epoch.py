"""The updates that came since the last head, and what they make of the entries.

Rules of this file:

* Each update is checked when it comes, against the entry as the updates before it leave it.
* The first that is invalid makes the epoch broken. It is applied all the same, as are the others after it: what the
  keyserver then signs shows whether it did so too.
* Owners' signatures are taken as libsodium takes them. Only if those are not enough, the update is looked at once more
  as the programs of 2017 would (`coname.core.signatures_2017`): a verifier must not be stricter than the keyserver that
  it follows, nor let strangers keep it busy.
* Memory is bounded: over the bound, the epoch is broken as well, and its updates are forgotten.
* Nothing here is stored. An epoch that was not closed is asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core import quorums, transcripts
from coname.core.evidence_bounds import MAX_UPDATES
from coname.core.hashes import entry_hash
from coname.core.policies import check_update
from coname.core.signatures_2017 import Lenient
from coname.core.types import EntryHash, Epoch, Index
from coname.errors import UpdateInvalid
from coname.messages.client_pb2 import Entry, SignedEntryUpdate
from coname.verifier import violations as rules
from coname.verifier.signatures import relying
from coname.verifier.violations import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from coname.core.signatures import Verify

INDEX_SIZE = 32

OVERHEAD = 1024
"""Of one update in memory, besides its encoded bytes: the message twice, dictionaries' places."""

SIGNATURE_OVERHEAD = 300
"""Of each of its signatures: a place in a map, and a string of its own. A stranger's may be a few bytes each."""

MOST_UPDATES = MAX_UPDATES
"""Of one epoch: no judge looks at more."""

MOST_QUORUM_PARTS = 100_000
"""Candidates and subexpressions of one policy's quorum: each is walked through several times, in some microseconds."""

MOST_STRANGE = 100
"""Signatures of one update that are checked by the algorithm of 2017, at some milliseconds each."""

MOST_SUSPECTS = 16
"""Each is shown with the entry before it, which may have megabytes."""

_SURE = {rules.UNAUTHORISED_UPDATE, rules.VERSION_DECREASED}


class OpenEpoch:
    """One epoch that is not closed yet.

    :param epoch: its number, if all is right.
    :param first_step: verifier log index of its first step.
    :param current: the entry that the tree before holds at an index.
    :param most_bytes: bound of the memory.
    :ivar updates: all that came, in order.
    :ivar entries: the entries that they make.
    :ivar broken: what is wrong with it already.
    :ivar suspects: the indices of invalid updates, `MOST_SUSPECTS` at most: of the first ones, since what a judge can
        decide of one may be less than what is seen here.
    """

    def __init__(
        self,
        epoch: Epoch,
        first_step: int,
        current: Callable[[Index], bytes | None],
        verify: Verify,
        most_bytes: int,
    ) -> None:
        self.epoch = epoch
        self.first_step = first_step
        self.updates: list[SignedEntryUpdate] = []
        self.entries: dict[Index, bytes] = {}
        self.broken: Finding | None = None
        self.suspects: list[Index] = []
        self.complete = True
        self._certain = 0  # so many of the suspects are of updates that are known to be invalid
        self._current = current
        self._verify = verify
        self._left = most_bytes

    def add(self, update: SignedEntryUpdate, size: int, good: bool = False) -> None:
        """Take the next update, of `size` encoded bytes.

        :param good: its signatures were checked, see `coname.verifier.signatures`.
        :raises Corrupt: the own database is damaged.
        """
        if not self.complete:
            return
        self._left -= size + OVERHEAD + SIGNATURE_OVERHEAD * len(update.signatures)
        if self._left < 0 or len(self.updates) >= MOST_UPDATES:
            self._give_up()
            return
        self.updates.append(update)
        entry = _read(update)
        if entry is None:
            what = f"update {len(self.updates)} of epoch {self.epoch} is no entry that a tree can hold"
            self.spoil(Finding(rules.UNAUTHORISED_UPDATE, what))
        else:
            self._apply(entry, update, relying(entry, update, self._verify) if good else self._verify)

    def _apply(self, entry: Entry, update: SignedEntryUpdate, verify: Verify) -> None:
        index = Index(entry.index)
        current = self.entries.get(index)
        if current is None:
            current = self._current(index)
        wrong = self._wrong(current, entry, update, verify)
        if wrong is not None:
            self._suspect(index, wrong)
            self.spoil(wrong)
        self.entries[index] = update.new_entry

    def _wrong(self, current: bytes | None, entry: Entry, update: SignedEntryUpdate, verify: Verify) -> Finding | None:
        which = f"update {len(self.updates)} of epoch {self.epoch}, at index {entry.index.hex()},"
        if quorums.depth_and_size(entry.update_policy.quorum, MOST_QUORUM_PARTS).size > MOST_QUORUM_PARTS:
            return Finding(
                rules.UPDATE_TOO_LARGE,
                f"{which} has a quorum of more than {MOST_QUORUM_PARTS} parts: this verifier does not look at so many, "
                "and does not know whether it may be made",
            )
        try:
            check_update(current, update, verify)
        except UpdateInvalid:
            lenient = Lenient(MOST_STRANGE)
            try:
                check_update(current, update, lenient)
            except UpdateInvalid as error:
                if current is not None and entry.version <= Entry.FromString(current).version:
                    return Finding(rules.VERSION_DECREASED, f"{which} is not one that may be made: {error}")
                if lenient.refused:
                    return Finding(
                        rules.UPDATE_TOO_LARGE,
                        f"{which} has more than {MOST_STRANGE} signatures of a form that libsodium refuses: this "
                        "verifier does not look at so many, and does not know whether it may be made",
                    )
                return Finding(rules.UNAUTHORISED_UPDATE, f"{which} is not one that may be made: {error}")
        return None

    def _suspect(self, index: Index, wrong: Finding) -> None:
        """Remember an index; what is known to be invalid goes before what is not decided."""
        if index in self.suspects:
            return
        if wrong.rule == rules.UPDATE_TOO_LARGE:
            self.suspects.append(index)
        else:
            self.suspects.insert(self._certain, index)
            self._certain += 1
        del self.suspects[MOST_SUSPECTS:]
        self._certain = min(self._certain, MOST_SUSPECTS)

    def spoil(self, finding: Finding) -> None:
        """Note what is wrong with the epoch; the first counts that is sure."""
        if self.broken is None or (self.broken.rule == rules.UPDATE_TOO_LARGE and finding.rule in _SURE):
            self.broken = finding

    def _give_up(self) -> None:
        self.spoil(
            Finding(
                rules.EPOCH_TOO_LARGE,
                f"epoch {self.epoch} has more than {len(self.updates)} updates, which is more than fit into the memory "
                "that this verifier may use",
            )
        )
        self.complete = False
        self.suspects = []
        self.updates, self.entries = [], {}

    def changes(self) -> dict[Index, EntryHash]:
        """What the tree must hold afterwards."""
        return {index: entry_hash(entry) for index, entry in self.entries.items()}

    def updates_hash(self) -> bytes | None:
        """What a transcript says of the updates; None if they were forgotten."""
        return transcripts.updates_hash(map(transcripts.update_digest, self.updates)) if self.complete else None


def _read(update: SignedEntryUpdate) -> Entry | None:
    try:
        entry = Entry.FromString(update.new_entry)
    except DecodeError:
        return None
    return entry if len(entry.index) == INDEX_SIZE else None
