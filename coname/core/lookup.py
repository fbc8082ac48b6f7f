"""The verification of a lookup's answer: every step of protocol section 8, in its order.

The caller brings the realm's pinned configuration, the user id that was *asked for*, the answer, and the time; what
comes back was proven, with the sentences that say how. Fetching, and remembering which heads were seen before, is the
client's.

Rules of this file:

* Nothing in the answer is believed before it is checked: the realm, its keys, policy, VRF suite and tree nonce come
  from the configuration only.
* One failing step fails the whole, and names itself: one of `STEPS`. `ratifications` and `proofs` hold some of them.
* An entry must name the index it was found at. The owner's signature covers that index, so an entry put elsewhere is
  not one that its owner agreed to, whatever the tree says. The original leaves this to the verifiers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import DecodeError, Message

from coname.core import addresses, policies, proofs, quorums, ratifications
from coname.core.domains import canonical_pattern, matches
from coname.core.hashes import entry_hash, profile_commitment
from coname.core.text import hexed, quoted
from coname.core.types import EntryHash, Epoch, Index
from coname.core.vrf import VrfSuite, suite
from coname.errors import InvalidRequest, Misconfigured, ProofInvalid
from coname.messages.client_pb2 import Entry, LookupProof, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coname.core.heads import Head
    from coname.messages.config_pb2 import Config, RealmConfig

STEPS = ("user", "index", "ratification", "freshness", "signatures", "tree", "entry", "profile")
"""The steps of a verification, in their order."""

_M = TypeVar("_M", bound=Message)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a lookup has proven.

    :ivar signers: who signed, by id, and when each says that it did (seconds since 1970).
    :ivar entry: None where the user id is proven absent.
    :ivar profile: None where the user id is proven absent.
    :ivar vrf_trustworthy: False if the realm's VRF suite lets its provider show different people different entries.
    :ivar steps: each step's name, and a sentence on what it showed.
    """

    user_id: str
    index: Index
    epoch: Epoch
    head: Head
    signers: Mapping[int, float]
    entry: Entry | None
    profile: Profile | None
    vrf_trustworthy: bool
    steps: tuple[tuple[str, str], ...]


def realm_for(config: Config, user_id: str) -> RealmConfig:
    """The realm that answers for an address: the one whose `domains` has the address's domain.

    :raises InvalidRequest: it is no address, or no realm answers for it.
    :raises Misconfigured: two realms claim the domain; which one is asked must not depend on their order.
    """
    _, domain = addresses.split(user_id)
    found = [realm for realm in config.realms if _serves(realm, domain)]
    if not found:
        raise InvalidRequest(f"no realm in the configuration answers for the domain {quoted(domain)}")
    if len(found) > 1:
        names = " and ".join(realm.RealmName for realm in found)
        raise Misconfigured([f"realms: {names} both list the domain {quoted(domain)}; it can belong to one only"])
    return found[0]


def _serves(realm: RealmConfig, domain: str) -> bool:
    """Whether `realm` lists `domain`, or all below one that it is below; in canonical form, where they have one."""
    try:
        return matches(addresses.canonical_domain(domain), map(canonical_pattern, realm.domains))
    except InvalidRequest:
        return domain in realm.domains


def verify_lookup(realm: RealmConfig, user_id: str, proof: LookupProof, now: float) -> Verified:
    """Check that `proof` is the answer of `realm` for `user_id`, complete and fresh.

    :param user_id: the one that was asked for.
    :param now: the time, in seconds since 1970.
    :raises ProofInvalid: a step fails; its sentence has what was expected and what was found.
    :raises Misconfigured: the realm's own configuration cannot be used.
    """
    vrf = _suite(realm)
    asked = _check_user(realm, user_id, proof)
    vrf.verify(realm.VRFPublic, asked, proof.index, proof.index_proof)
    index = Index(proof.index)
    head = ratifications.common_head(realm.RealmName, proof.ratifications)
    freshness = ratifications.check_freshness(head, realm.epoch_time_to_live, now)
    signers = ratifications.check_signatures(realm, proof.ratifications)
    value = _check_tree(realm, index, proof, head)
    entry = _check_entry(index, value, proof)
    profile = _check_profile(entry, proof)
    verified = Verified(user_id, index, head.epoch, head, signers, entry, profile, vrf.trustworthy, steps=())
    return replace(verified, steps=_explain(realm, len(proof.ratifications), freshness, verified))


