"""Who ratifies which epoch: the policy that the verifier is configured with, and those that verified heads announced.

Rules of this file:

1. A policy takes the place of another only by a head that was verified, hence ratified by the policy before. It is
   stored in the same batch as that head, and holds from the next epoch on.
2. What is only watched is judged by what its own heads announce, as long as the stream lasts: whoever goes on with a
   fork shall be recognised by the keys that the fork has named. Nothing of that is stored, and nothing verified by it.
3. For a third person, the heads that led from the configured policy to another one are kept: `led_to`.
4. What is held in memory does not grow with the number of changes: a keyserver decides how many there are.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from coname.core import quorums, rollover
from coname.core.evidence_bounds import MAX_POLICY_CHANGES
from coname.core.types import Epoch
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import AuthorizationPolicy, SignedEpochHead
from coname.verifier import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coname.verifier.head_checks import Witnessed
    from coname.verifier.waiting_store import WaitingStore


MOST_SUPPOSED = 64
"""Changes by heads that are only watched: a liar may announce one in each epoch, of 64 KiB."""

MOST_SHOWN_BYTES = 512 << 10
"""Of the heads in one bundle that led to a policy: as many as a realm makes in its life, unless it lies."""


class _Change(NamedTuple):
    """A change.

    :ivar start: the first epoch that `policy` ratifies.
    :ivar signed: the head that announced it, where it was not verified.
    """

    start: Epoch
    policy: AuthorizationPolicy
    signed: SignedEpochHead | None


class Policies:
    """The policies of one realm, for one verifier.

    :param store: where they are kept; nothing is durable before its `flush`.
    :param configured: the first one.
    """

    def __init__(self, store: WaitingStore, configured: AuthorizationPolicy) -> None:
        self._store = store
        self._first = _Change(Epoch(0), configured, None)
        self._verified = next(self._stored(tables.NEWEST), self._first)  # the newest
        self._supposed: list[_Change] = []

    def of(self, epoch: Epoch) -> AuthorizationPolicy:
        """What ratifies `epoch`, as far as is known."""
        for change in (*reversed(self._supposed), self._verified):
            if change.start <= epoch:
                return change.policy
        return next(self._stored(epoch), self._first).policy

    @property
    def newest(self) -> AuthorizationPolicy:
        """What ratifies the newest epochs."""
        return self._supposed[-1].policy if self._supposed else self._verified.policy

    @property
    def since(self) -> Epoch:
        """The verified epoch whose head announced the newest verified policy; 0: that is the configured one."""
        return Epoch(max(0, self._verified.start - 1))

    @property
    def verified(self) -> AuthorizationPolicy:
        """What ratifies the epoch after the newest verified one."""
        return self._verified.policy

    def led_to(self, epoch: Epoch) -> list[SignedEpochHead]:
        """The heads that announced changes before `epoch`, oldest first: the newest that a judge looks at."""
        found: list[SignedEpochHead] = []
        size = 0
        supposed = (change for change in reversed(self._supposed) if change.start <= epoch)
        for change in chain(supposed, self._stored(epoch)):
            head = self._head(change)
            size += head.ByteSize()
            if len(found) == MAX_POLICY_CHANGES or size > MOST_SHOWN_BYTES:
                break
            found.append(head)
        return found[::-1]

    def advance(self, verified: Witnessed) -> bool:
        """Follow what a verified head announces; whether it announces anything."""
        policy = rollover.next_policy(verified.head)
        if policy is None:
            return False
        start = Epoch(verified.epoch + 1)
        self._store.put(tables.policy_key(start), policy.SerializeToString(deterministic=True))
        self._verified = _Change(start, policy, None)
        return True

    def begin(self) -> None:
        """A stream begins: what another one has announced is nothing to it."""
        self._supposed.clear()

    def suppose(self, watched: Witnessed, verified: Epoch) -> None:
        """Follow what a head announces that is only watched, if it is ratified.

        :param verified: the newest verified epoch.
        """
        start = Epoch(watched.epoch + 1)
        newest = self._supposed[-1] if self._supposed else self._verified
        if watched.epoch <= verified or start <= newest.start or len(self._supposed) == MOST_SUPPOSED:
            return
        policy = _announced(watched)
        if policy is not None and is_satisfied(self.of(watched.epoch), watched.signed):
            self._supposed.append(_Change(start, policy, watched.signed))

    def _stored(self, last: Epoch) -> Iterator[_Change]:
        """Those of the database that begin at `last` or before, newest first."""
        for start, policy in tables.read_policies(self._store, last):
            yield _Change(start, policy, None)

    def _head(self, change: _Change) -> SignedEpochHead:
        if change.signed is not None:
            return change.signed
        return tables.read_epoch(self._store, Epoch(change.start - 1)).head.signed


def _announced(head: Witnessed) -> AuthorizationPolicy | None:
    try:
        return rollover.next_policy(head.head)
    except ProofInvalid:
        return None


def is_satisfied(policy: AuthorizationPolicy, signed: SignedEpochHead) -> bool:
    """Whether these signatures, which are good, are enough for `policy`."""
    return policy.HasField("quorum") and quorums.satisfied(policy.quorum, signed.signatures)
