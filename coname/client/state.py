"""What the client remembers of each realm between runs: its newest epoch head, and each user id it asked about.

The rules of what may follow what are in `continuity`; here is only where the memory lives and who may write it.

- A realm is known by its name and VRF key together: a realm set up anew under an old name is another realm, and only
  somebody who changes the client's configuration can make that happen.
- Reading, checking and writing happen under one lock, so that two clients cannot overwrite each other's newer memory.
- A damaged record is an error. Nothing here ever takes it for "never seen".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from coname.client import files
from coname.client.continuity import STEP, Span, follow, settle
from coname.client.evidence import Contradiction, bundle_name, find_evidence, kept_proof
from coname.client.interfaces import IRecords
from coname.client.lineage import lead_on
from coname.client.lineage_records import LineageRecords, Record
from coname.client.proof_files import to_json
from coname.client.remembered import decode_head, decode_ratifications, decode_span, encode_head, encode_span
from coname.client.results import Result
from coname.core.evidence_files import write_bundle
from coname.core.hashes import shake
from coname.core.heads import Head
from coname.core.types import Epoch
from coname.errors import Corrupt, Misconfigured, ProofInvalid
from coname.messages.client_pb2 import LookupProof, RatifiedHead
from coname.messages.config_pb2 import RealmConfig
from coname.messages.evidence_pb2 import EvidenceBundle

CONTRADICTION, SHELF = "contradiction", "list of records"
"""Kinds of records; see also `remembered`."""

MAX_KEPT = 100
"""How many bundles are kept of a realm, and how many contradictions that prove nothing to others: a server that makes
new ones for ever shall not fill the disk."""

TOO_MANY = f"It is not kept: there are {MAX_KEPT} of this realm already"


class Unfollowable(NamedTuple):
    """A change that could not be followed, and why."""

    ratified: RatifiedHead
    error: ProofInvalid


class PinnedState:
    """The memory of one client.

    :param records: an `IRecords`; `FolderRecords` for programs, `MemoryRecords` where nothing should be kept.
    """

    def __init__(self, records: IRecords) -> None:
        self._records = records
        self._lineages = LineageRecords(records)

    def newest(self, realm: RealmConfig) -> Head | None:
        """The newest epoch head seen of `realm`.

        :raises Corrupt: the record is damaged.
        """
        name = _head_record(realm)
        data = self._records.read(name)
        return None if data is None else decode_head(data, self._records.where(name))

    def observe(self, realm: RealmConfig, answer: Result, floor: Epoch, asked: Epoch) -> bool:
        """Check a verified answer against the memory, and remember it.

        :param realm: as configured.
        :param floor: see `continuity.follow`; also `asked`.
        :returns: False if another client is writing just now: call again a little later.
        :raises Contradiction: the answer contradicts the memory, which stays as it was. Both are kept as evidence.
        :raises Corrupt: a record is damaged.
        """
        return self._locked(realm, lambda: self._observe(realm, answer, floor, asked))

    def known_policy(self, realm: RealmConfig) -> Record:
        """Who ratifies the realm's epochs, as far as is known.

        :param realm: as configured, with keyserver_auth.
        :raises Corrupt: the record is damaged.
        :raises Misconfigured: it contradicts the configuration.
        """
        return self._lineages.read(_policy_record(realm), realm)

    def asked_for_changes(self, realm: RealmConfig, now: float) -> bool:
        """Remember that a server is being asked. Returns False as `observe` does."""
        name = _policy_record(realm)
        return self._locked(realm, lambda: self._lineages.write(name, replace(self.known_policy(realm), asked_at=now)))

    def follow(self, realm: RealmConfig, changes: Sequence[RatifiedHead], now: float) -> bool:
        """Follow changes of the replicas' policy, and remember them. What is known already changes nothing.

        :param changes: oldest first.
        :param now: seconds since 1970.
        :returns: False as `observe` does.
        :raises ProofInvalid: one is not to be followed; see `lineage`. Those before it were.
        :raises Contradiction: one contradicts the memory; see `continuity`. It is kept.
        """
        return self._locked(realm, lambda: self._follow(realm, changes, now))

    def unfollowable(self, realm: RealmConfig, changes: Sequence[RatifiedHead]) -> Unfollowable | None:
        """The first of `changes` that could not be followed; None if all could. Remembers nothing."""
        followed = 0
        try:
            for _ in lead_on(self.known_policy(realm).lineage, realm, changes, self.newest(realm)):
                followed += 1
        except ProofInvalid as error:
            return Unfollowable(changes[followed], error)
        return None

    def convict(self, realm: RealmConfig, change: Unfollowable, now: float) -> bool:
        """See whether what was not followed convicts somebody.

        :returns: False as `observe` does.
        :raises Contradiction: it does. The evidence is kept.
        """
        return self._locked(realm, lambda: self._convict(realm, change, now))

    def _convict(self, realm: RealmConfig, change: Unfollowable, now: float) -> None:
        seen = LookupProof(ratifications=change.ratified.ratifications)
        found = self._fork(realm, change.error, seen, now)
        if found is not change.error:
            raise found from change.error

    def _follow(self, realm: RealmConfig, changes: Sequence[RatifiedHead], now: float) -> None:
        known, newest = self.known_policy(realm), self.newest(realm)
        lineage, followed = known.lineage, 0
        try:
            for longer in lead_on(known.lineage, realm, changes, newest):
                lineage, followed = longer, followed + 1
        except ProofInvalid as error:
            seen = LookupProof(ratifications=changes[followed].ratifications)
            raise self._fork(realm, error, seen, now) from error
        finally:
            if lineage is not known.lineage:
                self._lineages.write(_policy_record(realm), replace(known, lineage=lineage))

    def _fork(self, realm: RealmConfig, error: ProofInvalid, seen: LookupProof, now: float) -> ProofInvalid:
        """The error to raise instead of `error`: a contradiction, if the head that was not followed is one."""
        evidence, kept = self._find_evidence(realm, (), seen, now), None
        if evidence is None:
            return error
        try:
            kept, words = self._keep_bundle(realm, evidence)
        except (OSError, Corrupt) as failure:
            words = f"It could not be kept: {failure}"
        return Contradiction(STEP, f"{error}. {words}", evidence, kept)

    def policy_disagreement(self, realm: RealmConfig) -> Misconfigured:
        """What to say where the configuration pins a policy that was never followed."""
        name = _policy_record(realm)
        return self._lineages.disagreement(name, realm, self.known_policy(realm).lineage)

    def _locked(self, realm: RealmConfig, job: Callable[[], None]) -> bool:
        """Do `job` if no other client is writing just now, and say whether it was done."""
        lock = self._records.acquire(realm_name(realm))
        if lock is None:
            return False
        with lock:
            job()
        return True

    def _observe(self, realm: RealmConfig, answer: Result, floor: Epoch, asked: Epoch) -> None:
        head, seen = answer.verified.head, answer.sighting
        known_head, known = self.newest(realm), self._span(realm, seen.user_id)
        try:
            newest, span = follow(known_head, head, floor, asked), settle(known, seen)
            if realm.HasField("keyserver_auth"):
                self.known_policy(realm).lineage.check_head(head)
        except ProofInvalid as error:
            raise self._contradiction(realm, error, answer, known) from error
        if span != known:
            self._records.write(_user_record(realm, seen.user_id), encode_span(span))
        if newest is head and (known_head is None or known_head.epoch_head != head.epoch_head):
            self._records.write(_head_record(realm), encode_head(head, answer.proof))

    def _contradiction(
        self, realm: RealmConfig, error: ProofInvalid, answer: Result, span: Span | None
    ) -> Contradiction:
        """The error to raise instead of `error`, with evidence where there is some. It is kept."""
        evidence, kept = None, None
        try:
            evidence = self._evidence(realm, answer, span)
            kept, words = self._keep_either(realm, answer, evidence)
        except (OSError, Corrupt) as failure:  # that it cannot be kept must not hide what was found
            words = f"It could not be kept: {failure}"
        return Contradiction(error.step, f"{error}. {words}", evidence, kept)

    def _evidence(self, realm: RealmConfig, answer: Result, span: Span | None) -> EvidenceBundle | None:
        known = [] if span is None else [each.proof for each in (span.last, span.first) if each.proof is not None]
        return self._find_evidence(realm, known, kept_proof(answer.proof), answer.checked_at)

    def _find_evidence(
        self, realm: RealmConfig, known: Sequence[LookupProof], seen: LookupProof, now: float
    ) -> EvidenceBundle | None:
        """A bundle by `seen` and one of `known`, or the remembered heads."""
        data, where = self._records.read(_head_record(realm)), self._records.where(_head_record(realm))
        changes = self.known_policy(realm).lineage.changes if realm.HasField("keyserver_auth") else ()
        shown = [change.ratified for change in changes]
        newest = [] if data is None else [LookupProof(ratifications=decode_ratifications(data, where))]
        announcing = [LookupProof(ratifications=each.ratifications) for each in shown]
        return find_evidence(realm, [*newest, *known, *announcing], seen, now, shown)

    def _keep_either(
        self, realm: RealmConfig, answer: Result, evidence: EvidenceBundle | None
    ) -> tuple[str | None, str]:
        """Keep the evidence; or, where there is none, what is known. Returns where, and says so."""
        if evidence is not None:
            return self._keep_bundle(realm, evidence)
        shelf = f"{realm_name(realm)}/contradictions"
        kept = self._keep(shelf, str(answer.epoch), lambda: self._both(realm, answer))
        return kept, f"Both are kept in {kept}" if kept else TOO_MANY

    def _keep_bundle(self, realm: RealmConfig, evidence: EvidenceBundle) -> tuple[str | None, str]:
        shelf = f"{realm_name(realm)}/evidence"
        kept = self._keep(shelf, bundle_name(evidence), lambda: write_bundle(evidence))
        return kept, f"What proves it to others is in {kept} (see: coname judge)" if kept else TOO_MANY

    def _keep(self, shelf: str, name: str, content: Callable[[], bytes]) -> str | None:
        """Write a record, unless it is there. Returns where; None if there are too many of that kind."""
        listed = self._records.read(shelf)
        names = [] if listed is None else files.unseal(SHELF, listed, self._records.where(shelf)).get("names", [])
        if name not in names:
            if len(names) >= MAX_KEPT:
                return None
            self._records.write(f"{shelf}/{name}", content())
            self._records.write(shelf, files.seal(SHELF, {"names": [*names, name]}))
        return self._records.where(f"{shelf}/{name}")

    def _both(self, realm: RealmConfig, answer: Result) -> bytes:
        """What is remembered, and what was presented now, where that is no proof to others."""
        records = [self._records.read(each) for each in (_head_record(realm), _user_record(realm, answer.address))]
        remembered = [json.loads(record) for record in records if record is not None]
        return files.seal(CONTRADICTION, {"remembered": remembered, "presented": json.loads(to_json(answer.proof))})

    def _span(self, realm: RealmConfig, user_id: str) -> Span | None:
        name = _user_record(realm, user_id)
        data = self._records.read(name)
        if data is None:
            return None
        span = decode_span(data, self._records.where(name))
        if span.last.user_id != user_id:
            raise Corrupt(f"{self._records.where(name)} is about {span.last.user_id}, not about {user_id}")
        return span


def realm_name(realm: RealmConfig) -> str:
    """A name for the realm's records: readable, fit for a file system, and different for each name and VRF key."""
    readable = re.sub(r"[^A-Za-z0-9.-]", "_", realm.RealmName)[:40].lstrip(".")
    identity = len(realm.RealmName.encode()).to_bytes(4, "big") + realm.RealmName.encode() + realm.VRFPublic
    return f"{readable}-{shake(identity, 8).hex()}"


def _policy_record(realm: RealmConfig) -> str:
    return f"{realm_name(realm)}/policy"


def _head_record(realm: RealmConfig) -> str:
    return f"{realm_name(realm)}/head"


def _user_record(realm: RealmConfig, user_id: str) -> str:
    return f"{realm_name(realm)}/users/{shake(user_id.encode(), 16).hex()}"
