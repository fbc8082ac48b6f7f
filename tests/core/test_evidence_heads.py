"""What heads alone prove, and what they do not."""

from __future__ import annotations

from coname.core import times, transcripts
from coname.core.types import Epoch
from coname.messages.client_pb2 import Timestamp
from tests.core.evidence_case import JudgeCase
from tests.core.history import (
    ALL,
    ISSUED,
    NOW,
    OTHER,
    REPLICA,
    VERIFIER,
    History,
    build_head,
    bundle,
    change,
    ids,
    sign_head,
    sign_transcript,
)

FIRST = build_head(1)
ONE, TWO = build_head(2, FIRST), build_head(2, FIRST, b"\1" * 32)


class TwoHeads(JudgeCase):
    def test_whoever_signed_both_is_guilty(self) -> None:
        evidence = bundle(heads=[sign_head(ONE, REPLICA, VERIFIER), sign_head(TWO, REPLICA, OTHER)])
        self.assertEqual(self.found(evidence), {"two_heads": ids(REPLICA)})

    def test_all_who_signed_both_are_named(self) -> None:
        evidence = bundle(heads=[sign_head(ONE, *ALL), sign_head(TWO, *ALL)])
        self.assertEqual(self.found(evidence), {"two_heads": ids(*ALL)})

    def test_signatures_may_come_one_by_one(self) -> None:
        heads = [sign_head(head, signer, at=1e9 + n) for n, signer in enumerate(ALL) for head in (ONE, TWO)]
        self.assertEqual(self.found(bundle(heads=heads)), {"two_heads": ids(*ALL)})

    def test_nobody_is_guilty_of_what_two_others_signed(self) -> None:
        self.nothing("unproven", bundle(heads=[sign_head(ONE, REPLICA), sign_head(TWO, VERIFIER)]))

    def test_the_same_head_at_another_time_is_no_other_head(self) -> None:
        heads = [sign_head(ONE, VERIFIER, at=1e9), sign_head(ONE, VERIFIER, at=1.1e9), sign_head(ONE, REPLICA)]
        self.nothing("unproven", bundle(heads=heads))

    def test_what_the_bundle_claims_proves_nothing(self) -> None:
        claims = bundle(rule="two_heads", account="they did it", heads=[sign_head(ONE, *ALL)])
        self.nothing("unproven", claims)
        self.assertEqual(self.judge(claims).claim.rule, "two_heads")


def at(seconds: float) -> dict[str, object]:
    return {"issue_time": times.timestamp(seconds)}


SECOND = build_head(2, FIRST)
THIRD = build_head(3, SECOND)


class BrokenChain(JudgeCase):
    def test_whoever_signed_both_is_guilty(self) -> None:
        other = build_head(3, ONE, previous_summary_hash=bytes(64))
        evidence = bundle(heads=[sign_head(SECOND, REPLICA, VERIFIER), sign_head(other, REPLICA, OTHER)])
        self.assertEqual(self.found(evidence), {"broken_chain": ids(REPLICA)})

    def test_by_naming_nothing_too(self) -> None:
        other = build_head(3, previous_summary_hash=b"")
        evidence = bundle(heads=[sign_head(SECOND, *ALL), sign_head(other, *ALL)])
        self.assertEqual(self.found(evidence), {"broken_chain": ids(*ALL)})

    def test_by_vouching_for_another_predecessor(self) -> None:
        # The replica signed ONE; and THREE, which names TWO, which the replica did not sign itself.
        evidence = bundle(
            heads=[sign_head(ONE, REPLICA), sign_head(TWO, OTHER), sign_head(build_head(3, TWO), REPLICA)]
        )
        self.assertEqual(self.found(evidence), {"two_heads": ids(REPLICA), "broken_chain": ids(REPLICA)})

    def test_a_sound_chain_proves_nothing(self) -> None:
        self.nothing("unproven", bundle(heads=[sign_head(head, *ALL) for head in (FIRST, SECOND, THIRD)]))

    def test_a_gap_in_what_is_shown_proves_nothing(self) -> None:
        self.nothing("unproven", bundle(heads=[sign_head(FIRST, *ALL), sign_head(THIRD, *ALL)]))

    def test_two_histories_of_two_signers_prove_nothing(self) -> None:
        evidence = bundle(heads=[sign_head(ONE, VERIFIER), sign_head(build_head(3, TWO), REPLICA)])
        self.nothing("unproven", evidence)


