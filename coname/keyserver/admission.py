"""What is checked before an update is proposed: everything that can be known at the edge.

In order, so that cheap checks come before dear ones: presence and sizes, the profile against its commitment, the
policy's shape, the index, the signatures and the version (protocol section 6), and for a new entry who may register it.
The state machine checks again what another update may have changed meanwhile, and nothing else.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from google.protobuf.message import DecodeError

from coname.core.hashes import profile_commitment
from coname.core.policies import check_update
from coname.core.quorums import depth_and_size, satisfied
from coname.core.signatures import PUBLIC_KEY_SIZE, SIGNATURE_SIZE, Verify
from coname.core.types import Epoch
from coname.errors import InvalidRequest, QuorumUnmet, TooLarge
from coname.interfaces import IKeyValueStore
from coname.keyserver import tables
from coname.keyserver.indices import Indices
from coname.messages.client_pb2 import Entry, LookupRequest, Profile, QuorumExpr, UpdateRequest
from coname.messages.config_pb2 import Limits
from coname.messages.replication_pb2 import AdmittedUpdate
from coname.registration.proof import Presented
from coname.registration.registrar import Registrar

INDEX_SIZE = 32
COMMITMENT_SIZE = 64
MIN_NONCE = 16
"""Bytes of randomness in a profile: fewer, and its commitment could be guessed (protocol section 3)."""


class Admitted(NamedTuple):
    """What is to be done with an update that passed.

    :ivar update: what to propose; None if the very same entry is there already.
    :ivar epoch: the epoch that has it, in that case.
    :ivar registers: whether it makes the first entry of its address.
    """

    update: AdmittedUpdate | None
    epoch: Epoch
    registers: bool = False


class Admission:
    """Decides whether an update may be proposed.

    :param limits: with no field zero.
    :param registrar: decides who may make the first entry of an address.
    :param signers: who signs heads in this realm: an update never waits for anybody else.
    """

    def __init__(
        self,
        store: IKeyValueStore,
        indices: Indices,
        limits: Limits,
        registrar: Registrar,
        verify: Verify,
        signers: Container[int],
    ) -> None:
        self._store = store
        self._indices = indices
        self._limits = limits
        self._registrar = registrar
        self._verify = verify
        self._signers = signers

    def check_lookup(self, request: LookupRequest) -> None:
        """Raise `InvalidRequest` or `TooLarge` unless `request` is well-formed."""
        request.DiscardUnknownFields()  # nothing bounds them, and answers are kept by what was asked
        if not request.user_id:
            raise InvalidRequest("user_id is missing")
        _bound("user_id", len(request.user_id.encode()), self._limits.user_id_bytes)
        if request.HasField("quorum_requirement"):
            self._check_quorum("quorum_requirement", request.quorum_requirement)

    async def admit(self, request: UpdateRequest, certificate: bytes = b"") -> Admitted:
        """The update as it is to be proposed. Waits only for what a registration's proof may need.

        :param certificate: of the client, from its connection; see `Presented`.
        :raises InvalidRequest: it is malformed, or contradicts itself.
        :raises Refused: version, signatures or registration are not in order.
        :raises Unavailable: a proof cannot be checked at the moment.
        """
        self._check_form(request)
        user_id = request.lookup_parameters.user_id
        entry = self._check_entry(request)
        index, index_proof = self._indices.find(user_id)
        if entry.index != index:
            raise InvalidRequest(f"the entry's index is {entry.index.hex()}, but that of {user_id!r} is {index.hex()}")
        place = tables.newest_place(self._store, index)
        current = None if place is None else tables.read_update(self._store, place.position).new_entry
        if place is None:
            self._registrar.check_address(user_id)
        if place is not None and current == request.update.new_entry:
            return Admitted(None, place.epoch)  # sent again: the answer may have been lost
        check_update(current, request.update, self._verify)
        update = AdmittedUpdate(
            update=request.update, profile=request.profile, user_id=user_id, index_proof=index_proof
        )
        if place is None:
            presented = Presented(request.email_proof, certificate)
            proof = await self._registrar.check(user_id, request.update.new_entry, presented)
            if proof is not None:
                update.proof.CopyFrom(proof)
        return Admitted(update, Epoch(0), place is None)

    def _check_form(self, request: UpdateRequest) -> None:
        if not request.HasField("update") or not request.update.new_entry:
            raise InvalidRequest("update.new_entry is missing")
        if not request.HasField("lookup_parameters"):
            raise InvalidRequest("lookup_parameters is missing: it names the user and the quorum to wait for")
        self.check_lookup(request.lookup_parameters)
        if not satisfied(request.lookup_parameters.quorum_requirement, self._signers):
            raise QuorumUnmet(
                "the requested quorum asks for signers that this realm does not have: it would wait for ever"
            )
        _bound("update.new_entry", len(request.update.new_entry), self._limits.entry_bytes)
        _bound("profile", len(request.profile), self._limits.profile_bytes)
        _bound("update.signatures", len(request.update.signatures), 2 * self._limits.policy_keys)
        for signer, signature in request.update.signatures.items():
            _exactly(f"update.signatures[{signer}]", len(signature), SIGNATURE_SIZE)

    def _check_entry(self, request: UpdateRequest) -> Entry:
        try:
            entry = Entry.FromString(request.update.new_entry)
        except DecodeError as error:
            raise InvalidRequest("update.new_entry is not an encoded Entry") from error
        _exactly("the entry's index", len(entry.index), INDEX_SIZE)
        _exactly("the entry's profile_commitment", len(entry.profile_commitment), COMMITMENT_SIZE)
        if profile_commitment(request.profile) != entry.profile_commitment:
            raise InvalidRequest("the entry's profile_commitment is not that of the profile sent along")
        _check_profile(request.profile)
        self._check_policy(entry)
        return entry

    def _check_policy(self, entry: Entry) -> None:
        policy = entry.update_policy
        if not entry.HasField("update_policy") or policy.WhichOneof("policy_type") is None:
            raise InvalidRequest("the entry has no update_policy: nobody could ever replace it")
        _bound("the keys of the entry's update_policy", len(policy.public_keys), self._limits.policy_keys)
        for key_id, key in policy.public_keys.items():
            if key.WhichOneof("pubkey_type") != "ed25519":
                raise InvalidRequest(f"update_policy.public_keys[{key_id}] is of an unknown type; ed25519 is known")
            _exactly(f"update_policy.public_keys[{key_id}].ed25519", len(key.ed25519), PUBLIC_KEY_SIZE)
        self._check_quorum("update_policy.quorum", policy.quorum)

    def _check_quorum(self, what: str, quorum: QuorumExpr) -> None:
        shape = depth_and_size(quorum, self._limits.quorum_size)
        _bound(f"the depth of {what}", shape.depth, self._limits.quorum_depth)
        _bound(f"the size of {what}", shape.size, self._limits.quorum_size)


def _check_profile(encoded: bytes) -> None:
    try:
        profile = Profile.FromString(encoded)
    except DecodeError as error:
        raise InvalidRequest("profile is not an encoded Profile") from error
    if len(profile.nonce) < MIN_NONCE:
        raise InvalidRequest(f"the profile's nonce has {len(profile.nonce)} bytes; at least {MIN_NONCE} are needed")


def _bound(what: str, size: int, most: int) -> None:
    if size > most:
        raise TooLarge(f"{what}: {size} is more than the {most} that this server takes")


def _exactly(what: str, size: int, wanted: int) -> None:
    if size != wanted:
        raise InvalidRequest(f"{what} has {size} bytes, not {wanted}")
