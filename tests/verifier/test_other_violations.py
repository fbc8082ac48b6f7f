"""What a verifier refuses without being able to show it to others, or only in part; and what it does then."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from coname.core import transcripts
from coname.core.evidence import judge
from coname.core.signatures import SigningKey
from coname.core.types import Epoch
from coname.errors import Misconfigured
from coname.messages.client_pb2 import EpochHead, SignedEpochHead, TimestampedEpochHead
from coname.messages.verification_pb2 import Transcript, VerifierStep
from tests.core.cases import each
from tests.core.honest import key
from tests.verifier.harness import NOW, Verifier, nanoseconds
from tests.verifier.lying import LIES, START, LyingKeyserver, honest


class ViolationCase(SynchronousTestCase):
    settings: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        self.keyserver = honest(LyingKeyserver())
        self.verifier = Verifier(self.keyserver, **self.settings)
        self.verifier.read()

    def check_stopped(self, rule: str) -> None:
        """It has stopped for this reason, and a judge is not convinced of anything."""
        self.verifier.read()
        violation = self.verifier.replay.violation
        assert violation is not None
        self.assertEqual((violation.rule, violation.epoch, violation.noticed_at), (rule, 4, NOW))
        self.assertEqual(self.verifier.replay.verified, 3)
        for bundle in self.verifier.evidence:
            self.assertFalse(judge(self.verifier.realm_config(), bundle, NOW).proven)

    def check_fine(self) -> None:
        self.verifier.read()
        self.assertIsNone(self.verifier.replay.violation)
        self.assertEqual(self.verifier.replay.verified, 4)


class Heads(ViolationCase):
    def test_signed_by_somebody_else(self) -> None:
        self.keyserver.close(signers=[key("mallory")])
        self.check_stopped("unratified_head")

    def test_signed_by_nobody(self) -> None:
        step = VerifierStep(Epoch=SignedEpochHead(head=VerifierStep.FromString(self.keyserver.steps[-1]).Epoch.head))
        self.keyserver.steps.append(step.SerializeToString())
        self.check_stopped("unratified_head")

    def test_signed_by_nobody_all_else_does_not_matter(self) -> None:
        self.keyserver.close(epoch=2, realm="elsewhere", issued=NOW + 1e6, signers=[key("mallory")])
        self.check_stopped("unratified_head")
        self.assertEqual(self.verifier.rules, ["unratified_head"])
        self.keyserver.roll_back(3)
        self.keyserver.set("carol")
        self.keyserver.close()
        self.verifier.reconnect()
        self.assertEqual(self.verifier.rules, ["unratified_head"])

    def test_watched_ones_of_nobody_are_not_compared_with(self) -> None:
        self.keyserver.close(signers=[key("mallory")])
        self.keyserver.close(epoch=9, signers=[key("mallory")])
        self.keyserver.close(epoch=2, signers=[key("mallory")])
        self.keyserver.close(epoch=5)
        self.verifier.read()
        self.assertEqual(set(self.verifier.rules), {"unratified_head"})

    def test_signed_by_one_replica_of_three(self) -> None:
        keyserver = honest(LyingKeyserver(replicas=3))
        verifier = Verifier(keyserver)
        keyserver.close(signers=keyserver.keys[:1])
        verifier.read()
        self.assertEqual(verifier.rules, ["unratified_head"])

    def test_signed_by_two_replicas_of_three(self) -> None:
        keyserver = honest(LyingKeyserver(replicas=3))
        verifier = Verifier(keyserver)
        keyserver.close(signers=keyserver.keys[1:])
        verifier.read()
        self.assertEqual((verifier.replay.verified, verifier.rules), (4, []))

    def test_the_same_again(self) -> None:
        self.keyserver.repeat_head()
        self.check_stopped("repeated_epoch")

    def test_that_do_not_decode(self) -> None:
        self.keyserver.steps.append(VerifierStep(Epoch=SignedEpochHead(head=b"\xff")).SerializeToString())
        self.check_stopped("malformed_step")

    def test_malformed_but_signed_ones_convict_whom_they_can(self) -> None:
        """A head that names no head before it is malformed here, and a broken chain to a judge."""
        self.keyserver.close(previous=b"")
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["malformed_step"])
        verdict = judge(self.verifier.realm_config(), self.verifier.evidence[0], NOW)
        self.assertEqual([finding.rule for finding in verdict.findings], ["broken_chain"])


class MalformedHeads(ViolationCase):
    """Who signs a head that is malformed does not escape by it: what it was signed for is shown too."""

    def malform(self) -> None:
        """Change the outer time of the newest head to one that there is not, and sign it again."""
        step = VerifierStep.FromString(self.keyserver.steps.pop())
        head = TimestampedEpochHead.FromString(step.Epoch.head)
        head.timestamp.nanos = 10**9
        step.Epoch.head = head.SerializeToString()
        for signer in self.keyserver.keys:
            step.Epoch.signatures[signer.key_id] = signer.sign(step.Epoch.head)
        self.keyserver.steps.append(step.SerializeToString())

    def check_shown(self, lie: str) -> None:
        LIES[lie].tell(self.keyserver)
        self.malform()
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["malformed_step"])
        verdict = judge(self.verifier.realm_config(), self.verifier.evidence[0], NOW)
        self.assertEqual([finding.rule for finding in verdict.findings], [LIES[lie].rule])

    def test_of_an_unauthorised_change(self) -> None:
        self.check_shown("unauthorised change")

    def test_of_a_wrong_root(self) -> None:
        self.check_shown("wrong root")

    def test_that_come_after_a_violation(self) -> None:
        self.keyserver.close(signers=[key("mallory")])
        self.keyserver.close()
        self.malform()
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["unratified_head", "malformed_step"])
        self.assertEqual(len(self.verifier.evidence[1].transcripts), 1)

    def test_of_nothing_wrong(self) -> None:
        self.keyserver.set("bob")
        self.keyserver.close()
        self.malform()
        self.check_stopped("malformed_step")


class Steps(ViolationCase):
    def test_that_are_nothing(self) -> None:
        self.keyserver.steps.append(b"")
        self.check_stopped("malformed_step")

    def test_that_do_not_decode(self) -> None:
        self.keyserver.steps.append(b"\xff\xff")
        self.check_stopped("malformed_step")

    def test_that_hold_another_kind_of_step(self) -> None:
        self.keyserver.steps.append(b"\x1a\x02hi")
        self.keyserver.close()
        self.check_stopped("malformed_step")


class Positions(ViolationCase):
    def test_an_update_where_a_verified_head_was(self) -> None:
        self.keyserver.roll_back(2)
        for number in range(20):
            self.keyserver.set(f"somebody new {number}")
        self.verifier.replay.begin()
        self.verifier.replay.take_many(self.keyserver.steps[self.verifier.replay.steps :][:1], nanoseconds(NOW))
        self.assertTrue(self.verifier.replay.restart_wanted)
        self.check_stopped("rewritten_log")

    def test_a_verified_head_in_another_place(self) -> None:
        """An update before it is gone from the log; the heads are what they were."""
        del self.keyserver.steps[5]
        self.verifier.replay.rewind()
        self.verifier.replay.rewind()
        self.verifier.replay.begin()
        self.check_stopped("rewritten_log")

    def test_a_silent_stream_is_begun_further_back(self) -> None:
        """The keyserver has lost its newest epochs, and says nothing: as long as it does not, it is no violation."""
        self.keyserver.roll_back(1)
        self.verifier.reconnect()
        self.assertIsNone(self.verifier.replay.violation)
        self.keyserver.set("somebody new")
        self.keyserver.close()
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["two_heads"])

    def test_a_keyserver_that_comes_back_with_what_it_had_is_followed_again(self) -> None:
        log = list(self.keyserver.steps)
        del self.keyserver.steps[4:]
        self.verifier.reconnect()
        self.keyserver.steps[:] = log
        self.keyserver.close()
        self.check_fine()
        self.assertEqual(self.verifier.replay.position, len(log))


class RequiredTranscripts(ViolationCase):
    settings: ClassVar[dict[str, Any]] = {"require_transcripts": True}

    def test_present(self) -> None:
        self.keyserver.set("somebody new")
        self.keyserver.close()
        self.check_fine()

    def test_missing(self) -> None:
        self.keyserver.close(transcript=b"")
        self.check_stopped("missing_transcript")

    def test_signed_by_too_few(self) -> None:
        keyserver = honest(LyingKeyserver(replicas=3))
        step = VerifierStep.FromString(keyserver.steps[-1])
        del step.transcript.signatures[keyserver.keys[0].key_id]
        del step.transcript.signatures[keyserver.keys[1].key_id]
        keyserver.steps[-1] = step.SerializeToString()
        for required, expected in ((True, ["missing_transcript"]), (False, [])):
            verifier = Verifier(keyserver, require_transcripts=required)
            verifier.read()
            self.assertEqual(verifier.rules, expected)


WRONG: dict[str, dict[str, Any]] = {
    "head": {"head_summary": bytes(64)},
    "first step": {"first_step": 0},
    "head's step": {"head_step": 1000},
    "updates": {"updates_hash": bytes(64)},
    "form": {"updates_hash": b"short"},
}

PROVABLE: dict[str, dict[str, Any]] = {"realm": {"realm": "elsewhere"}, "epoch": {"epoch": 5}}
"""What a judge can be shown: the realm and the epoch are those of the head that it names."""


@each(WRONG, str)
class WrongTranscripts(ViolationCase):
    """Not required here; but what is there must be right."""

    def check(self, what: str) -> None:
        change_transcript(self.keyserver, what)
        self.check_stopped("wrong_transcript")

    def test_of_other_updates_it_is_not_shown_with_those_that_came(self) -> None:
        """A judge would take the bundle for damaged; so it holds what is signed only."""
        change_transcript(self.keyserver, "updates", root_hash=bytes(32))
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["wrong_root", "wrong_transcript"])
        for bundle in self.verifier.evidence:
            self.assertEqual(len(bundle.updates), 0)
            self.assertEqual(judge(self.verifier.realm_config(), bundle, NOW).reason, "unproven")


@each(PROVABLE, str)
class ProvablyWrongTranscripts(ViolationCase):
    def check(self, what: str) -> None:
        change_transcript(self.keyserver, what)
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["wrong_transcript"])
        self.assertTrue(judge(self.verifier.realm_config(), self.verifier.evidence[0], NOW).proven)


def change_transcript(keyserver: LyingKeyserver, what: str, root_hash: bytes | None = None) -> None:
    """Close an epoch with a transcript that is signed and wrong."""
    keyserver.set("somebody new")
    keyserver.close(root_hash=root_hash)
    step = VerifierStep.FromString(keyserver.steps.pop())
    said = Transcript.FromString(step.transcript.transcript)
    for name, value in (WRONG | PROVABLE)[what].items():
        setattr(said, name, value)
    step.transcript.transcript = said.SerializeToString()
    over = transcripts.signed_bytes(step.transcript.transcript)
    for signer in keyserver.keys:
        step.transcript.signatures[signer.key_id] = signer.sign(over)
    keyserver.steps.append(step.SerializeToString())


class Times(ViolationCase):
    settings: ClassVar[dict[str, Any]] = {"clock_tolerance_ns": nanoseconds(60)}

    def test_within_the_tolerance(self) -> None:
        self.keyserver.close(issued=NOW + 60)
        self.check_fine()

    def test_beyond_the_tolerance(self) -> None:
        self.keyserver.close(issued=NOW + 60.5)
        self.check_stopped("future_time")

    def test_the_same_time_twice(self) -> None:
        self.keyserver.close(issued=self.keyserver.issued)
        self.check_fine()

    def test_once_the_clock_is_right_the_operator_lets_it_go_on(self) -> None:
        self.keyserver.close(issued=NOW + 3000)
        self.check_stopped("future_time")
        self.verifier.now = NOW + 3000
        self.verifier.replay.resume()
        self.assertTrue(self.verifier.replay.restart_wanted)
        self.verifier.reconnect()
        self.check_fine()


class Memory(ViolationCase):
    settings: ClassVar[dict[str, Any]] = {"open_epoch_bytes": 8000}

    def test_an_epoch_that_is_too_large_stops_and_is_said(self) -> None:
        for number in range(8):
            self.keyserver.set(f"somebody new {number}")
        self.verifier.read()
        violation = self.verifier.replay.violation
        assert violation is not None
        self.assertEqual(violation.rule, "epoch_too_large")
        self.assertEqual(self.verifier.replay._stream._opened.updates, [])
        self.keyserver.close()
        self.check_stopped("epoch_too_large")

    def test_with_more_memory_it_goes_on(self) -> None:
        for number in range(8):
            self.keyserver.set(f"somebody new {number}")
        self.keyserver.close()
        self.check_stopped("epoch_too_large")
        again = Verifier(self.keyserver, self.verifier.store)
        again.replay.resume()
        again.reconnect()
        self.assertEqual(again.replay.verified, 4)


class Afterwards(ViolationCase):
    """A verifier that has stopped goes on watching."""

    def lie(self) -> None:
        self.keyserver.set("mallory")
        self.keyserver.close(root_hash=bytes(32))
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["wrong_root"])

    def check_more(self, rule: str) -> None:
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["wrong_root", rule])
        verdict = judge(self.verifier.realm_config(), self.verifier.evidence[1], NOW)
        self.assertIn(rule, [finding.rule for finding in verdict.findings])

    def test_honest_heads_make_no_evidence(self) -> None:
        self.lie()
        honest_epochs = 3
        for number in range(honest_epochs):
            self.keyserver.set("somebody else", number)
            self.keyserver.close()
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["wrong_root"])

    def test_a_broken_chain(self) -> None:
        self.lie()
        self.keyserver.close(previous=bytes(64))
        self.check_more("broken_chain")

    def test_a_skipped_epoch(self) -> None:
        self.lie()
        self.keyserver.close(epoch=17)
        self.check_more("skipped_epoch")

    def test_time_going_back(self) -> None:
        self.lie()
        self.keyserver.close(issued=START)
        self.check_more("time_reversed")

    def test_another_head_for_a_verified_epoch(self) -> None:
        self.lie()
        self.keyserver.close(epoch=2)
        self.check_more("two_heads")

    def test_another_head_for_an_epoch_that_was_only_seen(self) -> None:
        self.lie()
        self.keyserver.close()
        self.verifier.read()
        self.verifier.open()
        self.keyserver.roll_back(4)
        self.keyserver.set("carol")
        self.keyserver.close()
        self.verifier.reconnect()
        self.check_more("two_heads")

    def test_a_lie_that_is_taken_back_is_two_heads(self) -> None:
        """The operator believed the keyserver, which says now what it should have said; but it said the other, too."""
        self.lie()
        self.keyserver.roll_back(3)
        self.keyserver.set("mallory")
        self.keyserver.close()
        self.verifier.replay.resume()
        self.verifier.reconnect()
        self.check_more("two_heads")
        self.assertEqual(self.verifier.replay.verified, 3)

    def test_an_honest_head_is_not_verified_before_the_operator_says_so(self) -> None:
        self.keyserver.close(signers=[key("mallory")])
        self.check_stopped("unratified_head")
        self.keyserver.roll_back(3)
        self.keyserver.close()
        self.verifier.reconnect()
        self.check_stopped("unratified_head")
        self.verifier.replay.resume()
        self.verifier.reconnect()
        self.check_fine()


class Early(ViolationCase):
    def test_an_invalid_update_is_noticed_before_its_epoch_is_closed(self) -> None:
        self.keyserver.set("alice", 100, signers=[key("mallory")])
        self.check_stopped("unauthorised_update")
        self.assertEqual(self.verifier.evidence, [])
        self.verifier.open()
        self.keyserver.close()
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["unauthorised_update"])

    def test_in_the_first_epoch(self) -> None:
        for lie in ("root", "update", "epoch"):
            keyserver = LyingKeyserver()
            keyserver.set("bob", 5 if lie == "update" else 0)
            keyserver.close(root_hash=bytes(32) if lie == "root" else None, epoch=2 if lie == "epoch" else None)
            verifier = Verifier(keyserver)
            verifier.read()
            self.assertEqual(verifier.replay.verified, 0)
            proven = judge(verifier.realm_config(), verifier.evidence[0], NOW).proven
            self.assertEqual(proven, lie != "epoch", lie)


class First(SynchronousTestCase):
    """A violation before anything was verified."""

    def test_the_database_can_be_opened_again(self) -> None:
        keyserver = LyingKeyserver()
        keyserver.close(root_hash=bytes(32))
        verifier = Verifier(keyserver)
        verifier.read()
        verifier.open()
        assert verifier.replay.violation is not None
        self.assertEqual(verifier.replay.violation.rule, "wrong_root")

    def test_a_wrong_tree_nonce_in_the_configuration_can_be_put_right(self) -> None:
        keyserver = honest(LyingKeyserver(tree_nonce=b"right"))
        verifier = Verifier(keyserver, tree_nonce=b"wrong")
        verifier.read()
        self.assertEqual(verifier.rules, ["wrong_root"])
        verifier = Verifier(keyserver, verifier.store, tree_nonce=b"right")
        verifier.replay.resume()
        verifier.reconnect()
        self.assertEqual(verifier.replay.verified, 3)
        self.assertRaises(Misconfigured, Verifier, keyserver, verifier.store, tree_nonce=b"wrong")


def strange(keyserver: LyingKeyserver, signer: SigningKey) -> bytes:
    """A head of which the parts decode and say nothing."""
    head = TimestampedEpochHead(head=EpochHead(realm=keyserver.realm, epoch=Epoch(0)).SerializeToString())
    encoded = head.SerializeToString()
    signed = SignedEpochHead(head=encoded, signatures={signer.key_id: signer.sign(encoded)})
    return VerifierStep(Epoch=signed).SerializeToString()


class Strange(ViolationCase):
    def test_a_head_of_epoch_0(self) -> None:
        self.keyserver.steps.append(strange(self.keyserver, self.keyserver.keys[0]))
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["malformed_step"])
