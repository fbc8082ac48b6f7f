"""What signatures come to: those of the replicas, which ratify an epoch, and those of verifiers, which come afterwards.

Part of the state machine, and kept by its rules: nothing here depends on more than the database and the log.

1. A replica's signature counts if it is over this replica's own head of the epoch, byte for byte, and verifies. A
   transcript that comes with it must be ours too, and be signed by the same replica, or neither counts. A step without
   a transcript, as earlier versions proposed them, counts for the head alone: replaying a log that they wrote must come
   to the same epochs.
2. An epoch is ratified once the signatures satisfy its own policy, whatever that of later epochs is. Its step in the
   verifier log has the transcript if the signatures on that satisfy the policy as well.
3. A verifier's signature counts on a ratified epoch only, if it is over the same EpochHead and `Verifiers` takes it.
   The first of a verifier on an epoch stays.
"""

from __future__ import annotations

from collections.abc import Mapping

from coname.core import heads
from coname.core.policies import policy_satisfied
from coname.core.signatures import Verify
from coname.core.transcripts import signed_bytes
from coname.core.types import Epoch, KeyId
from coname.errors import InvalidRequest, ProofInvalid, Refused
from coname.interfaces import IKeyValueStore
from coname.keyserver import frontier, tables
from coname.keyserver.effects import HeadSigned
from coname.keyserver.members import Members
from coname.keyserver.verifiers import Verifiers, check_head, sole_signer
from coname.messages.client_pb2 import AuthorizationPolicy, SignedEpochHead
from coname.messages.replication_pb2 import KeyserverStep
from coname.messages.stored_pb2 import EpochRecord, ReplicaState
from coname.messages.verification_pb2 import SignedTranscript, VerifierStep
from coname.storage.transaction import Transaction

_REMEMBERED_EPOCHS = 4096  # whose signers are kept at hand; verifiers that lag by more cost a reading each


