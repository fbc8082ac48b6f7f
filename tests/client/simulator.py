"""A whole realm in memory, honest unless told otherwise: VRF, replica keys, a naive tree, epochs and proofs.

It answers as a server does, from the same message types, but with a tree that is built anew for each proof: slow and
plain enough to be right. To make it lie, set one of the attributes that say so, or `tamper` with its answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from coname.core import heads
from coname.core.hashes import entry_hash, profile_commitment, summary_hash
from coname.core.nodes import bit, empty_hash, internal_hash, leaf_hash
from coname.core.policies import check_update
from coname.core.signatures import SigningKey, public_key_message
from coname.core.times import timestamp
from coname.core.types import Epoch, Index
from coname.core.vrf import suite
from coname.errors import ConameError, EpochUnknown, InvalidRequest, Unavailable, UpdateInvalid
from coname.messages.client_pb2 import (
    Entry,
    LookupProof,
    LookupRequest,
    PolicyChanges,
    PolicyChangesRequest,
    SignedEpochHead,
    Timestamp,
    TreeProof,
    UpdateRequest,
)
from coname.messages.config_pb2 import RFC9381, Config, RealmConfig

START = 1_900_000_000.0
"""The simulated time at which a realm begins, in seconds since 1970."""

Tree = dict[bytes, bytes]


@dataclass
class ClosedEpoch:
    """What one epoch holds: entries and profiles by index, its head, and who the replicas were when it was closed."""

    entries: Tree
    profiles: Tree
    head: bytes
    signers: list[SigningKey] = field(default_factory=list)


@dataclass
class Realm:
    """A realm and its server.

    :ivar now: the simulated time; every epoch takes a second.
    :ivar signers: the replicas' keys; all of them sign.
    :ivar serves: answer from that epoch instead of the newest: a server that goes back in time.
    :ivar tamper: called with each answer before it is sent.
    :ivar refuse: raised instead of an answer, once.
    :ivar refuse_update: raised instead of taking an update, once; `fail_update` after it took effect.
    :ivar lose_answers: how many updates take effect without an answer.
    :ivar lose_requests: how many updates are lost on the way.
    """

    name: str = "testing"
    domain: str = "example.com"
    vrf_suite: int = RFC9381
    now: float = START
    signers: list[SigningKey] = field(default_factory=lambda: [SigningKey.generate() for _ in range(3)])
    serves: int | None = None
    tamper: Callable[[LookupProof], None] = lambda proof: None
    refuse: ConameError | None = None
    refuse_update: ConameError | None = None
    fail_update: ConameError | None = None
    lose_answers: int = 0
    lose_requests: int = 0

    def __post_init__(self) -> None:
        self.vrf = suite(self.vrf_suite)
        self.secret = self.vrf.generate()
        self.entries: Tree = {}
        self.profiles: Tree = {}
        self.epochs: list[ClosedEpoch] = []
        self.lookups: list[LookupRequest] = []
        self.updates: list[UpdateRequest] = []
        self.close_epoch()

    def config(self) -> Config:
        """What a client of this realm knows."""
        realm = RealmConfig(
            RealmName=self.name,
            domains=[self.domain],
            addr="keys.invalid:4625",
            URL="https://keys.invalid:25519",
            VRFPublic=self.vrf.public_key(self.secret),
            vrf_suite=self.vrf_suite,
        )
        realm.epoch_time_to_live.seconds = 3600
        for key in self.signers:
            realm.verification_policy.public_keys[key.key_id].CopyFrom(public_key_message(key.public))
            realm.verification_policy.quorum.candidates.append(key.key_id)
        realm.verification_policy.quorum.threshold = len(self.signers) // 2 + 1
        return Config(realms=[realm])

    def close_epoch(self) -> int:
        """Close the next epoch over what is registered now. Returns its number."""
        self.now += 1
        number = len(self.epochs) + 1
        previous = summary_hash(self.epochs[-1].head) if self.epochs else b""
        root = _root(self.entries, 0, b"\0" * 32)
        head = self.build_head(number, root, previous)
        self.epochs.append(ClosedEpoch(dict(self.entries), dict(self.profiles), head, list(self.signers)))
        return number

    def build_head(self, number: int, root: bytes, previous: bytes) -> bytes:
        """The EpochHead of a new epoch."""
        return heads.build(self.name, Epoch(number), root, timestamp(self.now), previous)

    def policy_changes(self, request: PolicyChangesRequest) -> PolicyChanges:
        """Who signs never changes here."""
        return PolicyChanges()

    def rewrite_history(self, back: int) -> None:
        """Forget the newest `back` epochs and close others in their place, with other heads."""
        kept = len(self.epochs) - back
        self.epochs = self.epochs[:kept]
        for _ in range(back):
            self.now += 0.5
            self.close_epoch()

    def lookup(self, request: LookupRequest) -> LookupProof:
        """Answer as a server does."""
        self.lookups.append(request)
        self._once("refuse")
        number = request.epoch or self.serves or len(self.epochs)
        if number > len(self.epochs):
            raise EpochUnknown(f"epoch {number} has not been closed")
        proof = self.prove(request.user_id, number)
        self.tamper(proof)
        return proof

    def update(self, request: UpdateRequest) -> LookupProof:
        """Take an update and close an epoch, as a server does."""
        self.updates.append(request)
        self._once("refuse")
        self._once("refuse_update")
        if self.lose_requests:
            self.lose_requests -= 1
            raise Unavailable("lost on the way")
        self.admit(request)
        self.close_epoch()
        self._once("fail_update")
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("the answer was lost")
        proof = self.prove(request.lookup_parameters.user_id, len(self.epochs))
        self.tamper(proof)
        return proof

    def admit(self, request: UpdateRequest) -> None:
        """Check an update by the protocol's rules, and put it in force with the next epoch."""
        entry = Entry.FromString(request.update.new_entry)
        index, _ = self.vrf.prove(self.secret, request.lookup_parameters.user_id.encode())
        if entry.index != index:
            raise InvalidRequest("the index is not that of the user id")
        if entry.profile_commitment != profile_commitment(request.profile):
            raise InvalidRequest("the profile is not the one that the entry commits to")
        check_update(self.entries.get(index), request.update)
        if request.update.new_entry == self.entries.get(index):
            raise UpdateInvalid("this very entry is in force")
        self.entries[index] = request.update.new_entry
        self.profiles[index] = request.profile

    def prove(self, user_id: str, number: int) -> LookupProof:
        """The honest proof for `user_id` in epoch `number`."""
        epoch = self.epochs[number - 1]
        index, index_proof = self.vrf.prove(self.secret, user_id.encode())
        proof = LookupProof(user_id=user_id, index=index, index_proof=index_proof)
        proof.tree_proof.CopyFrom(_tree_proof(epoch.entries, index))
        proof.ratifications.extend(self.sign(epoch.head))
        if index in epoch.entries:
            proof.entry, proof.profile = epoch.entries[index], epoch.profiles[index]
        return proof

    def sign(self, head: bytes, signers: list[SigningKey] | None = None) -> list[SignedEpochHead]:
        """The signature over `head` of every replica, or of each of `signers`."""
        whole = heads.timestamped(head, Timestamp(seconds=int(self.now)))
        return [
            SignedEpochHead(head=whole, signatures={key.key_id: key.sign(whole)}) for key in signers or self.signers
        ]

    def _once(self, name: str) -> None:
        """Raise what the attribute holds, if anything, and forget it."""
        refusal: ConameError | None = getattr(self, name)
        setattr(self, name, None)
        if refusal is not None:
            raise refusal


