"""Which epoch is the newest that a quorum has signed: found without looking at every epoch.

`SignerFrontier` keeps pairs (signers, epoch): "epoch is signed by at least these". A pair is dropped once another has
all its signers and is at least as new, since whatever quorum the first satisfies, the second does too (quorums are
monotone: one more signature never makes a satisfied quorum unsatisfied). What remains is as long as there are groups
of signers that lag behind each other: one pair where everybody keeps up.

The frontier is part of the replicated state: all replicas compute the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from coname.core.types import Epoch, KeyId
from coname.messages.stored_pb2 import SignerProgress

Signers = frozenset[KeyId]


class SignerFrontier:
    """The newest ratified epochs, by who signed them."""

    def __init__(self, stored: Iterable[SignerProgress] = ()) -> None:
        self._newest: dict[Signers, Epoch] = {
            frozenset(KeyId(signer) for signer in progress.signers): Epoch(progress.epoch) for progress in stored
        }

    def stored(self) -> list[SignerProgress]:
        """The frontier as it is kept in the replica's state, in an order that all replicas share."""
        pairs = sorted((epoch, sorted(signers)) for signers, epoch in self._newest.items())
        return [SignerProgress(epoch=epoch, signers=signers) for epoch, signers in pairs]

    def add(self, epoch: Epoch, signers: Collection[KeyId]) -> None:
        """Note that `epoch` is signed by all of `signers`."""
        added = frozenset(signers)
        if any(added <= other and epoch <= newest for other, newest in self._newest.items()):
            return
        kept = {other: newest for other, newest in self._newest.items() if not (other <= added and newest <= epoch)}
        kept[added] = epoch
        self._newest = kept

    def newest(self, satisfied: Callable[[Signers], bool], oldest: Epoch) -> Epoch | None:
        """The newest epoch, not before `oldest`, whose signers make `satisfied` true; None if there is none."""
        for epoch, signers in sorted(
            ((epoch, signers) for signers, epoch in self._newest.items()), key=lambda pair: pair[0], reverse=True
        ):
            if epoch < oldest:
                return None
            if satisfied(signers):
                return epoch
        return None

    def newest_by(self, signer: KeyId) -> Epoch:
        """The newest epoch that one signer has signed; 0 if none."""
        return max((epoch for signers, epoch in self._newest.items() if signer in signers), default=Epoch(0))
