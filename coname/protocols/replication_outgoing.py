"""One peer, as the one that this replica sends to: a connection of its own, a queue of messages, and transfers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from coname.protocols.replication_dialling import Dialler
from coname.protocols.replication_queue import MessageQueue
from coname.protocols.replication_refusals import Reason
from coname.protocols.replication_sending import SendingTransfers
from coname.protocols.replication_session import Session, Surroundings
from coname.protocols.replication_wire import PROTOCOL, TO_DIALLER

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

    from coname.configuration.listen import Address
    from coname.protocols.replication_counters import PeerCounters
    from coname.protocols.replication_rate import Rate


class Outgoing:
    """
    :param changed: called with the peer and whether it is connected, whenever that changes.
    :param queue_bytes: of messages that may wait.
    :param rate: of transfers, shared by all peers.
    :ivar refusal: why the peer ended a connection the last time, a `Reason`'s number; None once it has welcomed one.
    """

    log = Logger()

    def __init__(
        self,
        surroundings: Surroundings,
        peer: int,
        counters: PeerCounters,
        changed: Callable[[int, bool], None],
        queue_bytes: int,
        rate: Rate,
    ) -> None:
        self.peer = peer
        self._around = surroundings
        self._counters = counters
        self._changed = changed
        self._queue = MessageQueue(queue_bytes)
        self._dialler: Dialler | None = None
        self._sessions: set[DiallerSession] = set()
        self._session: DiallerSession | None = None  # the one that was welcomed
        self.refusal: int | None = None  # the Reason of the last goodbye, until the next welcome
        self._pumping = False
        self.transfers = SendingTransfers(surroundings, peer, counters, rate, self.has_room)

    @property
    def connected(self) -> bool:
        """Whether the peer has welcomed this replica, and the connection has not ended since."""
        return self._session is not None

    def dial(
        self, reactor: Any, address: Address, tls: IOpenSSLClientConnectionCreator, random: Callable[[], float]
    ) -> None:
        """Connect to `address` from now on; connections to an earlier one are ended, and nothing that waits for them
        goes to whoever is at this one."""
        self._hang_up(Reason.STOPPING)
        self._lose()
        clock = self._around.clock
        self._dialler = Dialler(reactor, clock, address, tls, self._new_session, self._failed, random)
        self._dialler.start()

    def stop(self, reason: Reason) -> Deferred[None]:
        """Dial no more; fires when all connections have ended. Transfers fail."""
        gone = [session.gone for session in self._sessions]
        self._hang_up(reason)
        self.transfers.stop(reason.sentence)
        return DeferredList(gone).addCallback(lambda _: None)

    def send(self, message: bytes) -> bool:
        """Whether `message` will be sent, unless the connection breaks before."""
        if self._session is None or not self._queue.put(message):
            self._counters.dropped += 1
            return False
        if not self._pumping:
            self._pumping = True
            self._around.soon(self.pump)
        return True

    def has_room(self) -> bool:
        """Whether a chunk of a transfer would hold up no message."""
        return self._session is not None and not self._session.full and not self._queue

    def pump(self) -> None:
        """Write what waits, as far as the connection takes it; transfers have what the messages leave."""
        self._pumping = False
        session = self._session
        if session is None:
            return
        while not session.full and (call := self._queue.take()):
            self._counters.sent += call.messages
            self._counters.bytes_sent += call.size
            session.say(call.method, *call.arguments)
        self.transfers.wake()

    # What sessions call

    def up(self, session: DiallerSession) -> None:
        """The peer has welcomed this replica."""
        self._session = session
        self.refusal = None
        self._counters.connections += 1
        self.log.info("Connected to replica {peer:x}", peer=self.peer)
        self.transfers.connected(session.say)
        self._changed(self.peer, True)

    def down(self, session: DiallerSession) -> None:
        """A connection has ended."""
        self._sessions.discard(session)
        if session is self._session:
            self._lose()

    def _lose(self) -> None:
        """There is no connection any more, as far as anybody else is concerned."""
        if self._session is None:
            return
        self._session = None
        self._counters.dropped += self._queue.clear()
        self.log.info("Lost the connection to replica {peer:x}", peer=self.peer)
        self.transfers.disconnected()
        self._changed(self.peer, False)

    def turned_away(self, code: int) -> None:
        """The peer ends the connection, and says why."""
        self.refusal = code
        name = Reason(code).name if code in list(Reason) else "OTHER"
        self._counters.turned_away[name] += 1
        if self._counters.turned_away[name] == 1 and code != Reason.STOPPING:
            self.log.warn("Replica {peer:x} refuses us: {why}", peer=self.peer, why=Reason.named(code))

    def _new_session(self) -> DiallerSession:
        session = DiallerSession(self._around, self)
        self._sessions.add(session)
        session.gone.addCallback(lambda _: self.down(session))
        return session

    def _failed(self) -> None:
        self._counters.failed_dials += 1

    def _hang_up(self, reason: Reason) -> None:
        dialler, self._dialler = self._dialler, None
        if dialler is not None:
            dialler.stop()
        for session in list(self._sessions):
            session.part(reason)


class DiallerSession(Session):
    """The end that dialled."""

    methods = TO_DIALLER

    def __init__(self, surroundings: Surroundings, outgoing: Outgoing) -> None:
        super().__init__(surroundings)
        self._outgoing = outgoing

    def expected(self) -> int:
        """See `Session`."""
        return self._outgoing.peer

    def opened(self) -> None:
        """Say hello, to whom it was meant for."""
        super().opened()
        if self.peer != self._outgoing.peer:
            self.refuse(Reason.OTHER_ADDRESSEE, f"replica {self._outgoing.peer:x} was expected there")
            return
        self.say("hello", PROTOCOL, self._around.own, self._outgoing.peer)

    def remote_welcome(self, protocol: int) -> None:
        """The peer takes what this end says."""
        if self.greeted:
            self.refuse(Reason.OUT_OF_TURN, "a second welcome")
        elif protocol != PROTOCOL:
            self.refuse(Reason.OTHER_PROTOCOL, f"it speaks version {protocol}, this replica {PROTOCOL}")
        else:
            self.greet()
            self._outgoing.up(self)

    def remote_goodbye(self, code: int) -> None:
        """The peer says why it ends the connection."""
        self._outgoing.turned_away(code)
        self.part(Reason.STOPPING)

    def remote_resume(self, transfer: int, offset: int) -> None:
        """See `SendingTransfers.resume`."""
        self._judge(self.greeted and self._outgoing.transfers.resume(transfer, offset))

    def remote_ack(self, transfer: int, offset: int) -> None:
        """See `SendingTransfers.ack`."""
        self._judge(self.greeted and self._outgoing.transfers.ack(transfer, offset))

    def remote_finished(self, transfer: int) -> None:
        """See `SendingTransfers.finished`."""
        self._judge(self.greeted and self._outgoing.transfers.finished(transfer))

    def remote_failed(self, transfer: int, failure: int) -> None:
        """See `SendingTransfers.failed`."""
        self._judge(self.greeted and self._outgoing.transfers.failed(transfer, failure))

    def resumed(self) -> None:
        """The connection takes more."""
        self._outgoing.pump()

    def _judge(self, in_turn: bool) -> None:
        if not in_turn:
            self.refuse(Reason.OUT_OF_TURN, "about a transfer")
