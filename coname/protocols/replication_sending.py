"""The transfers that this replica sends to one peer.

A transfer outlives connections: on each new one it is announced again, and goes on from where the receiver says. Only
chunks under way are in memory. Of several, `ACTIVE` go at a time, taking turns.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from coname.errors import Corrupt, Refused, Unavailable
from coname.protocols.replication_rate import Rate, Window
from coname.protocols.replication_waiting import answer
from coname.protocols.replication_wire import METADATA_BYTES, PIECE_BYTES

if TYPE_CHECKING:
    from coname.interfaces import ITransferReader
    from coname.protocols.replication_counters import PeerCounters
    from coname.protocols.replication_session import Surroundings

Say = Callable[..., None]

ACTIVE = 4
"""Transfers to one peer at a time: a snapshot, and what may be too large for messages beside it."""


class TransferFailure(enum.IntEnum):
    """Why the receiver gave a transfer up. The numbers cross the wire."""

    NOT_WANTED = 1
    BUSY = 2
    NOT_WRITTEN = 3
    WRONG_HASH = 4
    REMOVED = 5


_ERRORS: dict[int, Callable[[str], Exception]] = {
    TransferFailure.NOT_WANTED: Refused,
    TransferFailure.WRONG_HASH: Corrupt,
}
"""What the offer fails with; `Unavailable` for all others."""


class SendingTransfer:
    """One transfer to one peer.

    :ivar done: fires when the receiver has it whole.
    """

    def __init__(self, owner: SendingTransfers, number: int, reader: ITransferReader) -> None:
        self.done: Deferred[None] = Deferred(lambda _: owner.cancelled(number))
        self._owner = owner
        self._number = number
        self._reader = reader
        self._resumed: Deferred[int] | None = None
        self._window: Window | None = None
        self._attempt: Deferred[None] | None = None

    @property
    def active(self) -> bool:
        """Whether it has been announced on the present connection."""
        return self._attempt is not None

    def begin(self) -> None:
        """Announce it, and go on as the receiver says."""
        self._resumed, self._window = Deferred(), None
        self._attempt = Deferred.fromCoroutine(self._run(self._resumed))
        self._attempt.addErrback(self._broken)

    def pause(self) -> None:
        """The connection is gone, or the transfer is."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()

    def resume(self, offset: int) -> bool:
        """The receiver has all before `offset`. False if that is out of turn."""
        resumed, self._resumed = self._resumed, None
        if resumed is None or offset > self._reader.size:
            return False
        self._window = self._owner.window(offset)
        resumed.callback(offset)
        return True

    def ack(self, offset: int) -> bool:
        """The receiver has written all before `offset`. False if that cannot be."""
        return self._window is None or self._window.acknowledge(offset)

    async def _run(self, resumed: Deferred[int]) -> None:
        reader, owner = self._reader, self._owner
        owner.say("begin", self._number, reader.size, reader.sha256, reader.metadata)
        offset = await resumed
        window = self._window
        while window is not None and offset < reader.size:
            await window.room()
            size = min(PIECE_BYTES, reader.size - offset)
            data = await answer(reader.read, offset, size)
            if len(data) != size:
                raise Corrupt(f"the blob has {len(data)} bytes at {offset}; {size} were expected")
            await owner.turn(size)
            window.send(offset + size)
            owner.say("chunk", self._number, offset, data)
            offset += size

    def _broken(self, failure: Failure) -> None:
        """A broken connection says nothing about the blob; all else is the reader's failure."""
        if not failure.check(CancelledError) or self._attempt is not None:
            self._owner.end(self._number, failure)


class SendingTransfers:
    """All transfers to one peer.

    :param has_room: whether a chunk would hold up no message.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        peer: int,
        counters: PeerCounters,
        rate: Rate,
        has_room: Callable[[], bool],
    ) -> None:
        self._around = surroundings
        self._peer = peer
        self._counters = counters
        self._rate = rate
        self._has_room = has_room
        self._say: Say | None = None
        self._transfers: dict[int, SendingTransfer] = {}
        self._waiting: deque[Deferred[None]] = deque()

    def offer(self, number: int, reader: ITransferReader) -> Deferred[None]:
        """Send the blob behind `reader`. See `ReplicaNetwork.offer`."""
        if number in self._transfers:
            raise ValueError(f"transfer {number} is under way already")
        if len(reader.metadata) > METADATA_BYTES:
            raise ValueError(f"metadata of {len(reader.metadata)} bytes; {METADATA_BYTES} are the most")
        transfer = self._transfers[number] = SendingTransfer(self, number, reader)
        self._start()
        return transfer.done

    def connected(self, say: Say) -> None:
        """There is a connection: begin, or go on."""
        self._say = say
        self._start()

    def disconnected(self) -> None:
        """It is gone: wait for the next."""
        self._say = None
        for transfer in self._transfers.values():
            transfer.pause()

    def stop(self, reason: str) -> None:
        """There will be no more connections."""
        self._say = None
        for number in list(self._transfers):
            self.end(number, Failure(Unavailable(f"the transfer to replica {self._peer:x} has ended: {reason}")))

    def wake(self) -> None:
        """Let those go on that wait for room, for as long as there is some."""
        while self._waiting and self._has_room():
            self._waiting.popleft().callback(None)

    # What the receiver says; each returns whether it is in turn.

    def resume(self, number: int, offset: int) -> bool:
        """Go on from `offset`."""
        transfer = self._transfers.get(number)
        return transfer is None or transfer.resume(offset)

    def ack(self, number: int, offset: int) -> bool:
        """All before `offset` is written."""
        transfer = self._transfers.get(number)
        return transfer is None or transfer.ack(offset)

    def finished(self, number: int) -> bool:
        """The receiver has it whole."""
        self.end(number, None)
        return True

    def failed(self, number: int, code: int) -> bool:
        """The receiver gave it up."""
        name = TransferFailure(code).name.lower().replace("_", " ") if code in list(TransferFailure) else "unknown"
        error = _ERRORS.get(code, Unavailable)(f"replica {self._peer:x} gave up transfer {number}: {name}")
        self.end(number, Failure(error))
        return True

    # What transfers call

    def say(self, method: str, *arguments: int | bytes) -> None:
        """Over the present connection, if there is one."""
        if self._say is not None:
            self._say(method, *arguments)

    def window(self, offset: int) -> Window:
        """For a transfer that goes on from `offset`."""
        return Window(self._around.clock, self._around.heartbeat / 2, offset)

    async def turn(self, size: int) -> None:
        """Wait until `size` bytes may be sent, after all messages."""
        await self._rate.take(size)
        while not self._has_room():
            waiter: Deferred[None] = Deferred(self._waiting.remove)
            self._waiting.append(waiter)
            await waiter
        self._counters.bytes_sent += size

    def cancelled(self, number: int) -> None:
        """Whoever offered it does not want it any more."""
        self.say("cancel", number)
        self._drop(number)

    def end(self, number: int, failure: Failure | None) -> None:
        """It is through, one way or the other."""
        transfer = self._drop(number)
        if transfer is None or transfer.done.called:
            return
        if failure is None:
            transfer.done.callback(None)
        else:
            self.say("cancel", number)
            transfer.done.errback(failure)

    def _drop(self, number: int) -> SendingTransfer | None:
        transfer = self._transfers.pop(number, None)
        if transfer is not None:
            transfer.pause()
            self._start()
        return transfer

    def _start(self) -> None:
        if self._say is None:
            return
        for transfer in list(self._transfers.values())[:ACTIVE]:
            if not transfer.active:
                transfer.begin()