def _split(entries: Tree, depth: int) -> tuple[Tree, Tree]:
    left = {index: entry for index, entry in entries.items() if not bit(index, depth)}
    return left, {index: entry for index, entry in entries.items() if index not in left}


def _root(entries: Tree, depth: int, path: bytes) -> bytes:
    """The hash of the subtree at `depth` on `path` that holds `entries`."""
    if not entries:
        return empty_hash(b"", path, depth)
    if len(entries) == 1:
        ((index, entry),) = entries.items()
        return leaf_hash(b"", index, depth, entry_hash(entry))
    left, right = _split(entries, depth)
    return internal_hash(
        _root(left, depth + 1, _turn(path, depth, 0)), _root(right, depth + 1, _turn(path, depth, 1)), path, depth
    )


def _tree_proof(entries: Tree, index: Index) -> TreeProof:
    proof, depth = TreeProof(), 0
    while len(entries) > 1:
        sides = _split(entries, depth)
        here = bit(index, depth)
        proof.neighbors.append(_root(sides[1 - here], depth + 1, _turn(index, depth, 1 - here)))
        entries, depth = sides[here], depth + 1
    for found, entry in entries.items():
        proof.existing_index, proof.existing_entry_hash = found, entry_hash(entry)
    return proof


def _turn(path: bytes, depth: int, side: int) -> bytes:
    """`path` with the bit at `depth` set to `side`."""
    number = int.from_bytes(path, "big")
    mask = 1 << (255 - depth)
    return (number | mask if side else number & ~mask).to_bytes(32, "big")
