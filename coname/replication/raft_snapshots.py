"""Copies of the state's database for replicas that are too far behind, or new: who sends, who receives, who installs.

The leader makes a copy, sends it by the network's transfers, and then the core's message; it keeps the log from the
copy's index on for as long as that takes, and then from where the receiver is until it has caught up. The receiver
makes a database of it beside its own, and, when its core says so, asks its owner to begin anew with that one
(`coname.replication.raft_folders`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from zope.interface import implementer

from coname.backoff import Backoff
from coname.errors import ConameError
from coname.interfaces import ITransferReceiver, ITransferSink
from coname.messages.raft_pb2 import RaftSnapshot
from coname.replication.raft_arrivals import Arrivals
from coname.replication.raft_copies import Copies, Copy, CopyReader, StateCopies
from coname.replication.raft_driver import Blocking, Driver
from coname.replication.raft_folders import Folders
from coname.replication.raft_network import ReplicaNetwork

RETRY_SECONDS, MOST_RETRY_SECONDS = 1.0, 300.0
"""After a copy was not delivered: each one reads the whole database, and a peer without room for it refuses it for as
long as that lasts."""

STALLED_SECONDS = 60.0
"""Without a connection, or anything being read, a transfer is given up, so that the log need not be kept for it."""

CATCH_UP_SECONDS = 60.0
"""For so long the log is kept for who has a copy: it begins anew with that, and then takes what came meanwhile."""

LEADER_SECONDS = 3.0
LEADER_LOOKS = 15
"""For how long, and how often, a copy that is offered waits until it is known who leads."""


@implementer(ITransferReceiver)
class NoSnapshots:
    """For a state that cannot be copied: who is too far behind stays there."""

    _log = Logger()

    def start(self, driver: Driver, network: ReplicaNetwork) -> None:
        """The engine runs."""
        self._driver = driver

    def stop(self) -> None:
        """The engine stops."""

    def leading(self, leading: bool) -> None:
        """Whether this replica leads."""

    def needed_from(self, applied: int) -> int:
        """The log's entries after this one must stay."""
        return applied

    def take_too_long(self) -> None:
        """The log cannot be kept any longer for what is being sent."""

    def send(self, peer: int) -> None:
        """`peer` needs a copy."""
        self._log.error("Replica {peer:x} lacks what the log no longer has, and gets no copy", peer=peer)
        self._driver.core.snapshot_sent(peer, 0)

    def has(self, index: int) -> bool:
        """Whether a database as of that entry lies ready to be installed."""
        return False

    def install(self, snapshot: RaftSnapshot) -> None:
        """Make it the database."""

    def begin(
        self, peer: int, transfer: int, size: int, sha256: bytes, metadata: bytes
    ) -> ITransferSink | Deferred[ITransferSink | None] | None:
        """See `ITransferReceiver`."""
        return None


