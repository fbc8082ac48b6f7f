"""The end that listens: who may speak, and what becomes of what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.protocol import Factory
from twisted.logger import Logger

from coname.protocols.replication_broker import ReplicaBroker
from coname.protocols.replication_identity import operator_of
from coname.protocols.replication_receiving import Announced, ReceivingTransfers
from coname.protocols.replication_refusals import Reason
from coname.protocols.replication_session import Session, Surroundings
from coname.protocols.replication_wire import MAX_MESSAGE_BYTES, PROTOCOL, TO_LISTENER

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

UNGREETED = 64
"""Connections at a time that have not said who they are. Beyond that the oldest goes: a replica's handshake takes
milliseconds, so whoever keeps connections open for nothing keeps no replica out."""


class Members(Protocol):
    """Who may speak, and for what."""

    def admit(self, session: ListenerSession, replica: int) -> Reason | None:
        """Whether `replica` may speak on this connection from now on; else why not."""

    def leave(self, session: ListenerSession) -> None:
        """The connection is gone."""

    def receiving(self, replica: int) -> ReceivingTransfers:
        """The transfers of a replica that was admitted."""

    def may_ask(self, replica: int | None) -> Reason | None:
        """Whether somebody with the certificate of that replica, or of an operator (None), may ask from now on; else
        why not. Somebody else who asks nothing may have to go for that."""

    def answer(self, request: bytes) -> Deferred[bytes]:
        """The answer to what an operator asks. Never fails."""


class ListenerSession(Session):
    """The end that listened.

    :param received: is given each message, with the replica that sent it.
    """

    log = Logger()
    methods = TO_LISTENER

    def __init__(self, surroundings: Surroundings, members: Members, received: Callable[[int, bytes], None]) -> None:
        super().__init__(surroundings)
        self._members = members
        self._received = received
        self._parts = bytearray()
        self._missing = 0  # bytes of a message in parts
        self._transfers: ReceivingTransfers | None = None
        self._operator = ""  # the name, if it is no replica's connection
        self._asking = False
        self._answering = False

    @property
    def asking(self) -> bool:
        """Whether this is an operator's connection, and not being ended."""
        return self._asking and not self._ending

    @property
    def answering(self) -> bool:
        """Whether an operator's question is being answered."""
        return self._answering

    def identify(self, certificate: x509.Certificate | None) -> bool:
        """See `Owner`."""
        self._operator = "" if certificate is None else operator_of(certificate)
        return bool(self._operator) or super().identify(certificate)

    def remote_operate(self, protocol: int) -> None:
        """Somebody wants to ask, and nothing else."""
        if self.greeted:
            self.refuse(Reason.OUT_OF_TURN, "a second greeting")
        elif protocol != PROTOCOL:
            self.refuse(Reason.OTHER_PROTOCOL, f"it speaks version {protocol}, this replica {PROTOCOL}")
        elif (refusal := self._members.may_ask(self.peer)) is not None:
            self.refuse(refusal, "to ask")
        else:
            self._asking = True
            self.greet()
            self.say("welcome", PROTOCOL)

    def remote_ask(self, request: bytes) -> None:
        """A question; the next one only when this is answered."""
        if not self._asking or self._answering:
            self.refuse(Reason.OUT_OF_TURN, "a question")
            return
        self._answering = True
        who = f"operator {self._operator}" if self._operator else f"the operator of replica {self.peer or 0:x}"
        self.log.debug("{who} asks", who=who)
        self._members.answer(request).addCallback(self._answered)

    def _answered(self, answer: bytes) -> None:
        self._answering = False
        self.say("answer", answer)

    def remote_hello(self, protocol: int, speaker: int, addressee: int) -> None:
        """The peer says who it is, and whom it means."""
        if self.peer is None or self.greeted:
            self.refuse(Reason.OUT_OF_TURN, "a second hello")
        elif protocol != PROTOCOL:
            self.refuse(Reason.OTHER_PROTOCOL, f"it speaks version {protocol}, this replica {PROTOCOL}")
        elif speaker != self.peer:
            self.refuse(Reason.OTHER_NAME, f"it says it is replica {speaker:x}")
        elif addressee != self._around.own:
            self.refuse(Reason.OTHER_ADDRESSEE, f"for replica {addressee:x}")
        elif (refusal := self._members.admit(self, self.peer)) is not None:
            self.refuse(refusal)
        else:
            self._transfers = self._members.receiving(self.peer)
            self.greet()
            self.say("welcome", PROTOCOL)

    def remote_receive(self, *messages: bytes) -> None:
        """Messages, each whole."""
        if self._missing:
            self.refuse(Reason.OUT_OF_TURN, "a message within another")
        elif self._in_turn():
            for message in messages:
                self._deliver(message)

    def remote_part(self, missing: int, data: bytes) -> None:
        """The next bytes of a message; `missing` are still to come."""
        if not self._in_turn():
            return
        if self._missing and self._missing != missing + len(data):
            self.refuse(Reason.OUT_OF_TURN, "a part of another message")
        elif missing + len(data) + len(self._parts) > MAX_MESSAGE_BYTES or not data:
            self.refuse(Reason.TOO_LARGE, "a message")
        else:
            self._missing = missing
            self._parts += data
            if not missing:
                message, self._parts = bytes(self._parts), bytearray()
                self._deliver(message)

    def remote_begin(self, transfer: int, size: int, sha256: bytes, metadata: bytes) -> None:
        """A blob is announced."""
        if len(sha256) != 32:
            self.refuse(Reason.NOT_IN_PROTOCOL, "a hash")
        elif self._in_turn() and self._transfers is not None:
            blob = Announced(transfer, size, sha256, metadata)
            self._judge(self._transfers.begin(blob, self.say))

    def remote_chunk(self, transfer: int, offset: int, data: bytes) -> None:
        """The bytes of a blob from `offset` on."""
        if self._in_turn() and self._transfers is not None:
            self._judge(self._transfers.chunk(transfer, offset, data))
            self._count(len(data), 0)

    def remote_cancel(self, transfer: int) -> None:
        """The sender gives a blob up."""
        if self._in_turn() and self._transfers is not None:
            self._transfers.cancel(transfer)

    def paused(self) -> None:
        """Who does not read what it is answered, is not read."""
        if self._broker is not None:
            self._broker.read(False)

    def resumed(self) -> None:
        """It has read."""
        if self._broker is not None:
            self._broker.read(True)

    def last_words(self, reason: Reason) -> None:
        """See `Session`."""
        self.say("goodbye", int(reason))

    def closed(self, reason: Failure) -> None:
        """See `Session`."""
        super().closed(reason)
        self._parts.clear()
        if self._transfers is not None:
            self._transfers.stop("")
        self._members.leave(self)

    def _deliver(self, message: bytes) -> None:
        self._count(len(message), 1)
        if self.peer is None or self._ending:
            return
        try:
            self._received(self.peer, message)
        except Exception:  # the engine's own mistake: it shall be seen, and not be taken for the peer's
            self.log.failure("A message of replica {peer:x}", peer=self.peer)

    def _count(self, size: int, messages: int) -> None:
        counters = None if self.peer is None else self._around.counters(self.peer)
        if counters is not None:
            counters.received += messages
            counters.bytes_received += size

    def _in_turn(self) -> bool:
        if self._transfers is None:
            self.refuse(Reason.OUT_OF_TURN, "before hello")
        return self._transfers is not None and not self._ending

    def _judge(self, in_turn: bool) -> None:
        if not in_turn:
            self.refuse(Reason.OUT_OF_TURN, "of a transfer")


class ListeningFactory(Factory):
    """Makes a session for each connection, within `UNGREETED`.

    :ivar sessions: of all connections there are.
    """

    noisy = False

    def __init__(self, session: Callable[[], ListenerSession]) -> None:
        self.sessions: dict[ListenerSession, None] = {}  # the oldest first
        self._session = session

    def buildProtocol(self, addr: object) -> Any:
        """A `ReplicaBroker`."""
        opening = [session for session in self.sessions if session.opening]
        if len(opening) >= UNGREETED:
            opening[0].refuse(Reason.TOO_MANY, f"{UNGREETED} of them")
            opening[0].cut()
        session = self._session()
        self.sessions[session] = None
        session.gone.addCallback(lambda _: self.sessions.pop(session))
        return ReplicaBroker(session, False)
