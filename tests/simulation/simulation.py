"""Whole replicas from one seed: the same seed gives the same run, to the last byte.

What is real: everything from a replica's edge to its disk (admission, proposals, state machine, epochs, lookups, the
Raft engine with its driver and core, the rules of sending and installing copies). What is simulated: the network below
`ReplicaNetwork`, `IKeyValueStore` (in memory, losing in a crash what was not synced), threads, clocks, the fronts, and
the system's randomness.

After each thing that happens to a replica, `ReplicaInvariants` are checked; in the end, everything heals, and within
`HEALED_SECONDS` every user can be updated, every replica has it, and the clients' `History` must be that of one
directory.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import patch

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from coname.messages.client_pb2 import LookupProof, LookupRequest
from coname.replication import raft_log
from coname.replication.raft import Core, IRaftStorage, Ready, Settings
from tests.replication.raft.invariants import Violation
from tests.simulation.clients import Client, content_of
from tests.simulation.clocks import WorldClock
from tests.simulation.faults import Faults
from tests.simulation.fixed import fixed
from tests.simulation.history import History, Read, Write
from tests.simulation.host import Host
from tests.simulation.invariants import ReplicaInvariants, same_everywhere
from tests.simulation.network import Network
from tests.simulation.operator import Operator
from tests.simulation.realm import owner, realm, verifier_key
from tests.simulation.restoring import Restoring
from tests.simulation.story import Story
from tests.simulation.verifiers import SimulatedVerifier

STORY_SECONDS = 8.0
"""Simulated, with faults."""

HEALED_SECONDS = 30.0
"""Without faults, until everything must work: some ten elections, and the longest that a client waits."""

LOOK_SECONDS = 0.02
"""Between two looks whether what is waited for has come."""

MODULE = "tests.simulation"


class Simulation:
    """One run.

    :param core: the class of the cores, and :param host: of the machines; others for mistakes that are planted.
    :param tell: called with a line for each thing that happens; None: nobody listens.
    :ivar chance: all that is random comes from here.
    :ivar healed: whether the faults are over.
    :ivar happened: how often what happened, so that a test can tell that it does.
    """

    def __init__(
        self,
        seed: int,
        seconds: float = STORY_SECONDS,
        core: type[Core] = Core,
        host: type[Host] = Host,
        tell: Callable[[str], object] | None = None,
    ) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.story = Story.drawn(self.chance, seconds)
        self.realm = realm(self.story.replicas)
        self.clock = WorldClock()
        self.history = History()
        self.happened: Counter[str] = Counter()
        self.healed = False
        self.slowness: dict[int, float] = {}
        self.hosts: dict[int, Host] = {}
        self.invariants = ReplicaInvariants(range(1, self.story.replicas + 1), self.realm.policy)
        self.network = Network(self, self.clock, self.story.weather)
        self._failure: BaseException | None = None
        self._observer = cast(ILogObserver, self._hear)
        self._core = core
        self._tell = tell
        self._digest = hashlib.sha256()
        self._host = host
        first = tuple(range(1, self.story.replicas + 1))
        self.hosts.update({id: host(self, id, first) for id in first})
        self.invariants.watch(self.hosts)

    # what others use

    def say(self, what: str, more: Callable[[], str] | None = None) -> None:
        """Something happens. :param more: what people want to know of it."""
        line = f"{self.clock.rightNow:.6f} {what}"
        self._digest.update(line.encode() + b"\n")
        if self._tell is not None:
            self._tell(f"{line} {more()}" if more else line)

    def fail(self, error: BaseException | None) -> None:
        """Something has gone wrong where nobody would hear of it."""
        self._failure = self._failure or error

    def note(self, kind: str, what: str) -> None:
        """Something happens of which there are kinds."""
        self.happened[kind] += 1
        self.say(what)

    def disk_time(self, id: int, quick: bool = False) -> float:
        """How long half a job of a replica's disk takes. :param quick: for a write that nobody waits to be synced."""
        if quick:
            return self.chance.random() * 0.001
        return self.chance.random() * max(self.story.slowest_disk / 2, self.slowness.get(id, 0.0))

    @property
    def running(self) -> list[Host]:
        """The machines that have a process which has begun to take part."""
        return [host for host in self.hosts.values() if host.running and host.ready and hasattr(host, "core")]

    def new_host(self) -> Host:
        """One more machine, switched off, that may join."""
        id = max(self.hosts) + 1
        host = self.hosts[id] = self._host(self, id, ())
        host.retired = True
        self.invariants.watch(self.hosts)
        return host

    def explained(self, error: BaseException | None) -> bool:
        """Whether some machine had to fail with that."""
        return any(host.explains(error) for host in self.hosts.values())

    @property
    def trace_hash(self) -> str:
        """Of everything that happened."""
        return self._digest.hexdigest()

    # the run

    def run(self) -> None:
        """All of it.

        :raises Violation: something that must hold does not; the seed is in it.
        """
        watched = patch.object(raft_log, "Core", self._watched_core)
        try:
            with fixed(self.chance, self.story.checkpoint_bytes), watched:
                globalLogPublisher.addObserver(self._observer)
                self._run()
        except Exception as error:
            command = f"python -m {MODULE} {self.seed} --trace"
            raise Violation(f"seed {self.seed}: {type(error).__name__}: {error}; again by: {command}") from error
        finally:
            globalLogPublisher.removeObserver(self._observer)

    def _hear(self, event: LogEvent) -> None:
        """What is logged with a traceback, nobody has expected; but for what is found when a dead life is swept up."""
        if "log_failure" in event and event["log_namespace"] != "twisted.internet.defer":
            error = event["log_failure"].value
            if not self.explained(error):
                self.fail(error)

    def _run(self) -> None:
        self.say(str(self.story))
        for host in self.hosts.values():
            host.start()
        self.faults = Faults(self)
        self.operator = Operator(self)
        self.restoring = Restoring(self)
        self.verifiers = [SimulatedVerifier(self, verifier_key(one + 1)) for one in range(self.story.verifiers)]
        self.clients = [Client(self, number) for number in range(self.story.clients)]
        self._run_until(self.story.seconds)
        self.say("all heals")
        self.healed = True
        self.faults.heal()
        self._settle()
        same_everywhere(self.hosts)
        self.history.check()

    def _run_until(self, end: float, done: Callable[[], bool] = lambda: False) -> bool:
        look_at = self.clock.rightNow
        while self.clock.step(end):
            if self._failure is not None:
                raise self._failure
            if self.clock.rightNow >= look_at:
                if done():
                    return True
                look_at = self.clock.rightNow + LOOK_SECONDS
        return False

    def _settle(self) -> None:
        """Each user is updated, by somebody who may have to look first; then every replica must know."""
        end = self.clock.seconds() + HEALED_SECONDS
        self._wait(end, "a client waits for ever", lambda: not any(client.busy for client in self.clients))
        self._wait(end, "the operator waits for ever", lambda: not self.operator.busy)
        self._wait(end, "the log's members are not the replicas", self.operator.agree)
        last = [self._write_last(user, end) for user in range(self.story.users)]
        epoch = max(write.epoch for write in last)
        self._wait(end, f"not everybody has epoch {epoch}", lambda: self._all_have(epoch))
        self._wait(end, "a verifier stays behind", lambda: all(one.verified >= epoch for one in self.verifiers))
        for user in range(self.story.users):
            self._look_up_everywhere(owner(user).user_id, epoch)

    @property
    def _members(self) -> list[Host]:
        """Who must know everything in the end."""
        return [host for host in map(self.hosts.__getitem__, self.operator.roles()) if not host.restored]

    def _all_have(self, epoch: int) -> bool:
        members = self._members
        return bool(members) and all(self._has(host, epoch) for host in members)

    def _write_last(self, user: int, end: float) -> Write:
        client = self.clients[0]
        while True:
            write = client.write(user)
            self._wait(end, f"user {user} cannot be updated", lambda: not client.busy)
            if write.epoch:
                return write

    def _wait(self, end: float, otherwise: str, done: Callable[[], bool]) -> None:
        if not done() and not self._run_until(end, done):
            raise Violation(f"no progress {HEALED_SECONDS:g} seconds after all healed: {otherwise}")

    def _has(self, host: Host, epoch: int) -> bool:
        return host.running and host.ready and host.replica.state.ratified_epoch >= epoch

    def _look_up_everywhere(self, user_id: str, epoch: int) -> None:
        """Every replica, learner or not, proves the same of an epoch."""
        proofs: list[LookupProof] = []
        for host in self._members:
            answer = host.lookup(LookupRequest(user_id=user_id, epoch=epoch))
            now, client = self.clock.seconds(), self.clients[0]
            self.history.reads.append(Read(-1, host.id, user_id, answer.epoch, content_of(answer.entry), now, now))
            client.follow(host.policy_changes(client.lineage.newest))
            proof = LookupProof.FromString(answer.protobuf())
            client.verify(user_id, proof)
            proof.ClearField("ratifications")
            proofs.append(proof)
            if proof != proofs[0]:
                raise Violation(f"replica {host.id} proves something else of {user_id} in epoch {epoch} than others")

    def _watched_core(self, settings: Settings, storage: IRaftStorage, applied: int, chance: random.Random) -> Core:
        """A core that shows what it asks for."""
        simulation, host = self, self.hosts[settings.id]
        kind: Any = self._core

        class Watched(kind):  # type: ignore[misc]
            def ready(self, deliver: bool = True) -> Ready:
                ready: Ready = super().ready(deliver)
                simulation.invariants.ready(host, self, ready)
                return ready

        host.core = Watched(settings, storage, applied, chance)
        return host.core