class SkippedEpoch(JudgeCase):
    def test_whoever_signed_the_later_is_guilty(self) -> None:
        later = build_head(9, SECOND)
        evidence = bundle(heads=[sign_head(SECOND, OTHER), sign_head(later, REPLICA, VERIFIER)])
        self.assertEqual(self.found(evidence), {"skipped_epoch": ids(REPLICA, VERIFIER)})

    def test_the_earlier_need_not_be_signed(self) -> None:
        evidence = bundle(heads=[sign_head(SECOND), sign_head(build_head(2**64 - 1, SECOND), REPLICA)])
        self.assertEqual(self.found(evidence), {"skipped_epoch": ids(REPLICA)})

    def test_to_a_smaller_number_or_none(self) -> None:
        for number in (0, 1, 2):
            later = build_head(number, SECOND, **at(ISSUED + 100))
            evidence = bundle(heads=[sign_head(SECOND), sign_head(later, REPLICA)])
            self.assertEqual(self.found(evidence)["skipped_epoch"], ids(REPLICA))

    def test_by_the_signers_own_transcripts(self) -> None:
        history = History()
        first, second = history.close(change("alice")), history.close()
        second.head = build_head(7, previous_summary_hash=bytes(64))
        jump = transcripts.build("testing", Epoch(7), second.head, 2, [])
        evidence = bundle(
            heads=[sign_head(first.head, *ALL), sign_head(second.head, *ALL)],
            transcripts=[history.transcript(first, REPLICA, VERIFIER), sign_transcript(jump, REPLICA, OTHER)],
        )
        self.assertEqual(self.found(evidence), {"skipped_epoch": ids(REPLICA)})


class Times(JudgeCase):
    def test_time_that_goes_back_along_the_chain(self) -> None:
        later = build_head(3, SECOND, **at(ISSUED))
        evidence = bundle(heads=[sign_head(SECOND, OTHER), sign_head(later, REPLICA)])
        self.assertEqual(self.found(evidence), {"time_reversed": ids(REPLICA)})

    def test_time_that_goes_back_between_epochs_far_apart(self) -> None:
        later = build_head(30, previous_summary_hash=bytes(64), **at(ISSUED))
        evidence = bundle(heads=[sign_head(SECOND, VERIFIER, REPLICA), sign_head(later, OTHER, REPLICA)])
        self.assertEqual(self.found(evidence), {"time_reversed": ids(REPLICA)})

    def test_by_a_nanosecond(self) -> None:
        first = build_head(1, issue_time=times.timestamp((ISSUED, 1)))
        later = build_head(2, first, **at(ISSUED))
        evidence = bundle(heads=[sign_head(first), sign_head(later, REPLICA)])
        self.assertEqual(self.found(evidence), {"time_reversed": ids(REPLICA)})

    def test_time_may_stand_still(self) -> None:
        later = build_head(3, SECOND, **at(ISSUED + 2))
        self.nothing("unproven", bundle(heads=[sign_head(SECOND, *ALL), sign_head(later, *ALL)]))

    def test_the_future(self) -> None:
        evidence = bundle(heads=[sign_head(build_head(3, SECOND, **at(NOW + 4000)), REPLICA)])
        self.assertEqual(self.found(evidence), {"future_time": ids(REPLICA)})
        self.nothing("unproven", evidence, NOW + 500)  # an hour of tolerance
        self.nothing("unproven", evidence, NOW + 5000)

    def test_a_time_that_is_none_convicts_nobody_of_its_own(self) -> None:
        strange = build_head(3, SECOND, issue_time=Timestamp(seconds=2**62, nanos=-5))
        self.nothing("unproven", bundle(heads=[sign_head(SECOND, *ALL), sign_head(strange, *ALL)]))


