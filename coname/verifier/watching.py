"""Heads that are only compared: with each other, with those that were verified, and with those seen before.

After a violation, what the keyserver goes on to say is not verified any more, and nothing is signed. It is watched all
the same: each head that contradicts another one is evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core.types import Epoch
from coname.errors import Corrupt, ProofInvalid
from coname.messages.verifier_pb2 import WitnessedHead
from coname.verifier import tables
from coname.verifier import violations as rules
from coname.verifier.head_checks import Witnessed, check_alone, check_succession, is_other, recall, two_heads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coname.verifier.policies import Policies
    from coname.verifier.settings import ReplaySettings
    from coname.verifier.violations import Finding
    from coname.verifier.waiting_store import WaitingStore

MOST_WITNESSED = 10_000
"""How many unverified heads are kept: three hours of a realm that closes an epoch each second. Further ones are still
compared with these."""

MOST_HEAD_BYTES = 16 << 10
"""Larger ones are not kept: an honest realm's, signed by fifty replicas, has half of that, transcript included."""

MOST_OF_EPOCH = 8
"""How many heads of one epoch are kept, a verified one included: each further one is compared with these only."""

Shown = tuple["Finding", list[Witnessed]]
"""A finding and the heads that show it."""


class Watcher:
    """Compares heads.

    :ivar last: the head before in this stream, if it was one that is only watched.
    """

    def __init__(self, store: WaitingStore, settings: ReplaySettings, policies: Policies) -> None:
        self._store = store
        self._policies = policies
        self._settings = settings
        self._count = tables.count_witnessed(store)
        self.last: Witnessed | None = None

    def see(self, new: Witnessed, verified: Epoch, now_ns: int) -> Iterator[Shown]:
        """Compare a head that is not going to be verified, and remember it.

        :param verified: the newest verified epoch.
        """
        if new.signed.signatures:
            yield from self.contradictions(new, verified)
        shown = [new] if self.last is None else [self.last, new]
        for finding in check_alone(self._settings, self._policies.of(new.epoch), new, now_ns):
            yield finding, shown
        if self.last is not None and new.signed.signatures:
            for finding in check_succession(self.last, new):
                if finding.rule != rules.REPEATED_EPOCH:
                    yield finding, shown
        self.remember(new, verified)
        self._policies.suppose(new, verified)

    def contradictions(self, new: Witnessed, verified: Epoch) -> Iterator[Shown]:
        """Other heads for the same epoch, verified or only seen."""
        for known in self._known(new.epoch, verified):
            if is_other(known, new):
                yield two_heads(known, new), [known, new]

    def remember(self, new: Witnessed, verified: Epoch) -> None:
        """Keep a head that was not verified, for comparing, if anybody has signed it. It becomes durable with whatever
        is written next."""
        if not new.signed.signatures:
            return
        self.last = new
        if self._count >= MOST_WITNESSED:
            return
        known = [each.head.epoch_head for each in self._known(new.epoch, verified)]
        if new.head.epoch_head in known or len(known) >= MOST_OF_EPOCH:
            return
        stored = WitnessedHead(signed=new.signed, transcript=new.transcript, position=new.position).SerializeToString()
        if len(stored) <= MOST_HEAD_BYTES:
            self._count += 1
            self._store.put(tables.witnessed_key(new.epoch, new.summary), stored)

    def _known(self, epoch: Epoch, verified: Epoch) -> Iterator[Witnessed]:
        if epoch <= verified:
            yield recalled(tables.read_epoch(self._store, epoch).head)
        if self._count:
            yield from map(recalled, tables.read_witnessed(self._store, epoch))


def recalled(stored: WitnessedHead) -> Witnessed:
    """A head that was stored.

    :raises Corrupt: it is none.
    """
    try:
        return recall(stored)
    except ProofInvalid as error:
        raise Corrupt(f"a stored head is damaged: {error}") from error
