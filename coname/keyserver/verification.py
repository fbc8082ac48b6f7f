"""What the front for verifiers is given: the verifier log to read, and a place for ratifications.

Rules of this file:

* Nothing is shown before it is durable, and nothing behind a head that is closed and not ratified: its slot is reserved
  and still empty, though updates that follow it may be there (protocol section 7).
* A ratification is checked as a whole before anything is proposed: whose it is, which epoch, which head, and the
  signature. The state machine asks the same again, so what was proposed takes effect or was there before.
* A push fires once the signature is durable. It is proposed again while it is not, as an update is; several pushes of
  one verifier for one epoch share a proposal.
* How many pushes wait is bounded, for each verifier and in all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import implementer

from coname.core import heads
from coname.core.types import Epoch, KeyId
from coname.errors import Corrupt, EpochUnknown, InvalidRequest, NotPermitted, Overloaded, ProofInvalid, Unavailable
from coname.interfaces import IKeyValueStore, IVerification
from coname.keyserver import tables
from coname.keyserver.effects import HeadSigned
from coname.keyserver.frontier import Frontier, Numbers
from coname.keyserver.machine import Applied
from coname.keyserver.proposals import Proposer, new_uid
from coname.keyserver.timeouts import TimeLimit
from coname.keyserver.verifiers import Verifiers, check_head, sole_signer
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.replication_pb2 import KeyserverStep
from coname.messages.stored_pb2 import ReplicaState

MOST_PUSHES = 256
"""Of one verifier that wait at once: enough for it to catch up at thousands an hour, if each takes a second."""


@dataclass(slots=True)
class _Push:
    """A signature that was proposed, and who waits for it."""

    uid: int
    waiting: dict[Deferred[None], None] = field(default_factory=dict)


@implementer(IVerification)
class Verification:
    """`IVerification` for one replica, which tells it what has become durable.

    :param time_limit: put on each push.
    :param most_pushes: that wait at once, in all.
    """

    def __init__(
        self,
        store: IKeyValueStore,
        verifiers: Verifiers,
        proposer: Proposer,
        time_limit: TimeLimit,
        most_pushes: int,
    ) -> None:
        self._store = store
        self._verifiers = verifiers
        self._proposer = proposer
        self._time_limit = time_limit
        self._most_pushes = most_pushes
        self._state = ReplicaState()
        self._frontier = Frontier(Numbers())
        self._replicas: Collection[int] = frozenset()  # ids of all that ever were
        self._published = 0
        self._reserved = (Epoch(0), 0)  # a closed epoch, and its head's slot
        self._readers: dict[int, dict[Deferred[None], None]] = {}
        self._pushes: dict[tuple[KeyId, Epoch], _Push] = {}
        self._waiting: dict[KeyId, int] = {}  # pushes under way, by verifier; no zeros
        self._pushing = 0  # the sum of those
        self._unavailable: Unavailable | None = Unavailable("this replica is starting")

    # what the replica tells

    def start(self, resumed: Applied) -> None:
        """`resumed` is what the database holds; pushes are taken from now on."""
        self._unavailable = None
        self.advance(resumed)

    def advance(self, applied: Applied) -> None:
        """`applied` is durable now: show what it has."""
        self._state = applied.state
        self._frontier = applied.frontier
        self._replicas = applied.replicas
        self._published = self._shown(applied.state)
        for index in [index for index in self._readers if index < self._published]:
            _fire(self._readers.pop(index))

    def signed(self, effect: HeadSigned) -> None:
        """Signatures on an epoch have become durable."""
        for signer in effect.signers:
            push = self._pushes.pop((signer, effect.epoch), None)
            if push is not None:
                self._proposer.forget(push.uid)
                _fire(push.waiting)

    def stop(self, error: Unavailable) -> None:
        """Nothing will become durable any more: whoever waits is told `error`."""
        self._unavailable = error
        groups = [*self._readers.values(), *(push.waiting for push in self._pushes.values())]
        self._readers, self._pushes = {}, {}
        for waiting in groups:
            _fire(waiting, error)

    def _shown(self, state: ReplicaState) -> int:
        closed = Epoch(state.closed_epoch)
        if state.ratified_epoch == closed:
            return state.verifier_log_length
        if self._reserved[0] != closed:
            self._reserved = (closed, tables.read_epoch(self._store, closed).head_slot)
        return self._reserved[1]

    # what the front asks

    def published(self) -> int:
        """See `IVerification`."""
        return self._published

    def read(self, start: int, most_bytes: int) -> Sequence[bytes]:
        """See `IVerification`."""
        end = self._published
        steps: list[bytes] = []
        if start >= end:
            return steps
        size = 0
        for key, step in self._store.iterate(tables.step_key(start), tables.step_key(end)):
            if key != tables.step_key(start + len(steps)):
                break
            steps.append(step)
            size += len(step)
            if size >= most_bytes:
                return steps
        if start + len(steps) < end:
            raise Corrupt(f"the stored verifier log step {start + len(steps)} is missing")
        return steps

    def whenPublished(self, index: int) -> Deferred[None]:
        """See `IVerification`."""
        waiting: Deferred[None] = Deferred(lambda waiter: self._forget_reader(index, waiter))
        if self._unavailable is not None:
            waiting.errback(self._unavailable)
        elif index < self._published:
            waiting.callback(None)
        else:
            self._readers.setdefault(index, {})[waiting] = None
        return waiting

    def pushRatification(self, verifier: int, signed: SignedEpochHead) -> Deferred[None]:
        """See `IVerification`."""
        return self._time_limit.watch(Deferred.fromCoroutine(self._push(KeyId(verifier), signed)))

    def progress(self) -> Mapping[KeyId, Epoch]:
        """The newest epoch that each verifier has signed, 0 for those of the configuration that have signed none."""
        signers = self._frontier.signers
        known = {*self._verifiers.ids, *(each for each in signers if self._verifiers.may_sign(each, self._replicas))}
        signed = self._frontier.progress(known)
        return {verifier: signed.get(verifier, Epoch(0)) for verifier in sorted(known)}

    def _forget_reader(self, index: int, waiter: Deferred[None]) -> None:
        group = self._readers.get(index, {})
        group.pop(waiter, None)
        if not group:
            self._readers.pop(index, None)

    # pushes

    async def _push(self, verifier: KeyId, signed: SignedEpochHead) -> None:
        if self._unavailable is not None:
            raise self._unavailable
        epoch = self._check(verifier, signed)
        if self._store.get(tables.ratification_key(epoch, verifier)) is not None:
            return
        self._verifiers.check_signature(verifier, signed)
        self._check_bounds(verifier)
        self._waiting[verifier] = self._waiting.get(verifier, 0) + 1
        self._pushing += 1
        try:
            await self._durable(verifier, epoch, signed)
        finally:
            self._pushing -= 1
            self._waiting[verifier] -= 1
            if not self._waiting[verifier]:
                del self._waiting[verifier]

    def _check(self, verifier: KeyId, signed: SignedEpochHead) -> Epoch:
        """Everything but the signature itself; the epoch that was signed."""
        signer = sole_signer(signed)
        if signer != verifier:
            raise NotPermitted(f"the certificate is that of verifier {verifier:x}, the signature that of {signer:x}")
        self._verifiers.check_known(verifier, self._replicas)
        self._frontier.check_room(verifier)
        try:
            epoch = heads.parse(signed.head).epoch
        except ProofInvalid as error:
            raise InvalidRequest(str(error)) from error
        ratified = self._state.ratified_epoch
        if epoch > ratified:
            raise EpochUnknown(f"epoch {epoch} has not been ratified here; the newest is {ratified}")
        check_head(signed, tables.read_epoch(self._store, epoch).head)
        return epoch

    def _check_bounds(self, verifier: KeyId) -> None:
        if self._waiting.get(verifier, 0) >= MOST_PUSHES:
            raise Overloaded(f"{MOST_PUSHES} ratifications of verifier {verifier:x} are waiting already")
        if self._pushing >= self._most_pushes:
            raise Overloaded(f"{self._most_pushes} ratifications are waiting already; try again in a moment")

    async def _durable(self, verifier: KeyId, epoch: Epoch, signed: SignedEpochHead) -> None:
        key = (verifier, epoch)
        push = self._pushes.get(key)
        if push is None:
            push = self._pushes[key] = _Push(new_uid())
            self._proposer.want(KeyserverStep(UID=push.uid, verifier_signed=signed))
        waiting: Deferred[None] = Deferred()
        push.waiting[waiting] = None
        try:
            await waiting
        finally:
            push.waiting.pop(waiting, None)
            if not push.waiting and self._pushes.get(key) is push:  # nobody waits any more
                del self._pushes[key]
                self._proposer.forget(push.uid)


def _fire(waiting: dict[Deferred[None], None], error: Unavailable | None = None) -> None:
    for deferred in list(waiting):
        if deferred.called:
            continue
        if error is None:
            deferred.callback(None)
        else:
            deferred.errback(error)
