"""An honest realm in a few lines: it holds entries, closes an epoch, and answers lookups that verify.

Tests take its answers and change them. `Realm.answer` is the honest one; each part of it can be had by itself, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from nacl.bindings import crypto_sign_seed_keypair

from coname.core import heads, times
from coname.core.hashes import entry_hash, profile_commitment
from coname.core.signatures import SigningKey, public_key_message
from coname.core.types import Epoch, Index
from coname.core.vrf import RFC9381, VrfSuite, legacy2017
from coname.messages.client_pb2 import (
    AuthorizationPolicy,
    Duration,
    Entry,
    LookupProof,
    Profile,
    QuorumExpr,
    SignedEpochHead,
    TreeProof,
)
from coname.messages.config_pb2 import RealmConfig, VRFSuite
from tests.core import reference_tree

ISSUED = 1_500_000_000
TTL = 3600


def key(name: str) -> SigningKey:
    """The same key for the same name, each time."""
    return SigningKey.from_secret(crypto_sign_seed_keypair(sha256(name.encode()).digest())[1])


def policy(threshold: int, *keys: SigningKey) -> AuthorizationPolicy:
    """`threshold` of `keys`."""
    return AuthorizationPolicy(
        public_keys={key.key_id: public_key_message(key.public) for key in keys},
        quorum=QuorumExpr(threshold=threshold, candidates=[key.key_id for key in keys]),
    )


def profile(word: str) -> bytes:
    """A profile with one key, ``pgp``."""
    return Profile(nonce=sha256(word.encode()).digest()[:16], keys={"pgp": word.encode()}).SerializeToString()


@dataclass
class Realm:
    """The realm ``testing`` with three signers, any two of which are enough, in epoch 7."""

    suite: VrfSuite = RFC9381
    tree_nonce: bytes = b""
    signers: tuple[SigningKey, ...] = (key("replica"), key("verifier 1"), key("verifier 2"))
    entries: dict[bytes, bytes] = field(default_factory=dict)
    profiles: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seed = sha256(b"vrf").digest()
        self.secret = seed if self.suite is RFC9381 else _secret_2017(seed)
        for user in ("alice@wonder.land", "bob@wonder.land", "carol@wonder.land"):
            self.register(user, profile(user))

    def index(self, user: str) -> Index:
        return self.suite.prove(self.secret, user.encode())[0]

    def register(self, user: str, profile: bytes, **changes: bytes) -> None:
        """Put an entry for `user` into the tree; `changes` are fields of the entry that are to be wrong."""
        fields = {"index": self.index(user), "profile_commitment": profile_commitment(profile), **changes}
        self.put(user, Entry(update_policy=policy(1, key(user)), **fields).SerializeToString(), profile)

    def put(self, user: str, entry: bytes, profile: bytes) -> None:
        """Put arbitrary bytes where the entry and the profile of `user` belong."""
        self.entries[self.index(user)], self.profiles[self.index(user)] = entry, profile

    def tree(self) -> dict[bytes, bytes]:
        return {index: entry_hash(entry) for index, entry in self.entries.items()}

    def head(self, **changes: object) -> bytes:
        """The EpochHead of the epoch; `changes` are arguments of `heads.build`."""
        arguments = {
            "realm": "testing",
            "epoch": Epoch(7),
            "root_hash": reference_tree.root(self.tree(), self.tree_nonce),
            "issue_time": times.timestamp(ISSUED),
            "previous_summary_hash": bytes(64),
            **changes,
        }
        return heads.build(**arguments)  # type: ignore[arg-type]

    def ratification(self, signer: SigningKey, head: bytes | None = None, signed_at: int = ISSUED) -> SignedEpochHead:
        """The signature of one signer on `head`, by default the epoch's."""
        signed = heads.timestamped(head or self.head(), times.timestamp(signed_at))
        return SignedEpochHead(head=signed, signatures={signer.key_id: signer.sign(signed)})

    def answer(self, user: str, head: bytes | None = None) -> LookupProof:
        """The whole answer for `user`, under `head`, by default the epoch's, signed by everybody."""
        index, index_proof = self.suite.prove(self.secret, user.encode())
        tree = reference_tree.prove(self.tree(), index, self.tree_nonce)
        proof = LookupProof(
            user_id=user,
            index=index,
            index_proof=index_proof,
            ratifications=[self.ratification(signer, head, ISSUED + n) for n, signer in enumerate(self.signers)],
            tree_proof=TreeProof(
                neighbors=tree.neighbors,
                existing_index=tree.existing_index,
                existing_entry_hash=tree.existing_entry_hash,
            ),
        )
        if index in self.entries:
            proof.entry, proof.profile = self.entries[index], self.profiles[index]
        return proof

    def config(self) -> RealmConfig:
        """What a client has pinned."""
        return RealmConfig(
            RealmName="testing",
            domains=["wonder.land"],
            VRFPublic=self.suite.public_key(self.secret),
            verification_policy=policy(2, *self.signers),
            epoch_time_to_live=Duration(seconds=TTL),
            tree_nonce=self.tree_nonce,
            vrf_suite=VRFSuite.RFC9381 if self.suite is RFC9381 else VRFSuite.VRF_2017,
        )


def _secret_2017(seed: bytes) -> bytes:
    return seed + legacy2017._expand(seed).public
