"""What clients asked and were answered, and whether one directory, asked by one at a time, could have answered so.

For each user, the directory is a register whose versions only grow. So there is one candidate for the order of the
writes that took effect: that of their versions; and one for the order of the answers: that of their epochs. The history
is linearizable if these orders agree with each other and with real time, which takes one pass rather than a search:

1. nobody is answered what was not asked for before, or what the register cannot hold: one content for each version;
2. an epoch has one version of a user for everybody, and later epochs have no older one;
3. an acknowledged write is in every answer for its epoch and later ones, whoever answers;
4. of two acknowledged writes, the one that ended before the other began has the lower version;
5. a refusal for the version has its reason: a write of that version or a later one, begun before the refusal;
6. one client that asks one replica (in one life of it) is never answered from an earlier epoch than before.

What is not promised: a replica that lags answers from an earlier epoch, so a lookup may miss a write that was
acknowledged before it began; the answer says which epoch it is of, and is held to that epoch: lookups are linearizable
in the order of epochs, updates and their refusals in real time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.replication.raft.invariants import Violation

Content = tuple[int, bytes]
"""A version of an entry, and the hash that tells it from others of the same version."""


@dataclass(eq=False)
class Write:
    """A registration or an update, all attempts at it taken together.

    :ivar ended: when its client was answered; None: never. :ivar epoch: that its answer is for; 0: it has none.
    :ivar refused: for its version.
    """

    user: str
    content: Content
    begun: float
    ended: float | None = None
    epoch: int = 0
    refused: bool = False


@dataclass(frozen=True)
class Read:
    """An answer: what it says of a user as of an epoch, None if that there is nothing."""

    client: int
    source: object
    user: str
    epoch: int
    content: Content | None
    begun: float
    ended: float


@dataclass
class History:
    """What was asked and answered, in the order in which it ended."""

    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)

    def check(self) -> None:
        """:raises Violation: it is not that of one directory."""
        for user in sorted({write.user for write in self.writes} | {read.user for read in self.reads}):
            writes = [write for write in self.writes if write.user == user]
            reads = [read for read in self.reads if read.user == user]
            _check_sources(writes, reads)
            _check_epochs(writes, reads)
            _check_order(writes)
            _check_refusals(writes)
        self._check_sessions()

    def _check_sessions(self) -> None:
        newest: dict[tuple[int, object], Read] = {}
        for read in self.reads:
            session = (read.client, read.source)
            last = newest.get(session)
            if last is not None and last.ended <= read.begun and read.epoch < last.epoch:
                raise Violation(f"client {read.client} was answered from epoch {last.epoch}, then from {read.epoch}")
            newest[session] = read


def _check_sources(writes: Iterable[Write], reads: Iterable[Read]) -> None:
    begun = {write.content: write.begun for write in reversed(list(writes))}
    content: dict[int, Content] = {}
    for read in reads:
        if read.content is None:
            continue
        if begun.get(read.content, read.ended + 1) > read.ended:
            raise Violation(f"{read.user} has version {read.content[0]} in epoch {read.epoch}, which nobody asked for")
        if content.setdefault(read.content[0], read.content) != read.content:
            raise Violation(f"{read.user} has two entries of version {read.content[0]}")


def _check_epochs(writes: Iterable[Write], reads: Iterable[Read]) -> None:
    """Acknowledgements and answers in order of epochs; of the same epoch, acknowledgements first."""
    acknowledged = [(write.epoch, 0, write.content, None) for write in writes if write.epoch]
    answered = [(read.epoch, 1, None, read) for read in reads]
    least: Content | None = None  # what the register holds at least
    last: Read | None = None
    for epoch, _, content, read in sorted([*acknowledged, *answered], key=lambda one: one[:2]):
        if read is None:
            least = max(least, content) if least and content else content
            continue
        if last is not None and last.epoch == epoch and last.content != read.content:
            raise Violation(f"{read.user} has {_name(last.content)} in epoch {epoch}, and {_name(read.content)}")
        if least is not None and (read.content is None or read.content[0] < least[0]):
            raise Violation(f"{read.user} has {_name(read.content)} in epoch {epoch}, and had {_name(least)} before")
        if least is not None and read.content is not None and read.content[0] == least[0] and read.content != least:
            raise Violation(f"{read.user} has another version {least[0]} in epoch {epoch} than was acknowledged")
        least, last = read.content, read


def _check_order(writes: Iterable[Write]) -> None:
    done = [write for write in writes if write.epoch and write.ended is not None]
    for one in done:
        for other in done:
            if one is other:
                continue
            if one.content[0] == other.content[0] and one.content != other.content:
                raise Violation(f"two entries of version {one.content[0]} of {one.user} were acknowledged")
            if one.ended is not None and one.ended < other.begun and one.content[0] > other.content[0]:
                raise Violation(f"version {other.content[0]} of {one.user} was acknowledged after {one.content[0]}")


def _check_refusals(writes: list[Write]) -> None:
    for write in writes:
        if write.refused and write.ended is not None and not _explained(write, writes):
            raise Violation(f"version {write.content[0]} of {write.user} was refused, and nobody had a later one")


def _explained(refused: Write, writes: Iterable[Write]) -> bool:
    ended = refused.ended or 0.0
    return any(
        other is not refused and other.begun <= ended and other.content[0] >= refused.content[0] for other in writes
    )


def _name(content: Content | None) -> str:
    return "nothing" if content is None else f"version {content[0]} ({content[1].hex()[:8]})"
