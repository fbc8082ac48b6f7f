"""Epoch heads: built the same by everybody, read strictly."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads, times
from coname.core.types import Epoch
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import EpochHead, Timestamp, TimestampedEpochHead

ROOT, SUMMARY = bytes(range(32)), bytes(range(64))


def _built(epoch: int = 2, root: bytes = ROOT, time: Timestamp | None = None, summary: bytes = SUMMARY) -> bytes:
    return heads.build("testing", Epoch(epoch), root, times.timestamp((18, 5)) if time is None else time, summary)


class Build(SynchronousTestCase):
    def test_the_bytes_are_these(self) -> None:
        """Field by field. All replicas sign the same bytes, so another version of protobuf must not change them."""
        expected = b"".join(
            (
                b"\x0a\x07testing",
                b"\x10\x02",
                b"\x1a\x20" + ROOT,
                b"\x22\x04\x08\x12\x10\x05",
                b"\x2a\x40" + SUMMARY,
                b"\x32\x00",
            )
        )
        self.assertEqual(_built(), expected)

    def test_the_next_epochs_policy_is_written_though_empty(self) -> None:
        self.assertTrue(EpochHead.FromString(_built()).HasField("next_epoch_policy"))

    def test_the_issue_time_is_written_though_zero(self) -> None:
        self.assertTrue(EpochHead.FromString(_built(time=Timestamp())).HasField("issue_time"))

    def test_the_first_epoch_carries_no_previous_summary_hash(self) -> None:
        self.assertEqual(EpochHead.FromString(_built(1, summary=b"")).previous_summary_hash, b"")

    def test_a_timestamped_head_keeps_the_heads_bytes(self) -> None:
        wrapped = heads.timestamped(b"\x10\x01\x10\x02", times.timestamp((19, 0)))
        self.assertEqual(wrapped, b"\x0a\x04\x10\x01\x10\x02\x12\x02\x08\x13")


class Parse(SynchronousTestCase):
    def refused(self, epoch_head: bytes, signed: Timestamp | None = None) -> str:
        wrapped = TimestampedEpochHead(head=epoch_head, timestamp=signed).SerializeToString()
        error = self.assertRaises(ProofInvalid, heads.parse, wrapped)
        self.assertEqual(error.step, "ratification")
        return str(error)

    def test_what_was_built(self) -> None:
        head = heads.parse(heads.timestamped(_built(), times.timestamp(20.5)))
        self.assertEqual((head.realm, head.epoch, head.root_hash), ("testing", 2, ROOT))
        self.assertEqual((head.previous_summary_hash, head.epoch_head), (SUMMARY, _built()))
        self.assertEqual((head.issue_time_ns, head.issue_time, head.timestamp), (18 * 10**9 + 5, 18.000000005, 20.5))

    def test_other_encodings_are_kept_as_they_came(self) -> None:
        other = _built() + b"\x10\x03"  # the epoch, once more
        head = heads.parse(heads.timestamped(other, Timestamp()))
        self.assertEqual((head.epoch, head.epoch_head), (3, other))

    def test_fields_of_the_future_are_read_over(self) -> None:
        self.assertEqual(heads.parse(heads.timestamped(_built() + b"\xf8\x07\x01", Timestamp())).epoch, 2)

    def test_a_signer_without_a_time_signed_in_1970(self) -> None:
        self.assertEqual(heads.parse(TimestampedEpochHead(head=_built()).SerializeToString()).timestamp, 0)

    def test_epoch_0(self) -> None:
        self.assertIn("0", self.refused(_built(0, summary=b"")))

    def test_root_hashes_of_other_lengths(self) -> None:
        for size in (0, 31, 33, 64):
            self.assertIn("root_hash", self.refused(_built(root=bytes(size))))

    def test_summary_hashes_of_other_lengths(self) -> None:
        for size in (0, 32, 63, 65):
            self.assertIn("previous_summary_hash", self.refused(_built(summary=bytes(size))))

    def test_a_first_epoch_that_chains_to_something(self) -> None:
        self.assertIn("previous_summary_hash", self.refused(_built(1)))

    def test_times_out_of_range(self) -> None:
        self.refused(_built(time=Timestamp(seconds=2**63 - 1)))
        self.refused(_built(time=Timestamp(nanos=-1)))
        self.refused(_built(), Timestamp(seconds=-(2**63)))

    def test_a_realm_that_is_no_text(self) -> None:
        self.refused(b"\x0a\x01\xff" + _built())

    @settings(derandomize=True, deadline=None)
    @given(st.binary(max_size=200))
    def test_arbitrary_bytes(self, data: bytes) -> None:
        self.assertRaises(ProofInvalid, heads.parse, data)
