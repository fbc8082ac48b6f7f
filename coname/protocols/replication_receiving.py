"""The transfers that one peer sends to this replica.

Rules:

- chunks come in order, and no more of them than the window: what is not written yet is all that is in memory;
- the hash is taken of what was written here, from the first byte on: after a broken connection, or a restart, what is
  there already is read again, so a blob that is finished is the one that was announced;
- one attempt at a transfer ends, with its write under way, before the next begins;
- whatever goes wrong here (a full disk) ends that transfer, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from coname.errors import Corrupt
from coname.protocols.replication_rate import WINDOW_CHUNKS
from coname.protocols.replication_sending import ACTIVE, TransferFailure
from coname.protocols.replication_waiting import answer, happened
from coname.protocols.replication_wire import METADATA_BYTES, PIECE_BYTES

if TYPE_CHECKING:
    from coname.interfaces import ITransferReceiver, ITransferSink

Say = Callable[..., None]

ATTEMPTS = 2 * ACTIVE
"""Of one peer at a time, with those of earlier connections whose last write is still under way."""

FINISHED = 16
"""Transfers that are known to be through, in case the word of it got lost with the connection."""


class Announced:
    """What the sender says of a blob: `number`, `size`, `sha256`, `metadata`."""

    def __init__(self, number: int, size: int, sha256: bytes, metadata: bytes) -> None:
        self.number = number
        self.size = size
        self.sha256 = sha256
        self.metadata = metadata


class _Ended(Exception):
    """This attempt is over. :ivar reason: why, for the sink; empty if the connection broke."""

    def __init__(self, reason: str, failure: TransferFailure | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.failure = failure


class ReceivingTransfer:
    """One attempt at one transfer, over one connection.

    :param before: the attempt before it, if that has not ended yet.
    """

    log = Logger()

    def __init__(self, peer: int, blob: Announced, say: Say, before: ReceivingTransfer | None) -> None:
        self.blob = blob
        self.ended: Deferred[bool] = Deferred()
        self._peer = peer
        self._say = say
        self._before = before
        self._sink: Any = None
        self._hash = hashlib.sha256()
        self._chunks: deque[bytes] = deque()
        self._taken: int | None = None  # where the next chunk begins; None: none may come yet
        self._waiter: Deferred[None] | None = None
        self._over: _Ended | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or will when its write under way has."""
        return self._over is not None or self.ended.called

    def start(self, receiver: ITransferReceiver) -> None:
        """Ask `receiver` where to go on, and take chunks."""
        Deferred.fromCoroutine(self._run(receiver)).addErrback(self._bug)

    def chunk(self, offset: int, data: bytes) -> bool:
        """The next bytes. False if they are out of turn."""
        if self.is_over:
            return True  # it was sent before the sender knew
        if self._taken != offset or not data or offset + len(data) > self.blob.size:
            return False
        if len(self._chunks) >= WINDOW_CHUNKS:
            return False
        self._taken += len(data)
        self._chunks.append(data)
        self._wake()
        return True

    def stop(self, reason: str) -> None:
        """No more of it will come. :param reason: empty if the connection broke."""
        if self._over is None:
            self._over = _Ended(reason)
            self._wake()

    async def _run(self, receiver: ITransferReceiver) -> None:
        try:
            if self._before is not None:
                if not self._before.ended.called:
                    await happened(self._before.ended)
                self._before = None
            await self._receive(receiver)
            self._tell("finished")
        except _Ended as end:
            self._leave(end)
        except Exception:  # whatever the sink raises: disks fail in many ways, and all of them end this transfer only
            self.log.failure("Transfer {n} of replica {peer:x}", n=self.blob.number, peer=self._peer)
            self._leave(_Ended("it could not be stored", TransferFailure.NOT_WRITTEN))
        self._chunks.clear()
        self.ended.callback(self._over is None)

    async def _receive(self, receiver: ITransferReceiver) -> None:
        blob = self.blob
        self._check()
        sink = await answer(receiver.begin, self._peer, blob.number, blob.size, blob.sha256, blob.metadata)
        if sink is None:
            raise _Ended("", TransferFailure.NOT_WANTED)
        self._sink = sink
        written = await self._known(sink)
        self._taken = written
        self._tell("resume", written)
        while written < blob.size:
            data = await self._next()
            await answer(sink.write, written, data)
            self._hash.update(data)
            written += len(data)
            self._tell("ack", written)
        self._check()
        if self._hash.digest() != blob.sha256:
            raise _Ended("it has another hash than was announced", TransferFailure.WRONG_HASH)
        await answer(sink.finish)

    async def _known(self, sink: ITransferSink) -> int:
        """Hash what the sink holds already, and say how much that is."""
        held = sink.offset
        if not 0 <= held <= self.blob.size:
            raise Corrupt(f"{held} bytes are said to be there, of {self.blob.size}")
        for offset in range(0, held, PIECE_BYTES):
            self._check()
            size = min(PIECE_BYTES, held - offset)
            data = await answer(sink.read, offset, size)
            if len(data) != size:
                raise Corrupt(f"{len(data)} bytes at {offset}; {size} were expected")
            self._hash.update(data)
        return held

    async def _next(self) -> bytes:
        self._check()
        while not self._chunks:
            self._waiter = Deferred()
            await self._waiter
            self._check()
        return self._chunks.popleft()

    def _check(self) -> None:
        if self._over is not None:
            raise self._over

    def _leave(self, end: _Ended) -> None:
        """Tell the sender, if it is this end's doing, and the sink."""
        self._over = end
        if end.failure is not None:
            self._tell("failed", int(end.failure))
        sink, self._sink = self._sink, None
        if sink is None:
            return
        try:
            if end.reason:
                sink.abandon(end.reason)
            else:
                sink.interrupted()
        except Exception:  # see `_run`
            self.log.failure("Transfer {n} of replica {peer:x}", n=self.blob.number, peer=self._peer)

    def _tell(self, method: str, *arguments: int) -> None:
        self._say(method, self.blob.number, *arguments)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)

    def _bug(self, failure: Any) -> None:
        self.log.failure("Transfer of replica {peer:x}", failure, peer=self._peer)


