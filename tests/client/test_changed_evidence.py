"""Evidence that a client makes of lies that are told after the replicas have changed."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from coname.client import Client, FolderRecords, MemoryIdentity, PinnedState
from coname.client.evidence import Contradiction
from coname.core import heads
from coname.core.evidence import judge, read_bundle
from coname.core.signatures import SigningKey
from coname.core.times import timestamp
from coname.core.types import Epoch
from tests.client.changing import ChangingRealm
from tests.client.commands import ALICE
from tests.client.folders import new_folder
from tests.client.transports import MemoryTransport


class ChangedEvidence(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = new_folder(self)
        self.realm = ChangingRealm(verifiers=[SigningKey.generate()])
        self.config = self.realm.config()  # from before any change
        self.successResultOf(self.client().register(ALICE, {"ssh": b"key"}, MemoryIdentity()))
        self.realm.replace_all()
        self.successResultOf(self.client().lookup(ALICE))

    def client(self) -> Client:
        records = FolderRecords(self.folder)
        transport = MemoryTransport(self.realm)
        return Client(self.config, lambda _: transport, PinnedState(records), clock=lambda: self.realm.now)

    def lie(self) -> None:
        """The newest epoch gets another head."""
        last = self.realm.epochs[-1]
        honest = heads.parse(heads.timestamped(last.head, timestamp(0)))
        last.head = heads.build(
            self.realm.name,
            Epoch(honest.epoch),
            honest.root_hash,
            timestamp(honest.issue_time + 1),
            honest.previous_summary_hash,
        )

    def test_it_convinces_whoever_knows_the_first_replicas_only(self) -> None:
        self.lie()
        error = self.failureResultOf(self.client().lookup(ALICE), Contradiction).value
        assert error.path is not None, str(error)
        evidence = read_bundle(Path(error.path).read_bytes())
        self.assertGreater(len(evidence.policy_changes), 0)
        verdict = judge(self.config.realms[0], evidence, self.realm.now)
        self.assertEqual({each.rule for each in verdict.findings}, {"two_heads"}, verdict.why)
        guilty = set(verdict.findings[0].signers)
        self.assertLessEqual({key.key_id for key in self.realm.verifiers}, guilty)
        first = set(self.config.realms[0].keyserver_auth.public_keys)
        self.assertTrue(guilty - first - {key.key_id for key in self.realm.verifiers})

    def test_a_newer_configuration_that_does_not_say_since_when_its_replicas_sign(self) -> None:
        self.config = self.realm.config()
        self.lie()
        error = self.failureResultOf(self.client().lookup(ALICE), Contradiction).value
        assert error.evidence is not None, str(error)
        self.assertTrue(judge(self.config.realms[0], error.evidence, self.realm.now).proven)

    def test_a_configuration_that_does_not_say_who_the_replicas_were_cannot_follow(self) -> None:
        self.lie()
        error = self.failureResultOf(self.client().lookup(ALICE), Contradiction).value
        assert error.evidence is not None
        config = self.config.realms[0]
        config.ClearField("keyserver_auth")
        verdict = judge(config, error.evidence, self.realm.now)
        guilty = {key.key_id for key in self.realm.verifiers}
        self.assertEqual({signer for each in verdict.findings for signer in each.signers}, guilty)
        self.assertIn("without keyserver_auth", " ".join(verdict.notes))
