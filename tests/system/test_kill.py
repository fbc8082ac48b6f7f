"""kill -9 at random moments, under load."""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from pathlib import Path

import grpc
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from coname import assembly
from coname.assembly import make_parts, open_store
from coname.core import heads
from coname.core.hashes import summary_hash
from coname.core.types import Epoch
from coname.keyserver import tables
from coname.keyserver.replica import Replica
from coname.storage.tracing import Fault, TracingStore
from tests.keyserver.harness import at_once
from tests.system.processes import KeyserverProcess, Owner, Stub, wait_for

KILLS = 30
WRITERS = 6


class Load:
    """Owners who update one after the other, each in a thread of its own, until told to stop.

    :ivar acknowledged: the newest version of each owner that was answered with a verified proof.
    """

    def __init__(self, keyserver: KeyserverProcess, owners: list[Owner], acknowledged: dict[str, int]) -> None:
        self._keyserver = keyserver
        self._stopped = threading.Event()
        self.acknowledged = acknowledged
        self.wrong: list[str] = []
        self._threads = [threading.Thread(target=self._write, args=(owner,)) for owner in owners]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _write(self, owner: Owner) -> None:
        with self._keyserver.channel() as channel:
            stub = Stub(channel)
            try:
                version = self._next_version(stub, owner)
                while not self._stopped.is_set():
                    proof = stub.update(owner.update(version), timeout=10)
                    self._keyserver.verified(proof, owner.user_id)
                    self.acknowledged[owner.user_id] = version
                    version += 1
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:  # which is what a killed server looks like
                    self.wrong.append(f"{owner.user_id}: {error.code()} {error.details()}")

    def _next_version(self, stub: Stub, owner: Owner) -> int:
        entry = self._keyserver.verified(stub.lookup(owner.question()), owner.user_id).entry
        # One more, since an update that was not acknowledged may be in the tree of the next epoch.
        return 0 if entry is None else entry.version + 2


class KillTests(TestCase):
    timeout = 900

    def setUp(self) -> None:
        self.keyserver = KeyserverProcess(Path(self.enterContext(tempfile.TemporaryDirectory())))
        self.addCleanup(self.keyserver.clean_up)

    def test_thirty_kills_lose_nothing_that_was_acknowledged(self) -> None:
        seed = int(os.environ.get("CONAME_SEED", "0")) or random.randrange(2**32)
        print(f"CONAME_SEED={seed}")
        moments = random.Random(seed)
        self.keyserver.configure_intervals(minimum=0.05)
        acknowledged: dict[str, int] = {}
        for round_ in range(KILLS):
            self.keyserver.start()
            self.check(acknowledged)
            owners = [self.keyserver.owner(f"user{round_}-{number}@example.com") for number in range(WRITERS)]
            before = len(acknowledged)
            load = Load(self.keyserver, owners, acknowledged)
            wait_for(lambda: len(acknowledged) > before, "an update is acknowledged")  # noqa: B023
            time.sleep(moments.uniform(0, 0.5))
            self.keyserver.kill()
            load.stop()
            self.assertEqual(load.wrong, [])
        self.keyserver.start()
        self.check(acknowledged)
        self.assertGreaterEqual(len(acknowledged), KILLS)
        self.keyserver.stop()
        self.check_chain()

    def check(self, acknowledged: dict[str, int]) -> None:
        with self.keyserver.channel() as channel:
            stub = Stub(channel)
            for user_id, version in acknowledged.items():
                request = self.keyserver.owner(user_id).question()
                entry = self.keyserver.verified(stub.lookup(request), user_id).entry
                self.assertIsNotNone(entry, f"{user_id} was acknowledged, and is gone")
                assert entry is not None
                self.assertGreaterEqual(entry.version, version, f"{user_id} went back")

    def check_chain(self) -> None:
        store = open_store(self.keyserver.settings)
        self.addCleanup(store.close)
        state = tables.read_state(store)
        self.assertGreater(state.ratified_epoch, KILLS)
        previous = None
        for epoch in range(1, state.closed_epoch + 1):
            record = tables.read_epoch(store, Epoch(epoch))
            head = heads.parse(record.timestamped_head)
            self.assertEqual(head.previous_summary_hash, summary_hash(previous) if previous else b"")
            previous = record.head


class ClockReactor(Clock):
    """As much of a reactor as `make_parts` asks for."""

    def getThreadPool(self) -> None:
        """Threads are patched away."""


class BetweenDelimiterAndSignatureTests(TestCase):
    """A folder whose process died after an epoch's delimiter and before its signature, made to order."""

    timeout = 120

    def test_a_started_process_signs_the_epoch_and_goes_on(self) -> None:
        keyserver = KeyserverProcess(Path(self.enterContext(tempfile.TemporaryDirectory())))
        self.addCleanup(keyserver.clean_up)

        store = open_store(keyserver.settings)
        tracing = TracingStore(store, [])
        self.patch(assembly, "deferToThreadPool", lambda reactor, pool, function, *args: at_once(function, *args))
        clock = ClockReactor()
        parts = make_parts(keyserver.settings, tracing, clock)
        # first the delimiter's log entry, then its state; the signature's log entry is lost with the process
        tracing.fail_at(3, Fault.FAIL, crash=True)
        replica = Replica(parts)
        Deferred.fromCoroutine(replica.start())
        for _ in range(100):
            clock.advance(0)
        store.close()
        self.flushLoggedErrors()

        store = open_store(keyserver.settings)
        state = tables.read_state(store)
        store.close()
        self.assertEqual((state.closed_epoch, state.ratified_epoch), (1, 0))
        keyserver.start()
        with keyserver.channel() as channel:
            proof = Stub(channel).update(keyserver.owner("alice@example.com").update(0))
        self.assertGreaterEqual(keyserver.verified(proof, "alice@example.com").epoch, 2)
