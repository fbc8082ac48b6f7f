"""What ``--json`` prints: one JSON object, whose fields only ever get company. Programs match these, not the words.

Always there:

- ``schema``: 1;
- ``command``: lookup, register, update or verify-proof;
- ``exit_status``: the same as the process's (`coname.client.console.exits`).

After an answer that verified:

- ``outcome``: present, absent, registered, updated or unchanged;
- ``asked``: the address as given; ``address``: in canonical form;
- ``realm``: its name; ``vrf_suite``: ``rfc9381`` or ``2017``; ``vrf_trustworthy``: false for the
  latter, which is broken;
- ``epoch``: a number; ``issue_time``: when it was closed, RFC 3339 in UTC;
- ``index``: of the address, in hexadecimal;
- ``version``: the entry's, a number; ``keys``: name to value, in base64. Both null where absence is proved. With
  ``lookup --key NAME`` only that key;
- ``signers``: whose signatures over the epoch counted: id (a decimal number, as text) to the time that it
  states, RFC 3339;
- ``vouchers``: everybody whose signature the realm's policy mentions: ``id`` as in ``signers``; ``name``, what the
  configuration calls it, or null; ``signed_at``, RFC 3339, and ``age`` in seconds, both null where this answer carries
  no signature of it;
- ``epoch_age``: how long ago the epoch was closed, in seconds; ``time_to_live``: the age at which it is refused;
- ``steps``: what was checked, in order: ``name`` and ``sentence``;
- ``warnings``: sentences; ``notes``: sentences on the way there, such as servers that were asked in vain;
- ``proof``: the answer itself, in protobuf's JSON: stored, it is what ``verify-proof`` verifies again;
- ``policy_changes``, where the replicas' policy was followed from the configuration's: the heads that announced each
  change, as a ``PolicyChanges`` message in protobuf's JSON; ``verify-proof`` takes them from there;
- ``identity``, of register and update: ``path`` of the file, ``key_ids`` of the signing keys in it, as ``signers``.

After a failure:

- ``error``: ``code``, a stable name; ``message``, a sentence; ``step``, the check that failed, or null; ``identity`` as
  above, where one was made. Where the answer contradicts what is remembered also ``evidence``, the path of a bundle
  for ``judge``, or null if it proves nothing to others; and ``kept``, the path of that or of what else is known, or
  null if it is not kept.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from coname.client.evidence import Contradiction
from coname.client.identity import Identity
from coname.client.proof_files import to_json
from coname.client.results import Result
from coname.client.vouching import Voucher, staleness, time_to_live, vouchers
from coname.core.vrf import suite
from coname.errors import ConameError, ProofInvalid
from coname.messages.client_pb2 import PolicyChanges

SCHEMA = 1

BROKEN_SUITE = (
    "realm {realm} uses the VRF suite of 2017, which is broken: whoever runs its keyserver can show different people "
    "different keys for the same address"
)
"""Said with every result under that suite."""


def result_document(result: Result, only: str | None = None) -> dict[str, Any]:
    """The fields of a verified answer.

    :param only: the one key that was asked for, if one was.
    """
    verified = result.verified
    keys = {name: _b64(value) for name, value in sorted(result.keys.items()) if only in (None, name)}
    return {
        "outcome": result.outcome.value,
        "asked": result.asked,
        "address": result.address,
        "realm": result.realm.RealmName,
        "vrf_suite": suite(result.realm.vrf_suite).name,
        "vrf_trustworthy": verified.vrf_trustworthy,
        "epoch": verified.epoch,
        "issue_time": rfc3339(verified.head.issue_time),
        "index": verified.index.hex(),
        "version": None if verified.entry is None else verified.entry.version,
        "keys": None if verified.entry is None else keys,
        "signers": {str(signer): rfc3339(time) for signer, time in sorted(verified.signers.items())},
        "vouchers": [_voucher_document(each, result.checked_at) for each in vouchers(result)],
        "epoch_age": round(result.checked_at - verified.head.issue_time, 3),
        "time_to_live": time_to_live(result),
        "steps": [{"name": name, "sentence": sentence} for name, sentence in result.steps],
        "warnings": warnings(result),
        "notes": list(result.notes),
        "proof": json.loads(to_json(result.proof)),
    } | _changes_document(result)


def _changes_document(result: Result) -> dict[str, Any]:
    """What it takes to verify the proof with the configuration alone, if the replicas' policy has changed since."""
    if not result.changes:
        return {}
    changes = PolicyChanges(changes=[each.ratified for each in result.changes])
    return {"policy_changes": json.loads(to_json(changes))}


def _voucher_document(voucher: Voucher, now: float) -> dict[str, Any]:
    signed = voucher.signed_at
    return {
        "id": str(voucher.signer),
        "name": voucher.name,
        "signed_at": None if signed is None else rfc3339(signed),
        "age": None if signed is None else round(now - signed, 3),
    }


def identity_document(identity: Identity, path: object) -> dict[str, Any]:
    """What may be known of an identity."""
    return {"path": str(path), "key_ids": [str(key.key_id) for key in identity.keys]}


def error_document(error: ConameError) -> dict[str, Any]:
    """The ``error`` of a failure."""
    document = {
        "code": error.code,
        "message": str(error),
        "step": error.step if isinstance(error, ProofInvalid) else None,
    }
    if isinstance(error, Contradiction):
        document |= {"evidence": error.path if error.evidence else None, "kept": error.path}
    return document


def warnings(result: Result) -> list[str]:
    """What must be said with `result`, in sentences."""
    broken = [] if result.verified.vrf_trustworthy else [BROKEN_SUITE.format(realm=result.realm.RealmName)]
    return [*broken, *staleness(result)]


def rfc3339(seconds: float) -> str:
    """A time since 1970 as RFC 3339 in UTC, with fractions where there are any."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
