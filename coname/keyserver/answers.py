"""The answer to a lookup, encoded once for each format.

A `LookupProof` is put together from parts that are encoded already (the ratifications of an epoch are the same for
everybody who asks for the same quorum), which is several times as fast as building the message. The results are
exactly what protobuf's own encoders give for the same message; the tests compare them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from json import dumps

from coname.core.proofs import TreeProofParts
from coname.core.types import Epoch, Index, KeyId
from coname.core.wire import base64, length_delimited
from coname.messages.client_pb2 import LookupProof, SignedEpochHead


@dataclass(frozen=True, slots=True)
class Ratifications:
    """The signed heads of one epoch that answer one quorum.

    :ivar protobuf: field 4 of LookupProof, repeated.
    :ivar json: the value of "ratifications".
    """

    epoch: Epoch
    heads: Mapping[KeyId, SignedEpochHead]
    protobuf: bytes
    json: str

    @staticmethod
    def of(epoch: Epoch, heads: Mapping[KeyId, SignedEpochHead]) -> Ratifications:
        """Encode `heads`, in order of signer."""
        ordered = dict(sorted(heads.items()))
        encoded = LookupProof(ratifications=list(ordered.values())).SerializeToString(deterministic=True)
        return Ratifications(epoch, ordered, encoded, "[" + ", ".join(map(_head_json, ordered.values())) + "]")


def _head_json(head: SignedEpochHead) -> str:
    signatures = ", ".join(f'"{signer}": "{base64(data)}"' for signer, data in sorted(head.signatures.items()))
    return f'{{"head": "{base64(head.head)}", "signatures": {{{signatures}}}}}'


@dataclass(slots=True)
class Answer:
    """A lookup proof, present or absent (protocol section 2, LookupProof).

    :ivar entry: the entry's bytes as their owner signed them; None if proved absent.
    :ivar profile: the profile's bytes; None if proved absent.
    """

    user_id: str
    index: Index
    index_proof: bytes
    ratifications: Ratifications
    tree_proof: TreeProofParts
    entry: bytes | None
    profile: bytes | None
    _protobuf: bytes | None = field(default=None, init=False)
    _json: bytes | None = field(default=None, init=False)

    @property
    def epoch(self) -> Epoch:
        """The epoch that the answer holds for."""
        return self.ratifications.epoch

    def protobuf(self) -> bytes:
        """The encoded LookupProof."""
        if self._protobuf is None:
            self._protobuf = self._encode_protobuf()
        return self._protobuf

    def json(self) -> bytes:
        """The LookupProof in protobuf's JSON, with the protocol's field names."""
        if self._json is None:
            self._json = self._encode_json().encode()
        return self._json

    def message(self) -> LookupProof:
        """The LookupProof, parsed."""
        return LookupProof.FromString(self.protobuf())

    def _encode_protobuf(self) -> bytes:
        neighbors, existing_index, existing_hash = self.tree_proof
        # every neighbor is 32 bytes long, so that their tag and length are constant
        tree_proof = (b"\x0a\x20" + b"\x0a\x20".join(neighbors)) if neighbors else b""
        if existing_index:
            tree_proof += b"\x12\x20" + existing_index + b"\x1a\x20" + existing_hash
        parts = [
            length_delimited(b"\x0a", self.user_id.encode()),
            length_delimited(b"\x12", self.index),
            length_delimited(b"\x1a", self.index_proof),
            self.ratifications.protobuf,
            length_delimited(b"\x2a", tree_proof),
        ]
        if self.entry is not None:
            parts.append(length_delimited(b"\x32", self.entry))
        if self.profile is not None:
            parts.append(length_delimited(b"\x3a", self.profile))
        return b"".join(parts)

    def _encode_json(self) -> str:
        entry = "" if self.entry is None else f', "entry": "{base64(self.entry)}"'
        profile = "" if self.profile is None else f', "profile": "{base64(self.profile)}"'
        return (
            f'{{"user_id": {dumps(self.user_id)}, "index": "{base64(self.index)}", '
            f'"index_proof": "{base64(self.index_proof)}", "ratifications": {self.ratifications.json}, '
            f'"tree_proof": {_tree_proof_json(self.tree_proof)}{entry}{profile}}}'
        )


def _tree_proof_json(parts: TreeProofParts) -> str:
    fields = []
    if parts.neighbors:
        fields.append('"neighbors": ["' + '", "'.join([base64(neighbor) for neighbor in parts.neighbors]) + '"]')
    if parts.existing_index:
        fields.append(f'"existing_index": "{base64(parts.existing_index)}"')
        fields.append(f'"existing_entry_hash": "{base64(parts.existing_entry_hash)}"')
    return "{" + ", ".join(fields) + "}"
