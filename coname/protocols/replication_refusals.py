"""Why a replica refuses what reaches it: counted always, logged seldom."""

from __future__ import annotations

import enum
from collections import Counter
from typing import TYPE_CHECKING

from twisted.logger import Logger

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

LOG_SECONDS = 60.0
"""Between two lines about the same peer and reason: whoever dials a thousand times a second fills no disk."""


class Reason(enum.IntEnum):
    """Why a connection was ended. The numbers cross the wire, in ``goodbye``."""

    STOPPING = 0
    NO_REPLICA = 1
    UNKNOWN_REPLICA = 2
    OTHER_NAME = 3
    OTHER_ADDRESSEE = 4
    SECOND_CONNECTION = 5
    OTHER_PROTOCOL = 6
    UNDECODABLE = 7
    NOT_IN_PROTOCOL = 8
    TOO_LARGE = 9
    OUT_OF_TURN = 10
    SILENT = 11
    TLS = 12
    TOO_MANY = 13
    REMOVED = 14
    SLOW_OPENING = 15
    IDLE = 16

    @property
    def sentence(self) -> str:
        """For a person."""
        return _SENTENCES[self]

    @classmethod
    def named(cls, number: int) -> str:
        """The sentence of a reason that came over the wire, which may be nobody's."""
        return cls(number).sentence if number in _SENTENCES else "a reason that this version does not know"


_SENTENCES: dict[int, str] = {
    Reason.STOPPING: "it is stopping",
    Reason.NO_REPLICA: "the certificate names no replica",
    Reason.UNKNOWN_REPLICA: "the certificate's replica is not a member",
    Reason.OTHER_NAME: "it speaks in another replica's name",
    Reason.OTHER_ADDRESSEE: "it was meant for another replica",
    Reason.SECOND_CONNECTION: "the replica has a connection already",
    Reason.OTHER_PROTOCOL: "another version of the protocol",
    Reason.UNDECODABLE: "what came does not decode",
    Reason.NOT_IN_PROTOCOL: "what came is not in the protocol",
    Reason.TOO_LARGE: "what came is over a bound",
    Reason.OUT_OF_TURN: "what came is out of turn",
    Reason.SILENT: "nothing was heard for too long",
    Reason.TLS: "the TLS handshake failed",
    Reason.TOO_MANY: "too many connections at a time",
    Reason.REMOVED: "the replica is no longer a member",
    Reason.SLOW_OPENING: "it took too long to say who it is",
    Reason.IDLE: "another operator came, and nothing was asked here",
}

_ORDINARY = (Reason.STOPPING, Reason.REMOVED)
"""Not worth a warning."""


class Refusals:
    """Of one network: how often it refused whom, and why.

    :ivar total: by reason, whoever it was. Those of a known peer are in its own counters too.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self.total: Counter[str] = Counter()
        self._clock = clock
        self._next_line: dict[tuple[int | None, Reason], float] = {}
        self._unsaid: Counter[tuple[int | None, Reason]] = Counter()

    def note(self, reason: Reason, peer: int | None, detail: str) -> None:
        """Count a refusal, and log it unless one like it was logged within `LOG_SECONDS`.

        :param peer: None if it is not known, which keeps strangers from filling the memory with their names.
        :param detail: words of ours, or quoted ones.
        """
        self.total[reason.name] += 1
        if reason in _ORDINARY:
            return
        key, now = (peer, reason), self._clock.seconds()
        if now < self._next_line.get(key, now):
            self._unsaid[key] += 1
            return
        self._next_line[key] = now + LOG_SECONDS
        who = "a stranger" if peer is None else f"replica {peer:x}"
        self.log.warn(
            "Refused {who}: {reason} ({detail}); {unsaid} more like it since the last line",
            who=who,
            reason=reason.sentence,
            detail=detail or "no more is known",
            unsaid=self._unsaid.pop(key, 0),
        )

    def forget(self, peer: int) -> None:
        """Of a replica that is no longer a member."""
        for reason in Reason:
            self._next_line.pop((peer, reason), None)
            self._unsaid.pop((peer, reason), None)