class ForeignRealm(JudgeCase):
    def test_a_head_that_follows_ours_and_names_another(self) -> None:
        foreign = build_head(3, SECOND, realm="elsewhere")
        evidence = bundle(heads=[sign_head(SECOND, OTHER), sign_head(foreign, REPLICA, VERIFIER)])
        self.assertEqual(self.found(evidence), {"foreign_realm": ids(REPLICA, VERIFIER)})

    def test_a_head_that_follows_such_a_head(self) -> None:
        foreign = build_head(3, SECOND, realm="elsewhere")
        evidence = bundle(
            heads=[sign_head(SECOND), sign_head(foreign), sign_head(build_head(4, foreign, realm="more"), REPLICA)]
        )
        self.assertEqual(self.found(evidence), {"foreign_realm": ids(REPLICA)})

    def test_a_head_that_our_transcript_covers(self) -> None:
        history = History()
        first = history.close(change("alice"), realm="elsewhere")
        evidence = bundle(
            heads=[sign_head(first.head, *ALL)], transcripts=[history.transcript(first, REPLICA)], updates=first.updates
        )
        self.assertEqual(self.found(evidence), {"foreign_realm": ids(REPLICA)})

    def test_a_transcript_of_another_realm_takes_nothing_from_the_rest(self) -> None:
        foreign = build_head(3, SECOND, realm="elsewhere")
        there = sign_transcript(transcripts.build("elsewhere", Epoch(3), foreign, 2, []), OTHER)
        evidence = bundle(heads=[sign_head(SECOND), sign_head(foreign, REPLICA)], transcripts=[there])
        self.assertEqual(self.found(evidence), {"foreign_realm": ids(REPLICA, OTHER)})

    def test_a_transcript_of_another_realm_of_our_head(self) -> None:
        later = build_head(9, SECOND)
        there = sign_transcript(transcripts.build("elsewhere", Epoch(9), later, 2, []), OTHER)
        evidence = bundle(heads=[sign_head(SECOND), sign_head(later, REPLICA)], transcripts=[there])
        self.assertEqual(self.found(evidence), {"foreign_realm": ids(OTHER), "skipped_epoch": ids(REPLICA, OTHER)})

    def test_what_belongs_to_another_realm_altogether_is_left_out(self) -> None:
        other = History("elsewhere", nonce=b"their nonce")
        away = other.close(change("alice"))
        evidence = bundle(
            heads=[sign_head(ONE, *ALL), sign_head(TWO, *ALL), sign_head(away.head, *ALL)],
            transcripts=[other.transcript(away, *ALL)],
            updates=away.updates,
        )
        self.assertEqual(self.found(evidence), {"two_heads": ids(*ALL)})
        self.assertIn("left out", " ".join(self.judge(evidence).notes))
        del evidence.heads[1]
        self.nothing("other_realm", evidence)

    def test_steps_of_two_realms_are_not_compared(self) -> None:
        ours, other = History(), History("elsewhere")
        first, away = ours.close(), other.close()
        jump = transcripts.build("elsewhere", Epoch(7), away.head, 1, [])
        evidence = bundle(
            heads=[sign_head(first.head, *ALL), sign_head(away.head, *ALL)],
            transcripts=[ours.transcript(first, *ALL), sign_transcript(jump, *ALL)],
        )
        self.nothing("other_realm", evidence)

    def test_a_head_of_another_realm_alone_is_no_ones_fault(self) -> None:
        foreign = build_head(2, FIRST, realm="elsewhere")
        self.nothing("other_realm", bundle(heads=[sign_head(foreign, *ALL)]))

    def test_a_signer_of_two_realms_is_honest(self) -> None:
        other = History("elsewhere")
        heads = [sign_head(other.close(change(name)).head, VERIFIER) for name in ("a", "b")]
        self.nothing("other_realm", bundle(heads=[sign_head(ONE, VERIFIER), *heads]))
        self.nothing("other_realm", bundle(heads=heads))

    def test_the_bundle_names_another_realm(self) -> None:
        evidence = bundle(heads=[sign_head(ONE, *ALL), sign_head(TWO, *ALL)], realm="elsewhere")
        self.nothing("other_realm", evidence)
