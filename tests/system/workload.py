"""Clients that write and look up while something goes wrong, and what they saw.

- Each writer has an address of its own, and updates it again and again, at one replica; when that fails, it takes a new
  address to the next replica, since nobody knows what became of the update.
- The prober registers somebody every tenth of a second, at each replica in turn, and does not wait: so that there is
  an update that was begun just after whatever happens.
- Each reader looks up at one replica without pause. Every answer's proof is verified, and every signed head is kept:
  two of one epoch that differ are a fork.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import grpc

from coname.core import heads
from coname.core.lookup import Verified, verify_lookup
from coname.errors import ConameError
from coname.messages.client_pb2 import LookupProof, LookupRequest
from coname.messages.config_pb2 import RealmConfig
from tests.system.cluster import ReplicaProcess
from tests.system.processes import Owner, Stub

_WRITE_SECONDS = 6.0
_PROBE_PAUSE = 0.1
_LOOKUP_SECONDS = 2.0
_LOOKUP_PAUSE = 0.04
"""Of each reader: they and the replicas share two processors."""


@dataclass
class Seen:
    """What all clients of a cluster saw, for as long as it lives.

    :ivar heads: of each epoch, who answered from which heads: one, if nothing has forked.
    :ivar acknowledged: of each address, the newest version that was acknowledged.
    :ivar wrong: what no client may ever see.
    """

    realm: RealmConfig
    heads: dict[int, dict[bytes, set[str]]] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def verified(self, user_id: str, proof: LookupProof, replica: ReplicaProcess) -> Verified:
        """Verify an answer of `replica`, and keep its head."""
        verified = verify_lookup(self.realm, user_id, proof, time.time())
        with self.lock:
            for ratification in proof.ratifications:
                head = heads.parse(ratification.head)
                saying = self.heads.setdefault(head.epoch, {}).setdefault(head.epoch_head, set())
                saying.add(replica.folder.name)
        return verified

    def forks(self) -> dict[int, dict[bytes, set[str]]]:
        """The epochs of which there are several heads."""
        return {epoch: found for epoch, found in self.heads.items() if len(found) > 1}

    def lost(self, replica: ReplicaProcess) -> list[str]:
        """What was acknowledged, and `replica` does not have."""
        found = []
        with replica.channel() as channel:
            stub = Stub(channel)
            for user_id, version in self.acknowledged.items():
                entry = self.verified(user_id, stub.lookup(LookupRequest(user_id=user_id)), replica).entry
                if entry is None or entry.version < version:
                    found.append(f"{user_id}: version {version} was acknowledged, and this is there: {entry}")
        return found


class Workload:
    """Clients at work, from entering this context to leaving it.

    :ivar writes: of each update that was acknowledged, when it was begun, and acknowledged, by the monotonic clock.
    :ivar answers: of each replica, when a lookup was answered. :ivar failures: of each, what failed lookups said.
    """

    def __init__(self, seen: Seen, replicas: Sequence[ReplicaProcess], writers: int = 1) -> None:
        self.writes: list[tuple[float, float]] = []
        self.answers: dict[int, list[float]] = {replica.number: [] for replica in replicas}
        self.failures: dict[int, list[tuple[float, str]]] = {replica.number: [] for replica in replicas}
        self._seen = seen
        self._over = threading.Event()
        self._threads = [self._thread(self._look_up, replica) for replica in replicas]
        for place in range(len(replicas)):
            order = [*replicas[place:], *replicas[:place]]
            self._threads += [self._thread(self._write, order) for _ in range(writers)]
        self._threads.append(self._thread(self._probe, replicas))

    def __enter__(self) -> Workload:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def resumed_after(self, moment: float) -> float | None:
        """Seconds from `moment` until the first acknowledgement of an update that was begun after it."""
        return min((ended - moment for begun, ended in self.writes if begun > moment), default=None)

    def longest_gap(self, replica: ReplicaProcess, since: float, until: float) -> float:
        """The longest time between two answers of `replica` to lookups, from `since` to `until`."""
        times = [moment for moment in self.answers[replica.number] if since < moment < until]
        return max(later - earlier for earlier, later in itertools.pairwise([since, *times, until]))

    def failed(self, replica: ReplicaProcess, since: float, until: float) -> list[str]:
        """What lookups that failed at `replica` said, from `since` to `until`."""
        return [words for moment, words in self.failures[replica.number] if since < moment < until]

    def _thread(self, work: Callable[..., None], *arguments: object) -> threading.Thread:
        def guarded() -> None:
            try:
                work(*arguments)
            except Exception as error:  # a thread's exception would be lost
                self._seen.wrong.append(f"{type(error).__name__}: {error}")

        return threading.Thread(target=guarded)

    def _write(self, replicas: Sequence[ReplicaProcess]) -> None:
        for replica in itertools.cycle(replicas):
            if self._over.is_set():
                return
            owner = self._owner(replica)
            try:
                with replica.channel() as channel:
                    self._update(replica, Stub(channel), owner)
            except grpc.RpcError:
                self._over.wait(0.1)

    def _update(self, replica: ReplicaProcess, stub: Stub, owner: Owner) -> None:
        for version in itertools.count():
            if self._over.is_set():
                return
            begun = time.monotonic()
            proof = stub.update(owner.update(version), _WRITE_SECONDS)
            self._acknowledged(replica, owner, version, begun, proof)

    def _acknowledged(
        self, replica: ReplicaProcess, owner: Owner, version: int, begun: float, proof: LookupProof
    ) -> None:
        ended = time.monotonic()
        entry = self._seen.verified(owner.user_id, proof, replica).entry
        if entry is None or entry.version != version:
            self._seen.wrong.append(f"{owner.user_id}: version {version} was acknowledged with {entry}")
        self._seen.acknowledged[owner.user_id] = version
        self.writes.append((begun, ended))

    def _probe(self, replicas: Sequence[ReplicaProcess]) -> None:
        with ExitStack() as stack:
            stubs = [(replica, Stub(stack.enter_context(replica.channel()))) for replica in replicas]
            waiting: deque[tuple[grpc.Future, Callable[[LookupProof], None]]] = deque()
            for replica, stub in itertools.cycle(stubs):
                if self._over.wait(_PROBE_PAUSE):
                    break
                owner = self._owner(replica)
                future = stub.begin_update(owner.update(0), _WRITE_SECONDS)
                waiting.append((future, partial(self._acknowledged, replica, owner, 0, time.monotonic())))
                for _ in range(len(waiting)):
                    self._settle(waiting, *waiting.popleft())
            for future, _ in waiting:
                future.cancel()

    def _settle(
        self,
        waiting: deque[tuple[grpc.Future, Callable[[LookupProof], None]]],
        future: grpc.Future,
        acknowledged: Callable[[LookupProof], None],
    ) -> None:
        if not future.done():
            waiting.append((future, acknowledged))
        elif future.exception() is None:
            acknowledged(future.result())

    def _owner(self, replica: ReplicaProcess) -> Owner:
        return Owner(f"user{next(self._seen.numbers)}@example.com", replica.settings, self._seen.realm)

    def _look_up(self, replica: ReplicaProcess) -> None:
        with replica.channel() as channel:
            stub = Stub(channel)
            while not self._over.is_set():
                user_id = next(reversed(self._seen.acknowledged), "nobody@example.com")
                try:
                    proof = stub.lookup(LookupRequest(user_id=user_id), _LOOKUP_SECONDS)
                except grpc.RpcError as error:
                    self.failures[replica.number].append((time.monotonic(), f"{error.code()}: {error.details()}"))
                else:
                    self.answers[replica.number].append(time.monotonic())
                    self._check(user_id, proof, replica)
                self._over.wait(_LOOKUP_PAUSE)

    def _check(self, user_id: str, proof: LookupProof, replica: ReplicaProcess) -> None:
        try:
            self._seen.verified(user_id, proof, replica)
        except ConameError as error:
            self._seen.wrong.append(f"{replica.folder.name} answers for {user_id}: {error}")