class Ratification:
    """Who has signed which epoch.

    :ivar frontier: the newest epochs by their signers, as of the last step.
    :param members: whose signatures ratify which epoch.
    :param state: that of the database.
    """

    def __init__(
        self,
        store: IKeyValueStore,
        members: Members,
        verifiers: Verifiers,
        verify: Verify,
        state: ReplicaState,
    ) -> None:
        self._store = store
        self._members = members
        self._verifiers = verifiers
        self._verify = verify
        self._numbers = frontier.read_numbers(store)
        self._stored_numbers = len(self._numbers)
        self._stored = frontier.read(store, self._numbers)
        self.frontier = frontier.moved(self._stored, self._numbers, state.frontier)
        self._signed: dict[Epoch, frontier.Signers] = {}  # recently asked for ones last

    def write(self, transaction: Transaction) -> None:
        """Add what has changed since the last call."""
        transaction.add(frontier.changes(self._stored, self.frontier))
        transaction.add(frontier.number_changes(self._numbers, self._stored_numbers))
        self._stored, self._stored_numbers = self.frontier, len(self._numbers)

    def replica_signed(self, transaction: Transaction, state: ReplicaState, step: KeyserverStep) -> HeadSigned | None:
        """Apply a replica's signature. `state` is changed where it ratifies the epoch."""
        signed = step.replica_signed
        epoch = _epoch(signed)
        if epoch is None or epoch > state.closed_epoch:
            return None
        record = tables.read_epoch(transaction, epoch)
        transcript = step.transcript if step.HasField("transcript") and record.transcript else None
        if signed.head != record.timestamped_head or (transcript and transcript.transcript != record.transcript):
            return None
        known, policy = self._signers(epoch), self._members.policy(epoch)
        added = [
            signer
            for signer in map(KeyId, sorted(signed.signatures))
            if not self._numbers.known([signer]) & known and self._is_good(policy, signer, signed, transcript)
        ]
        if not added:
            return None
        for signer in added:
            self._add(transaction, epoch, signer, signed)
        if epoch <= state.ratified_epoch:
            return self._show(epoch, added)
        given = {signer: transcript.signatures[signer] for signer in added} if transcript else {}
        if not self._ratify(transaction, epoch, record, given):
            return None
        state.ratified_epoch = epoch
        return self._show(epoch, self._numbers.listed(self._signers(epoch)))

    def verifier_signed(
        self, transaction: Transaction, state: ReplicaState, signed: SignedEpochHead
    ) -> HeadSigned | None:
        """Apply a verifier's signature."""
        epoch = _epoch(signed)
        if epoch is None or epoch > state.ratified_epoch:
            return None
        try:
            verifier = sole_signer(signed)
            self.frontier.check_room(verifier)
            self._verifiers.check_known(verifier, self._members.ever)
            if self._numbers.known([verifier]) & self._signers(epoch):
                return None
            check_head(signed, tables.read_epoch(transaction, epoch).head)
            self._verifiers.check_signature(verifier, signed)
        except (InvalidRequest, Refused):
            return None
        self._add(transaction, epoch, verifier, signed)
        return self._show(epoch, [verifier])

    def _is_good(
        self,
        policy: AuthorizationPolicy,
        signer: KeyId,
        signed: SignedEpochHead,
        transcript: SignedTranscript | None,
    ) -> bool:
        if signer not in policy.public_keys:
            return False
        key = policy.public_keys[signer].ed25519
        if transcript is not None:
            if signer not in transcript.signatures:
                return False
            if not self._verify(key, signed_bytes(transcript.transcript), transcript.signatures[signer]):
                return False
        return self._verify(key, signed.head, signed.signatures[signer])

    def _add(self, transaction: Transaction, epoch: Epoch, signer: KeyId, signed: SignedEpochHead) -> None:
        single = SignedEpochHead(head=signed.head, signatures={signer: signed.signatures[signer]})
        transaction.put(tables.ratification_key(epoch, signer), single.SerializeToString())
        self._signed[epoch] = self._signers(epoch) | self._numbers.numbered([signer])

    def _show(self, epoch: Epoch, added: list[KeyId]) -> HeadSigned:
        self.frontier = self.frontier.add(epoch, self._signers(epoch))
        return HeadSigned(epoch, tuple(added))

    def _ratify(
        self, transaction: Transaction, epoch: Epoch, record: EpochRecord, given: Mapping[KeyId, bytes]
    ) -> bool:
        """Write the epoch's step if enough have signed it; otherwise keep the signatures on the transcript for then.

        :param given: the signatures on the transcript that have just come.
        """
        policy = self._members.policy(epoch)
        signers = self._numbers.listed(self._signers(epoch))
        signatures: dict[int, bytes] = {}
        for signer in signers:
            signed = tables.read_ratification(transaction, epoch, signer)
            if signed is not None:
                signatures[signer] = signed.signatures[signer]
        keys = {signer: tables.transcript_signature_key(epoch, signer) for signer in signers}
        if not policy_satisfied(policy, record.timestamped_head, signatures, self._verify):
            for signer, signature in given.items():
                transaction.put(keys[signer], signature)
            return False
        kept = {signer: found for signer, key in keys.items() if (found := transaction.get(key)) is not None}
        for signer in kept:
            transaction.delete(keys[signer])
        step = VerifierStep(Epoch=SignedEpochHead(head=record.timestamped_head, signatures=signatures))
        vouched: dict[int, bytes] = {
            int(signer): signature for part in (kept, given) for signer, signature in part.items()
        }
        if policy_satisfied(policy, signed_bytes(record.transcript), vouched, self._verify):
            step.transcript.CopyFrom(SignedTranscript(transcript=record.transcript, signatures=vouched))
        transaction.put(tables.step_key(record.head_slot), step.SerializeToString(deterministic=True))
        return True

    def _signers(self, epoch: Epoch) -> frontier.Signers:
        """Who has signed an epoch, as of the last step."""
        signed = self._signed.pop(epoch, None)
        if signed is None:
            signed = self._numbers.numbered(tables.read_signers(self._store, epoch))
            if len(self._signed) >= _REMEMBERED_EPOCHS:
                del self._signed[next(iter(self._signed))]
        self._signed[epoch] = signed
        return signed


def _epoch(signed: SignedEpochHead) -> Epoch | None:
    """Which epoch was signed; None if it is no head of any."""
    try:
        return heads.parse(signed.head).epoch
    except ProofInvalid:
        return None
