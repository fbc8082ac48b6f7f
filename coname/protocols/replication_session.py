"""What both ends of a connection between replicas have in common: who it is, signs of life, and the end.

A session is the object that the peer's calls reach: each ``remote_`` method of its kinds is one of the tables in
`coname.protocols.replication_wire`, whose types have been checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.spread import pb

from coname.core.text import quoted
from coname.protocols.replication_identity import replica_of
from coname.protocols.replication_pulse import Pulse
from coname.protocols.replication_refusals import Reason, Refusals
from coname.protocols.replication_wire import Methods

if TYPE_CHECKING:
    from cryptography import x509
    from twisted.internet.interfaces import IDelayedCall, IReactorTime
    from twisted.python.failure import Failure

    from coname.protocols.replication_broker import ReplicaBroker
    from coname.protocols.replication_counters import PeerCounters

OPENING_SECONDS = 10.0
"""From the connection to the greetings: a TLS handshake takes milliseconds, and a minute's silence serves nobody."""

PARTING_SECONDS = 1.0
"""How long the last words may take, before the connection is cut."""


@dataclass(frozen=True)
class Surroundings:
    """What all connections of one network share.

    :ivar own: the id of this replica.
    :ivar clock: for all that takes time. :ivar soon: calls a function in the reactor's next turn.
    :ivar heartbeat: seconds from beat to beat.
    :ivar counters: those of a replica, None for one that is no peer.
    """

    own: int
    clock: IReactorTime
    soon: Callable[[Callable[[], None]], object]
    heartbeat: float
    refusals: Refusals
    counters: Callable[[int], PeerCounters | None]


class Session(pb.Referenceable):
    """One end of one connection.

    :ivar peer: the replica that the other end's certificate names; None until it has been seen.
    :ivar greeted: whether both ends have agreed to talk.
    :ivar gone: fires when the connection is.
    """

    methods: Methods

    def __init__(self, surroundings: Surroundings) -> None:
        self.peer: int | None = None
        self.gone: Deferred[None] = Deferred()
        self.greeted = False
        self._around = surroundings
        self._broker: ReplicaBroker | None = None
        self._pulse = Pulse(surroundings.clock, surroundings.heartbeat, self._beat, self._dead)
        self._timer: IDelayedCall | None = None
        self._opened = False
        self._ending = False

    @property
    def opening(self) -> bool:
        """Whether it has still to be seen who this is."""
        return not self.greeted and not self._ending

    @property
    def full(self) -> bool:
        """Whether to write nothing now."""
        return self._broker is None or self._broker.full or self._ending

    def say(self, method: str, *arguments: int | bytes) -> None:
        """Call the other end's `method`; in vain if the connection has ended."""
        if self._broker is not None:
            self._broker.say(method, *arguments)

    def refuse(self, reason: Reason, detail: str = "") -> None:
        """Count and log why, tell the peer, and part."""
        if self._ending:
            return
        self._note(reason, self.peer, detail)
        self.part(reason)

    def part(self, reason: Reason) -> None:
        """End the connection in good order, or after `PARTING_SECONDS` in any."""
        if self._ending or self._broker is None:
            return
        self._ending = True
        self._pulse.stop()
        self._stop_timer()
        if self._opened:
            self.last_words(reason)
        self._timer = self._around.clock.callLater(PARTING_SECONDS, self._broker.cut)
        self._broker.part()

    def last_words(self, reason: Reason) -> None:
        """Tell the peer why, if this end has the words for it."""

    def cut(self) -> None:
        """End the connection at once."""
        if self._broker is not None:
            self._broker.cut()

    def greet(self) -> None:
        """Both ends know each other: from now on they beat."""
        self.greeted = True
        self._stop_timer()
        self._pulse.start()

    # What the broker calls

    def connected(self, broker: ReplicaBroker) -> None:
        """See `Owner`."""
        self._broker = broker
        self._timer = self._around.clock.callLater(OPENING_SECONDS, self._too_slow)

    def identify(self, certificate: x509.Certificate | None) -> bool:
        """See `Owner`."""
        named = None if certificate is None else replica_of(certificate)
        if named is None:
            subject = "none" if certificate is None else quoted(certificate.subject.rfc4514_string())
            self.refuse(Reason.NO_REPLICA, f"its certificate is for {subject}")
            return False
        self.peer = named
        return True

    def opened(self) -> None:
        """See `Owner`."""
        self._opened = True

    def heard(self) -> None:
        """See `Owner`."""
        self._pulse.heard()
        counters = None if self.peer is None else self._around.counters(self.peer)
        if counters is not None:
            counters.last_heard = self._around.clock.seconds()

    def paused(self) -> None:
        """See `Owner`."""

    def resumed(self) -> None:
        """See `Owner`."""

    def closed(self, reason: Failure) -> None:
        """See `Owner`."""
        if self.peer is None and not self._ending and isinstance(reason.value, SSL.Error):
            self._note(Reason.TLS, self.expected(), _words(reason.value))
        self._ending = True
        self._broker = None
        self._pulse.stop()
        self._stop_timer()
        self.gone.callback(None)

    def expected(self) -> int | None:
        """Who should be there, before that is known."""
        return None

    def remoteMessageReceived(self, broker: ReplicaBroker, message: str, args: object, kw: object) -> None:
        """See `IReferenceable`. Every call that gets here is in `methods`, and has no answer."""
        getattr(self, f"remote_{message}")(*broker.unserialize(args))

    def remote_beat(self) -> None:
        """A sign of life, which `heard` has noted."""

    def _note(self, reason: Reason, peer: int | None, detail: str) -> None:
        self._around.refusals.note(reason, peer, detail)
        counters = None if peer is None else self._around.counters(peer)
        if counters is not None:
            counters.refused[reason.name] += 1

    def _beat(self) -> None:
        if not self.full:
            self.say("beat")

    def _dead(self) -> None:
        self.refuse(Reason.SILENT)
        self.cut()

    def _too_slow(self) -> None:
        self._timer = None
        self.refuse(Reason.SLOW_OPENING)
        self.cut()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


def _words(error: SSL.Error) -> str:
    """What OpenSSL says, which is words of its own."""
    first = error.args[0] if error.args else ()
    return "; ".join(str(line[-1]) for line in first) if isinstance(first, (list, tuple)) else "no details"
