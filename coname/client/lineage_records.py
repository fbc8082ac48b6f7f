"""The record of who ratifies a realm's epochs (`lineage`): what is in it, and who may change it.

1. A change is on disk, synced, before anything is judged by it; what was followed is never lost to a crash.
2. A damaged record is an error. Nothing ever falls back to the configuration's policy, which those who are retired by
   now could satisfy.
3. Reading, checking and writing happen under the realm's lock (`state`): of two clients that follow at once, neither
   undoes what the other has followed.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from coname.client import files
from coname.client.interfaces import IRecords
from coname.client.lineage import Change, Lineage, configured
from coname.core.types import Epoch
from coname.errors import Corrupt, Misconfigured, ProofInvalid
from coname.messages.client_pb2 import AuthorizationPolicy, RatifiedHead
from coname.messages.config_pb2 import RealmConfig

KIND = "replicas' policy"
"""What the record says it is."""

ASK_AGAIN = 24 * 3600.0
"""After how many seconds a server is asked whether the policy has changed, though its answers verify: so long may keys
that are retired have their say with somebody who asks every day."""


@dataclass(frozen=True)
class Record:
    """What is remembered.

    :ivar asked_at: when a server was last asked for changes, in seconds since 1970.
    """

    lineage: Lineage
    asked_at: float = 0.0

    def due(self, now: float, after: float = ASK_AGAIN) -> bool:
        """Whether nobody was asked for changes for `after` seconds. So it is where the clock was set back."""
        return not self.asked_at <= now < self.asked_at + after


class LineageRecords:
    """The lineages of all realms.

    :param records: where they are.
    """

    def __init__(self, records: IRecords) -> None:
        self._records = records
        self._read: dict[str, tuple[bytes, Record]] = {}  # what was read last: it is asked for several times an answer

    def read(self, name: str, realm: RealmConfig) -> Record:
        """What is known, given the configuration as it is now.

        :param name: the record's.
        :raises Corrupt: the record is damaged.
        :raises Misconfigured: it holds what the configuration no longer speaks of.
        """
        data, where = self._records.read(name), self._records.where(name)
        known = None if data is None else self._decoded(name, data)
        if known is not None and known.lineage.changes and not realm.HasField("keyserver_auth"):
            raise Misconfigured(
                [
                    f"realm {realm.RealmName}: keyserver_auth is missing, though changes of the replicas' policy were "
                    f"followed up to that of epoch {known.lineage.newest}; put it back, or, if you know that this "
                    f"configuration is newer, remove {where}"
                ]
            )
        lineage = configured(None if known is None else known.lineage, realm)
        return Record(lineage, known.asked_at if known is not None and known.lineage is lineage else 0.0)

    def _decoded(self, name: str, data: bytes) -> Record:
        if name not in self._read or self._read[name][0] != data:
            self._read[name] = data, decode(data, self._records.where(name))
        return self._read[name][1]

    def write(self, name: str, record: Record) -> None:
        """Remember `record`, durably."""
        self._records.write(name, encode(record))

    def disagreement(self, name: str, realm: RealmConfig, lineage: Lineage) -> Misconfigured:
        """What to say where the configuration pins a policy that was never followed."""
        return Misconfigured(
            [
                f"realm {realm.RealmName}: keyserver_auth is neither the policy that was followed from, nor one "
                f"followed since, up to that of epoch {lineage.newest}. If the configuration is newer, say since which "
                "epoch that policy holds (keyserver_auth_since); if it is older, use the newer one; if the realm is "
                f"another one now, remove {self._records.where(name)}"
            ]
        )


def encode(record: Record) -> bytes:
    """The record as bytes."""
    lineage = record.lineage
    return files.seal(
        KIND,
        {
            "pinned": _b64(lineage.pinned.SerializeToString(deterministic=True)),
            "since": lineage.since,
            "changes": [_b64(each.ratified.SerializeToString(deterministic=True)) for each in lineage.changes],
            "forgotten": lineage.forgotten,
            "asked_at": record.asked_at,
        },
    )


def decode(data: bytes, where: str) -> Record:
    """What `encode` was given.

    :param where: what to call the record in a message.
    :raises Corrupt: it is damaged.
    """
    content = files.unseal(KIND, data, where)
    try:
        lineage = Lineage(
            AuthorizationPolicy.FromString(_unb64(content["pinned"])),
            Epoch(int(content["since"])),
            tuple(_changes(content["changes"])),
            int(content["forgotten"]),
        )
        return Record(lineage, float(content["asked_at"]))
    except (DecodeError, ProofInvalid, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{where} is damaged: it does not say who ratifies epochs") from error


def _changes(encoded: Iterable[Any]) -> Iterable[Change]:
    newest = 0
    for each in encoded:
        change = Change(RatifiedHead.FromString(_unb64(each)))
        if change.epoch <= newest:
            raise ValueError("changes are not in order")
        newest = change.epoch
        _ = change.policy  # raise now, not later, if it is none
        yield change


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: Any) -> bytes:
    return base64.b64decode(str(text), validate=True)
