"""However long and loudly a keyserver lies, a verifier's memory and disk stay bounded, and it goes on."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.verification_pb2 import VerifierStep
from coname.storage.memory import MemoryStore
from coname.storage.tracing import TracingStore
from coname.verifier import casebook, replay, watching
from coname.verifier.casebook import MOST_BUNDLES
from tests.verifier.harness import Verifier
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
        for _ in range(MOST_BUNDLES + 20):
            self.keyserver.close(previous=bytes(64))
        self.verifier.read()
        self.assertEqual(len(self.verifier.evidence), MOST_BUNDLES)
        self.assertEqual(len(self.keys(b"x")), MOST_BUNDLES)
        self.verifier.open()
        self.verifier.reconnect()
        self.assertEqual(len(self.verifier.evidence), MOST_BUNDLES)

    def test_of_one_bundle(self) -> None:
        self.patch(casebook, "MOST_BUNDLE_BYTES", 1000)
        LIES["wrong root"].tell(self.keyserver)
        self.verifier.read()
        (bundle,) = self.verifier.evidence
        self.assertEqual((len(bundle.updates), len(bundle.entries), len(bundle.heads)), (0, 0, 2))
        self.assertIn("too many", bundle.account)

    def test_of_many_large_bundles(self) -> None:
        self.patch(casebook, "LARGE_BUNDLES", 2)
        self.patch(casebook, "SMALL_BUNDLE_BYTES", 1000)
        for number in range(4):
            self.keyserver.roll_back(3)
            self.keyserver.set(f"mallory {number}")
            self.keyserver.close(root_hash=bytes([number]) * 32)
            self.verifier.reconnect()
        of_updates = [bundle for bundle in self.verifier.evidence if bundle.rule == "wrong_root"]
        self.assertEqual([bool(bundle.updates) for bundle in of_updates], [True, False, False, False])

    def test_of_heads_that_were_only_seen(self) -> None:
        self.patch(watching, "MOST_WITNESSED", 5)
        for _ in range(9):
            self.keyserver.close(previous=bytes(64))
        self.verifier.read()
        self.assertEqual(len(self.keys(b"s")), 5)

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
