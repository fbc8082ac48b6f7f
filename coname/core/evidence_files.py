"""Evidence bundles as files: protobuf's JSON, so that a person can see what is in them."""

from __future__ import annotations

from google.protobuf import json_format

from coname.core.evidence_bounds import MAX_BUNDLE_BYTES, MAX_PARTS
from coname.errors import ProofInvalid
from coname.messages.evidence_pb2 import EvidenceBundle

_STEP = "evidence"


def read_bundle(data: bytes) -> EvidenceBundle:
    """The bundle in a file's content. Whether it proves anything is another question.

    :raises ProofInvalid: step "evidence": it is not the JSON of an EvidenceBundle, or too large.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise ProofInvalid(_STEP, f"the file is larger than {MAX_BUNDLE_BYTES} bytes: no bundle is")
    if sum(data.count(mark) for mark in (b"{", b"[", b",")) > MAX_PARTS:
        raise ProofInvalid(_STEP, f"the file has more than {MAX_PARTS} parts: no bundle has")
    if not data.lstrip().startswith(b"{"):  # protobuf's parser takes an empty list for an empty message
        raise ProofInvalid(_STEP, "the file is not an evidence bundle: it is not a JSON object")
    bundle = EvidenceBundle()
    try:
        json_format.Parse(data, bundle)
    except (json_format.ParseError, ValueError, TypeError, RecursionError) as error:
        raise ProofInvalid(_STEP, f"the file is not an evidence bundle: {_line(error)}") from error
    return bundle


def write_bundle(bundle: EvidenceBundle) -> bytes:
    """`bundle` as a file's content: indented JSON, which ends in a newline."""
    return json_format.MessageToJson(bundle, preserving_proto_field_name=True, indent=2).encode() + b"\n"


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
