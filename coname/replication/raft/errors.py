"""What the Raft core raises besides `coname.errors.Corrupt`, which says that stored data is damaged."""

from __future__ import annotations

from coname.errors import ConameError, Refused, Unavailable


class MessageRefused(Refused):
    """A message cannot come from a peer that keeps the rules, or is not for this replica. Nothing was changed by it:
    count it, log it, and go on."""


class ProposalRefused(Unavailable):
    """The entry was not taken, as things stand: there is no leader, it hands over, or too much is waiting."""


class ChangeRefused(Refused):
    """The change of membership is not permitted, or not yet; the message says why."""


class Compacted(ConameError):
    """A log entry is no longer stored: a snapshot stands for it. Never leaves the core."""
