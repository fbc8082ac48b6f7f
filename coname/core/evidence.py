"""Evidence bundles: who is proven to have broken which rule.

`judge` is what convinces a third person, who has nothing but the realm's configuration: everything that it says follows
from signatures and hashes in the bundle. `evidence_material` checks them, `evidence_facts` is what comes of that, and
the rules of guilt are in `evidence_heads`, `evidence_transcripts`, `evidence_steps` and `evidence_entries`.

Rules of this file:

* Guilt is per key: a finding names the signers who themselves signed what no honest signer signs. Others who signed
  along are not accused.
* What a bundle says of itself (its rule, account and witness) is never believed, and only shown.
* One damaged part, and the bundle proves nothing.
* A bundle may be hostile. The work is bounded (`evidence_bounds`), and nothing but a verdict comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coname.core import evidence_entries, evidence_heads, evidence_material, evidence_transcripts, times
from coname.core.evidence_bounds import FORMAT, Budget, TooMuch
from coname.core.evidence_files import read_bundle, write_bundle
from coname.core.evidence_steps import StepRules
from coname.core.evidence_words import Finding
from coname.core.quorums import ids
from coname.core.text import quoted
from coname.errors import ProofInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coname.core.evidence_facts import Material
    from coname.messages.config_pb2 import RealmConfig
    from coname.messages.evidence_pb2 import EvidenceBundle

__all__ = ["RULES", "Claim", "Finding", "Verdict", "judge", "read_bundle", "write_bundle"]

RULES = {
    "two_heads": "one epoch has one head",
    "broken_chain": "each head names the one before it, by its hash",
    "skipped_epoch": "epochs are numbered one after the other",
    "time_reversed": "issue times do not decrease",
    "future_time": "an epoch is not issued in the future",
    "foreign_realm": "a history belongs to one realm",
    "unusable_policy": "a policy that is announced can be satisfied, and by signatures only",
    "wrong_root": "the tree is what the updates have made of the one before",
    "unauthorised_update": "an entry is changed by its owner only",
    "version_decreased": "the version of an entry grows with each change",
    "entry_vanished": "an entry is never removed",
    "two_transcripts": "one head has one transcript",
    "wrong_transcript": "a transcript says of its head what is so",
}
"""The rules whose breach can be proven, by code, each in words."""

DAMAGED, TOO_LARGE, OTHER_REALM, UNPROVEN = "damaged", "too_large", "other_realm", "unproven"
"""Why a bundle proves nothing: see `Verdict.reason`."""

FUTURE_TOLERANCE = 3600.0
"""How far ahead of the judge's clock, in seconds, an epoch must be issued to be in the future beyond doubt: clocks are
set wrong by whole hours, where somebody takes local time for UTC."""

_MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """What a bundle says of itself; nothing of it was checked.

    :ivar noticed_at: by the witness's clock, in seconds since 1970; None where that is no time.
    """

    realm: str
    rule: str
    account: str
    witness: str
    noticed_at: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a bundle proves.

    :ivar findings: who broke which rule; empty if nothing is proven.
    :ivar reason: why nothing is proven: "damaged", "too_large", "other_realm", or "unproven" (it is all genuine, and
        shows no breach by itself); empty if something is.
    :ivar why: the same in a sentence.
    :ivar notes: what could not be decided, and for lack of what.
    :ivar claim: what the bundle claims.
    """

    findings: tuple[Finding, ...]
    reason: str
    why: str
    notes: tuple[str, ...]
    claim: Claim

    @property
    def proven(self) -> bool:
        """Whether anybody is proven to have broken a rule."""
        return bool(self.findings)


def judge(realm: RealmConfig, bundle: EvidenceBundle, now: float) -> Verdict:
    """Who is proven by `bundle` to have broken which rule.

    :param realm: whose signers are judged: its `verification_policy` has their keys, and from its `keyserver_auth` on
        the bundle shows those of replicas that came later.
    :param now: the time by the judge's own clock, in seconds since 1970; it matters to "future_time" only.
    """
    claim = _claim(bundle)
    if bundle.format != FORMAT:
        return Verdict((), DAMAGED, f"it has the format {bundle.format}; only {FORMAT} is known", (), claim)
    if bundle.realm != realm.RealmName:
        why = f"it is about the realm {quoted(bundle.realm)}, not about {quoted(realm.RealmName)}"
        return Verdict((), OTHER_REALM, why, (), claim)
    notes: list[str] = []
    try:
        budget = Budget()
        material = evidence_material.check(realm, bundle, budget)
        findings = _once(_findings(realm, material, budget, now, notes))
    except TooMuch as error:
        return Verdict((), TOO_LARGE, str(error), (), claim)
    except ProofInvalid as error:
        return Verdict((), DAMAGED, str(error), (), claim)
    if findings and material.loose:
        return Verdict((), DAMAGED, material.loose, (), claim)
    if material.strangers:
        notes.append(
            f"signatures by {ids(material.strangers)} are passed over: the realm's verification_policy does not know "
            f"them{_unfollowed(realm, bundle)}"
        )
    other = evidence_heads.elsewhere(material, realm.RealmName)
    if findings:
        return Verdict(findings, "", "", (*notes, f"left out: {other}") if other else tuple(notes), claim)
    if other:
        return Verdict((), OTHER_REALM, other, tuple(notes), claim)
    why = "everything in it is genuine, but nothing in it is what an honest signer could not have signed"
    return Verdict((), UNPROVEN, why, tuple(notes), claim)


def _unfollowed(realm: RealmConfig, bundle: EvidenceBundle) -> str:
    """What would have been needed to know those who became replicas later."""
    if not bundle.policy_changes or realm.HasField("keyserver_auth"):
        return ""
    return ", and without keyserver_auth in the configuration nobody knows where the changes in the bundle begin"


def _findings(
    realm: RealmConfig, material: Material, budget: Budget, now: float, notes: list[str]
) -> Iterator[Finding]:
    name = realm.RealmName
    yield from evidence_heads.foreign_realm(material, name)
    yield from evidence_heads.two_heads(material, name)
    yield from evidence_heads.broken_chain(material, name)
    yield from evidence_heads.skipped_epoch(material, name)
    yield from evidence_heads.unusable_policy(material, name)
    yield from evidence_heads.time_reversed(material, name)
    yield from evidence_heads.future_time(material, name, times.nanoseconds(now + FUTURE_TOLERANCE))
    yield from evidence_entries.gone_back(material, name)
    yield from evidence_transcripts.two_transcripts(material, name)
    yield from evidence_transcripts.wrong_transcript(material, name)
    yield from StepRules(material, realm, budget, notes).findings()


def _once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each breach by the same signers once: hostile material may show the same thing thousands of times."""
    first: dict[tuple[str, tuple[int, ...]], Finding] = {}
    for each in findings:
        first.setdefault((each.rule, each.signers), each)
    return tuple(list(first.values())[:_MOST_FINDINGS])


def _claim(bundle: EvidenceBundle) -> Claim:
    try:
        noticed_at = times.to_seconds(bundle.noticed_at) if bundle.HasField("noticed_at") else None
    except ValueError:
        noticed_at = None
    return Claim(bundle.realm, bundle.rule, bundle.account, bundle.witness, noticed_at)
