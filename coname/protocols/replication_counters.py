"""What a replica counts of each other one, for its operator and for metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class PeerCounters:
    """Since the start, or since the peer became one.

    :ivar sent: messages handed to the connection; :ivar received: messages handed to the engine.
    :ivar dropped: messages that were not sent: no connection, or no room in the queue.
    :ivar bytes_sent: of messages and chunks, without what the protocol adds; :ivar bytes_received: likewise.
    :ivar refused: connections of this peer that were ended, by reason.
    :ivar turned_away: the goodbyes that this peer said to us, by reason.
    :ivar connections: how often a connection to it was welcomed, the first time included.
    :ivar failed_dials: how often none came about.
    :ivar last_heard: when anything came from it, by the network's clock; None: never.
    """

    sent: int = 0
    received: int = 0
    dropped: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    turned_away: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    failed_dials: int = 0
    last_heard: float | None = None

    @property
    def reconnects(self) -> int:
        """How often a lost connection was made again."""
        return max(0, self.connections - 1)
