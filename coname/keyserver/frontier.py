"""Which epoch is the newest that a quorum has signed: found without looking at every epoch.

The frontier is a list of pairs (epoch, signers): "this epoch is signed by at least these". A pair is left out once a
newer one has all its signers, since whatever quorum the older satisfies, the newer does too (quorums are monotone: one
more signature never makes a satisfied quorum unsatisfied). What remains is as long as there are groups of signers that
lag behind each other: one pair where everybody keeps up, one for each verifier where each lags differently.

Rules of this file:

* There is one pair for an epoch at most. So the newest `MOST_PAIRS` pairs reach back over that many epochs at least,
  and it is safe to forget the others: what they alone could answer is older than that, and such a lookup is refused, as
  one beyond `lagging_verifier_scan` is. It is needed because colluding verifiers can sign epochs in patterns in which
  no pair makes another needless. One verifier alone can no more than double the honest number of pairs.
* A set of signers is an integer, with a bit for each signer in order of the first signature: comparing two takes less
  than 0.1 µs, and 300 signers take 38 bytes, in memory and on disk.
* A frontier never changes: a new one is made, and `changes` tells what of it is to be written. Each pair is a record of
  its own, so a signature writes one record, however many verifiers there are.
* A lookup's own quorum decides which signers count for it: what others have signed can neither hide an epoch from it
  nor make it look at more than the pairs there are.

All replicas compute the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable
from itertools import accumulate
from operator import or_
from typing import TYPE_CHECKING

from coname.core.types import Epoch, KeyId
from coname.errors import Corrupt, Refused
from coname.interfaces import Delete, Put, Write
from coname.keyserver import tables

if TYPE_CHECKING:
    from coname.messages.stored_pb2 import SignerProgress

MOST_PAIRS = 4096
"""Four times as many epochs as `lagging_verifier_scan` is in new realms, in some 200 kB."""

MOST_SIGNERS = 4096
"""In a realm, ever: replicas' keys and verifiers. It bounds what the bits of one pair may take, 512 bytes."""

Signers = int
"""A set of signers: one bit for each, numbered by `Numbers`."""


class Numbers:
    """The bit of each signer, in order of the first signature; none is ever taken back.

    :ivar ids: the signers, by number.
    """

    def __init__(self, ids: Iterable[KeyId] = ()) -> None:
        self.ids = list(ids)
        self._numbers = {signer: number for number, signer in enumerate(self.ids)}

    def __len__(self) -> int:
        """How many signers there are."""
        return len(self.ids)

    def has(self, signer: KeyId) -> bool:
        """Whether the signer has a number."""
        return signer in self._numbers

    def numbered(self, signers: Iterable[KeyId]) -> Signers:
        """The set of `signers`; who has no number gets one."""
        ordered = sorted(signers)
        for signer in ordered:
            if signer not in self._numbers:
                self._numbers[signer] = len(self.ids)
                self.ids.append(signer)
        return self.known(ordered)

    def known(self, signers: Iterable[KeyId]) -> Signers:
        """The set of those of `signers` that have a number."""
        numbers = self._numbers
        found = 0
        for signer in signers:
            number = numbers.get(signer)
            if number is not None:
                found |= 1 << number
        return found

    def listed(self, signers: Signers) -> list[KeyId]:
        """Who is in a set."""
        found = []
        while signers:
            lowest = signers & -signers
            found.append(self.ids[lowest.bit_length() - 1])
            signers ^= lowest
        return found


