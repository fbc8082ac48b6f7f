"""A whole replica in memory, and others of its realm of which only the signatures are there."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from coname.core import heads
from coname.core.signatures import SigningKey
from coname.core.times import timestamp
from coname.core.transcripts import signed_bytes
from coname.core.types import Epoch
from coname.errors import ConameError
from coname.keyserver import membership, tables
from coname.keyserver.proposals import new_uid
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.replication_pb2 import KeyserverStep, LogEntry, ReplicaChange
from coname.messages.verification_pb2 import SignedTranscript
from tests.keyserver.changing import KEYS, realm_of
from tests.keyserver.harness import Realm, World


class ChangingWorld(World):
    """The replica with the first of `KEYS`; the others sign when `co_sign` says so."""

    def __init__(self, count: int = 1, realm: Realm | None = None, **options: Any) -> None:
        super().__init__(realm or realm_of(count), **options)

    @property
    def closed(self) -> Epoch:
        return Epoch(self.replica.state.closed_epoch)

    @property
    def ratified(self) -> Epoch:
        return Epoch(self.replica.state.ratified_epoch)

    def propose(self, step: KeyserverStep) -> None:
        proposed = self.log.propose(LogEntry(steps=[step]).SerializeToString())
        proposed.addErrback(lambda failure: failure.trap(ConameError) and None)  # a store that has failed
        self.settle()

    def change(self, change: ReplicaChange) -> Deferred[None]:
        changed = self.replica.steps.change(change)
        self.settle()
        return changed

    def co_sign(self) -> None:
        """All other replicas that are asked for it sign the newest epoch."""
        record = tables.read_epoch(self.store, self.closed)
        policy = membership.policy_of(membership.replicas(self.replica.state, self.realm.members))
        for key in KEYS[1:]:
            if key.key_id in policy.public_keys:
                head = SignedEpochHead(
                    head=record.timestamped_head, signatures={key.key_id: key.sign(record.timestamped_head)}
                )
                step = KeyserverStep(UID=new_uid(), replica_signed=head)
                signature = key.sign(signed_bytes(record.transcript))
                step.transcript.CopyFrom(
                    SignedTranscript(transcript=record.transcript, signatures={key.key_id: signature})
                )
                self.propose(step)

    def vouch(self, epoch: int, *verifiers: SigningKey) -> None:
        """Verifiers sign an epoch."""
        for key in verifiers:
            head = heads.timestamped(tables.read_epoch(self.store, Epoch(epoch)).head, timestamp(self.now))
            signed = SignedEpochHead(head=head, signatures={key.key_id: key.sign(head)})
            self.propose(KeyserverStep(UID=new_uid(), verifier_signed=signed))

    def epoch(self) -> None:
        """The next epoch, ratified."""
        before = self.ratified
        if self.closed == before:
            self.replica.propose_epoch()
            self.settle()
        assert self.closed == before + 1
        self.co_sign()
        assert self.ratified == self.closed
