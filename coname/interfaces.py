"""The seams between the rooms, as zope interfaces. Each implementation's tests open with ``verifyObject``."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from coname.keyserver.answers import Answer
    from coname.keyserver.policy_changes import PolicyAnswer
    from coname.messages.client_pb2 import LookupRequest, PolicyChangesRequest, SignedEpochHead, UpdateRequest
    from coname.messages.cluster_pb2 import ClusterStatus
    from coname.messages.replication_pb2 import ReplicaChange


class Put(NamedTuple):
    """One record to write."""

    key: bytes
    value: bytes


class Delete(NamedTuple):
    """One record to remove; removing what is not there is no error."""

    key: bytes


Write = Put | Delete


class LogStanding(enum.Enum):
    """Whether a replica takes part in its log."""

    MEMBER = "takes part"
    WAITS = "waits to be let in"
    REMOVED = "was removed"


@dataclass(frozen=True, slots=True)
class LogMember:
    """A replica as a log sees it.

    :ivar replica: its id.
    :ivar votes: whether the agreement counts on it; None: it takes no part in the log.
    :ivar connected: whether messages reach it; always for this replica itself.
    :ivar behind: how many entries it lacks; None: that is not known here.
    :ivar present: it is known with which storage it is there, and if it takes part, it does so with that one.
    :ivar strange: it is there with another storage than the one that takes part.
    """

    replica: int
    votes: bool | None
    connected: bool
    behind: int | None
    present: bool
    strange: bool = False


@dataclass(frozen=True, slots=True)
class CommittedEntry:
    """An entry of the replicated log that will never change again.

    :ivar index: its place in the log, from 1, without gaps.
    :ivar data: what was proposed; empty for an entry of the engine's own.
    """

    index: int
    data: bytes


class IKeyValueStore(Interface):
    """An ordered map from bytes to bytes on one disk. All methods may be called from any thread.

    A failing disk or damaged data raises `coname.errors.Corrupt`, never reads as an absent key.
    """

    def get(key: bytes) -> bytes | None:
        """The value under `key`, or None if there is none. Takes microseconds; may be called in the reactor."""

    def iterate(start: bytes, stop: bytes, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """The records with start <= key < stop, in order of key (descending if `reverse`), as of this call."""

    def write(writes: Sequence[Write], sync: bool) -> None:
        """Apply all of `writes`, in order, or none. Blocks: call it from a thread.

        :param sync: return only when this write and all before it would survive the loss of power.
        """

    def close() -> None:
        """Release files and locks. Calling it again does nothing."""


class ILogReplicator(Interface):
    """A log on which all replicas agree.

    Life: `start` once; then `propose` and `waitCommitted` as often as wanted; `stop` once.
    """

    leading: bool = Attribute("Whether this replica probably leads: only a hint on who should propose delimiters.")

    def start(applied: int) -> Deferred[None]:
        """Begin. Committed entries after index `applied` will be delivered. Fires when proposals are taken."""

    def propose(data: bytes) -> Deferred[None]:
        """Ask for `data` to be appended. Promises nothing: it fires when the engine has taken the entry, or fails with
        `coname.errors.Unavailable`; whether and where it is committed shows only in `waitCommitted`."""

    def waitCommitted() -> Deferred[Sequence[CommittedEntry]]:
        """The next committed entries, at least one, in order, each delivered once. One call at a time. An entry is
        durable on enough replicas to survive before it is delivered. Fails with CancelledError after `stop`, and
        with the reason if the engine cannot go on."""

    def applied(index: int) -> None:
        """The database holds the effects of all entries up to `index`, durably: the log may forget them."""

    def onLeaderChange(listener: Callable[[], None]) -> None:
        """Call `listener` in the reactor whenever `leading` changes."""

    def stop() -> Deferred[None]:
        """Stop. A pending `waitCommitted` fails with CancelledError; nothing is delivered after this was called."""


AnswerRequest = Callable[[bytes], Deferred[bytes]]
"""Answers what an operator asks; it may fail with any error of `coname.errors`."""


class Refusal(NamedTuple):
    """Why a peer did not take this replica's connection.

    :ivar as_stranger: since it is no member, as the peer sees it. :ivar words: a sentence.
    """

    as_stranger: bool
    words: str


class ILogMembership(Interface):
    """How the replicas that keep a log change while it runs. What a log can adapt to, if it can do so at all:
    ``ILogMembership(log, None)``. All methods are called in the reactor, and return at once.

    Whoever calls decides who shall take part; this only does it, one step at a time. What is not possible now raises
    `Refused` or `Unavailable`: try again later.
    """

    def setPeers(index: int, places: Mapping[int, str]) -> None:
        """As of log entry `index`, these are the replicas, and ``host:port`` is where each is reached. May be called
        before the log is started."""

    def members() -> Sequence[LogMember]:
        """All replicas that are known here, this one included, ascending by id."""

    def leader() -> int:
        """Who leads, by id; 0: that is not known."""

    def changedAt() -> int:
        """The log entry that put the present members in force."""

    def standing() -> tuple[LogStanding, str]:
        """Whether this replica takes part, and if not, a sentence about why."""

    def admit(replica: int) -> None:
        """Let a replica that is `present` receive the log, as a learner. Only the leader can, also in what follows."""

    def promote(replica: int, data: bytes) -> None:
        """Let a learner vote. `data` is appended along with it, in one entry: both happen, or nothing."""

    def expel(replica: int, data: bytes) -> None:
        """Let a replica take part no more, which must not be this one; `data` as with `promote`."""

    def handOver() -> None:
        """Let another replica lead, if there is one that can."""

    def onRequest(answer: AnswerRequest) -> None:
        """Have `answer` called with what an operator asks over the network between the replicas."""


class ILogStatus(Interface):
    """A log that has more to say than whether it leads."""

    def status() -> Mapping[str, object]:
        """Facts about it as it stands, by name, in the order to show them."""


class IAdministration(Interface):
    """What a replica lets its operator see and do. All methods are called in the reactor, and return at once."""

    def status() -> Mapping[str, object]:
        """Facts about the replica as it stands, by name, in the order to show them."""

    def epochs(count: int) -> Sequence[Mapping[str, object]]:
        """The newest epochs, newest first, at most `count`: each a row of facts with the same names."""

    def verifiers() -> Sequence[Mapping[str, object]]:
        """The verifiers that are known here, the one furthest behind first: each a row of facts with the same names."""

    def cluster() -> ClusterStatus:
        """The replicas of the realm, as they stand, as far as is known here."""

    def changeReplicas(change: ReplicaChange) -> Deferred[None]:
        """Have a replica added, promoted or removed. Fires once that is begun; `cluster` shows how it goes on.

        Fails with Refused or InvalidRequest for the reason there is, Unavailable, TimedOut.
        """

    def lookup(user_id: str) -> Answer:
        """The newest answer for an address in canonical form; no quorum is asked for.

        :raises coname.errors.ConameError: as `IKeyserver.lookup`.
        """

    def setRotation(inRotation: bool) -> None:
        """Whether load balancers shall send requests here."""

    def proposeEpoch() -> Deferred[int]:
        """Propose to close the current epoch now. Fires with its number when it is ratified here."""


class IKeyserver(Interface):
    """What the fronts are given: they decode, call, and encode."""

    realm: str = Attribute("The realm's name.")
    inRotation: bool = Attribute(
        "Whether load balancers should send requests here. Fronts read it; the signals "
        "USR1 (out), USR2 (in) and the manhole set it."
    )

    def lookup(request: LookupRequest) -> Answer:
        """Answer a lookup at once.

        :raises coname.errors.ConameError: InvalidRequest, QuorumUnmet, EpochUnknown, Unavailable, Corrupt.
        """

    def update(request: UpdateRequest, certificate: bytes = b"") -> Deferred[Answer]:
        """Admit, propose, wait until the requested quorum has ratified the epoch that holds the update.

        :param certificate: DER of the client's certificate whose key the connection's handshake has proved; empty if
            the client showed none. Nobody has looked at who issued it.

        Fails with InvalidRequest, Refused and their kinds, Overloaded, TimedOut, Unavailable.
        """

    def policyChanges(request: PolicyChangesRequest) -> PolicyAnswer:
        """The heads of ratified epochs that announce who ratifies from the next one on, the oldest first. At once.

        :raises coname.errors.ConameError: Unavailable, Corrupt.
        """


class IVerification(Interface):
    """What the front for verifiers is given: the verifier log (protocol section 7), and a place for ratifications."""

    def published() -> int:
        """How many steps may be shown: all before this index are durable, and none is an unratified head's."""

    def read(start: int, most_bytes: int) -> Sequence[bytes]:
        """Published steps from index `start` on, encoded, at least one if there is any, and no more after `most_bytes`.
        Blocks for as long as reading takes: call it from a thread.

        :raises coname.errors.Corrupt: stored data is damaged.
        """

    def whenPublished(index: int) -> Deferred[None]:
        """Fires once `published()` is more than `index`; cancel it to wait no longer. Fails with `Unavailable` when
        this replica stops."""

    def pushRatification(verifier: int, signed: SignedEpochHead) -> Deferred[None]:
        """Take the signature of the verifier whose certificate says that id. Fires once it is durable; at once if it
        was there before.

        Fails with InvalidRequest, Refused, Overloaded, TimedOut, Unavailable.
        """


