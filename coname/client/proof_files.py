"""What servers send, in protobuf's binary form or in its JSON: proofs, which may be stored to be verified again, and
the changes of the replicas' policy that a proof may need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from coname.errors import ProofInvalid
from coname.messages.client_pb2 import LookupProof, PolicyChanges

_M = TypeVar("_M", bound=Message)

MAX_PROOF_BYTES = 8 * 1024 * 1024
"""The largest file or answer that is read: twice what gRPC takes, for JSON's base64."""


@dataclass(frozen=True)
class Stored:
    """What a file holds.

    :ivar changes: of the replicas' policy, which led to the one that the proof is judged by; none in a bare proof.
    """

    proof: LookupProof
    changes: PolicyChanges


def parse_proof(data: bytes) -> Stored:
    """The proof in `data`, in either form, or in the document that ``coname lookup --json`` prints.

    :raises ProofInvalid: step "form": it is none of them.
    """
    none = PolicyChanges()
    if not data.lstrip().startswith(b"{"):
        return Stored(proof_from_binary(data), none)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        # A proof in binary form holds hashes, hence is hardly ever JSON; its first bytes may well look like it.
        return Stored(proof_from_binary(data) if _is_binary(data) else proof_from_json(data), none)
    if "schema" not in content or content.get("proof") is None:  # no field of a proof has either name
        return Stored(proof_from_json(data), none)
    changes = json.dumps(content.get("policy_changes") or {}).encode()
    return Stored(proof_from_json(json.dumps(content["proof"]).encode()), changes_from_json(changes))


def _is_binary(data: bytes) -> bool:
    try:
        LookupProof.FromString(data)
    except DecodeError:
        return False
    return True


def proof_from_binary(data: bytes) -> LookupProof:
    """The proof in protobuf's binary form.

    :raises ProofInvalid: it is not one.
    """
    try:
        return LookupProof.FromString(data)
    except DecodeError as error:
        raise ProofInvalid("form", f"the proof ({len(data)} bytes) is not a LookupProof message") from error


def proof_from_json(data: bytes) -> LookupProof:
    """The proof in protobuf's JSON; unknown fields are left aside, as in the binary form.

    :raises ProofInvalid: it is not one.
    """
    return _from_json(LookupProof(), data)


def changes_from_binary(data: bytes) -> PolicyChanges:
    """Changes of the replicas' policy in protobuf's binary form.

    :raises ProofInvalid: step "form": they are not.
    """
    try:
        return PolicyChanges.FromString(data)
    except DecodeError as error:
        raise ProofInvalid("form", f"the answer ({len(data)} bytes) is not a PolicyChanges message") from error


def changes_from_json(data: bytes) -> PolicyChanges:
    """The same in protobuf's JSON.

    :raises ProofInvalid: step "form": they are not.
    """
    return _from_json(PolicyChanges(), data)


def _from_json(message: _M, data: bytes) -> _M:
    """`message`, filled from `data`."""
    name = type(message).__name__
    try:
        json_format.Parse(data, message, ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise ProofInvalid("form", f"the answer is not the JSON of a {name} message: {_line(error)}") from error
    return message


def to_json(message: Message) -> str:
    """`message` in protobuf's JSON, as servers send it."""
    return json_format.MessageToJson(message, preserving_proto_field_name=True)


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
