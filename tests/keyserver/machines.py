"""A state machine whose entries are applied at once."""

from __future__ import annotations

from typing import Any

from coname.core import heads
from coname.core.signatures import SigningKey, verify
from coname.core.times import timestamp
from coname.core.transcripts import signed_bytes
from coname.core.types import Epoch
from coname.interfaces import CommittedEntry
from coname.keyserver import tables
from coname.keyserver.machine import Applied, StateMachine
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.replication_pb2 import AdmittedUpdate, EpochDelimiter, KeyserverStep, LogEntry
from coname.messages.verification_pb2 import SignedTranscript, VerifierStep
from coname.storage.memory import MemoryStore
from coname.storage.tree import MerkleTree
from tests.keyserver.harness import REALM, START, Owner, Realm


class Machine:
    """A state machine on a store of its own."""

    def __init__(self, realm: Realm, store: MemoryStore | None = None) -> None:
        self.realm = realm
        self.store = store or MemoryStore()
        self.tree = MerkleTree(self.store, b"", 1 << 20)
        self.machine = StateMachine(self.store, REALM, self.tree, realm.members, realm.verifiers(), verify)
        self.index = self.machine.resumed().index

    def apply(self, *steps: KeyserverStep) -> Applied:
        return self.apply_data(LogEntry(steps=steps).SerializeToString())

    def apply_data(self, data: bytes) -> Applied:
        self.index += 1
        work = self.machine.apply(CommittedEntry(self.index, data))
        while True:
            try:
                next(work)
            except StopIteration as stop:
                applied: Applied = stop.value
                self.store.write(applied.writes, False)
                return applied

    def delimit(self, epoch: int, seconds: float = START) -> Applied:
        return self.apply(
            KeyserverStep(epoch_delimiter=EpochDelimiter(epoch_number=epoch, timestamp=timestamp(seconds)))
        )

    def sign(self, epoch: int, key: SigningKey | None = None, **changes: Any) -> Applied:
        """Apply a replica's signature on the head alone, as earlier versions made them."""
        signer = key or self.realm.key
        head = changes.get("head") or tables.read_epoch(self.store, Epoch(epoch)).timestamped_head
        signed = SignedEpochHead(head=head, signatures={signer.key_id: signer.sign(head)})
        return self.apply(KeyserverStep(replica_signed=signed))

    def transcribe(self, epoch: int, key: SigningKey | None = None, **changes: Any) -> Applied:
        """Apply a replica's signature on the head and on the transcript."""
        signer = key or self.realm.key
        record = tables.read_epoch(self.store, Epoch(epoch))
        transcript = changes.get("transcript", record.transcript)
        signature = changes.get("signature", signer.sign(signed_bytes(transcript)))
        head = SignedEpochHead(
            head=record.timestamped_head, signatures={signer.key_id: signer.sign(record.timestamped_head)}
        )
        signed = SignedTranscript(transcript=transcript, signatures={signer.key_id: signature} if signature else {})
        return self.apply(KeyserverStep(replica_signed=head, transcript=signed))

    def vouched(self, epoch: int, key: SigningKey, at: float = START + 1, **changes: Any) -> SignedEpochHead:
        """What the verifier with `key` sends of an epoch."""
        epoch_head = changes.get("epoch_head") or tables.read_epoch(self.store, Epoch(epoch)).head
        head = heads.timestamped(epoch_head, timestamp(at)) + changes.get("more", b"")
        return SignedEpochHead(head=head, signatures={changes.get("signer", key.key_id): key.sign(head)})

    def vouch(self, epoch: int, key: SigningKey, at: float = START + 1, **changes: Any) -> Applied:
        """Apply a verifier's signature."""
        return self.apply(KeyserverStep(verifier_signed=self.vouched(epoch, key, at, **changes)))

    def update(self, owner: Owner, version: int = 0, uid: int = 1) -> Applied:
        request = self.realm.request(owner, version)
        admitted = AdmittedUpdate(
            update=request.update, profile=request.profile, user_id=owner.user_id, index_proof=bytes(80)
        )
        return self.apply(KeyserverStep(UID=uid, update=admitted))

    def step(self, position: int) -> VerifierStep:
        """A step of the verifier log."""
        data = self.store.get(tables.step_key(position))
        assert data is not None
        return VerifierStep.FromString(data)