class Frontier:
    """The newest ratified epochs, by who signed them; never changes.

    :param pairs: newest first.
    """

    __slots__ = ("_numbers", "_pairs")

    def __init__(self, numbers: Numbers, pairs: tuple[tuple[Epoch, Signers], ...] = ()) -> None:
        self._numbers = numbers
        self._pairs = pairs

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._pairs)

    def has_signed(self, signer: KeyId) -> bool:
        """Whether that signer has ever signed; later signatures are seen, too."""
        return self._numbers.has(signer)

    def check_room(self, signer: KeyId) -> None:
        """:raises Refused: so many have signed in this realm that there is no room for another signer."""
        if not self._numbers.has(signer) and len(self._numbers) >= MOST_SIGNERS:
            raise Refused(f"{len(self._numbers)} signers are all that this realm can have")

    def add(self, epoch: Epoch, signers: Signers) -> Frontier:
        """The frontier once `epoch` is known to be signed by all of `signers`."""
        newer = [pair for pair in self._pairs if pair[0] > epoch]
        for _, others in newer:
            if signers & ~others == 0:
                return self
        older = []
        for pair in self._pairs[len(newer) :]:
            if pair[0] == epoch and signers & ~pair[1] == 0:
                return self
            if pair[1] & ~signers:
                older.append(pair)
        return Frontier(self._numbers, (*newer, (epoch, signers), *older)[:MOST_PAIRS])

    def newest(
        self, wanted: Collection[int], satisfied: Callable[[Collection[int]], bool], oldest: Epoch
    ) -> Epoch | None:
        """The newest epoch, not before `oldest`, whose signers satisfy a quorum; None if there is none.

        :param wanted: whom the quorum mentions.
        :param satisfied: whether these of them are enough. It is asked for few sets: if all who have signed one of the
            newest epochs are not enough together, none of those epochs is, so half of what is left can be passed over
            at once. What nobody can satisfy is asked once.
        """
        epochs, sets, together = self._sets_of(self._numbers.known(map(KeyId, wanted)), oldest)
        listed = self._numbers.listed
        first = bisect_left(together, True, key=lambda signers: satisfied(listed(signers)))
        for epoch, signers in zip(epochs[first:], sets[first:], strict=True):
            if satisfied(listed(signers)):
                return epoch
        return None

    def _sets_of(self, mentioned: Signers, oldest: Epoch) -> tuple[list[Epoch], list[Signers], list[Signers]]:
        """Each set of those `mentioned` that occurs, the newest first, with the newest epoch that it has signed, and
        with all who are in it or in one before."""
        found: dict[Signers, Epoch] = {}
        for epoch, signers in self._pairs:
            if epoch < oldest:
                break
            found.setdefault(signers & mentioned, epoch)
        return list(found.values()), list(found), list(accumulate(found, or_))

    def progress(self, wanted: Collection[int]) -> dict[KeyId, Epoch]:
        """The newest epoch that each of `wanted` has signed, those left out that have signed none."""
        missing = self._numbers.known(map(KeyId, wanted))
        found = {}
        for epoch, signers in self._pairs:
            hit = signers & missing
            if hit:
                found.update(dict.fromkeys(self._numbers.listed(hit), epoch))
                missing ^= hit
                if not missing:
                    break
        return found

    @property
    def signers(self) -> Collection[KeyId]:
        """All who have ever signed."""
        return self._numbers.ids

    @property
    def pairs(self) -> tuple[tuple[Epoch, Signers], ...]:
        """Newest first."""
        return self._pairs


def read_numbers(reader: tables.Reader) -> Numbers:
    """The numbers in the database."""
    return Numbers(tables.read_signer_numbers(reader))


def read(scanner: tables.Scanner, numbers: Numbers) -> Frontier:
    """The frontier in the database.

    :raises Corrupt: it is damaged.
    """
    pairs = tuple(sorted(tables.read_frontier(scanner), reverse=True))
    for epoch, signers in pairs:
        if signers.bit_length() > len(numbers):
            raise Corrupt(f"the stored signers of epoch {epoch} are more than are known")
    return Frontier(numbers, pairs)


def moved(frontier: Frontier, numbers: Numbers, before: Iterable[SignerProgress]) -> Frontier:
    """`frontier` with what an earlier version kept in the replica's state, where it is no more from then on."""
    for progress in sorted(before, key=lambda progress: (progress.epoch, sorted(progress.signers))):
        frontier = frontier.add(Epoch(progress.epoch), numbers.numbered(map(KeyId, progress.signers)))
    return frontier


def changes(before: Frontier, after: Frontier) -> list[Write]:
    """What to write so that a database that has `before` has `after`."""
    if before is after:
        return []
    stored, wanted = dict(before.pairs), dict(after.pairs)
    gone: list[Write] = [Delete(tables.frontier_key(epoch)) for epoch in stored if epoch not in wanted]
    added = [(epoch, signers) for epoch, signers in after.pairs if stored.get(epoch) != signers]
    return gone + [tables.frontier_record(epoch, signers) for epoch, signers in added]


def number_changes(numbers: Numbers, stored: int) -> list[Write]:
    """What to write so that a database that has the first `stored` numbers has all."""
    return [] if len(numbers) == stored else [Put(tables.SIGNERS_KEY, tables.signer_numbers(numbers.ids))]