def _explain(realm: RealmConfig, count: int, freshness: str, proven: Verified) -> tuple[tuple[str, str], ...]:
    """A sentence on what each step showed."""
    entry, profile, root = proven.entry, proven.profile, proven.head.root_hash.hex()
    return (
        ("user", f"the answer is for {proven.user_id}, in the realm {realm.RealmName}"),
        ("index", f"{proven.index.hex()} is where this user's entry belongs ({_suite(realm).name})"),
        ("ratification", f"the ratifications ({count}) agree on epoch {proven.epoch}"),
        ("freshness", freshness),
        ("signatures", f"signed by {quorums.ids(proven.signers)}; wanted: {_wanted(realm)}"),
        ("tree", f"the tree with the root {root} proves the entry {'absent' if entry is None else 'present'}"),
        ("entry", "none, as proven" if entry is None else f"version {entry.version}, the one that the tree holds"),
        ("profile", "none, as proven" if profile is None else f"{_keys(profile)}, as the entry commits to"),
    )


def _wanted(realm: RealmConfig) -> str:
    return policies.describe(realm.verification_policy)


def _keys(profile: Profile) -> str:
    return "1 key" if len(profile.keys) == 1 else f"{len(profile.keys)} keys"


def _suite(realm: RealmConfig) -> VrfSuite:
    try:
        return suite(realm.vrf_suite)
    except ValueError as error:
        raise Misconfigured([f"vrf_suite: {error}"]) from error


def _check_user(realm: RealmConfig, user_id: str, proof: LookupProof) -> bytes:
    """Check that the answer is for the user that was asked for; gives the bytes that the VRF is computed of."""
    if proof.user_id and proof.user_id != user_id:
        raise ProofInvalid("user", f"asked for {quoted(user_id)}, the answer is for {quoted(proof.user_id)}")
    domain = user_id.rpartition("@")[2]
    if realm.domains and not _serves(realm, domain):
        raise ProofInvalid("user", f"the realm {realm.RealmName} does not answer for the domain {quoted(domain)}")
    try:
        return user_id.encode()
    except UnicodeEncodeError as error:
        raise ProofInvalid("user", f"{quoted(user_id)} is not Unicode text") from error


def _check_tree(realm: RealmConfig, index: Index, proof: LookupProof, head: Head) -> EntryHash | None:
    if not proof.HasField("tree_proof"):
        raise ProofInvalid(proofs.STEP, "the answer carries no tree proof")
    tree = proof.tree_proof
    parts = proofs.TreeProofParts(tree.neighbors, tree.existing_index, tree.existing_entry_hash)
    return proofs.verify_tree_proof(head.root_hash, realm.tree_nonce, index, parts)


def _check_entry(index: Index, value: EntryHash | None, proof: LookupProof) -> Entry | None:
    """Check that the answer's entry is the one that the tree holds, if any."""
    if value is None:
        if proof.HasField("entry"):
            raise ProofInvalid("entry", "the tree proves that there is no entry, but the answer carries one")
        return None
    if not proof.HasField("entry"):
        raise ProofInvalid("entry", "the tree proves that there is an entry, but the answer does not carry it")
    found = entry_hash(proof.entry)
    if found != value:
        raise ProofInvalid("entry", f"the tree holds the entry {value.hex()}, the answer carries {found.hex()}")
    entry = _parse("entry", Entry, proof.entry)
    if entry.index != index:
        raise ProofInvalid("entry", f"the entry is made for the index {hexed(entry.index)}, not for {index.hex()}")
    return entry


def _check_profile(entry: Entry | None, proof: LookupProof) -> Profile | None:
    """Check that the answer's profile is the one that the entry commits to."""
    if entry is None:
        if proof.HasField("profile"):
            raise ProofInvalid("profile", "the tree proves that there is no entry, but the answer carries a profile")
        return None
    if not proof.HasField("profile"):
        raise ProofInvalid("profile", "there is an entry, but the answer does not carry its profile")
    found = profile_commitment(proof.profile)
    if found != entry.profile_commitment:
        expected = hexed(entry.profile_commitment)
        raise ProofInvalid("profile", f"the entry commits to the profile {expected}, the answer carries {found.hex()}")
    return _parse("profile", Profile, proof.profile)


def _parse(step: str, kind: type[_M], data: bytes) -> _M:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise ProofInvalid(step, f"the {step} ({len(data)} bytes) is not of the expected form: {error}") from error