@implementer(ITransferReceiver)
class DatabaseSnapshots(NoSnapshots):
    """See the module.

    :param begin_anew: called when the next start will find another database; whoever owns the engine stops it, closes
        the database, and starts both again.
    :param retry_seconds: until the second attempt to deliver a copy; longer each time.
    """

    _log = Logger()

    def __init__(
        self,
        folders: Folders,
        state: StateCopies,
        clock: IReactorTime,
        run_in_thread: Blocking,
        begin_anew: Callable[[], None],
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._folders = folders
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._begin_anew = begin_anew
        self._copies = Copies(folders, state, run_in_thread)
        self._arrivals = Arrivals(folders, state, run_in_thread, self._is_wanted)
        self._sending: dict[int, Deferred[None]] = {}
        self._retry_seconds = retry_seconds
        self._retries: dict[int, Backoff] = {}
        self._catching_up: dict[int, tuple[int, float]] = {}  # peer: its copy's index, and until when it has time
        self._installing = False
        self._forgetting: IDelayedCall | None = None

    def start(self, driver: Driver, network: ReplicaNetwork) -> None:
        """The engine runs."""
        self._driver = driver
        self._network = network
        self._forgetting = self._clock.callLater(2 * STALLED_SECONDS, self._arrivals.forget_left)

    def stop(self) -> None:
        """The engine stops."""
        if self._forgetting is not None and self._forgetting.active():
            self._forgetting.cancel()
        self._stop_sending()

    def _stop_sending(self) -> None:
        for sending in list(self._sending.values()):
            sending.cancel()

    # sending

    def leading(self, leading: bool) -> None:
        """Whether this replica leads; if not, its copies are of no use to anybody."""
        if not leading:
            self._catching_up.clear()
            self._stop_sending()

    def needed_from(self, applied: int) -> int:
        """See `NoSnapshots`: what follows a copy must be there when it has arrived."""
        sending = self._copies.index
        needed = [applied if sending is None else sending, *map(self._needed_by, list(self._catching_up))]
        return min(applied, *needed)

    def _needed_by(self, peer: int) -> int:
        """The entries after this one are needed by a peer that has got a copy."""
        index, until = self._catching_up[peer]
        progress = self._driver.core.peers.get(peer)
        log = self._driver.core.log
        if progress is None or self._clock.seconds() > until or progress.match >= log.committed:
            del self._catching_up[peer]
            return log.last_index
        return max(index, progress.match)

    def take_too_long(self) -> None:
        """See `NoSnapshots`. A copy that is still being made costs nobody anything by itself."""
        self._catching_up.clear()
        if self._copies.index:
            self._log.warn("A copy of the database takes too long to send: the log would outgrow its bound")
            self._stop_sending()

    def send(self, peer: int) -> None:
        """See `NoSnapshots`."""
        if peer in self._sending:
            return
        sending = Deferred.fromCoroutine(self._send(peer))
        if not sending.called:
            self._sending[peer] = sending
        sending.addErrback(lambda failure: self._log.failure("A copy was not sent", failure=failure))

    async def _send(self, peer: int) -> None:
        index = 0
        try:
            index = await self._try_to_send(peer)
            if not index:
                await deferLater(self._clock, self._retry(peer).next())
        except CancelledError:
            self._log.info("The copy of the database for replica {peer:x} was given up", peer=peer)
        finally:
            self._sending.pop(peer, None)
            self._driver.core.snapshot_sent(peer, index)
            self._driver.soon()

    def _retry(self, peer: int) -> Backoff:
        return self._retries.setdefault(peer, Backoff(self._retry_seconds, MOST_RETRY_SECONDS, lambda: 1.0))

    async def _try_to_send(self, peer: int) -> int:
        """The copy's index; 0 if it did not get there."""
        try:
            index = await self._send_copy(peer)
            self._catching_up[peer] = index, self._clock.seconds() + CATCH_UP_SECONDS
        except (ConameError, OSError) as error:
            self._log.warn("Replica {peer:x} did not get a copy of the database: {error}", peer=peer, error=error)
            return 0
        finally:
            self._copies.release()
        self._retry(peer).reset()
        return index

    async def _send_copy(self, peer: int) -> int:
        began = self._clock.seconds()
        copy = await self._copies.obtain()
        core = self._driver.core
        core.snapshot_message(peer, copy.index)  # raises now, rather than after hours, if that cannot be described
        await self._offer(peer, copy, core.describe(copy.index))
        self._network.send(peer, core.snapshot_message(peer, copy.index).SerializeToString())
        self._log.info(
            "Replica {peer:x} has a copy of the database as of entry {index}: {size} bytes in {seconds:.1f} seconds",
            peer=peer,
            index=copy.index,
            size=copy.size,
            seconds=self._clock.seconds() - began,
        )
        return copy.index

    async def _offer(self, peer: int, copy: Copy, start: RaftSnapshot) -> None:
        reader = CopyReader(copy, start.SerializeToString(), self._clock, self._run_in_thread)
        offered = self._network.offer(peer, secrets.randbits(63), reader)
        watch = LoopingCall(self._watch, peer, reader, offered)
        watch.clock = self._clock
        watch.start(STALLED_SECONDS / 4, now=False)
        try:
            await offered
        finally:
            watch.stop()

    def _watch(self, peer: int, reader: CopyReader, offered: Deferred[None]) -> None:
        if self._network.connected(peer) and reader.whole:
            return  # it makes a database of it, which may take longer
        if self._clock.seconds() - reader.read_at > STALLED_SECONDS:
            offered.cancel()

    # receiving

    def begin(
        self, peer: int, transfer: int, size: int, sha256: bytes, metadata: bytes
    ) -> ITransferSink | Deferred[ITransferSink | None] | None:
        """See `ITransferReceiver`. After a start, a copy may be offered before it is known who leads."""
        if self._driver.core.leader:
            return self._arrivals.begin(peer, transfer, size, sha256, metadata)
        return Deferred.fromCoroutine(self._begin(peer, transfer, size, sha256, metadata))

    async def _begin(self, peer: int, transfer: int, size: int, sha256: bytes, metadata: bytes) -> ITransferSink | None:
        for _ in range(LEADER_LOOKS):
            await deferLater(self._clock, LEADER_SECONDS / LEADER_LOOKS)
            if self._driver.core.leader:
                break
        begun = self._arrivals.begin(peer, transfer, size, sha256, metadata)
        return await begun if isinstance(begun, Deferred) else begun

    def _is_wanted(self, peer: int, index: int) -> bool:
        core = self._driver.core
        return not self._installing and core.leader == peer and index > core.log.committed

    def has(self, index: int) -> bool:
        """See `NoSnapshots`."""
        return self._arrivals.built == index

    def install(self, snapshot: RaftSnapshot) -> None:
        """See `NoSnapshots`. The core takes nothing more, so the owner begins anew in any case: with this database, or,
        if that could not be put in place, with what is there."""
        if not self._installing:
            self._installing = True
            installing = Deferred.fromCoroutine(self._install(snapshot))
            installing.addErrback(lambda failure: self._log.failure("A database was not installed", failure=failure))

    async def _install(self, snapshot: RaftSnapshot) -> None:
        try:
            if self.has(snapshot.index):
                await self._run_in_thread(self._folders.commit, snapshot)
        finally:
            self._begin_anew()
