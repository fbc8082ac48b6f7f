"""What must hold of an epoch's head, by itself and after the one before it (protocol section 7).

Pure: heads in, findings out. What the head says of the updates is not looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from coname.core import heads, quorums, transcripts
from coname.core.hashes import summary_hash
from coname.core.policies import describe, signed_by
from coname.core.rollover import next_policy
from coname.core.signatures_2017 import verify_2017
from coname.core.text import quoted
from coname.core.times import NANOSECONDS
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import SignedEpochHead, TimestampedEpochHead
from coname.messages.verification_pb2 import SignedTranscript
from coname.verifier import violations as rules
from coname.verifier.policies import is_satisfied
from coname.verifier.violations import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coname.core.heads import Head
    from coname.core.types import Epoch
    from coname.messages.client_pb2 import AuthorizationPolicy
    from coname.messages.verification_pb2 import Transcript, VerifierStep
    from coname.messages.verifier_pb2 import WitnessedHead
    from coname.verifier.policies import Policies
    from coname.verifier.settings import ReplaySettings


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A head that was seen.

    :ivar head: what it says.
    :ivar signed: the head, with those signatures only that are by the keyserver's keys and verify.
    :ivar transcript: the same of its transcript; None if it came without, or nobody has signed it.
    :ivar position: its verifier log index.
    """

    head: Head
    signed: SignedEpochHead
    transcript: SignedTranscript | None
    position: int

    @property
    def epoch(self) -> Epoch:
        """Its number."""
        return self.head.epoch

    @property
    def summary(self) -> bytes:
        """What the next head must say of it."""
        return summary_hash(self.head.epoch_head)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A head that cannot be read as one.

    :ivar signed, transcript: as of `Witnessed`.
    :ivar summary: the hash of the EpochHead; empty if there is none in it.
    """

    signed: SignedEpochHead
    transcript: SignedTranscript | None
    summary: bytes


def witness(policies: Policies, step: VerifierStep, position: int) -> Witnessed:
    """Read a step that is a head.

    :raises ProofInvalid: it is malformed.
    """
    head = heads.parse(step.Epoch.head)
    policy = policies.of(head.epoch)
    return Witnessed(
        head,
        signed_only(policy, step.Epoch),
        _transcript(policy, step.transcript) if step.HasField("transcript") else None,
        position,
    )


def witness_malformed(policy: AuthorizationPolicy, step: VerifierStep) -> Malformed:
    """Read as much as there is of a step that is no good head."""
    try:
        summary = summary_hash(TimestampedEpochHead.FromString(step.Epoch.head).head)
    except DecodeError:
        summary = b""
    transcript = _transcript(policy, step.transcript) if step.HasField("transcript") else None
    return Malformed(signed_only(policy, step.Epoch), transcript, summary)


def recall(stored: WitnessedHead) -> Witnessed:
    """A head that was stored; its signatures were checked then.

    :raises ProofInvalid: it is malformed.
    """
    transcript = stored.transcript if stored.HasField("transcript") else None
    return Witnessed(heads.parse(stored.signed.head), stored.signed, transcript, stored.position)


def signed_only(policy: AuthorizationPolicy, signed: SignedEpochHead) -> SignedEpochHead:
    """A signed head with those signatures only that are by keys of `policy` and verify."""
    good = signed_by(policy, signed.head, signed.signatures, verify_2017)
    return SignedEpochHead(head=signed.head, signatures={signer: signed.signatures[signer] for signer in good})


def _transcript(policy: AuthorizationPolicy, signed: SignedTranscript) -> SignedTranscript | None:
    good = list(signed_by(policy, transcripts.signed_bytes(signed.transcript), signed.signatures, verify_2017))
    kept = {signer: signed.signatures[signer] for signer in good}
    return SignedTranscript(transcript=signed.transcript, signatures=kept) if kept else None


def check_alone(
    settings: ReplaySettings, policy: AuthorizationPolicy, new: Witnessed, now_ns: int
) -> Iterator[Finding]:
    """What must hold of a head whatever came before it. Without a good signature, nothing but that is said.

    :param policy: what ratifies its epoch.
    """
    head = new.head
    if not is_satisfied(policy, new.signed):
        yield Finding(
            rules.UNRATIFIED_HEAD,
            f"the head of epoch {head.epoch} is not ratified: expected the signatures of {describe(policy)}; good ones "
            f"are by: {quorums.ids(new.signed.signatures)}",
        )
    if not new.signed.signatures:
        return  # nobody has said the rest
    if head.realm != settings.realm:
        yield Finding(
            rules.FOREIGN_REALM,
            f"the head of epoch {head.epoch} is of the realm {quoted(head.realm)}, not of {quoted(settings.realm)}",
        )
    try:
        next_policy(head)
    except ProofInvalid as error:
        yield Finding(rules.UNUSABLE_POLICY, str(error))
    ahead = head.issue_time_ns - now_ns
    if ahead > settings.clock_tolerance_ns:
        yield Finding(
            rules.FUTURE_TIME,
            f"epoch {head.epoch} was issued {ahead / NANOSECONDS:.0f} s from now; at most "
            f"{settings.clock_tolerance_ns / NANOSECONDS:g} s are put down to clocks. Either the keyserver's clock is "
            "wrong, or the one here",
        )


def check_succession(last: Witnessed | None, new: Witnessed) -> Iterator[Finding]:
    """What must hold of a head after another one; `last` is None before the first."""
    expected = 1 if last is None else last.epoch + 1
    if new.epoch < expected:
        yield Finding(rules.REPEATED_EPOCH, f"a head of epoch {new.epoch} came where epoch {expected} was to come")
        return
    if new.epoch > expected:
        yield Finding(rules.SKIPPED_EPOCH, f"the head of epoch {new.epoch} came where epoch {expected} was to come")
    elif last is not None and new.head.previous_summary_hash != last.summary:
        yield Finding(
            rules.BROKEN_CHAIN,
            f"the head of epoch {new.epoch} names {new.head.previous_summary_hash.hex()[:16]}… as the one before; the "
            f"head of epoch {last.epoch} has the hash {last.summary.hex()[:16]}…",
        )
    if last is not None and new.head.issue_time_ns < last.head.issue_time_ns:
        back = (last.head.issue_time_ns - new.head.issue_time_ns) / NANOSECONDS
        yield Finding(rules.TIME_REVERSED, f"epoch {new.epoch} was issued {back:g} s before epoch {last.epoch}")


def is_other(one: Witnessed, other: Witnessed) -> bool:
    """Whether two heads are different heads for one epoch."""
    return one.epoch == other.epoch and one.head.epoch_head != other.head.epoch_head


def two_heads(known: Witnessed, new: Witnessed) -> Finding:
    """That there are two heads for one epoch."""
    return Finding(
        rules.TWO_HEADS,
        f"epoch {new.epoch} has two heads: one with the root {known.head.root_hash.hex()[:16]}…, which was shown "
        f"before, and one with the root {new.head.root_hash.hex()[:16]}…",
    )


def check_transcript(
    settings: ReplaySettings,
    policy: AuthorizationPolicy,
    new: Witnessed,
    step: VerifierStep,
    first_step: int,
    updates_hash: bytes | None,
) -> Iterator[Finding]:
    """What must hold of a head's transcript.

    :param policy: what ratifies its epoch.
    :param step: as it came: it may carry a transcript that nobody has signed.
    :param first_step: verifier log index of the epoch's first step.
    :param updates_hash: of the updates that came; None if not all of them were kept.
    """
    if step.HasField("transcript"):
        wrong = _wrong(settings, new, step.transcript.transcript, first_step, updates_hash)
        if wrong:
            yield Finding(rules.WRONG_TRANSCRIPT, f"the transcript of epoch {new.epoch} {wrong}")
    if not settings.require_transcripts:
        return
    signed = new.transcript.signatures if new.transcript else {}
    if not (policy.HasField("quorum") and quorums.satisfied(policy.quorum, signed)):
        yield Finding(
            rules.MISSING_TRANSCRIPT,
            f"epoch {new.epoch} has no transcript with the signatures of {describe(policy)}; good ones are by: "
            f"{quorums.ids(signed)}. This verifier is told to sign nothing without",
        )


def _wrong(
    settings: ReplaySettings, new: Witnessed, transcript: bytes, first_step: int, updates_hash: bytes | None
) -> str:
    """What is wrong with a transcript, in words that go on from "it"; empty if nothing is."""
    try:
        said = transcripts.parse(transcript)
    except ProofInvalid as error:
        return f"is malformed: {error}"
    if said.realm != settings.realm and new.head.realm == settings.realm:
        return f"is of the realm {quoted(said.realm)}"
    for what, found, expected in _facts(said, new, first_step):
        if found != expected:
            return f"names the {what} {found!r}, not {expected!r}"
    if updates_hash is not None and said.updates_hash != updates_hash:
        return "is of other updates than those that came"
    return ""


def _facts(said: Transcript, new: Witnessed, first_step: int) -> list[tuple[str, object, object]]:
    return [
        ("epoch", said.epoch, new.epoch),
        ("head", said.head_summary.hex(), new.summary.hex()),
        ("first step", said.first_step, first_step),
        ("head's step", said.head_step, new.position),
    ]
