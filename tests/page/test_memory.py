"""What the page remembers, against what the command line does: the same answers fit, and the same contradict."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from coname.client import continuity
from coname.client.continuity import Sighting
from coname.core import heads, times
from coname.core.hashes import summary_hash
from coname.core.types import EntryHash, Epoch, Index
from coname.errors import ProofInvalid
from tests.page.node import BridgeCase, Refused

ADDRESS = "alice@wonder.land"

SIGHTINGS = st.builds(
    lambda index, epoch, version, content: Sighting(
        ADDRESS,
        Index(bytes((index,)) * 32),
        Epoch(epoch),
        version,
        EntryHash(b"") if version is None else EntryHash(bytes((version, content)) * 16),
    ),
    st.sampled_from((0, 0, 0, 0, 0, 1)),
    st.integers(1, 6),
    st.none() | st.integers(0, 3),
    st.sampled_from((0, 0, 0, 0, 1)),
)


def head(epoch: int, issued: int = 0, variant: int = 0, before: bytes | None = None) -> bytes:
    """A TimestampedEpochHead, chained to the EpochHead `before` if one is given."""
    previous = b"" if epoch == 1 else summary_hash(before) if before is not None else bytes((epoch, variant)) * 32
    root = bytes((epoch, variant)) * 16
    made = heads.build("testing", Epoch(epoch), root, times.timestamp(1_500_000_000 + issued), previous)
    return heads.timestamped(made, times.timestamp(1_500_000_000 + issued))


class Memory(BridgeCase):
    def javascript(self, action: str, **arguments: object) -> object:
        try:
            return self.bridge.ask(action, **arguments)
        except Refused as error:
            self.assertEqual((error.code, error.step), ("proof_invalid", "memory"), str(error))
            return "refused"

    @settings(derandomize=True, deadline=None, max_examples=400)
    @given(st.lists(SIGHTINGS, min_size=1, max_size=5))
    def test_of_an_address(self, seen: list[Sighting]) -> None:
        span, expected = None, None
        try:
            for each in seen:
                span = continuity.settle(span, each)
            assert span is not None
            both = (span.first, span.last)
            expected = [[str(each.epoch), None if each.version is None else str(each.version)] for each in both]
        except ProofInvalid:
            expected = "refused"
        sightings = [
            [each.index.hex(), str(each.epoch), None if each.version is None else str(each.version),
             each.entry_hash.hex()]
            for each in seen
        ]  # fmt: skip
        self.assertEqual(self.javascript("settle", seen=sightings), expected)

    def same(self, newest: bytes | None, new: bytes, floor: int = 0) -> object:
        parsed = None if newest is None else heads.parse(newest)
        try:
            expected: object = str(continuity.follow(parsed, heads.parse(new), Epoch(floor), Epoch(0)).epoch)
        except ProofInvalid:
            expected = "refused"
        found = self.javascript("follow", newest=newest and newest.hex(), head=new.hex(), floor=str(floor))
        self.assertEqual(found, expected)
        return found

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(*[st.integers(1, 5), st.integers(0, 2), st.integers(0, 1)] * 2, st.integers(0, 4), st.booleans())
    def test_of_a_realm(
        self, one: int, issued: int, variant: int, two: int, later: int, other: int, floor: int, chained: bool
    ) -> None:
        newest = head(one, issued, variant)
        before = heads.parse(newest).epoch_head if chained else None
        self.same(newest, head(two, later, other, before), floor)

    def test_the_first_is_remembered(self) -> None:
        self.assertEqual(self.same(None, head(3)), "3")

    def test_the_next_must_name_it(self) -> None:
        self.assertEqual(self.same(head(3), head(4, before=heads.parse(head(3)).epoch_head)), "4")
        self.assertEqual(self.same(head(3), head(4)), "refused")

    def test_two_heads_for_one_epoch(self) -> None:
        self.assertEqual(self.same(head(3), head(3, variant=1)), "refused")

    def test_back_in_time(self) -> None:
        self.assertEqual(self.same(head(3), head(2), floor=3), "refused")
        following = head(3, before=heads.parse(head(2)).epoch_head)
        self.assertEqual(self.same(following, head(2), floor=2), "3")
