"""A keyserver and three verifiers as real processes: they vouch, lag, are killed, and meet again by themselves."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from pathlib import Path

import grpc
from twisted.trial.unittest import TestCase

from coname.core.types import Epoch, KeyId
from coname.keyserver import tables as keyserver_tables
from coname.messages.client_pb2 import LookupProof, LookupRequest, QuorumExpr
from coname.service import open_store
from coname.storage.leveldb import LevelDBStore
from coname.verifier import tables as verifier_tables
from tests.system.processes import KeyserverProcess, Stub, VerifierProcess, wait_for
from tests.system.test_kill import Load

ALICE = "alice@example.com"
SCAN = 5
KILLS = 20
WRITERS = 3


class VerifiersCase(TestCase):
    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.keyserver = KeyserverProcess(folder, verifiers=3)
        self.addCleanup(self.keyserver.clean_up)
        self.verifiers = [VerifierProcess(self.keyserver, number) for number in (1, 2, 3)]
        for verifier in self.verifiers:
            self.addCleanup(verifier.clean_up)

    def quorum(self, verifiers: int) -> QuorumExpr:
        """The replica, and so many of the verifiers."""
        replicas, all_verifiers = self.keyserver.realm.verification_policy.quorum.subexpressions
        expression = QuorumExpr(threshold=2, subexpressions=[replicas, all_verifiers])
        expression.subexpressions[1].threshold = verifiers
        return expression

    def lookup(self, stub: Stub, verifiers: int) -> LookupProof:
        return stub.lookup(LookupRequest(user_id=ALICE, quorum_requirement=self.quorum(verifiers)))

    def epoch_under(self, stub: Stub, verifiers: int) -> int:
        return self.keyserver.verified(self.lookup(stub, verifiers), ALICE).epoch


class StoryTests(VerifiersCase):
    timeout = 300

    def setUp(self) -> None:
        super().setUp()
        self.keyserver.configure_intervals(minimum=0.1)
        self.keyserver.configure(lagging_verifier_scan=SCAN)
        self.keyserver.start()
        for verifier in self.verifiers:
            verifier.start()
        self.channel = self.keyserver.channel()
        self.addCleanup(self.channel.close)
        self.stub = Stub(self.channel)
        self.owner = self.keyserver.owner(ALICE)
        self.version = -1

    def update(self, verifiers: int) -> int:
        """Change Alice's entry, wait until so many verifiers have signed for it, and return the epoch."""
        self.version += 1
        request = self.owner.update(self.version)
        request.lookup_parameters.quorum_requirement.CopyFrom(self.quorum(verifiers))
        verified = self.keyserver.verified(self.stub.update(request, timeout=60), ALICE)
        assert verified.entry is not None
        self.assertEqual(verified.entry.version, self.version)
        return verified.epoch

    def test_three_vouch_two_go_on_and_one_that_stopped_is_missed(self) -> None:
        self.update(verifiers=3)
        epoch = self.update(verifiers=3)
        self.assertGreaterEqual(self.epoch_under(self.stub, 3), epoch)
        signers = self.keyserver.verified(self.lookup(self.stub, 3), ALICE).signers
        self.assertLessEqual({verifier.id for verifier in self.verifiers}, set(signers))

        gone = self.verifiers[2]
        self.assertEqual(gone.stop(), -signal.SIGTERM)
        last = self.epoch_under(self.stub, 3)
        newer = self.update(verifiers=2)
        self.assertGreater(newer, last)
        self.assertGreaterEqual(self.epoch_under(self.stub, 2), newer)
        self.assertEqual(self.epoch_under(self.stub, 3), last, "an older epoch answers, within the scan")

        while self.update(verifiers=2) <= last + SCAN + 1:
            pass
        with self.assertRaises(grpc.RpcError) as caught:
            self.lookup(self.stub, 3)
        error = caught.exception
        self.assertEqual(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn(f"{gone.id}", error.details())
        self.assertIn("behind", error.details())
        self.assertGreaterEqual(self.epoch_under(self.stub, 2), last + SCAN)

        gone.start()
        self.update(verifiers=3)


class KillTests(VerifiersCase):
    timeout = 900

    def test_kills_at_random_keep_nobody_apart_and_no_epoch_gets_two_signatures_of_one_verifier(self) -> None:
        seed = int(os.environ.get("CONAME_SEED", "0")) or random.randrange(2**32)
        print(f"CONAME_SEED={seed}")
        moments = random.Random(seed)
        self.keyserver.configure_intervals(minimum=0.05)
        acknowledged: dict[str, int] = {}
        self.keyserver.start()
        for verifier in self.verifiers:
            verifier.start()
        wait_for(self.is_vouched_for, "an epoch is signed by two verifiers")
        for round_ in range(KILLS):
            owners = [self.keyserver.owner(f"user{round_}-{number}@example.com") for number in range(WRITERS)]
            load = Load(self.keyserver, owners, acknowledged)
            before = len(acknowledged)
            wait_for(lambda: len(acknowledged) > before, "an update is signed by two verifiers")  # noqa: B023
            time.sleep(moments.uniform(0, 0.5))
            victim = moments.choice([self.keyserver, *self.verifiers])
            victim.kill()
            load.stop()
            self.assertEqual(load.wrong, [])
            victim.start()
            for verifier in self.verifiers:
                verifier.check_alive()
        self.meet()
        self.assertGreaterEqual(len(acknowledged), KILLS)
        for process in (*self.verifiers, self.keyserver):
            self.assertEqual(process.stop(), -signal.SIGTERM)
        self.check_signatures()

    def is_vouched_for(self) -> bool:
        with self.keyserver.channel() as channel:
            try:
                self.lookup(Stub(channel), 2)
            except grpc.RpcError:
                return False
        return True

    def meet(self) -> None:
        """All three sign for an update that is made now."""
        request = self.keyserver.owner(ALICE).update(0)
        request.lookup_parameters.quorum_requirement.CopyFrom(self.quorum(3))
        with self.keyserver.channel() as channel:
            self.keyserver.verified(Stub(channel).update(request, timeout=60), ALICE)

    def check_signatures(self) -> None:
        """The keyserver keeps a verifier's first signature on an epoch, the verifier its last: they are the same."""
        store = open_store(self.keyserver.settings)
        self.addCleanup(store.close)
        newest = keyserver_tables.read_state(store).ratified_epoch
        for verifier in self.verifiers:
            own = LevelDBStore(verifier.folder / "database", create=False)
            self.addCleanup(own.close)
            state = verifier_tables.read_state(own)
            assert state is not None
            self.assertGreaterEqual(state.epoch, newest - 1)
            self.assertIsNone(verifier_tables.read_violation(own))
            compared = 0
            for number in range(1, min(state.epoch, newest) + 1):
                pushed = keyserver_tables.read_ratifications(store, Epoch(number)).get(KeyId(verifier.id))
                if pushed is not None:
                    compared += 1
                    self.assertEqual(pushed, verifier_tables.read_epoch(own, Epoch(number)).own, f"epoch {number}")
            self.assertGreater(compared, KILLS)
