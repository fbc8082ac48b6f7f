"""Lookups in a realm with many verifiers, which sign at their own pace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads
from coname.core.signatures import SigningKey
from coname.core.times import timestamp
from coname.core.types import Epoch, KeyId
from coname.errors import QuorumUnmet
from coname.keyserver import tables
from coname.keyserver.answers import Answer
from coname.messages.client_pb2 import LookupRequest, SignedEpochHead
from coname.storage.memory import MemoryStore
from tests.keyserver.harness import START, Realm, World

USER = "alice@example.com"


class CountingStore:
    """A store that counts what is read."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.reads = 0

    def get(self, key: bytes) -> bytes | None:
        self.reads += 1
        found: bytes | None = self.inner.get(key)
        return found

    def iterate(self, *args: Any, **named: Any) -> Any:
        for record in self.inner.iterate(*args, **named):
            self.reads += 1
            yield record

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class VerifiersCase(SynchronousTestCase):
    count = 3
    epochs = 10

    def setUp(self) -> None:
        self.realm = Realm()
        self.keys = [SigningKey.generate() for _ in range(self.count)]
        for key in self.keys:
            self.realm.listed[key.key_id] = [key.public]
        self.store = CountingStore(MemoryStore())
        self.world = World(self.realm, self.store, scan=8)  # type: ignore[arg-type]
        self.world.begin()
        for _ in range(self.epochs - 1):
            self.world.settle(60)
        self.assertEqual(self.world.replica.state.ratified_epoch, self.epochs)

    def sign(self, number: int, *epochs: int) -> None:
        """The verifier of that number signs."""
        key = self.keys[number]
        for epoch in epochs:
            head = heads.timestamped(tables.read_epoch(self.store, Epoch(epoch)).head, timestamp(START))
            signed = SignedEpochHead(head=head, signatures={key.key_id: key.sign(head)})
            self.world.replica.verification.pushRatification(key.key_id, signed)
        self.world.settle()

    def request(self, threshold: int, numbers: Iterable[int], epoch: int = 0) -> LookupRequest:
        request = LookupRequest(user_id=USER, epoch=epoch)
        request.quorum_requirement.threshold = threshold
        request.quorum_requirement.candidates.extend(self.keys[number].key_id for number in numbers)
        return request

    def lookup(self, threshold: int, numbers: Iterable[int], epoch: int = 0) -> Answer:
        return self.world.replica.lookup(self.request(threshold, numbers, epoch))

    def refusal(self, threshold: int, numbers: Iterable[int], epoch: int = 0) -> str:
        with self.assertRaises(QuorumUnmet) as caught:
            self.lookup(threshold, numbers, epoch)
        return str(caught.exception)

    def signer(self, number: int) -> KeyId:
        return self.keys[number].key_id


class LaggingTests(VerifiersCase):
    def setUp(self) -> None:
        super().setUp()
        for number, epochs in ((0, range(1, 11)), (1, range(1, 8)), (2, [5, 6])):
            self.sign(number, *epochs)

    def test_falls_back_to_the_newest_epoch_that_enough_have_signed(self) -> None:
        found = [self.lookup(threshold, range(3)).epoch for threshold in (0, 1, 2, 3)]
        self.assertEqual(found, [10, 10, 7, 6])

    def test_not_beyond_the_scan(self) -> None:
        for _ in range(5):
            self.world.settle(60)
        self.assertEqual(self.lookup(2, range(3)).epoch, 7)
        self.assertIn("no epoch from 7 to 15", self.refusal(3, range(3)))

    def test_the_refusal_says_how_far_behind_each_is(self) -> None:
        for _ in range(5):
            self.world.settle(60)
        text = self.refusal(3, range(3))
        signers = text.partition("; its signers: ")[2].split(", ")
        self.assertEqual(
            signers,
            [
                f"{self.signer(2)} signed epoch 6 (9 behind)",
                f"{self.signer(1)} signed epoch 7 (8 behind)",
                f"{self.signer(0)} signed epoch 10 (5 behind)",
            ],
        )

    def test_the_refusal_for_a_given_epoch_says_who_is_missing(self) -> None:
        text = self.refusal(3, range(3), epoch=4)
        self.assertIn("epoch 4 is not signed by the requested quorum", text)
        self.assertIn(f"{self.signer(2)} signed epoch 6 (4 behind) but not 4", text)
        self.assertIn(f"{self.signer(1)} signed it", text)

    def test_a_given_epoch_that_enough_have_signed(self) -> None:
        answer = self.lookup(3, range(3), epoch=5)
        self.assertEqual(set(answer.ratifications.heads), {self.signer(number) for number in range(3)})

    def test_only_wanted_signatures_are_in_the_proof(self) -> None:
        self.assertEqual(list(self.lookup(1, [0]).ratifications.heads), [self.signer(0)])


