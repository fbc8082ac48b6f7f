"""What goes into evidence, rule by rule: all that is needed to be convinced, and nothing that is not.

Rules of this file:

* Only signatures by the keyserver's keys that verify are included: one that does not would damage the bundle.
* Updates are included only under a signed transcript that is of them. Without one, nobody but this verifier knows that
  they came from the keyserver.
* What a tree holds is shown by its proof, under a head that is in the bundle too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coname.core import times, transcripts
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import TreeProof
from coname.messages.evidence_pb2 import EvidenceBundle, ProvenEntry
from coname.verifier import violations as rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coname.core.proofs import TreeProofParts
    from coname.core.types import Index
    from coname.messages.verification_pb2 import Transcript
    from coname.storage.tree import Updated
    from coname.verifier.head_checks import Witnessed
    from coname.verifier.history import History
    from coname.verifier.open_epoch import OpenEpoch
    from coname.verifier.settings import ReplaySettings
    from coname.verifier.violations import Finding

FORMAT = 1
"""Of bundles: the only one that there is."""

_WITH_TRANSCRIPTS = {rules.SKIPPED_EPOCH, rules.FOREIGN_REALM, rules.MISSING_TRANSCRIPT, rules.WRONG_TRANSCRIPT}
_OF_UPDATES = {rules.WRONG_ROOT, rules.UNAUTHORISED_UPDATE, rules.VERSION_DECREASED, rules.UPDATE_TOO_LARGE}
_ALONE = {rules.UNRATIFIED_HEAD, rules.FUTURE_TIME}
"""What a head shows by itself, or does not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an epoch went wrong.

    :ivar history: what was verified before it.
    :ivar opened: the updates since.
    :ivar after: the tree that they lead to, if it could be built.
    """

    history: History
    opened: OpenEpoch
    after: Updated | None


def bundle(
    settings: ReplaySettings,
    finding: Finding,
    shown: Sequence[Witnessed],
    now_ns: int,
    place: Place | None = None,
) -> EvidenceBundle:
    """The evidence for one finding.

    :param shown: the heads that show it, the earlier first; the last one is what it was found in.
    :param place: where, if it is of the updates.
    """
    heads = shown[-1:] if finding.rule in _ALONE else shown
    made = EvidenceBundle(
        format=FORMAT,
        realm=settings.realm,
        rule=finding.rule,
        account=finding.account,
        witness=f"verifier {settings.id:x}",
        noticed_at=times.timestamp(divmod(now_ns, times.NANOSECONDS)),
        heads=[witnessed.signed for witnessed in heads],
    )
    if finding.rule in _WITH_TRANSCRIPTS:
        made.transcripts.extend(each.transcript for each in heads if each.transcript and _said(each))
    if finding.rule in _OF_UPDATES and place is not None:
        _add_updates(made, finding, shown[-1], place)
    return made


def _said(witnessed: Witnessed) -> Transcript | None:
    """What a head's transcript says, if it is of that head: a judge takes no other."""
    if witnessed.transcript is None:
        return None
    try:
        said = transcripts.parse(witnessed.transcript.transcript)
    except ProofInvalid:
        return None
    return said if said.head_summary == witnessed.summary else None


def _add_updates(made: EvidenceBundle, finding: Finding, new: Witnessed, place: Place) -> None:
    said = _said(new)
    if said is not None and said.updates_hash == place.opened.updates_hash():
        made.transcripts.extend([new.transcript] if new.transcript else [])
        made.updates.extend(place.opened.updates)
    touched = list(place.opened.entries) if finding.rule == rules.WRONG_ROOT else [place.opened.suspect]
    history = place.history
    if history.tip is not None:
        made.entries.extend(
            _proven(0, index, history.current(index), history.prove(index)) for index in touched if index is not None
        )
    if finding.rule == rules.VERSION_DECREASED:
        _add_outcome(made, new, place)


def _add_outcome(made: EvidenceBundle, new: Witnessed, place: Place) -> None:
    """Show that the tree has the older version now, if the keyserver's does."""
    after, index = place.after, place.opened.suspect
    if after is None or index is None or place.history.root_hash(after) != new.head.root_hash:
        return
    proof = place.history.prove_in(after, index)
    made.entries.append(_proven(len(made.heads) - 1, index, place.opened.entries[index], proof))


def _proven(head: int, index: Index, entry: bytes | None, parts: TreeProofParts) -> ProvenEntry:
    proof = TreeProof(
        neighbors=parts.neighbors,
        existing_index=parts.existing_index,
        existing_entry_hash=parts.existing_entry_hash,
    )
    return ProvenEntry(head=head, index=index, tree_proof=proof, entry=entry)
