"""A keyserver that lies as it is told to, on the project's own core: for tests of whoever must notice.

It does no I/O. `LyingKeyserver.steps` is its verifier log, encoded, as a front would serve it; what is told changes the
log at once. What it signs is signed properly: the lie is in what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from coname.core import heads, times, transcripts
from coname.core.hashes import entry_hash, summary_hash
from coname.core.signatures import SigningKey
from coname.core.types import Epoch, Index
from coname.messages.client_pb2 import AuthorizationPolicy, Entry, SignedEntryUpdate, SignedEpochHead
from coname.messages.verification_pb2 import SignedTranscript, Transcript, VerifierStep
from coname.storage.memory import MemoryStore
from coname.storage.tree import EMPTY, MerkleTree, NodeRef, complete
from tests.core.honest import key, policy

REALM = "testing"
START = 1_700_000_000
"""When epoch 0 would have been issued, in seconds since 1970; each epoch is issued a second after the one before."""


@dataclass
class State:
    """Where a history stands, after a head or between two.

    :ivar entries: each index's newest entry, in the tree or still to come.
    :ivar digests: of the updates since the last head.
    :ivar changed: the indices of those updates.
    :ivar keys: the replicas', which sign the next epoch.
    """

    keys: list[SigningKey]
    epoch: int = 0
    head: bytes = b""
    issued: float = START
    root: NodeRef = EMPTY
    length: int = 0
    first_step: int = 0
    entries: dict[Index, bytes] = field(default_factory=dict)
    digests: list[bytes] = field(default_factory=list)
    changed: list[Index] = field(default_factory=list)

    def copy(self) -> State:
        """The same, for another history to go on from."""
        return State(**{**vars(self), "entries": dict(self.entries), "digests": [], "changed": []})


def majority_of(keys: Sequence[SigningKey]) -> AuthorizationPolicy:
    """A majority of these ratifies."""
    return policy(len(keys) // 2 + 1, *keys)


class LyingKeyserver:
    """A keyserver with one or more replicas.

    :param signed_transcripts: whether its heads come with transcripts.
    :ivar steps: the verifier log.
    """

    def __init__(
        self, signed_transcripts: bool = True, replicas: int = 1, realm: str = REALM, tree_nonce: bytes = b""
    ) -> None:
        self.steps: list[bytes] = []
        self.realm = realm
        self.signed_transcripts = signed_transcripts
        self.tree = MerkleTree(MemoryStore(), tree_nonce, 1 << 20)
        self._next_node = 0
        self._said: Mapping[str, Any] = {}  # by the next transcript, and wrongly
        self._state = State([key(f"replica {number}") for number in range(replicas)])
        self._states: list[State] = [self._state.copy()]  # by epoch

    @property
    def keys(self) -> list[SigningKey]:
        """The replicas'; a majority of them ratifies."""
        return self._state.keys

    @property
    def policy(self) -> AuthorizationPolicy:
        """Whose signatures ratify an epoch."""
        return majority_of(self.keys)

    @property
    def epoch(self) -> Epoch:
        """The newest epoch."""
        return Epoch(self._state.epoch)

    @property
    def issued(self) -> float:
        """When the newest epoch was issued."""
        return self._state.issued

    # updates

    def index(self, name: str) -> Index:
        """Where `name`'s entry is."""
        return Index(sha256(name.encode()).digest())

    def set(
        self,
        name: str,
        version: int = 0,
        signers: list[SigningKey] | None = None,
        owner: SigningKey | None = None,
        word: str = "",
    ) -> None:
        """Log an update of `name`'s entry, whether or not it may be made.

        :param signers: who signs it; by default the owner.
        :param owner: whose key the new entry names; by default the owner's.
        :param word: makes the entry differ from others of that version.
        """
        index = self.index(name)
        commitment = sha256(f"{name} {version} {word}".encode()).digest() * 2
        entry = Entry(
            index=index, version=version, update_policy=policy(1, owner or key(name)), profile_commitment=commitment
        ).SerializeToString(deterministic=True)
        signed = {signer.key_id: signer.sign(entry) for signer in signers or [key(name)]}
        self.log(SignedEntryUpdate(new_entry=entry, signatures=signed))
        self._state.entries[index] = entry
        self._state.changed.append(index)

    def log(self, update: SignedEntryUpdate) -> None:
        """Log an update, and do not apply it."""
        self._state.digests.append(transcripts.update_digest(update))
        self._append(VerifierStep(Update=update))

    def forget(self, name: str) -> None:
        """Leave out of the tree what was logged of `name` since the last head."""
        self._state.changed.remove(self.index(name))

    # heads

    def close(
        self,
        epoch: int | None = None,
        realm: str | None = None,
        previous: bytes | None = None,
        issued: float | None = None,
        root_hash: bytes | None = None,
        signers: list[SigningKey] | None = None,
        transcript: bytes | None = None,
        said: Mapping[str, Any] | None = None,
        announced: AuthorizationPolicy | None = None,
    ) -> None:
        """Close the epoch. Each argument is what the head is to say instead of the truth.

        :param announced: who ratifies from the next epoch on, by what the head says; see `hand_over`.
        :param transcript: the Transcript message instead of the true one; empty: none.
        :param said: what the true transcript, if there is one, is to say instead of the truth, by field.
        """
        state = self._state
        self._update_tree()
        state.epoch = state.epoch + 1 if epoch is None else epoch
        state.issued = state.issued + 1 if issued is None else issued
        chain = previous if previous is not None else summary_hash(state.head) if state.head else b""
        state.head = heads.build(
            realm or self.realm,
            Epoch(state.epoch),
            root_hash or self.tree.root_hash(state.root),
            times.timestamp(state.issued),
            chain,
            announced,
        )
        self._said = said or {}
        self._append_head(signers or self.keys, transcript)
        state.first_step = state.length = len(self.steps)
        state.digests, state.changed = [], []
        self._states.append(state.copy())

    def hand_over(self, *keys: SigningKey) -> None:
        """Close an epoch whose head announces other replicas, which sign the next ones."""
        announced = majority_of(keys)
        self.close(announced=announced)
        self._state.keys = list(keys)
        self._states[-1].keys = list(keys)

    def repeat_head(self) -> None:
        """Log the newest head once more."""
        self._append(VerifierStep.FromString(self.steps[-1]))

    def _update_tree(self) -> None:
        state = self._state
        changes = {index: entry_hash(state.entries[index]) for index in state.changed}
        updated = complete(self.tree.update(state.root, changes, self._next_node))
        self.tree._store.write(updated.writes, False)
        state.root, self._next_node = updated.root, updated.next_node

    def _append_head(self, signers: list[SigningKey], transcript: bytes | None) -> None:
        state = self._state
        signed = heads.timestamped(state.head, times.timestamp(state.issued))
        step = VerifierStep(
            Epoch=SignedEpochHead(head=signed, signatures={each.key_id: each.sign(signed) for each in signers})
        )
        if transcript is None and self.signed_transcripts:
            true = transcripts.build(self.realm, Epoch(state.epoch), state.head, state.first_step, state.digests)
            message = Transcript.FromString(true)
            for name, value in self._said.items():
                setattr(message, name, value)
            transcript = message.SerializeToString(deterministic=True)
        if transcript:
            over = transcripts.signed_bytes(transcript)
            by = {each.key_id: each.sign(over) for each in signers}
            step.transcript.CopyFrom(SignedTranscript(transcript=transcript, signatures=by))
        self._append(step)

    def _append(self, step: VerifierStep) -> None:
        self.steps.append(step.SerializeToString(deterministic=True))

    # other histories

    def roll_back(self, epoch: int) -> None:
        """Forget all that came after an epoch (0: everything), and go on from there."""
        self._state = self._states[epoch].copy()
        del self._states[epoch + 1 :]
        del self.steps[self._state.length :]


