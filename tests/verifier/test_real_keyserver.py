"""A real replica's log, replayed, and what was signed pushed back: a lookup under both signatures follows from it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.lookup import verify_lookup
from coname.core.signatures import public_key_message
from coname.messages.client_pb2 import LookupRequest
from coname.messages.evidence_pb2 import EvidenceBundle
from coname.storage.memory import MemoryStore
from coname.verifier.replay import Replay
from coname.verifier.settings import ReplaySettings
from tests.keyserver.harness import REALM, Owner, World
from tests.verifier.harness import KEY


class RealKeyserver(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.begin()
        self.owners = [Owner(f"user{number}@example.com") for number in range(4)]
        self.versions: dict[str, int] = {}
        self.evidence: list[EvidenceBundle] = []
        self.store = MemoryStore()
        self.open()

    def open(self) -> None:
        settings = ReplaySettings(id=KEY.key_id, realm=REALM, policy=self.world.realm.policy, require_transcripts=True)
        self.replay = Replay(self.store, settings, KEY, self.evidence.append)
        self.replay.begin()

    def live(self, seconds: int) -> None:
        """Let people register and change their keys, several times in an epoch."""
        for _ in range(seconds):
            for owner in self.owners:
                version = self.versions.get(owner.user_id, -1) + 1
                self.versions[owner.user_id] = version
                self.world.replica.update(self.world.realm.request(owner, version))
            self.world.settle(0.5)

    def follow(self) -> None:
        verification = self.world.replica.verification
        while self.replay.steps < verification.published():
            self.replay.take_many(verification.read(self.replay.steps, 2000), self.world.wall())

    def push(self) -> None:
        for epoch, signed in list(self.replay.unacknowledged()):
            pushed = self.world.replica.verification.pushRatification(KEY.key_id, signed)
            self.world.settle()
            self.successResultOf(pushed)
            self.replay.acknowledged(epoch)

    def test_every_epoch_is_verified(self) -> None:
        for _ in range(3):
            self.live(4)
            self.follow()
            self.open()
        self.assertIsNone(self.replay.violation)
        self.assertEqual(self.replay.verified, self.world.replica.state.ratified_epoch)
        self.assertGreater(self.replay.verified, 3)
        self.assertEqual(self.evidence, [])

    def test_what_was_signed_is_taken_and_clients_can_ask_for_it(self) -> None:
        self.world.realm.listed[KEY.key_id] = [KEY.public]
        config = self.world.realm.config
        config.verification_policy.public_keys[KEY.key_id].CopyFrom(public_key_message(KEY.public))
        config.verification_policy.quorum.candidates.append(KEY.key_id)
        config.verification_policy.quorum.threshold = 2
        self.world = World(self.world.realm)
        self.world.begin()
        self.live(3)
        self.world.settle(2)
        self.follow()
        self.push()
        self.assertEqual(list(self.replay.unacknowledged()), [])
        user_id = self.owners[0].user_id
        request = LookupRequest(user_id=user_id, quorum_requirement=config.verification_policy.quorum)
        found = verify_lookup(config, user_id, self.world.replica.lookup(request).message(), self.world.now)
        self.assertIn(KEY.key_id, found.signers)
