"""The realm's users, by number: who they are and what they sign. The same number is the same person every time."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import shake_256

from nacl.bindings import crypto_sign_seed_keypair

from coname.client.composing import lookup_request, sole_key_policy
from coname.core.hashes import profile_commitment
from coname.core.signatures import SigningKey
from coname.core.vrf import suite
from coname.messages.client_pb2 import Entry, Profile, SignedEntryUpdate, UpdateRequest
from coname.messages.config_pb2 import RFC9381, RealmConfig
from coname.messages.replication_pb2 import AdmittedUpdate, KeyserverStep

DOMAIN = "example.com"
PROFILE_BYTES = 500
"""Of an encoded profile: about what an OpenPGP certificate with Curve25519 keys takes."""

_KEY_NAME = "pgp"
_NONCE_BYTES = 16
_PROFILE_OVERHEAD = 29  # tags, lengths, nonce and the key's name


@dataclass(frozen=True)
class Person:
    """A user of the realm."""

    number: int

    @property
    def user_id(self) -> str:
        """The address: canonical, and as long as most."""
        return f"somebody.{self.number:07}@{DOMAIN}"

    def key(self) -> SigningKey:
        """The key that signs this person's updates."""
        public, secret = crypto_sign_seed_keypair(_random(f"key {self.number}", 32))
        return SigningKey(secret, public)

    def profile(self, version: int) -> bytes:
        """What this person publishes: `PROFILE_BYTES` that no compression makes smaller."""
        content = _random(f"profile {self.number} {version}", PROFILE_BYTES - _PROFILE_OVERHEAD + _NONCE_BYTES)
        profile = Profile(nonce=content[:_NONCE_BYTES], keys={_KEY_NAME: content[_NONCE_BYTES:]})
        return profile.SerializeToString(deterministic=True)

    def update(self, index: bytes, version: int, profile: bytes) -> SignedEntryUpdate:
        """The signed update that puts `profile` in force at `index`."""
        key = self.key()
        entry = Entry(
            index=index,
            version=version,
            update_policy=sole_key_policy(key),
            profile_commitment=profile_commitment(profile),
        )
        encoded = entry.SerializeToString(deterministic=True)
        return SignedEntryUpdate(new_entry=encoded, signatures={key.key_id: key.sign(encoded)})


def _random(name: str, size: int) -> bytes:
    return shake_256(f"coname bench {name}".encode()).digest(size)


def registration_step(vrf_secret: bytes, number: int) -> bytes:
    """An admitted registration as it is proposed to the log: an encoded KeyserverStep."""
    person = Person(number)
    index, proof = suite(RFC9381).prove(vrf_secret, person.user_id.encode())
    profile = person.profile(0)
    admitted = AdmittedUpdate(
        update=person.update(index, 0, profile), profile=profile, user_id=person.user_id, index_proof=proof
    )
    return KeyserverStep(UID=number, update=admitted).SerializeToString(deterministic=True)


def update_request(realm: RealmConfig, vrf_secret: bytes, number: int, version: int) -> UpdateRequest:
    """An update as a client sends it, waiting for the quorum that the client insists on."""
    person = Person(number)
    index, _ = suite(RFC9381).prove(vrf_secret, person.user_id.encode())
    profile = person.profile(version)
    return UpdateRequest(
        update=person.update(index, version, profile),
        profile=profile,
        lookup_parameters=lookup_request(realm, person.user_id),
    )
