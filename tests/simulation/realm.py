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


class SimulatedRealm(Realm):
    """A realm of several replicas; replica `n` has the key `keys[n]`."""

    def __init__(self, replicas: int) -> None:
        self.suite: Any = CachedSuite()
        self.vrf_secret = _VRF_SECRET
        self.keys = {id: signing_key(f"replica {id}") for id in range(1, replicas + 1)}
        self.members = [
            ReplicaMember(id=id, public_keys=[public_key_message(key.public)]) for id, key in self.keys.items()
        ]
        self.policy = replica_policy(self.members)
        self.config = RealmConfig(
            RealmName=REALM,
            domains=["example.com"],
            VRFPublic=suite(RFC9381).public_key(_VRF_SECRET),
            verification_policy=self.policy,
            vrf_suite=RFC9381,
        )
        self.config.epoch_time_to_live.seconds = 3600
        self.listed: dict[int, list[bytes]] = {}


@cache
def realm(replicas: int) -> SimulatedRealm:
    """The realm of so many replicas."""
    return SimulatedRealm(replicas)
