"""One simulated machine with a replica on it: the real one, from the edge to the disk."""

from __future__ import annotations

import random
from collections.abc import Callable
from errno import ENOSPC
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from coname.core.signatures import SigningKey
from coname.core.types import Epoch
from coname.errors import Unavailable
from coname.keyserver.admission import Admission
from coname.keyserver.answers import Answer
from coname.keyserver.indices import Indices
from coname.keyserver.lookups import Lookups
from coname.keyserver.machine import StateMachine
from coname.keyserver.replica import Parts, Replica, Timing
from coname.keyserver.verifiers import KnownSigners
from coname.messages.client_pb2 import LookupRequest, PolicyChanges, PolicyChangesRequest, RatifiedHead, UpdateRequest
from coname.registration.registrar import open_to_all
from coname.replication.raft import Core
from coname.replication.raft_log import RaftLog, RaftLogSettings
from coname.storage.tree import MerkleTree
from tests.keyserver.harness import LIMITS, REALM, START
from tests.replication.raft.invariants import Violation
from tests.simulation.clocks import LifeClock, Threads
from tests.simulation.disks import DiskFull, Disks
from tests.simulation.realm import known_signatures, replica_key
from tests.simulation.snapshots import MemoryCopies, MemorySnapshots

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

CACHE_BYTES = 1 << 18


class WatchedKey(SigningKey):
    """A replica's key, which tells what it signs."""

    __slots__ = ("host",)

    host: Host

    def sign(self, message: bytes) -> bytes:
        """See `SigningKey`."""
        self.host.simulation.invariants.signs(self.host, message)
        return super().sign(message)


