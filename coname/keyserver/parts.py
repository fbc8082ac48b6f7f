"""What a replica is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from coname.core.signatures import SigningKey
from coname.interfaces import IKeyValueStore, ILogReplicator
from coname.keyserver.admission import Admission
from coname.keyserver.epochs import EpochIntervals
from coname.keyserver.lookups import Lookups
from coname.keyserver.machine import StateMachine
from coname.keyserver.verifiers import Verifiers
from coname.storage.tree import MerkleTree

Blocking = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Timing:
    """A replica's clocks and intervals.

    :ivar clock: monotonic, for intervals and time limits.
    :ivar wall: nanoseconds since 1970, for the times that epochs bear.
    :ivar client_timeout: seconds that an update may wait for its signatures; 0: for ever.
    """

    clock: IReactorTime
    wall: Callable[[], int]
    intervals: EpochIntervals
    client_timeout: float


@dataclass(frozen=True, slots=True)
class Parts:
    """What a replica is made of; `coname.service` puts them together.

    :ivar replica: its id. :ivar shared: whether others append to the log too, so that this replica may be behind.
    """

    realm: str
    store: IKeyValueStore
    log: ILogReplicator
    tree: MerkleTree
    machine: StateMachine
    lookups: Lookups
    admission: Admission
    verifiers: Verifiers
    signing_key: SigningKey
    timing: Timing
    run_in_thread: Blocking
    most_pending: int
    replica: int = 0
    shared: bool = False
