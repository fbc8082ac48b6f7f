"""Verifiers that replay what any replica shows them, and sign it: the real replay, on a database that can crash.

They are there in every kind of story: where replicas come and go, they follow the policies, and where one is put back
to a backup, they may have seen more than it has.

Whatever a verifier would publish evidence of is a violation here, and so is an epoch that it verifies and that is not
the one that the replicas have.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from twisted.internet.defer import maybeDeferred
from twisted.python.failure import Failure

from coname.core import heads
from coname.core.signatures import SigningKey
from coname.errors import Corrupt, HeadDiffers, InvalidRequest
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.evidence_pb2 import EvidenceBundle
from coname.storage.memory import MemoryStore
from coname.verifier.replay import Replay, Taken
from coname.verifier.settings import ReplaySettings
from tests.keyserver.harness import REALM, START
from tests.replication.raft.invariants import Violation
from tests.simulation.host import Host

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

READ_EVERY = 0.4
"""Seconds, on average."""

AT_ONCE = 1 << 16
"""Bytes that are read at once."""

HOUR_NS = 3600 * 10**9
"""How wrong a clock may be: the replicas' jump by a quarter of that."""


class SimulatedVerifier:
    """One of them."""

    def __init__(self, simulation: Simulation, key: SigningKey) -> None:
        self._simulation = simulation
        # not the simulation's: whoever only looks on changes nothing about what else is drawn
        self._chance = random.Random(f"verifier {key.key_id} of seed {simulation.seed}")
        self._key = key
        self._settings = ReplaySettings(
            key.key_id,
            REALM,
            simulation.realm.policy,
            require_transcripts=True,
            clock_tolerance_ns=HOUR_NS,
            cache_bytes=1 << 18,
        )
        self._store = MemoryStore()
        self._host: Host | None = None
        self._open()
        self._later()

    @property
    def verified(self) -> int:
        """The newest epoch that it has verified."""
        return self._replay.verified

    def _open(self) -> None:
        self._replay = Replay(self._store, self._settings, self._key, self._found)

    def _found(self, bundle: EvidenceBundle) -> None:
        raise Violation(f"a verifier has evidence of {bundle.rule}: {bundle.account}")

    def _later(self) -> None:
        self._simulation.clock.callLater(2 * READ_EVERY * self._chance.random(), self._next)

    def _next(self) -> None:
        self._later()
        if self._chance.random() < 0.05 and not self._simulation.healed:
            self._crash()
        if self._host is None or not self._host.ready or self._chance.random() < 0.1:
            self._host = self._chance.choice(self._simulation.running or [None])
            self._replay.begin()
        if self._host is not None:
            self._read(self._host)

    def _crash(self) -> None:
        self._store = self._store.crash(self._chance.randint(0, self._store.unsynced))
        self._host = None
        self._open()

    def _read(self, host: Host) -> None:
        start = self._replay.steps
        steps = host.replica.verification.read(start, AT_ONCE)
        taken = self._replay.take_many(steps, self._now_ns())
        if self._replay.restart_wanted:
            raise Violation(f"a verifier does not find its history at replica {host.id} any more, from step {start} on")
        for one in taken:
            self._took(host, one)

    def _now_ns(self) -> int:
        return int((START + self._simulation.clock.seconds()) * 1e9)

    def _took(self, host: Host, taken: Taken) -> None:
        self._simulation.say(f"a verifier has epoch {taken.epoch} from {host.id}")
        self._simulation.happened["verified"] += 1
        if self._simulation.invariants.policy(taken.epoch) != self._simulation.realm.policy:
            self._simulation.happened["verified under another policy"] += 1
        if taken.signed is None:
            return
        ours = heads.parse(taken.signed.head).epoch_head
        if ours != heads.parse(self._simulation.invariants.heads[taken.epoch]).epoch_head:
            raise Violation(f"a verifier signs another epoch {taken.epoch}")
        host.clock.happen(self._push, (host, taken.signed))

    def _push(self, host: Host, signed: SignedEpochHead) -> None:
        pushed = maybeDeferred(host.replica.verification.pushRatification, self._key.key_id, signed)
        pushed.addErrback(self._not_pushed, host)

    def _not_pushed(self, failure: Failure, host: Host) -> None:
        """It would push it again: that is not what is looked at here."""
        if failure.check(Corrupt, InvalidRequest, HeadDiffers):
            self._simulation.fail(Violation(f"replica {host.id} does not take a signature: {failure.value!r}"))
