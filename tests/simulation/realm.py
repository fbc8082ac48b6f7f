"""The secrets of simulated realms: the same ones each time, and what is dear to compute is computed once."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from nacl.bindings import crypto_sign_seed_keypair

from coname.core.quorums import replica_policy
from coname.core.signatures import SigningKey, public_key_message
from coname.core.types import Index
from coname.core.vrf import suite
from coname.keyserver.verified import RememberedSignatures
from coname.messages.config_pb2 import RFC9381, RealmConfig
from coname.messages.config_pb2 import Replica as ReplicaMember
from tests.keyserver.harness import REALM, Owner, Realm

_VRF_SECRET = bytes(range(32))

known_signatures = RememberedSignatures()
"""A signature that is good once is good always: shared by all replicas of all simulations of this process."""


@cache
def signing_key(name: str) -> SigningKey:
    """A key that is always the same."""
    return SigningKey.from_secret(crypto_sign_seed_keypair(hashlib.sha256(name.encode()).digest())[1])


@cache
def owner(number: int) -> Owner:
    """Somebody with an address."""
    return Owner(f"user{number}@example.com", signing_key(f"user {number}"))


@cache
def prove(user_id: bytes) -> tuple[Index, bytes]:
    """The index of a user."""
    return suite(RFC9381).prove(_VRF_SECRET, user_id)


class CachedSuite:
    """The VRF, which computes nothing twice."""

    def prove(self, secret: bytes, user_id: bytes) -> tuple[Index, bytes]:
        return prove(user_id)


def replica_key(id: int) -> SigningKey:
    """The key of a replica."""
    return signing_key(f"replica {id}")


def verifier_key(number: int) -> SigningKey:
    """The key of a verifier."""
    return signing_key(f"verifier {number}")


def member(id: int) -> ReplicaMember:
    """A replica, as the others are told of it."""
    return ReplicaMember(id=id, public_keys=[public_key_message(replica_key(id).public)], raft_addr=f"replica{id}:1")


class SimulatedRealm(Realm):
    """A realm that begins with several replicas; see `replica_key`."""

    def __init__(self, replicas: int) -> None:
        self.suite: Any = CachedSuite()
        self.vrf_secret = _VRF_SECRET
        self.members = [member(id) for id in range(1, replicas + 1)]
        self.policy = replica_policy(self.members)
        self.config = RealmConfig(
            RealmName=REALM,
            domains=["example.com"],
            VRFPublic=suite(RFC9381).public_key(_VRF_SECRET),
            verification_policy=self.policy,
            keyserver_auth=self.policy,
            vrf_suite=RFC9381,
        )
        self.config.epoch_time_to_live.seconds = 3600
        key = verifier_key(1)
        self.listed: dict[int, list[bytes]] = {key.key_id: [key.public]}


@cache
def realm(replicas: int) -> SimulatedRealm:
    """The realm of so many replicas."""
    return SimulatedRealm(replicas)