class Host:
    """See the module.

    :cvar kind: of the replica; another one for a mistake that is planted.
    :ivar first: the ids of the realm's first replicas, if this is one of them; none if it joins.
    :ivar peers: the ids that its configuration names.
    :ivar disks: what survives. :ivar lost: what it had before it was put back to a backup.
    :ivar running: whether there is a process; the other attributes are those of its last life.
    :ivar core: Raft's, once it was made.
    :ivar ready: whether requests are taken. :ivar lives: how many there were.
    :ivar skew: nanoseconds that the wall clock is wrong.
    :ivar retired: whether it is switched off for good.
    """

    kind: type[Replica] = Replica
    core: Core
    replica: Replica
    log: RaftLog
    clock: LifeClock

    def __init__(self, simulation: Simulation, id: int, first: tuple[int, ...]) -> None:
        self.simulation = simulation
        self.id = id
        self.first = self.peers = first
        self.disks = Disks()
        self.lost: Disks | None = None
        self.retired = False
        self.running = False
        self.ready = False
        self.skew = 0
        self.lives = 0
        key = replica_key(id)
        self._key = WatchedKey(key.secret, key.public)
        self._key.host = self

    # life

    def start(self) -> None:
        """Begin a life."""
        simulation = self.simulation
        try:
            installed = self.disks.finish()
        except DiskFull:
            simulation.say(f"{self.id} cannot start")
            return
        self.running, self.ready = True, False
        self.lives += 1
        if installed:
            simulation.happened["install"] += 1
            simulation.say(f"{self.id} has another's database")
        self.clock = LifeClock(simulation.clock, self._look)
        self.replica = self.kind(self._parts())
        started = Deferred.fromCoroutine(self.replica.start())
        started.addCallbacks(self._started, self._not_started)

    def _started(self, _: object) -> None:
        self.ready = True

    def _not_started(self, failure: Failure) -> None:
        if not (failure.check(Unavailable) or self.explains(failure.value)):  # it was stopped while it started
            self.simulation.fail(failure.value)

    def crash(self) -> None:
        """The machine loses power."""
        self._end()
        self.disks.crash(self.simulation.chance)

    def stop(self) -> Deferred[None]:
        """The process ends in good order; fires when it has."""
        self.ready = False
        return Deferred.fromCoroutine(self.replica.stop()).addCallback(self._stopped, self.clock)

    def _stopped(self, _: object, clock: LifeClock) -> None:
        if clock.alive:
            self._end()
            self.disks.reopen()

    def _end(self) -> None:
        self.clock.alive = self.running = self.ready = False
        self.simulation.network.stopped(self.id)
        if hasattr(self, "core"):
            self.simulation.invariants.forget(self.core)

    def empty(self) -> None:
        """Its databases are removed; it can join anew."""
        self.first, self.disks, self.lost = (), Disks(), None

    def put_back(self, backup: Disks) -> None:
        """It was switched off; a backup of it takes the place of all that it has."""
        self.disks, self.lost = backup.copy(), self.disks

    def _begin_anew(self) -> None:
        """What the service does when another database lies ready."""
        self.simulation.say(f"{self.id} begins anew")
        stopped = self.stop().addCallback(lambda _: self.start() if not self.running else None)
        stopped.addErrback(lambda failure: self.simulation.fail(failure.value))

    # what it is made of

    def wall(self) -> int:
        """What its clock says, nanoseconds since 1970."""
        return int((START + self.simulation.clock.seconds()) * 1e9) + self.skew

    def _parts(self) -> Parts:
        simulation, store, realm = self.simulation, self.disks.state, self.simulation.realm
        tree = MerkleTree(store, b"", CACHE_BYTES)
        indices = Indices(store, realm.suite, realm.vrf_secret)
        verifiers = realm.verifiers(known_signatures)
        machine = StateMachine(store, REALM, tree, realm.members, verifiers, known_signatures)
        signers = KnownSigners(machine.members, realm.listed, None)
        threads = Threads(self.clock, lambda args: simulation.disk_time(self.id, quick=args[-1:] == (False,)))
        return Parts(
            realm=REALM,
            store=store,
            log=self._log(threads),
            tree=tree,
            machine=machine,
            lookups=Lookups(store, tree, indices.find, 1000, CACHE_BYTES),
            admission=Admission(store, indices, LIMITS, open_to_all(), known_signatures, signers),
            verifiers=verifiers,
            signing_key=self._key,
            timing=Timing(self.clock, self.wall, simulation.story.intervals, simulation.story.client_timeout),
            run_in_thread=self._watched(threads),
            most_pending=LIMITS.pending_updates,
            replica=self.id,
            shared=True,
        )

    def _watched(self, threads: Threads) -> Callable[..., Deferred[Any]]:
        def run(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
            if function == self.disks.state.write:
                self.simulation.invariants.writes(self, args[0])
            return threads.run(function, *args)

        return run

    def _log(self, threads: Threads) -> RaftLog:
        simulation, story, disks = self.simulation, self.simulation.story, self.disks
        copies = MemoryCopies(disks.state, REALM, simulation.realm.policy, b"", CACHE_BYTES)
        settings = RaftLogSettings(
            self.id,
            self.first,
            heartbeat=story.heartbeat,
            kept_entries=story.kept_entries,
            core=story.core,
        )
        self.log = RaftLog(
            settings,
            lambda: disks.log,
            simulation.network.place(self.id, self.peers, self.clock),
            self.clock,
            threads.run,
            random.Random(simulation.chance.getrandbits(32)),
            MemorySnapshots(disks, copies, self.clock, threads.run, self._begin_anew),
        )
        return self.log

    # what clients and checks see

    def update(self, request: UpdateRequest) -> Deferred[Answer]:
        """A request arrives."""
        return self.replica.update(request)

    def lookup(self, request: LookupRequest) -> Answer:
        """A request arrives."""
        return self.replica.lookup(request)

    def policy_changes(self, after: Epoch) -> list[RatifiedHead]:
        """The ratified heads after that epoch that announce other policies, as they are shown to clients."""
        answer = self.replica.policyChanges(PolicyChangesRequest(after=after)).protobuf()
        return list(PolicyChanges.FromString(answer).changes)

    def has_durably(self, index: int, term: int) -> bool:
        """See `Observed`. What it acknowledged before it was put back still counts: it must be recognised."""
        return any(disks.has_durably(index, term) for disks in (self.disks, self.lost) if disks is not None)

    @property
    def restored(self) -> bool:
        """Whether it has found that its databases are old copies."""
        return hasattr(self, "core") and self.core.restored is not None

    def explains(self, error: BaseException | None) -> bool:
        """Whether that error is what must come of what happened to this machine."""
        full = isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno == ENOSPC)
        put_back = self.lost is not None and self.restored
        return full or (put_back and str(error) == self.core.restored)

    def _look(self) -> None:
        if self.clock.alive:
            failure = self.replica.failure
            if failure is not None and not self.explains(failure):
                raise Violation(f"replica {self.id} stopped: {failure!r}") from failure
            self.simulation.invariants.look(self)