class KeptTests(VerifiersCase):
    def setUp(self) -> None:
        super().setUp()
        self.sign(0, *range(1, 11))

    def test_a_signature_of_somebody_else_changes_nothing(self) -> None:
        before = self.lookup(1, [0])
        self.sign(1, 10)
        self.assertIs(self.lookup(1, [0]), before)

    def test_a_signature_on_an_older_epoch_changes_nothing(self) -> None:
        before = self.lookup(1, [0, 1])
        self.sign(1, 3, 9)
        self.assertIs(self.lookup(1, [0, 1]), before)

    def test_a_wanted_signature_is_in_the_next_answer(self) -> None:
        self.lookup(1, [0, 1])
        self.sign(1, 10)
        self.assertEqual(set(self.lookup(1, [0, 1]).ratifications.heads), {self.signer(0), self.signer(1)})

    def test_a_wanted_signature_may_lead_to_a_newer_epoch(self) -> None:
        self.sign(1, 5)
        self.assertEqual(self.lookup(2, [0, 1]).epoch, 5)
        self.sign(1, 8)
        self.assertEqual(self.lookup(2, [0, 1]).epoch, 8)

    def test_a_new_epoch_is_the_latest(self) -> None:
        before = self.world.replica.lookup(LookupRequest(user_id=USER))
        self.world.settle(60)
        self.assertEqual(self.world.replica.lookup(LookupRequest(user_id=USER)).epoch, before.epoch + 1)

    def test_a_given_epoch_keeps_its_answers_until_it_is_signed(self) -> None:
        before = self.lookup(1, [0, 1], epoch=4)
        self.world.settle(60)
        self.sign(1, 6)
        self.assertIs(self.lookup(1, [0, 1], epoch=4), before)
        self.sign(1, 4)
        self.assertEqual(len(self.lookup(1, [0, 1], epoch=4).ratifications.heads), 2)

    def test_a_refusal_is_kept_until_somebody_signs(self) -> None:
        for epoch in (0, 9):
            first = self.refusal(2, [0, 1], epoch)
            reads = self.store.reads
            for _ in range(100):
                self.assertEqual(self.refusal(2, [0, 1], epoch), first)
            self.assertEqual(self.store.reads, reads)
        self.sign(1, 9)
        for epoch in (0, 9):
            self.assertEqual(self.lookup(2, [0, 1], epoch).epoch, 9)

    def test_what_is_kept_is_bounded(self) -> None:
        lookups = self.world.lookups
        for number in range(3000):
            request = self.request(1, [0])
            request.user_id = f"user{number}@example.com"
            self.world.replica.lookup(request)
            self.assertLessEqual(lookups._answers._bytes, 1 << 20)
        for number in range(1100):
            request = self.request(1, [0])
            request.quorum_requirement.candidates.append(number)
            self.world.replica.lookup(request)
            request.quorum_requirement.threshold = 2
            self.assertRaises(QuorumUnmet, self.world.replica.lookup, request)
        self.assertLessEqual(len(lookups._answers._groups), 1024)
        self.assertLessEqual(len(lookups._refusals), 1024)


class ManyVerifiersTests(VerifiersCase):
    """40 verifiers, of which each lags by one epoch more than the one before."""

    count = 40
    epochs = 41

    def setUp(self) -> None:
        super().setUp()
        self.world.lookups._scan = 0
        for number in range(self.count):
            self.sign(number, self.epochs - number - 1)
            self.sign(number, *range(1, 3))

    def test_refusing_reads_nothing(self) -> None:
        before = self.store.reads
        text = self.refusal(41, range(40))
        self.assertEqual(self.store.reads, before)
        self.assertIn("and 24 more", text)
        self.assertIn(f"{self.signer(39)} signed epoch 2 (39 behind)", text)

    def test_refusing_a_given_epoch_reads_its_signers_once(self) -> None:
        self.refusal(2, range(40), epoch=20)
        before = self.store.reads
        for quorum in range(2, 40):
            self.refusal(quorum, range(40), epoch=20)
        self.assertEqual(self.store.reads, before)

    def test_without_a_quorum_signatures_come_a_tenth_at_a_time(self) -> None:
        request = LookupRequest(user_id=USER, epoch=1)
        before = self.world.replica.lookup(request)
        self.assertEqual(len(before.ratifications.heads), 41)
        self.world.lookups._answers.signed(Epoch(1), [KeyId(7)] * 4, newest=False)
        self.assertIs(self.world.replica.lookup(request), before)
        self.world.lookups._answers.signed(Epoch(1), [KeyId(7)], newest=False)
        self.assertIsNot(self.world.replica.lookup(request), before)
