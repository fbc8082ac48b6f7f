"""What goes into evidence, rule by rule: all that is needed to be convinced, and nothing that is not.

Rules of this file:

* Only signatures by the keyserver's keys that verify are included: one that does not would damage the bundle.
* Updates are included only under a signed transcript that is of them. Without one, nobody but this verifier knows that
  they came from the keyserver.
* What a tree holds is shown by its proof, under a head that is in the bundle too. For a wrong root the hashes in the
  proofs are enough; the entries themselves would be many.
* A bundle's size is bounded while it is made: what an epoch touches may be far more than its updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coname.core import times, transcripts
from coname.core.evidence_bounds import MAX_BUNDLE_BYTES
from coname.core.types import Epoch
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import TreeProof
from coname.messages.evidence_pb2 import EvidenceBundle, ProvenEntry
from coname.verifier import violations as rules
from coname.verifier.tables import NEWEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coname.core.proofs import TreeProofParts
    from coname.core.types import Index
    from coname.messages.verification_pb2 import SignedTranscript, Transcript
    from coname.storage.tree import Updated
    from coname.verifier.head_checks import Malformed, Witnessed
    from coname.verifier.history import History
    from coname.verifier.open_epoch import OpenEpoch
    from coname.verifier.policies import Policies
    from coname.verifier.settings import ReplaySettings
    from coname.verifier.violations import Finding

FORMAT = 1
"""Of bundles: the only one that there is."""

_WITH_TRANSCRIPTS = {rules.SKIPPED_EPOCH, rules.FOREIGN_REALM, rules.MISSING_TRANSCRIPT, rules.WRONG_TRANSCRIPT}
_OF_UPDATES = {rules.WRONG_ROOT, rules.UNAUTHORISED_UPDATE, rules.VERSION_DECREASED, rules.UPDATE_TOO_LARGE}
_TOO_LARGE = ". (Not all that shows it has room here.)"
_FRAME = 8  # of a message in a message: its field's number and its length
_ALONE = {rules.UNRATIFIED_HEAD, rules.FUTURE_TIME, rules.UNUSABLE_POLICY}
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
    policies: Policies,
    place: Place | None = None,
    room: int = MAX_BUNDLE_BYTES,
) -> EvidenceBundle:
    """The evidence for one finding.

    :param shown: the heads that show it, the earlier first; the last one is what it was found in.
    :param policies: who ratifies which epoch.
    :param place: where, if it is of the updates.
    :param room: how many bytes it may have.
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
    _add_changes(made, policies, max((each.epoch for each in heads), default=Epoch(0)))
    if finding.rule in _WITH_TRANSCRIPTS:
        said = (each.transcript for each in heads if _said(each.transcript, each.summary))
        made.transcripts.extend(transcript for transcript in said if transcript is not None)
    if finding.rule in _OF_UPDATES and place is not None:
        _add_updates(made, shown[-1].transcript, shown[-1].summary, place)
        _add_entries(made, place, finding.rule == rules.WRONG_ROOT, room)
        if finding.rule == rules.VERSION_DECREASED:
            _add_outcome(made, shown[-1], place)
    return made


def _add_changes(made: EvidenceBundle, policies: Policies, epoch: Epoch) -> None:
    """Show how the keys by which heads up to that epoch are signed came to be the realm's."""
    del made.policy_changes[:]
    for signed in policies.led_to(epoch):
        made.policy_changes.add(ratifications=[signed])


def of_malformed(made: EvidenceBundle, new: Malformed, policies: Policies, place: Place | None, room: int) -> None:
    """Add a head that cannot be read as one, and what belongs to it: a judge may be able to read enough of it.

    :param place: what led to it, if it was to be verified.
    """
    made.heads.append(new.signed)
    _add_changes(made, policies, NEWEST)
    if place is not None:
        _add_updates(made, new.transcript, new.summary, place)
    if place is None or not made.transcripts:
        made.transcripts.extend([new.transcript] if new.transcript and _said(new.transcript, new.summary) else [])
    elif made.updates:
        _add_entries(made, place, place.opened.broken is None, room)


def _said(transcript: SignedTranscript | None, summary: bytes) -> Transcript | None:
    """What a head's transcript says, if it is of that head: a judge takes no other."""
    if transcript is None:
        return None
    try:
        said = transcripts.parse(transcript.transcript)
    except ProofInvalid:
        return None
    return said if said.head_summary == summary else None


def _add_updates(made: EvidenceBundle, transcript: SignedTranscript | None, summary: bytes, place: Place) -> None:
    said = _said(transcript, summary)
    if said is not None and said.updates_hash == place.opened.updates_hash():
        made.transcripts.extend([transcript] if transcript else [])
        made.updates.extend(place.opened.updates)


def _add_entries(made: EvidenceBundle, place: Place, all_of_them: bool, room: int) -> None:
    """Show what the tree before held, as far as there is room.

    :param all_of_them: at all indices that change, and by the hashes only; else at the suspect ones.
    """
    history = place.history
    if history.tip is None:
        return
    left = room - made.ByteSize()
    for index in place.opened.entries if all_of_them else place.opened.suspects:
        shown = _proven(0, index, None if all_of_them else history.current(index), history.prove(index))
        size = shown.ByteSize() + _FRAME
        if size <= left:
            left -= size
            made.entries.append(shown)
            continue
        if _TOO_LARGE not in made.account:
            made.account += _TOO_LARGE
        if all_of_them:  # a part would be of no use
            made.ClearField("updates")
            made.ClearField("entries")
            return


def _add_outcome(made: EvidenceBundle, new: Witnessed, place: Place) -> None:
    """Show that the tree has the older version now, if the keyserver's does."""
    if place.after is None or not place.opened.suspects:
        return
    after, index = place.after, place.opened.suspects[0]
    if place.history.root_hash(after) != new.head.root_hash:
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