class ReceivingTransfers:
    """All transfers of one peer, over all its connections."""

    def __init__(self, peer: int, receiver: ITransferReceiver) -> None:
        self._peer = peer
        self._receiver = receiver
        self._current: dict[int, ReceivingTransfer] = {}
        self._alive: set[ReceivingTransfer] = set()
        self._finished: deque[tuple[int, bytes]] = deque(maxlen=FINISHED)

    def begin(self, blob: Announced, say: Say) -> bool:
        """The peer announces a blob. False if that is out of turn.

        :param say: to the sender.
        """
        before = self._current.get(blob.number)
        if (before is not None and not before.is_over) or len(blob.metadata) > METADATA_BYTES:
            return False
        if (blob.number, blob.sha256) in self._finished:
            say("finished", blob.number)
        elif len(self._alive) >= ATTEMPTS or sum(not one.is_over for one in self._alive) >= ACTIVE:
            say("failed", blob.number, int(TransferFailure.BUSY))
        else:
            self._start(ReceivingTransfer(self._peer, blob, say, before))
        return True

    def chunk(self, number: int, offset: int, data: bytes) -> bool:
        """The next bytes of a transfer. False if they are out of turn; those of one that has ended do no harm."""
        transfer = self._current.get(number)
        return transfer is None or transfer.chunk(offset, data)

    def cancel(self, number: int) -> None:
        """The sender gives it up."""
        transfer = self._current.get(number)
        if transfer is not None:
            transfer.stop("the sender gave it up")

    def stop(self, reason: str) -> None:
        """No more of any will come. :param reason: empty if the connection broke."""
        for transfer in list(self._alive):
            transfer.stop(reason)

    def _start(self, transfer: ReceivingTransfer) -> None:
        self._current[transfer.blob.number] = transfer
        self._alive.add(transfer)

        def ended(whole: bool) -> None:
            self._alive.discard(transfer)
            if whole:
                self._finished.append((transfer.blob.number, transfer.blob.sha256))
            if self._current.get(transfer.blob.number) is transfer:
                del self._current[transfer.blob.number]

        transfer.ended.addCallback(ended)
        transfer.start(self._receiver)