@dataclass(frozen=True)
class Lie:
    """One way to lie.

    :ivar rule: that it breaks.
    :ivar tell: tells it, to a keyserver with some honest epochs (`honest`).
    :ivar proven_without_transcripts: whether heads and tree proofs alone show it to a third person.
    :ivar reconnect: whether it shows only when the verifier begins a new stream.
    """

    rule: str
    tell: Callable[[LyingKeyserver], None]
    proven_without_transcripts: bool = True
    reconnect: bool = False


def honest(keyserver: LyingKeyserver, epochs: int = 3) -> LyingKeyserver:
    """Let some epochs pass in which people register and change their keys."""
    for number in range(epochs):
        keyserver.set("alice", 2 * number)
        keyserver.set(f"somebody {number}")
        keyserver.set(f"somebody else {number}")
        keyserver.close()
    return keyserver


def _wrong_root(keyserver: LyingKeyserver, said: Mapping[str, Any] | None = None) -> None:
    keyserver.set("mallory")
    keyserver.close(root_hash=sha256(b"another tree").digest(), said=said)


def _left_out(keyserver: LyingKeyserver) -> None:
    keyserver.set("mallory")
    keyserver.set("bob")
    keyserver.forget("bob")
    keyserver.close()


def _changed_in_silence(keyserver: LyingKeyserver) -> None:
    keyserver.close(root_hash=sha256(b"another tree").digest())


def _no_entry(keyserver: LyingKeyserver) -> None:
    keyserver.log(SignedEntryUpdate(new_entry=b"\xff"))
    keyserver.close()


def _short_index(keyserver: LyingKeyserver) -> None:
    keyserver.log(SignedEntryUpdate(new_entry=Entry(index=bytes(31)).SerializeToString()))
    keyserver.close()


def _then_proper(keyserver: LyingKeyserver) -> None:
    keyserver.set("alice", 100, signers=[key("mallory")], owner=key("mallory"))
    keyserver.set("alice", 101, signers=[key("mallory")], owner=key("mallory"))
    keyserver.close()


def _same_version(keyserver: LyingKeyserver) -> None:
    keyserver.set("alice", 4, word="another of the same version")
    keyserver.close()


def _older_within(keyserver: LyingKeyserver) -> None:
    keyserver.set("alice", 9)
    keyserver.set("alice", 7)
    keyserver.close()


