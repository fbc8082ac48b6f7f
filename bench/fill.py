"""The bulk load: registrations through the log and the state machine, as a replica would apply them, without waiting.

Rules of this file:

- every registration has a real index, proof and signature, and passes `StateMachine.apply`, which verifies it;
- the log is the single-machine engine, on the same database and with synced writes, so that what it leaves behind is
  on the disk too;
- an epoch is closed and signed after each `epoch_size` registrations.

The registrations are prepared by two processes, since proofs and signatures take most of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import cast

from twisted.internet.defer import Deferred, fail, succeed

from bench.people import registration_step
from coname.config import ReplicaSettings
from coname.core.signatures import verify
from coname.core.times import NANOSECONDS, timestamp
from coname.core.types import Epoch
from coname.core.wire import length_delimited
from coname.interfaces import CommittedEntry
from coname.keyserver import tables
from coname.keyserver.effects import Effect, UpdateApplied
from coname.keyserver.machine import Applied, StateMachine
from coname.keyserver.proposals import MAX_ENTRY_BYTES
from coname.keyserver.replica import CHECKPOINT_BYTES
from coname.keyserver.verifiers import Verifiers
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.replication_pb2 import EpochDelimiter, KeyserverStep
from coname.replication.single import SingleLog
from coname.service import open_store
from coname.storage.tree import MerkleTree

EPOCH_SIZE = 5000
PROCESSES = 2
_CHUNK = 250  # registrations that one process prepares at a time


def registrations(vrf_secret: bytes, numbers: range) -> Iterator[bytes]:
    """The registrations of these people, in order, prepared by other processes."""
    prepare = partial(registration_step, vrf_secret)
    if len(numbers) <= _CHUNK:
        yield from map(prepare, numbers)
        return
    with get_context("spawn").Pool(PROCESSES) as pool:
        yield from pool.imap(prepare, numbers, _CHUNK)


def fill(
    settings: ReplicaSettings, numbers: range, epoch_size: int = EPOCH_SIZE, told: Callable[[int], None] | None = None
) -> None:
    """Register the people with these numbers in the database that `settings` name; it is made if need be.

    :param told: is called with how many are registered, from time to time.
    """
    loader = Loader(settings)
    try:
        steps = registrations(settings.vrf_secret, numbers)
        done = 0
        while batch := list(islice(steps, epoch_size)):
            loader.register(batch)
            loader.close_epoch()
            done += len(batch)
            if told is not None:
                told(done)
    finally:
        loader.close()


class Loader:
    """A lone replica without a reactor: what it proposes is committed, applied and written before the call returns."""

    def __init__(self, settings: ReplicaSettings) -> None:
        self._settings = settings
        self._store = open_store(settings)
        self._tree = MerkleTree(self._store, settings.tree_nonce, settings.limits.cache_bytes // 2)
        replicas = settings.message.keyserver_config.initial_replicas
        verifiers = Verifiers({}, settings.replica_policy.public_keys, settings.verification_policy, verify)
        self._machine = StateMachine(self._store, settings.realm, self._tree, replicas, verifiers, verify)
        self._state = self._machine.resumed().state
        self._log = SingleLog(self._store, _at_once)
        self._log.start(self._state.applied_index)
        self._unsynced = 0

    def register(self, steps: Iterable[bytes]) -> None:
        """Propose admitted registrations, as many in a log entry as the keyserver would put there."""
        entry: list[bytes] = []
        size = 0
        for step in steps:
            if entry and size + len(step) > MAX_ENTRY_BYTES:
                self._register(entry)
                entry, size = [], 0
            entry.append(step)
            size += len(step)
        self._register(entry)

    def close_epoch(self) -> None:
        """Close an epoch and sign it."""
        delimiter = EpochDelimiter(
            epoch_number=self._state.closed_epoch + 1, timestamp=timestamp(divmod(time.time_ns(), NANOSECONDS))
        )
        self._commit([KeyserverStep(UID=1, epoch_delimiter=delimiter).SerializeToString()])
        head = tables.read_epoch(self._store, Epoch(self._state.closed_epoch)).timestamped_head
        key = self._settings.signing_key
        signed = SignedEpochHead(head=head, signatures={key.key_id: key.sign(head)})
        self._commit([KeyserverStep(UID=2, replica_signed=signed).SerializeToString()])
        if self._state.ratified_epoch != self._state.closed_epoch:
            raise RuntimeError(f"epoch {self._state.closed_epoch} was not ratified")

    def close(self) -> None:
        """Sync the database, let the log forget what was applied, and release both."""
        self._store.write([], True)
        self._log.applied(self._state.applied_index)
        self._commit([])  # removals go along with the next entry
        self._store.write([], True)
        self._store.close()

    def _register(self, steps: list[bytes]) -> None:
        for effect in self._commit(steps):
            if not isinstance(effect, UpdateApplied):
                raise RuntimeError(f"the state machine refused a registration: {effect}")

    def _commit(self, steps: list[bytes]) -> list[Effect]:
        self._log.propose(b"".join(length_delimited(b"\x0a", step) for step in steps))
        committed = cast("Sequence[CommittedEntry]", self._log.waitCommitted().result)
        return [effect for entry in committed for effect in self._apply(entry)]

    def _apply(self, entry: CommittedEntry) -> list[Effect]:
        applied = _finish(self._machine.apply(entry))
        self._unsynced += len(entry.data)
        checkpoint = self._unsynced >= CHECKPOINT_BYTES
        self._store.write(applied.writes, checkpoint)
        if checkpoint:
            self._unsynced = 0
            self._log.applied(applied.index)
        for updated in applied.trees:
            self._tree.remember(updated)
        self._state = applied.state
        return applied.effects


def _finish(work: Generator[None, None, Applied]) -> Applied:
    try:
        while True:
            next(work)
    except StopIteration as stop:
        return cast("Applied", stop.value)


def _at_once(function: Callable[..., None], *arguments: object) -> Deferred[None]:
    try:
        return succeed(function(*arguments))
    except BaseException:
        return fail()
