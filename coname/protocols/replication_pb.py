"""The network between the replicas of one realm: messages and blobs over Perspective Broker and mutual TLS.

Promises to the engine:

- who sent a message is what its sender's certificate says: an engine whose messages name their sender too must compare;
- the messages to one peer arrive in order, each once or never; after a connection was lost, some may be missing;
- a large transfer does not hold up messages;
- nothing that a peer or a stranger sends stops the replica, or takes more memory than the bounds in
  `coname.protocols.replication_wire` and its siblings;
- nothing here blocks, and no trouble of the network is raised: it is counted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, fail, maybeDeferred
from twisted.logger import Logger

from coname.configuration.listen import Address, parse
from coname.errors import ConameError, Misconfigured, Unavailable
from coname.interfaces import Refusal
from coname.messages import config_pb2 as config
from coname.messages.cluster_pb2 import ClusterAnswer, ClusterError
from coname.protocols.replication_counters import PeerCounters
from coname.protocols.replication_incoming import ListenerSession, ListeningFactory
from coname.protocols.replication_outgoing import Outgoing
from coname.protocols.replication_rate import Rate
from coname.protocols.replication_receiving import ReceivingTransfers
from coname.protocols.replication_refusals import Reason, Refusals
from coname.protocols.replication_session import Surroundings

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort, IReactorTime
    from twisted.python.failure import Failure

    from coname.configuration.tls import TlsIdentity
    from coname.interfaces import AnswerRequest, ITransferReader, ITransferReceiver

HEARTBEAT_SECONDS = 0.2
"""From beat to beat: a dead peer is noticed within three of them."""

QUEUE_BYTES = 16 << 20
"""Messages that may wait for one peer: two of the largest."""

TRANSFER_RATE = float(64 << 20)
"""Bytes a second of all transfers together, which take a third of a core at either end."""


MOST_ASKING = 8
"""Operators' connections at a time. Beyond that the oldest goes on which nothing is asked: they lock nobody out."""

NOBODY = Address("192.0.2.1", 9)
"""In place of an address that is none: RFC 5737 gives it to nobody."""


class _Peer:
    """What is known of one peer, in both directions."""

    def __init__(self, address: Address, outgoing: Outgoing, counters: PeerCounters) -> None:
        self.address = address
        self.outgoing = outgoing
        self.counters = counters
        self.incoming: ListenerSession | None = None


