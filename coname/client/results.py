"""What the client library answers with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from coname.client.continuity import Sighting
from coname.client.evidence import kept_proof
from coname.client.lineage import Change
from coname.core.hashes import entry_hash
from coname.core.lookup import Verified
from coname.core.types import EntryHash, Epoch
from coname.messages.client_pb2 import Entry, LookupProof
from coname.messages.config_pb2 import RealmConfig


class Outcome(StrEnum):
    """What came of it. The values are stable: programs match them."""

    PRESENT = "present"
    ABSENT = "absent"
    REGISTERED = "registered"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Result:
    """A verified answer.

    :ivar asked: the address as the caller wrote it.
    :ivar realm: whose configuration the answer was verified under, with the replicas' policy of the answer's epoch.
    :ivar proof: the answer itself; stored, it can be verified again.
    :ivar verified: what it proves.
    :ivar steps: what was checked, in order, as (name, sentence).
    :ivar outcome: what came of the call.
    :ivar checked_at: the time that it was verified for, in seconds since 1970.
    :ivar changes: those of the replicas' policy that were followed to judge it, oldest first.
    :ivar notes: what else happened on the way, in sentences: which servers were asked in vain.
    """

    asked: str
    realm: RealmConfig
    proof: LookupProof
    verified: Verified
    steps: tuple[tuple[str, str], ...]
    outcome: Outcome
    checked_at: float
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The address in canonical form: the user id that the proof is about."""
        return self.verified.user_id

    @property
    def present(self) -> bool:
        """Whether the address has an entry."""
        return self.verified.entry is not None

    @property
    def entry(self) -> Entry | None:
        """The entry in force, or None where absence is proved."""
        return self.verified.entry

    @property
    def keys(self) -> dict[str, bytes]:
        """The address's public keys by name; empty where absence is proved."""
        profile = self.verified.profile
        return {} if profile is None else dict(profile.keys)

    @property
    def epoch(self) -> Epoch:
        """The epoch that the answer is proved for."""
        return self.verified.epoch

    @property
    def sighting(self) -> Sighting:
        """What there is to remember of the address."""
        verified = self.verified
        version = None if verified.entry is None else verified.entry.version
        proved = EntryHash(b"") if verified.entry is None else entry_hash(self.proof.entry)
        return Sighting(verified.user_id, verified.index, verified.epoch, version, proved, kept_proof(self.proof))