def _given_away(keyserver: LyingKeyserver) -> None:
    keyserver.set("alice", 9, signers=[key("alice"), key("bob")], owner=key("bob"))
    keyserver.set("alice", 10)
    keyserver.close()


def _unauthorised(keyserver: LyingKeyserver, said: Mapping[str, Any] | None = None) -> None:
    keyserver.set("bob")
    keyserver.set("alice", 100, signers=[key("mallory")], owner=key("mallory"))
    keyserver.close(said=said)


def _unauthorised_registration(keyserver: LyingKeyserver) -> None:
    keyserver.set("bob", 7)
    keyserver.close()


def _older_version(keyserver: LyingKeyserver) -> None:
    keyserver.set("bob")
    keyserver.set("alice", 1)
    keyserver.close()


def _other_history(keyserver: LyingKeyserver, epoch: int, epochs: int) -> None:
    keyserver.roll_back(epoch)
    for number in range(epochs):
        keyserver.set(f"mallory {number}")
        keyserver.set("bob", number)
        keyserver.close()


def _second_head(keyserver: LyingKeyserver) -> None:
    keyserver.close(epoch=keyserver.epoch, root_hash=sha256(b"another tree").digest())


LIES: Mapping[str, Lie] = {
    "wrong root": Lie("wrong_root", _wrong_root, proven_without_transcripts=False),
    "wrong root without an update": Lie("wrong_root", _changed_in_silence, proven_without_transcripts=False),
    "update left out": Lie("wrong_root", _left_out, proven_without_transcripts=False),
    "unauthorised change": Lie("unauthorised_update", _unauthorised, proven_without_transcripts=False),
    "unauthorised registration": Lie(
        "unauthorised_update", _unauthorised_registration, proven_without_transcripts=False
    ),
    "update that is no entry": Lie("unauthorised_update", _no_entry, proven_without_transcripts=False),
    "update with a short index": Lie("unauthorised_update", _short_index, proven_without_transcripts=False),
    "taken over, and then changed properly": Lie("unauthorised_update", _then_proper, proven_without_transcripts=False),
    "given away, and changed by the old owner in the same epoch": Lie(
        "unauthorised_update", _given_away, proven_without_transcripts=False
    ),
    "version going down within an epoch": Lie("version_decreased", _older_within, proven_without_transcripts=False),
    "another entry of the same version": Lie("version_decreased", _same_version),
    "version going down": Lie("version_decreased", _older_version),
    "skipped epoch": Lie("skipped_epoch", lambda keyserver: keyserver.close(epoch=keyserver.epoch + 2)),
    "ratification for a future epoch": Lie(
        "skipped_epoch", lambda keyserver: keyserver.close(epoch=keyserver.epoch + 1_000_000)
    ),
    "ratification for the last epoch of all": Lie("skipped_epoch", lambda keyserver: keyserver.close(epoch=2**64 - 1)),
    "wrong chain": Lie("broken_chain", lambda keyserver: keyserver.close(previous=bytes(64))),
    "second head in one log": Lie("two_heads", _second_head),
    "two heads for one epoch": Lie(
        "two_heads", lambda keyserver: _other_history(keyserver, keyserver.epoch - 1, 1), reconnect=True
    ),
    "rolled-back history": Lie("two_heads", lambda keyserver: _other_history(keyserver, 1, 1), reconnect=True),
    "rolled-back history that has gone on": Lie(
        "two_heads", lambda keyserver: _other_history(keyserver, 1, 9), reconnect=True
    ),
    "history begun anew": Lie("two_heads", lambda keyserver: _other_history(keyserver, 0, 9), reconnect=True),
    "foreign realm": Lie("foreign_realm", lambda keyserver: keyserver.close(realm="elsewhere")),
    "foreign realm, in the transcript too": Lie(
        "foreign_realm", lambda keyserver: keyserver.close(realm="elsewhere", said={"realm": "elsewhere"})
    ),
    "skipped epoch, with a transcript of another realm": Lie(
        "skipped_epoch", lambda keyserver: keyserver.close(epoch=keyserver.epoch + 2, said={"realm": "elsewhere"})
    ),
    "unauthorised change, with a transcript that counts wrongly": Lie(
        "unauthorised_update",
        lambda keyserver: _unauthorised(keyserver, {"head_step": 1_000}),
        proven_without_transcripts=False,
    ),
    "unauthorised change, with a transcript that ends before it begins": Lie(
        "unauthorised_update",
        lambda keyserver: _unauthorised(keyserver, {"first_step": 7, "head_step": 0}),
        proven_without_transcripts=False,
    ),
    "wrong root, with a transcript of another epoch": Lie(
        "wrong_root",
        lambda keyserver: _wrong_root(keyserver, {"epoch": 1_000}),
        proven_without_transcripts=False,
    ),
    "time going back": Lie("time_reversed", lambda keyserver: keyserver.close(issued=keyserver.issued - 0.5)),
    "issued in the future": Lie("future_time", lambda keyserver: keyserver.close(issued=keyserver.issued + 86400)),
}
"""All the lies that a judge can be shown, by name."""