class ReplicaNetwork(Service):
    """One replica's place in the network.

    :ivar port: the port it listens on, once started; 0 before.
    :ivar refusals: whom it refused, strangers included.
    """

    log = Logger()

    def __init__(
        self,
        own: int,
        address: Address,
        peers: Mapping[int, Address],
        tls: TlsIdentity,
        reactor: Any,
        received: Callable[[int, bytes], None],
        transfers: ITransferReceiver,
        *,
        heartbeat: float = HEARTBEAT_SECONDS,
        queue_bytes: int = QUEUE_BYTES,
        transfer_rate: float = TRANSFER_RATE,
        clock: IReactorTime | None = None,
        random: Callable[[], float] = random.random,
    ) -> None:
        """
        :param own: this replica's id. :param address: where to listen.
        :param peers: see `set_peers`.
        :param tls: this replica's certificate, and the authorities of its peers' in `root_cas` and `client_cas`.
        :param received: called in the reactor with the sender and each message of a peer.
        :param transfers: takes the blobs that peers offer.
        :param heartbeat: seconds. :param transfer_rate: bytes a second; 0: no bound.
        :param clock: for all that takes time; the reactor if None.
        :raises Misconfigured: `tls` would let strangers in.
        """
        self.setName("replication")
        _check(tls)
        self.port = 0
        clock = clock or reactor
        self.refusals = Refusals(clock)
        self._address = address
        self._tls = replace(tls, client_auth=config.REQUIRE_AND_VERIFY_CLIENT_CERT)
        self._reactor = reactor
        self._received = received
        self._transfers = transfers
        self._queue_bytes = queue_bytes
        self._random = random
        self._rate = Rate(clock, transfer_rate)
        self._around = Surroundings(
            own, clock, lambda call: reactor.callLater(0, call), heartbeat, self.refusals, self.counters
        )
        self._peers: dict[int, _Peer] = {}
        self._receiving: dict[int, ReceivingTransfers] = {}
        self._listeners: list[Callable[[int, bool], None]] = []
        self._open: tuple[ListeningFactory, IListeningPort] | None = None
        self._leaving: set[Deferred[None]] = set()
        self._answer: AnswerRequest = lambda request: fail(Unavailable("this replica is starting"))
        self.set_peers(peers)

    # For the engine

    def send(self, peer: int, message: bytes) -> bool:
        """Send `message` to `peer`, after those before it.

        :returns: False if it was dropped: no connection, no room, no such peer, or over `MAX_MESSAGE_BYTES`. True
            promises nothing, either.
        """
        known = self._peers.get(peer)
        return known is not None and known.outgoing.send(message)

    def offer(self, peer: int, transfer: int, reader: ITransferReader) -> Deferred[None]:
        """Send a blob to `peer`, over as many connections as it takes.

        :param transfer: a number of the caller's, below 2^64, that means this blob alone, also after a restart.
        :returns: fires when the peer has it whole, and its sink has finished. Fails with `Refused` (not wanted),
            `Corrupt` (another hash at the receiver than announced, or a short read), `Unavailable` (the receiver could
            not store it, is busy, or is no longer a peer; or this network stops), or what `reader` failed with.
            Cancel it to give the transfer up on both sides.
        :raises ValueError: that transfer is under way already, or its metadata are too large.
        """
        known = self._peers.get(peer)
        if known is None:
            return fail(Unavailable(f"replica {peer:x} is no peer"))
        return known.outgoing.transfers.offer(transfer, reader)

    def connected(self, peer: int) -> bool:
        """Whether messages to `peer` would be sent now."""
        known = self._peers.get(peer)
        return known is not None and known.outgoing.connected

    def heard_by(self, peer: int) -> bool:
        """Whether `peer` has a connection to this replica."""
        known = self._peers.get(peer)
        return known is not None and known.incoming is not None

    def onConnectionChange(self, listener: Callable[[int, bool], None]) -> None:
        """Call `listener` in the reactor with a peer, and whether it is connected, whenever that changes."""
        self._listeners.append(listener)

    def counters(self, peer: int) -> PeerCounters | None:
        """What was counted of `peer`, kept up to date; None if it is none."""
        known = self._peers.get(peer)
        return None if known is None else known.counters

    def refusal(self, peer: int) -> Refusal | None:
        """Why `peer` turned this replica away the last time; None if it did not, or has welcomed it since."""
        known = self._peers.get(peer)
        code = None if known is None else known.outgoing.refusal
        if code is None or code == Reason.STOPPING:
            return None
        return Refusal(code in (Reason.UNKNOWN_REPLICA, Reason.REMOVED), Reason.named(code))

    def set_answerer(self, answer: AnswerRequest) -> None:
        """Who answers what operators ask."""
        self._answer = answer

    @property
    def peers(self) -> Mapping[int, Address]:
        """As `set_peers` was told last."""
        return {peer: known.address for peer, known in self._peers.items()}

    def places(self) -> Collection[int]:
        """Who the peers are."""
        return self._peers.keys()

    def set_places(self, places: Mapping[int, str], keep: Collection[int]) -> None:
        """As `set_peers`, with addresses as configurations have them. One that is none is that of nobody.

        :param keep: who stays where it is, besides.
        """
        peers = {peer: address for peer, address in self.peers.items() if peer in keep}
        for peer, text in places.items():
            try:
                peers[peer] = parse(text)
            except ValueError as error:
                self.log.error("The address of replica {peer:x}: {error}", peer=peer, error=error)
                peers[peer] = NOBODY
        self.set_peers(peers)

    def set_peers(self, peers: Mapping[int, Address]) -> None:
        """From now on these are the peers, and this is where they listen. This replica's own id is left out.

        Connections and transfers of those that are no longer among them end.
        """
        for peer in [one for one in self._peers if one not in peers]:
            self._remove(peer)
        for peer, address in peers.items():
            if peer != self._around.own:
                self._set(peer, address)

    # Life

    def startService(self) -> None:
        """Listen, and dial all peers.

        :raises twisted.internet.error.CannotListenError: the port cannot be had.
        """
        factory = ListeningFactory(lambda: ListenerSession(self._around, self, self._received))
        host, port = self._address
        listening = self._reactor.listenSSL(port, factory, self._tls.server_options(), interface=host)
        super().startService()
        self._open = factory, listening
        self.port = listening.getHost().port
        self.log.info("Replicas on port {port}", port=self.port)
        for known in self._peers.values():
            self._dial(known)

    def stopService(self) -> Deferred[None]:
        """Fires when the port and all connections are closed. Transfers under way fail; their sinks are interrupted."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        waiting: list[Any] = [known.outgoing.stop(Reason.STOPPING) for known in self._peers.values()]
        opened, self._open = self._open, None
        if opened is not None:
            factory, listening = opened
            waiting.append(maybeDeferred(listening.stopListening))
            for session in list(factory.sessions):
                waiting.append(session.gone)
                session.part(Reason.STOPPING)
        await DeferredList([*waiting, *self._leaving])
        self.port = 0

    # What sessions call

    def admit(self, session: ListenerSession, replica: int) -> Reason | None:
        """See `Members`."""
        known = self._peers.get(replica)
        if known is None or not self.running:
            return Reason.UNKNOWN_REPLICA if self.running else Reason.STOPPING
        if known.incoming is not None:
            return Reason.SECOND_CONNECTION
        known.incoming = session
        return None

    def leave(self, session: ListenerSession) -> None:
        """See `Members`."""
        known = None if session.peer is None else self._peers.get(session.peer)
        if known is not None and known.incoming is session:
            known.incoming = None

    def receiving(self, replica: int) -> ReceivingTransfers:
        """See `Members`."""
        if replica not in self._receiving:
            self._receiving[replica] = ReceivingTransfers(replica, self._transfers)
        return self._receiving[replica]

    def may_ask(self, replica: int | None) -> Reason | None:
        """See `Members`. One that was removed has nothing to say any more, nor has one that is still to come."""
        if not self.running:
            return Reason.STOPPING
        if replica is not None and replica != self._around.own and replica not in self._peers:
            return Reason.UNKNOWN_REPLICA
        return None if self._make_room() else Reason.TOO_MANY

    def _make_room(self) -> bool:
        """Whether one more operator may ask: if need be, in place of the oldest who asks nothing now."""
        asking = self._asking()
        if len(asking) < MOST_ASKING:
            return True
        idle = next((session for session in asking if not session.answering), None)
        if idle is not None:
            idle.refuse(Reason.IDLE, f"one of {MOST_ASKING} operators")
        return idle is not None

    def _asking(self) -> list[ListenerSession]:
        """The operators' connections, the oldest first; not those that are being ended."""
        return [] if self._open is None else [session for session in self._open[0].sessions if session.asking]

    def answer(self, request: bytes) -> Deferred[bytes]:
        """See `Members`."""
        return maybeDeferred(self._answer, request).addErrback(self._not_answered)

    def _not_answered(self, failure: Failure) -> bytes:
        error = failure.value
        if not isinstance(error, ConameError):
            self.log.failure("An operator's question was not answered", failure=failure)
            error = Unavailable("this replica could not answer; its log says why")
        return ClusterAnswer(error=ClusterError(code=error.code, message=str(error))).SerializeToString()

    def _changed(self, peer: int, connected: bool) -> None:
        for listener in self._listeners:
            try:
                listener(peer, connected)
            except Exception:  # a listener's own mistake shall be seen, and keep no connection from being made again
                self.log.failure("A listener for connections, on replica {peer:x}", peer=peer)

    def _set(self, peer: int, address: Address) -> None:
        known = self._peers.get(peer)
        if known is None:
            counters = PeerCounters()
            outgoing = Outgoing(self._around, peer, counters, self._changed, self._queue_bytes, self._rate)
            known = self._peers[peer] = _Peer(address, outgoing, counters)
        elif known.address == address:
            return
        known.address = address
        if self.running:
            self._dial(known)

    def _remove(self, peer: int) -> None:
        known = self._peers.pop(peer)
        gone = known.outgoing.stop(Reason.REMOVED)
        self._leaving.add(gone)
        gone.addCallback(lambda _: self._leaving.discard(gone))
        receiving = self._receiving.pop(peer, None)
        if receiving is not None:
            receiving.stop(Reason.REMOVED.sentence)
        if known.incoming is not None:
            known.incoming.part(Reason.REMOVED)
        for session in self._asking():
            if session.peer == peer:
                session.part(Reason.REMOVED)
        self.refusals.forget(peer)

    def _dial(self, known: _Peer) -> None:
        known.outgoing.dial(self._reactor, known.address, self._tls.peer_options(), self._random)


def _check(tls: TlsIdentity) -> None:
    """Refuse what would let in anybody: without authorities of its own, TLS would ask those of the system."""
    if not tls.credentials or not tls.root_cas or not tls.client_cas:
        raise Misconfigured(["raft_tls: a certificate, root_cas and client_cas are needed, all of the realm's own"])
