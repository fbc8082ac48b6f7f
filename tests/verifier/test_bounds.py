"""However long and loudly a keyserver lies, a verifier's memory and disk stay bounded, and it goes on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core import signatures_2017
from coname.core.evidence import judge
from coname.core.vrf.points import ORDER
from coname.messages.client_pb2 import Entry, SignedEntryUpdate, SignedEpochHead
from coname.messages.verification_pb2 import VerifierStep
from coname.storage.memory import MemoryStore
from coname.storage.tracing import TracingStore
from coname.verifier import casebook, open_epoch, replay, stream, watching
from coname.verifier.casebook import MOST_OF_RULE, MOST_UNSIGNED
from tests.core.honest import key, policy
from tests.verifier.harness import NOW, Verifier, nanoseconds
from tests.verifier.lying import LIES, LyingKeyserver, honest


class WaitingWrites(SynchronousTestCase):
    """Epochs share a synced batch, up to a size."""

    def writes(self) -> int:
        store = TracingStore(MemoryStore(), [])
        verifier = Verifier(honest(LyingKeyserver()), store)
        verifier.read()
        self.assertEqual(verifier.replay.verified, 3)
        return store.writes

    def test_small_epochs_share_one(self) -> None:
        self.assertEqual(self.writes(), 1)

    def test_large_epochs_do_not(self) -> None:
        self.patch(replay, "MOST_WAITING_BYTES", 100)
        self.assertEqual(self.writes(), 3)


class Bounds(SynchronousTestCase):
    def setUp(self) -> None:
        self.keyserver = honest(LyingKeyserver())
        self.verifier = Verifier(self.keyserver)
        self.verifier.read()

    def keys(self, table: bytes) -> list[bytes]:
        return [key for key, _ in self.verifier.store.iterate(b"\0", b"\xff") if key[:1] == table]

    def test_of_evidence(self) -> None:
        for _ in range(MOST_OF_RULE + 20):
            self.keyserver.close(previous=bytes(64))
        self.verifier.read()
        self.assertEqual(len(self.verifier.evidence), MOST_OF_RULE)
        self.assertEqual(len(self.keys(b"x")), MOST_OF_RULE)
        self.verifier.open()
        self.verifier.reconnect()
        self.assertEqual(len(self.verifier.evidence), MOST_OF_RULE)

    def test_of_what_nobody_has_signed_and_what_is_proven_afterwards_has_its_place(self) -> None:
        for number in range(120):
            self.keyserver.close(signers=[key("mallory")], previous=bytes([number]) * 64)
        self.verifier.read()
        self.assertEqual(len(self.verifier.evidence), MOST_UNSIGNED)
        self.keyserver.roll_back(3)
        self.verifier.open()
        LIES["two heads for one epoch"].tell(self.keyserver)
        self.verifier.reconnect()
        self.assertEqual(self.verifier.rules[MOST_UNSIGNED:], ["two_heads"])

    def test_small_bundles_leave_the_large_ones_their_place(self) -> None:
        self.patch(casebook, "LARGE_BUNDLES", 1)
        self.patch(casebook, "SMALL_BUNDLE_BYTES", 1000)
        for _ in range(5):
            self.keyserver.close(signers=[key("mallory")])
        self.verifier.read()
        self.keyserver.roll_back(3)
        self.verifier.replay.resume()
        self.verifier.reconnect()
        LIES["wrong root"].tell(self.keyserver)
        self.verifier.read()
        self.assertTrue(self.verifier.evidence[-1].updates)

    def test_of_one_bundle(self) -> None:
        self.patch(casebook, "MOST_BUNDLE_BYTES", 1000)
        LIES["wrong root"].tell(self.keyserver)
        self.verifier.read()
        (bundle,) = self.verifier.evidence
        self.assertEqual((len(bundle.updates), len(bundle.entries), len(bundle.heads)), (0, 0, 2))
        self.assertIn("room", bundle.account)

    def test_of_a_wrong_root_the_entries_before_are_not_read(self) -> None:
        """There may be gigabytes of them; their hashes are in the proofs."""
        self.keyserver.set("alice", 9)
        self.keyserver.close(root_hash=bytes(32))
        self.verifier.read()
        (bundle,) = self.verifier.evidence
        self.assertEqual([(len(each.entry), bool(each.tree_proof.neighbors)) for each in bundle.entries], [(0, True)])
        self.assertTrue(judge(self.verifier.realm_config(), bundle, NOW).proven)

    def test_of_suspects(self) -> None:
        self.patch(open_epoch, "MOST_SUSPECTS", 2)
        for name in ("somebody 0", "somebody 1", "somebody 2", "alice"):
            self.keyserver.set(name, 100, signers=[key("mallory")])
        self.keyserver.close()
        self.verifier.read()
        (bundle,) = self.verifier.evidence
        self.assertEqual(
            [each.index for each in bundle.entries], [self.keyserver.index(f"somebody {n}") for n in range(2)]
        )

    def test_of_many_large_bundles(self) -> None:
        self.patch(casebook, "LARGE_BUNDLES", 2)
        self.patch(casebook, "SMALL_BUNDLE_BYTES", 1000)
        for number in range(4):
            self.keyserver.roll_back(3)
            self.keyserver.set(f"mallory {number}")
            self.keyserver.close(root_hash=bytes([number]) * 32)
            self.verifier.reconnect()
        of_updates = [bundle for bundle in self.verifier.evidence if bundle.rule == "wrong_root"]
        self.assertEqual([bool(bundle.updates) for bundle in of_updates], [True, True, False, False])

    def test_of_heads_that_were_only_seen(self) -> None:
        self.patch(watching, "MOST_WITNESSED", 5)
        for _ in range(9):
            self.keyserver.close(previous=bytes(64))
        self.verifier.read()
        self.assertEqual(len(self.keys(b"s")), 5)

    def test_of_contradictions_in_one_epoch(self) -> None:
        self.patch(watching, "MOST_OF_EPOCH", 4)
        for number in range(20):
            self.keyserver.close(epoch=9, root_hash=bytes([number]) * 32)
        self.verifier.read()
        self.assertEqual(len(self.keys(b"s")), 4)
        self.assertIn("two_heads", self.verifier.rules)

    def test_of_a_head_that_is_verified(self) -> None:
        self.patch(stream, "MOST_HEAD_BYTES", 100)
        self.keyserver.close()
        self.verifier.read()
        self.assertEqual((self.verifier.rules, self.verifier.replay.verified), (["malformed_step"], 3))

    def test_of_one_head(self) -> None:
        self.keyserver.close(realm="elsewhere" * 2000)
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["foreign_realm"])
        self.assertEqual(self.keys(b"s"), [])

    def test_signatures_of_strangers_are_not_kept(self) -> None:
        step = VerifierStep.FromString(self.keyserver.steps[-1])
        for number in range(100):
            step.Epoch.signatures[number] = bytes(64)
        self.keyserver.steps[-1] = step.SerializeToString()
        verifier = Verifier(self.keyserver)
        verifier.read()
        self.assertEqual(verifier.replay.verified, 3)
        stored = verifier.replay._history.tip
        assert stored is not None
        self.assertEqual(list(SignedEpochHead.FromString(stored.signed.SerializeToString()).signatures), [self.key_id])

    @property
    def key_id(self) -> int:
        return self.keyserver.keys[0].key_id


class Work(SynchronousTestCase):
    """What a stranger's update may cost."""

    def setUp(self) -> None:
        self.keyserver = LyingKeyserver()
        self.verifier = Verifier(self.keyserver)
        self.slow = 0
        self.patch(signatures_2017, "_go", self.go)

    def go(self, *_: bytes) -> bool:
        self.slow += 1
        return False

    def register(self, strange: int, good: bool) -> None:
        """An entry with many keys, any one of which is enough; and strange signatures, which are all bad."""
        keys = [key(f"mallory {number}") for number in range(strange + 1)]
        entry = Entry(index=bytes(32), update_policy=policy(1, *keys), profile_commitment=bytes(64))
        said = entry.SerializeToString(deterministic=True)
        signed = {each.key_id: bytes(32) + (ORDER + 5).to_bytes(32, "little") for each in keys}
        if good:
            signed[keys[0].key_id] = keys[0].sign(said)
        self.keyserver.log(SignedEntryUpdate(new_entry=said, signatures=signed))
        self.verifier.read()

    def test_strange_signatures_that_are_not_needed_are_not_looked_at(self) -> None:
        self.register(20, good=True)
        self.assertEqual((self.slow, self.verifier.replay.violation), (0, None))

    def test_those_that_are_needed_are_looked_at(self) -> None:
        self.register(20, good=False)
        assert self.verifier.replay.violation is not None
        self.assertEqual((self.slow, self.verifier.replay.violation.rule), (21, "unauthorised_update"))

    def test_but_not_without_end_and_then_nobody_is_accused(self) -> None:
        self.patch(open_epoch, "MOST_STRANGE", 10)
        self.register(20, good=False)
        assert self.verifier.replay.violation is not None
        self.assertEqual((self.slow, self.verifier.replay.violation.rule), (10, "update_too_large"))
        self.keyserver.close()
        self.verifier.read()
        self.assertIn("update_too_large", self.verifier.rules)

    def test_a_decoy_that_cannot_be_decided_does_not_hide_the_lie_behind_it(self) -> None:
        self.patch(open_epoch, "MOST_STRANGE", 10)
        honest(self.keyserver)
        self.register(20, good=False)
        LIES["unauthorised change"].tell(self.keyserver)
        self.verifier.read()
        self.assertEqual(self.verifier.rules, ["unauthorised_update"])
        self.assertEqual(self.verifier.evidence[0].entries[0].index, self.keyserver.index("alice"))
        verdict = judge(self.verifier.realm_config(), self.verifier.evidence[0], NOW)
        self.assertTrue(verdict.proven, verdict.why)

    def test_of_a_giant_quorum(self) -> None:
        self.patch(open_epoch, "MOST_QUORUM_PARTS", 5)
        self.register(5, good=True)
        assert self.verifier.replay.violation is not None
        self.assertEqual(self.verifier.replay.violation.rule, "update_too_large")

    def test_of_the_largest_quorum_that_is_looked_at(self) -> None:
        self.patch(open_epoch, "MOST_QUORUM_PARTS", 5)
        self.register(4, good=True)
        self.assertIsNone(self.verifier.replay.violation)

    def check_too_large(self) -> None:
        assert self.verifier.replay.violation is not None
        self.assertEqual(self.verifier.replay.violation.rule, "epoch_too_large")

    def test_small_signatures_count_for_the_memory_that_they_take(self) -> None:
        self.verifier = Verifier(self.keyserver, open_epoch_bytes=100_000)
        self.keyserver.log(SignedEntryUpdate(new_entry=b"\xff", signatures=dict.fromkeys(range(1000), b"")))
        self.verifier.read()
        self.check_too_large()

    def test_no_more_updates_than_a_judge_looks_at(self) -> None:
        self.patch(open_epoch, "MOST_UPDATES", 2)
        honest(self.keyserver)
        self.verifier.read()
        self.check_too_large()

    def test_a_batch_can_be_left_off(self) -> None:
        honest(self.keyserver)
        asked = iter([False, False, True])
        self.verifier.replay.take_many(self.keyserver.steps, nanoseconds(NOW), enough=lambda: next(asked))
        self.assertEqual(self.verifier.replay.steps, 3)
        self.verifier.read()
        self.assertEqual(self.verifier.replay.verified, 3)


class Old(SynchronousTestCase):
    """An epoch that was issued long ago is signed only if there is no newer one."""

    def setUp(self) -> None:
        self.keyserver = honest(LyingKeyserver())
        self.verifier = Verifier(self.keyserver, sign_within_ns=0)
        self.verifier.replay.take_many(self.keyserver.steps[:4], nanoseconds(NOW))

    def test_not_while_the_keyserver_has_more(self) -> None:
        self.assertIsNone(self.verifier.replay.sign_newest(nanoseconds(NOW), len(self.keyserver.steps)))

    def test_once_all_was_taken(self) -> None:
        self.verifier.read()
        self.assertIsNotNone(self.verifier.replay.sign_newest(nanoseconds(NOW), len(self.keyserver.steps)))
