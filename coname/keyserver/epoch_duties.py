"""What a replica does so that epochs are closed, and signed by it: proposes delimiters, and its signatures.

Both are derived from the stored state and asked again whenever it changes: what got lost is proposed again, and a
replica that was killed between closing an epoch and signing it signs it when it starts. Where others keep the log too,
it signs once it has heard of a leader: whoever leads reminds it of what it said last, so that one which was restored
from a backup has been recognised by then.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

from coname.core import heads
from coname.core.times import NANOSECONDS, timestamp
from coname.core.transcripts import signed_bytes
from coname.core.types import Epoch, KeyId
from coname.errors import Unavailable
from coname.keyserver import tables
from coname.keyserver.epochs import EpochInputs, Reevaluated, delimiter_due, signature_due
from coname.keyserver.membership import signer_of
from coname.keyserver.parts import Parts
from coname.keyserver.proposals import Proposer, new_uid
from coname.keyserver.steward import Steward
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.replication_pb2 import EpochDelimiter, KeyserverStep, LogEntry
from coname.messages.stored_pb2 import ReplicaState
from coname.messages.verification_pb2 import SignedTranscript

HELD_SECONDS = 0.2
"""Until a delimiter is tried again that waits for the change of members it is to go along with."""


class Owner(Protocol):
    """The replica whose duties these are."""

    @property
    def state(self) -> ReplicaState:
        """Where the durable state stands."""

    @property
    def pending(self) -> int:
        """How many indices the next epoch will change."""


class EpochDuties:
    """See the module.

    :param failed: called if what is stored cannot be read any more.
    """

    def __init__(
        self, parts: Parts, owner: Owner, proposer: Proposer, steward: Steward, failed: Callable[[Exception], None]
    ) -> None:
        self._parts = parts
        self._owner = owner
        self._proposer = proposer
        self._steward = steward
        self._clock = parts.timing.clock
        self._closed_at = -inf
        self._delimiter_proposed_at = -inf
        self._signature_proposed_at = -inf
        self._may_sign = steward.members is None
        self._delimiter = Reevaluated(self._clock, self._delimiter_due, self.propose_delimiter, failed)
        self._signature = Reevaluated(self._clock, self._signature_due, self._propose_signature, failed)

    # life

    def prepare(self) -> None:
        """Look at what is stored, before the log brings more."""
        self._closed_at = self._when_closed()

    def reevaluate(self) -> None:
        """Something changed."""
        self._delimiter.reevaluate()

    def begin(self) -> None:
        """Propose what is owed from now on."""
        members = self._steward.members
        self._may_sign = self._may_sign or (members is not None and members.leader() != 0)
        self._delimiter.reevaluate()
        self._signature.reevaluate()

    def stop(self) -> None:
        """Propose nothing any more."""
        self._delimiter.stop()
        self._signature.stop()

    def leader_changed(self) -> None:
        """What was on its way to an earlier leader may be lost; waiting for the usual time would stop the epochs."""
        self._delimiter_proposed_at = self._signature_proposed_at = -inf
        self.begin()

    def closed(self) -> None:
        """An epoch was closed, just now."""
        self._closed_at = self._clock.seconds()
        self._delimiter_proposed_at = self._signature_proposed_at = -inf
        self._signature.reevaluate()

    @property
    def ratified(self) -> bool:
        """Whether the newest closed epoch is ratified."""
        return self._owner.state.ratified_epoch == self._owner.state.closed_epoch

    # delimiters

    def _when_closed(self) -> float:
        """When the newest epoch was closed, by the monotonic clock, as far as the wall clock can be believed."""
        if not self._owner.state.closed_epoch:
            return -inf
        age = (self._parts.timing.wall() - self._last_issue_time()) / 1e9
        return self._clock.seconds() - max(0.0, age)

    def _last_issue_time(self) -> int:
        if not self._owner.state.closed_epoch:
            return 0
        record = tables.read_epoch(self._parts.store, Epoch(self._owner.state.closed_epoch))
        return heads.parse(record.timestamped_head).issue_time_ns

    def _delimiter_due(self) -> float | None:
        inputs = EpochInputs(
            now=self._clock.seconds(),
            leading=self._parts.log.leading,
            ratified=self.ratified,
            changed=self._owner.pending > 0 or self._steward.under_way,
            closed_at=self._closed_at,
            proposed_at=self._delimiter_proposed_at,
        )
        return delimiter_due(inputs, self._parts.timing.intervals)

    def propose_delimiter(self) -> None:
        """Propose to close the epoch: along with a change of the log's members, if one is due with it."""
        now = self._clock.seconds()
        issued = max(self._parts.timing.wall(), self._last_issue_time())
        delimiter = EpochDelimiter(
            epoch_number=self._owner.state.closed_epoch + 1, timestamp=timestamp(divmod(issued, NANOSECONDS))
        )
        step = KeyserverStep(UID=new_uid(), epoch_delimiter=delimiter)
        try:
            taken = self._steward.take_along(LogEntry(steps=[step]).SerializeToString(deterministic=True))
        except Unavailable:
            self._delimiter_proposed_at = now + HELD_SECONDS - self._parts.timing.intervals.retry
            return
        self._delimiter_proposed_at = now
        if not taken:
            self._proposer.propose(step)

    # signatures

    def signer(self, epoch: Epoch) -> KeyId:
        """What this replica's signature on `epoch` is filed under; 0 if none is asked for: it is a learner then."""
        return signer_of(self._parts.machine.members.policy(epoch), self._parts.signing_key.public) or KeyId(0)

    def _signature_due(self) -> float | None:
        closed = Epoch(self._owner.state.closed_epoch)
        signer = self.signer(closed)
        owed = (
            bool(closed and signer and self._may_sign)
            and self._parts.store.get(tables.ratification_key(closed, signer)) is None
        )
        return signature_due(
            self._clock.seconds(), owed, self._signature_proposed_at, self._parts.timing.intervals.retry
        )

    def _propose_signature(self) -> None:
        self._signature_proposed_at = self._clock.seconds()
        closed = Epoch(self._owner.state.closed_epoch)
        record = tables.read_epoch(self._parts.store, closed)
        key, signer = self._parts.signing_key, self.signer(closed)
        head = SignedEpochHead(head=record.timestamped_head, signatures={signer: key.sign(record.timestamped_head)})
        step = KeyserverStep(UID=new_uid(), replica_signed=head)
        if record.transcript:
            signature = key.sign(signed_bytes(record.transcript))
            step.transcript.CopyFrom(SignedTranscript(transcript=record.transcript, signatures={signer: signature}))
        self._proposer.propose(step)
