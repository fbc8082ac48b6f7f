"""What the client does when an answer contradicts one that it has seen: it makes evidence of both.

Rules:

1. A bundle is made only where `coname.core.evidence.judge` finds it proven: whoever is shown it needs nothing else.
2. It holds those signatures only that are by the realm's signers and verify; a server may have sent others along, and
   one that is wrong would damage it.
3. What a bundle may need one day is kept of each answer that is remembered (`kept_proof`), but no more than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coname.core import times
from coname.core.evidence import judge
from coname.core.evidence_bounds import FORMAT, Budget
from coname.core.evidence_files import write_bundle
from coname.core.evidence_keys import Keys
from coname.core.hashes import shake
from coname.core.ratifications import only_good
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import LookupProof, RatifiedHead
from coname.messages.config_pb2 import RealmConfig
from coname.messages.evidence_pb2 import EvidenceBundle, ProvenEntry

WITNESS = "client"
"""Who has noticed, in a bundle that a client made."""


class Contradiction(ProofInvalid):
    """An answer that verifies contradicts one that was verified before.

    :ivar evidence: proves to others who broke which rule, by `coname.core.evidence.judge`; None where that cannot be
        proven by what is at hand.
    :ivar path: where it is kept, or what else is known of the contradiction; None if there were too many before.
    """

    def __init__(self, step: str, message: str, evidence: EvidenceBundle | None, path: str | None) -> None:
        super().__init__(step, message)
        self.evidence = evidence
        self.path = path


def kept_proof(proof: LookupProof) -> LookupProof:
    """What is kept of an answer: who signed its epoch, and what the tree held. Not the keys."""
    kept = LookupProof(index=proof.index, index_proof=proof.index_proof, ratifications=proof.ratifications)
    kept.tree_proof.CopyFrom(proof.tree_proof)
    if proof.HasField("entry"):
        kept.entry = proof.entry
    return kept


def find_evidence(
    realm: RealmConfig,
    known: Sequence[LookupProof],
    seen: LookupProof,
    now: float,
    changes: Sequence[RatifiedHead] = (),
) -> EvidenceBundle | None:
    """A bundle that proves that somebody broke a rule, if one of `known` and `seen` do so together.

    :param realm: as configured.
    :param known: answers that were verified before, or of which only the ratifications are left.
    :param now: the time, in seconds since 1970.
    :param changes: the heads that led from the configured policy to the one that the answers are judged by.
    """
    for older in known:
        for bundle in _bundles(realm, older, seen, changes):
            verdict = judge(realm, bundle, now)
            if verdict.proven:
                bundle.rule = verdict.findings[0].rule
                bundle.account = f"signer {verdict.findings[0].signers[0]} {verdict.findings[0].explanation}"
                bundle.noticed_at.CopyFrom(times.timestamp(now))
                return bundle
    return None


def bundle_name(bundle: EvidenceBundle) -> str:
    """A name for the record of a bundle from `find_evidence`: the same for what proves the same."""
    same = EvidenceBundle()
    same.CopyFrom(bundle)
    for field in ("noticed_at", "heads", "policy_changes"):
        same.ClearField(field)
    return f"{bundle.rule}-{shake(write_bundle(same), 8).hex()}"


def _bundles(
    realm: RealmConfig, older: LookupProof, seen: LookupProof, changes: Sequence[RatifiedHead]
) -> Iterator[EvidenceBundle]:
    try:
        keys = Keys(realm, changes, Budget())
    except ProofInvalid:  # the configuration is another than the one that was followed from: it proves nothing
        return
    before, now = (only_good(proof.ratifications, keys.good) for proof in (older, seen))
    if not (before and now):
        return
    heads = EvidenceBundle(
        format=FORMAT, realm=realm.RealmName, witness=WITNESS, heads=[*before, *now], policy_changes=changes
    )
    yield heads
    if older.HasField("tree_proof") and seen.HasField("tree_proof"):
        heads.entries.extend([_entry(0, older), _entry(len(before), seen)])
        yield heads


def _entry(head: int, proof: LookupProof) -> ProvenEntry:
    entry = proof.entry if proof.HasField("entry") else None
    return ProvenEntry(head=head, index=proof.index, tree_proof=proof.tree_proof, entry=entry)
