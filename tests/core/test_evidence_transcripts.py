"""What transcripts prove by themselves."""

from __future__ import annotations

from coname.core import transcripts
from coname.messages.verification_pb2 import SignedTranscript
from tests.core.cases import each
from tests.core.evidence_case import JudgeCase
from tests.core.history import OTHER, REPLICA, VERIFIER, History, bundle, change, ids, sign_head, sign_transcript


class TranscriptCase(JudgeCase):
    def setUp(self) -> None:
        self.history = History()
        self.closed = self.history.close(change("alice"), change("bob"))
        self.evidence = bundle(heads=[sign_head(self.closed.head, REPLICA, VERIFIER, OTHER)])

    def transcript(self, *signers: object, **changes: object) -> SignedTranscript:
        """The transcript; `changes` are what it says wrongly."""
        said = transcripts.parse(self.history.transcript(self.closed).transcript)
        for name, value in changes.items():
            setattr(said, name, value)
        return sign_transcript(said.SerializeToString(), *signers)  # type: ignore[arg-type]


class TwoTranscripts(TranscriptCase):
    def test_whoever_signed_both_is_guilty(self) -> None:
        other = self.transcript(REPLICA, OTHER, updates_hash=bytes(64))
        self.evidence.transcripts.extend([self.transcript(REPLICA, VERIFIER), other])
        self.assertEqual(self.found(self.evidence), {"two_transcripts": ids(REPLICA)})

    def test_nobody_is_guilty_of_what_two_others_signed(self) -> None:
        other = self.transcript(OTHER, updates_hash=bytes(64))
        self.evidence.transcripts.extend([self.transcript(VERIFIER), other])
        self.nothing("unproven", self.evidence)

    def test_the_same_one_twice_is_one(self) -> None:
        self.evidence.transcripts.extend([self.transcript(REPLICA), self.transcript(REPLICA, OTHER)])
        self.nothing("unproven", self.evidence)

    def test_one_for_each_head_is_right(self) -> None:
        second = self.history.close()
        self.evidence.heads.append(sign_head(second.head, REPLICA))
        self.evidence.transcripts.extend([self.transcript(REPLICA), self.history.transcript(second, REPLICA)])
        self.nothing("unproven", self.evidence)


@each([{"epoch": 2}, {"first_step": 3}, {"head_step": 7}, {"head_step": 2**64 - 1}], str)
class WrongTranscript(TranscriptCase):
    def check(self, changes: dict[str, int]) -> None:
        self.evidence.transcripts.append(self.transcript(REPLICA, OTHER, **changes))
        self.evidence.updates.extend(self.closed.updates)
        self.assertEqual(self.found(self.evidence), {"wrong_transcript": ids(REPLICA, OTHER)})


class Honest(TranscriptCase):
    def test_it_proves_nothing(self) -> None:
        self.evidence.transcripts.append(self.transcript(REPLICA))
        self.nothing("unproven", self.evidence)
        self.evidence.updates.extend(self.closed.updates)
        self.nothing("unproven", self.evidence)

    def test_what_it_counts_is_open_without_the_updates(self) -> None:
        self.evidence.transcripts.append(self.transcript(REPLICA, head_step=7))
        self.nothing("unproven", self.evidence)
