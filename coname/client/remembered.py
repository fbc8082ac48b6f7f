"""The records of the client's memory, as bytes: of a realm's newest head, and of a user id.

Both are sealed (`coname.client.files`). Signatures and proofs are kept with what they prove: without them, nobody else
could be shown a contradiction.
"""

from __future__ import annotations

import base64
from dataclasses import replace

from google.protobuf.message import DecodeError

from coname.client import files
from coname.client.continuity import Sighting, Span
from coname.core import heads
from coname.core.heads import Head
from coname.core.types import EntryHash, Epoch, Index
from coname.errors import Corrupt, ProofInvalid
from coname.messages.client_pb2 import LookupProof, SignedEpochHead, Timestamp

HEAD, USER = "epoch head", "user id"
"""Kinds of records."""


def encode_head(head: Head, proof: LookupProof) -> bytes:
    """The record of a head, with the signatures that it came with: they are what makes a contradiction a proof."""
    ratifications = [_b64(each.SerializeToString()) for each in proof.ratifications]
    content = {"realm": head.realm, "epoch": head.epoch, "head": _b64(head.epoch_head), "ratifications": ratifications}
    return files.seal(HEAD, content)


def decode_head(data: bytes, where: str) -> Head:
    """The head in a record.

    :param where: what to call the record in a message; as in all functions here.
    :raises Corrupt: it is damaged.
    """
    content = files.unseal(HEAD, data, where)
    try:
        return heads.parse(heads.timestamped(base64.b64decode(content["head"], validate=True), Timestamp()))
    except (ProofInvalid, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{where} is damaged: it holds no epoch head") from error


def decode_ratifications(data: bytes, where: str) -> list[SignedEpochHead]:
    """Who signed the head in a record, and how.

    :raises Corrupt: it is damaged.
    """
    try:
        encoded = files.unseal(HEAD, data, where)["ratifications"]
        return [SignedEpochHead.FromString(base64.b64decode(each, validate=True)) for each in encoded]
    except (DecodeError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{where} is damaged: it does not say who signed") from error


def encode_span(span: Span) -> bytes:
    """The record of a user id."""
    last = span.last
    sightings = [span.first] if span.first == last else [span.first, last]
    return files.seal(
        USER,
        {
            "user_id": last.user_id,
            "index": last.index.hex(),
            "since": span.first.epoch,
            "epoch": last.epoch,
            "version": last.version,
            "entry_hash": last.entry_hash.hex(),
            "proofs": [None if each.proof is None else _b64(each.proof.SerializeToString()) for each in sightings],
        },
    )


def decode_span(data: bytes, where: str) -> Span:
    """What a record says of a user id.

    :raises Corrupt: it is damaged.
    """
    content = files.unseal(USER, data, where)
    try:
        last = Sighting(
            user_id=content["user_id"],
            index=Index(bytes.fromhex(content["index"])),
            epoch=Epoch(content["epoch"]),
            version=content["version"],
            entry_hash=EntryHash(bytes.fromhex(content["entry_hash"])),
        )
        # Earlier versions of this program remembered one epoch only, and no proofs.
        proofs = [None if each is None else _decode_proof(each) for each in content.get("proofs") or [None]]
        first = replace(last, epoch=Epoch(content.get("since", last.epoch)), proof=proofs[0])
        return Span(first, replace(last, proof=proofs[-1]))
    except (DecodeError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{where} is damaged: it is not a record of a user id") from error


def _decode_proof(encoded: str) -> LookupProof:
    return LookupProof.FromString(base64.b64decode(encoded, validate=True))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
