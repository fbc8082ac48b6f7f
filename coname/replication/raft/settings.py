"""Who a replica is, how long it waits, and the bounds on what it takes and sends."""

from __future__ import annotations

from dataclasses import dataclass

MOST_NUMBER = 1 << 62
"""Terms and indices stay below this: nobody gets there by counting, and sums still fit into 64 bits."""

MOST_MEMBERS = 64
"""Voters and learners together. Each has a place in every membership entry, and the leader feeds all of them."""

MOST_ENTRIES = 10_000
"""In one append: small entries are bounded by their number, so that a message is worked off within milliseconds."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What does not change while a replica runs. Time is counted in ticks: calls of `Core.tick`.

    :ivar id: this replica's; not 0.
    :ivar incarnation: of this replica's storage: drawn at random when the storage was made, and kept in it; not 0.
    :ivar joined: whether that storage was made to join replicas that were there already. One that was made with the
        realm is meant by a membership that names none.
    :ivar session: drawn at random at each start; answers to an earlier start's questions are told apart by it.
    :ivar election_ticks: without a leader for this long, up to just under twice as long, a replica becomes a candidate.
        For the shorter time, its leader's lease stands against other candidates.
    :ivar heartbeat_ticks: a leader is heard from at least this often.
    :ivar entry_bytes: the longest data of an entry.
    :ivar append_bytes: the most entry data in one append, unless one entry alone is longer.
    :ivar inflight_appends: how many appends may be on the way to one follower.
    :ivar inflight_bytes: how much entry data may be on the way to one follower.
    :ivar uncommitted_bytes: how much may wait for a majority before a leader takes no more proposals.
    :ivar forwarded_bytes: how much a follower passes on to the leader in one `Ready`.
    :ivar committed_bytes: about how much is handed over to be applied in one `Ready`.
    :ivar tail_bytes: how much of the log's end is kept in memory, besides what is not stored yet.
    """

    id: int
    incarnation: int
    session: int
    joined: bool = False
    election_ticks: int = 10
    heartbeat_ticks: int = 1
    entry_bytes: int = 4 << 20
    append_bytes: int = 256 << 10
    inflight_appends: int = 64
    inflight_bytes: int = 4 << 20
    uncommitted_bytes: int = 64 << 20
    forwarded_bytes: int = 4 << 20
    committed_bytes: int = 1 << 20
    tail_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        if not (self.id and self.incarnation and self.session):
            raise ValueError("a replica's id, incarnation and session are not 0")
        if not 0 < self.heartbeat_ticks < self.election_ticks:
            raise ValueError("a leader must be heard from more often than elections are due")