class ITransferReader(Interface):
    """A blob that is offered to another replica: a snapshot, or entries too large for a message."""

    size: int = Attribute("Its bytes.")
    sha256: bytes = Attribute("Its SHA-256, 32 bytes.")
    metadata: bytes = Attribute("What the receiver is told of it before anything else; up to 32 KiB.")

    def read(offset: int, size: int) -> bytes | Deferred[bytes]:
        """Exactly `size` bytes from `offset` on, the same each time. Whatever it fails with ends the transfer."""


class ITransferSink(Interface):
    """One transfer at the replica that receives it. One call at a time: each is answered before the next comes.

    After `finish`, `interrupted` or `abandon` comes nothing more.
    """

    offset: int = Attribute("How many bytes it held when it was begun: those of an earlier attempt at the same blob.")

    def read(offset: int, size: int) -> bytes | Deferred[bytes]:
        """Exactly `size` bytes of those below `offset`, as they are stored: asked for so as to hash them again."""

    def write(offset: int, data: bytes) -> Deferred[None] | None:
        """Store `data` at `offset`, where the bytes before it end. The next ones come when this has fired."""

    def finish() -> Deferred[None] | None:
        """All is there, and has the hash that was announced. When this has fired, the sender is told so."""

    def interrupted() -> None:
        """The connection broke. The same transfer may be begun again: keep what is there, if it is wanted."""

    def abandon(reason: str) -> None:
        """The transfer will not be finished: it was cancelled, is damaged, could not be written, or its sender is no
        longer a member. Remove what is there."""


class ITransferReceiver(Interface):
    """Takes what other replicas offer."""

    def begin(
        peer: int, transfer: int, size: int, sha256: bytes, metadata: bytes
    ) -> ITransferSink | Deferred[ITransferSink | None] | None:
        """`peer` offers a blob. After a broken connection, or a restart, it does so again with the same `transfer`.

        :param size: as announced; refuse what is too large here.
        :returns: None if it is not wanted.
        """
